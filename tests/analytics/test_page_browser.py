"""The Analytics page in a real browser, over its whole life: what is drawn, pressed, typed, refused and read aloud."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import BrowserContext, Dialog, Page, Route, expect

from tests.analytics import workspace
from tests.analytics.workspace import event
from tests.cast import Actor
from tests.inspection import violations

URL = "/admin/analytics/"
CHARTS = ("active_users", "teams", "top_workflows", "first_value")
PLOTLY = re.compile(r"plotly\.min")
WATCH_SCRIPT = """
    window.violations = [];
    window.shifts = [];
    document.addEventListener("securitypolicyviolation", (event) => {
      window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        if (entry.hadRecentInput) continue;
        const moved = entry.sources.map(({ node }) => (node?.outerHTML ?? node?.textContent ?? "").slice(0, 120));
        window.shifts.push(`${entry.value}: ${moved.join(" | ")}`);
      }
    }).observe({ type: "layout-shift", buffered: true });
"""
HOSTILE = (
    "<a href=javascript:alert(1)>team</a>",
    "<img src=https://elsewhere.example/x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    '"><script>alert(1)</script>',
    "' onmouseover='alert(1)",
    "<b hx-get=/admin/analytics/ hx-trigger=load>bold</b>",
    "&lt;i&gt;twice&lt;/i&gt; &amp; more",
    "{{ 7*7 }} ${7*7} %{x} %{customdata[0]}",
    "<a xlink:href='data:text/html,<script>alert(1)</script>'>x</a>",
    "var(--text)",
)


@dataclass
class Watch:
    """Everything a page must never do."""

    base: str
    complaints: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        page.add_init_script(WATCH_SCRIPT)
        page.on("console", lambda message: self._note(message.type == "error", f"console: {message.text}"))
        page.on("pageerror", lambda error: self._note(True, f"error: {error}"))
        page.on("dialog", self._refuse)
        page.on("request", lambda request: self._note(self._is_elsewhere(request.url), f"request: {request.url}"))

    def is_clean(self, page: Page) -> None:
        assert self.complaints == []
        assert page.evaluate("window.violations") == []
        assert page.evaluate("window.shifts") == []

    def _refuse(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _is_elsewhere(self, url: str) -> bool:
        return not url.startswith((self.base, "blob:", "data:"))

    def _note(self, wrong: bool, what: str) -> None:
        if wrong:
            self.complaints.append(what)


@pytest.fixture
def watch(live_server: Any) -> Watch:
    return Watch(live_server.url)


@pytest.fixture
def signed_in(
    transactional_db: None, live_server: Any, administrator: Actor, context: BrowserContext
) -> BrowserContext:
    """A browser in which the administrator is signed in."""
    session = administrator.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
    return context


@pytest.fixture
def opened(signed_in: BrowserContext, live_server: Any, watch: Watch) -> Iterator[Page]:
    """The page of a small living workspace, drawn; afterwards it must have behaved."""
    workspace.fill(timezone.now())
    page = signed_in.new_page()
    watch.follow(page)
    page.goto(live_server.url + URL)
    wait_until_drawn(page)
    yield page
    watch.is_clean(page)


def wait_until_drawn(page: Page, *charts: str) -> None:
    for chart in charts or CHARTS:
        expect(page.locator(f"#{chart} [data-figure]")).to_have_attribute("data-state", "drawn", timeout=15_000)


def stamp(page: Page) -> str:
    return page.locator("[data-stamp-range]").inner_text().replace("\N{NO-BREAK SPACE}", " ")


def place_of(page: Page, chart: str) -> tuple[float, float, float, float]:
    """Where the figure is in the window, into which it is scrolled: left, top, width, height."""
    canvas = page.locator(f"#{chart} [data-figure]")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    return box["x"], box["y"], box["width"], box["height"]


def choose(page: Page, preset: str) -> None:
    page.locator("#range-preset").click()
    page.get_by_role("link", name=preset, exact=True).click()
    expect(page.locator("#range-preset")).to_have_text(re.compile(preset))


# --- The whole life -----------------------------------------------------------------------------------------------
def test_nothing_forbidden_happens_over_the_pages_life(opened: Page, tmp_path: Path) -> None:
    for chart in CHARTS:
        opened.locator(f"#{chart} [data-figure]").hover(position={"x": 150, "y": 120})
    choose(opened, "Last 7 days")
    wait_until_drawn(opened)
    assert opened.url.endswith("?range=last_7_days")
    opened.locator("#range-refresh").click()
    expect(opened.locator("[data-announcer]")).to_have_text(re.compile("days. Data as of"))
    wait_until_drawn(opened)
    opened.get_by_role("checkbox", name="Show as table: Active users").check()
    expect(opened.locator("#active_users .chart__table")).to_be_visible()
    for button, name in (
        ("Analytics export (CSV)", "panta-analytics_"),
        ("Save as picture: Active users", "panta-active_users_"),
    ):
        with opened.expect_download() as download:
            opened.get_by_role("link" if "CSV" in button else "button", name=button, exact=True).click()
        assert download.value.suggested_filename.startswith(name)
        download.value.save_as(tmp_path / "file")
        assert (tmp_path / "file").stat().st_size > 100
    opened.locator("button.person").click()
    opened.locator("label", has_text="Dark").click()
    expect(opened.locator("html")).to_have_attribute("data-theme", "dark")
    wait_until_drawn(opened)
    opened.go_back()
    wait_until_drawn(opened)
    assert opened.locator("#range-preset").inner_text() == "Last 30 days"


def test_charts_take_their_colours_from_the_theme(opened: Page) -> None:
    line = opened.locator("#active_users .js-line").first
    light = line.evaluate("(path) => getComputedStyle(path).stroke")
    opened.emulate_media(color_scheme="dark")
    expect(line).not_to_have_css("stroke", light)


def test_a_click_on_a_chart_does_nothing(opened: Page) -> None:
    before = opened.url
    for chart in CHARTS:
        opened.locator(f"#{chart} [data-figure]").click(position={"x": 150, "y": 120})
        opened.locator(f"#{chart} [data-figure]").dblclick(position={"x": 150, "y": 120})
    assert opened.url == before
    assert opened.locator(".modebar, .zoomlayer path").count() == 0


def test_the_hover_tells_the_day_and_its_people(opened: Page) -> None:
    x, y, width, height = place_of(opened, "active_users")
    opened.mouse.move(x + width - 14, y + height / 2)
    hover = opened.locator("#active_users .hovertext")
    expect(hover).to_contain_text("(so far)")
    expect(hover).to_contain_text(timezone.now().strftime("%-d %b %Y"))
    expect(hover).to_contain_text("Active users: 1")


# --- The range ----------------------------------------------------------------------------------------------------
def test_the_range_is_changed_by_keyboard_alone_and_the_focus_stays(opened: Page) -> None:
    keyboard = opened.keyboard
    opened.locator("#content").focus()
    keyboard.press("Tab")
    expect(opened.locator("#range-preset")).to_be_focused()
    keyboard.press("Enter")
    expect(opened.get_by_role("link", name="Last 30 days")).to_be_focused()
    keyboard.press("ArrowUp")
    keyboard.press("Enter")
    expect(opened.locator("#range-preset")).to_have_text(re.compile("Last 7 days"))
    expect(opened.locator("#range-preset")).to_be_focused()
    keyboard.press("Tab")
    keyboard.press("Enter")
    expect(opened.locator("#range-from")).to_be_focused()
    day = timezone.now().date()
    keyboard.type(day.strftime("%m%d%Y"))
    for _ in range(4):  # to the last day's month, past the first day's calendar button
        keyboard.press("Tab")
        if opened.locator("#range-to").evaluate("(input) => input === document.activeElement"):
            break
    keyboard.type(day.strftime("%m%d%Y"))
    keyboard.press("Enter")
    expect(opened.locator("#range-preset")).to_have_text(re.compile("Custom range"))
    expect(opened.locator("#range-dates")).to_be_focused()
    assert stamp(opened).endswith("1 day")
    assert opened.url.endswith(f"?from={day}&to={day}")
    wait_until_drawn(opened, "active_users")


def test_escape_closes_the_menu_and_changes_nothing(opened: Page) -> None:
    before = stamp(opened)
    opened.locator("#range-preset").click()
    opened.keyboard.press("Escape")
    expect(opened.locator("#range-presets")).to_be_hidden()
    expect(opened.locator("#range-preset")).to_be_focused()
    assert stamp(opened) == before


def test_an_older_answer_never_replaces_a_newer_one(opened: Page) -> None:
    held: list[Route] = []
    opened.route(re.compile(r"range=last_90_days"), lambda route: held.append(route))  # noqa: PLW0108 - needs a function
    opened.locator("#range-preset").click()
    opened.get_by_role("link", name="Last 90 days").click()
    expect(opened.locator("#report")).to_have_attribute("aria-busy", "true")
    choose(opened, "Last 7 days")
    for route in held:
        route.continue_()
    wait_until_drawn(opened)
    opened.wait_for_timeout(300)
    assert stamp(opened).endswith("7 days")
    expect(opened.locator("#report")).to_have_attribute("aria-busy", "false")
    expect(opened.locator("[data-toast]")).to_be_hidden()


def test_show_all_changes_the_ranking_alone_and_keeps_the_focus(opened: Page) -> None:
    now = timezone.now()
    workspace.fold(*(event(1, now=now, assistant=f"Helper {number}") for number in range(12)), now=now)
    opened.reload()
    wait_until_drawn(opened)
    opened.locator("#teams [data-figure]").evaluate("(canvas) => { canvas.dataset.mark = 'same'; }")
    opened.locator("#ranking-more").click()
    expect(opened.locator(".ranking tbody tr")).to_have_count(14)
    expect(opened.locator("#ranking-more")).to_have_text("Show the first ten")
    expect(opened.locator("#ranking-more")).to_be_focused()
    expect(opened.locator("#teams [data-figure]")).to_have_attribute("data-mark", "same")
    assert opened.url.endswith("?range=last_30_days&assistants=all")
    expect(opened.locator(".range__refresh [name=assistants]")).to_have_value("all")


def test_show_all_that_comes_after_a_new_range_is_dropped(opened: Page) -> None:
    now = timezone.now()
    workspace.fold(*(event(1, now=now, assistant=f"Helper {number}") for number in range(12)), now=now)
    opened.reload()
    wait_until_drawn(opened)
    held: list[Route] = []
    opened.route(re.compile(r"assistants=all"), lambda route: held.append(route))  # noqa: PLW0108 - needs a function
    opened.locator("#ranking-more").click()
    choose(opened, "Last 7 days")
    for route in held:
        route.continue_()
    opened.wait_for_timeout(500)
    expect(opened.locator(".ranking tbody tr")).to_have_count(10)
    assert opened.url.endswith("?range=last_7_days")


def test_a_switched_table_and_an_opened_list_stay_so_over_a_new_range(opened: Page) -> None:
    opened.get_by_role("checkbox", name="Show as table: Token usage per team").check()
    opened.locator("details.unused summary").click()
    choose(opened, "Last 7 days")
    expect(opened.locator("#teams .chart__table")).to_be_visible()
    expect(opened.locator("#active_users .chart__table")).to_be_hidden()
    expect(opened.locator("details.unused")).to_have_attribute("open", "")


# --- Failures -----------------------------------------------------------------------------------------------------
def test_a_failed_range_is_told_with_a_way_to_try_again(signed_in: BrowserContext, live_server: Any) -> None:
    workspace.fill(timezone.now())
    page = signed_in.new_page()
    page.goto(live_server.url + URL)
    wait_until_drawn(page)
    page.route(re.compile("range=last_7_days"), lambda route: route.abort())
    page.locator("#range-preset").click()
    page.get_by_role("link", name="Last 7 days").click()
    toast = page.locator("[data-toast]")
    expect(toast).to_contain_text("The numbers could not be loaded.")
    assert stamp(page).endswith("30 days")
    expect(page.locator("#report")).to_have_attribute("aria-busy", "false")
    page.unroute_all()
    toast.get_by_role("button", name="Try again").click()
    expect(page.locator("#range-preset")).to_have_text(re.compile("Last 7 days"))
    expect(toast).to_be_hidden()


def test_a_chart_that_cannot_be_drawn_says_so_and_is_tried_again(signed_in: BrowserContext, live_server: Any) -> None:
    workspace.fill(timezone.now())
    page = signed_in.new_page()
    page.route(PLOTLY, lambda route: route.abort())
    page.goto(live_server.url + URL)
    failure = page.locator("#teams [data-failure]")
    expect(failure).to_contain_text("This chart could not be drawn.")
    page.unroute_all()
    failure.get_by_role("link", name="Try again").click()
    wait_until_drawn(page, "teams")
    expect(failure).to_be_hidden()


# --- Names --------------------------------------------------------------------------------------------------------
def test_hostile_names_are_shown_letter_by_letter(signed_in: BrowserContext, live_server: Any, watch: Watch) -> None:
    now = timezone.now()
    for number, name in enumerate(HOSTILE):
        workspace.fold(
            event(1, now=now, team=name, assistant=name, user_id=f"p{number}", tokens=100 - number),
            event(1, now=now, team=name, workflow=name, user_id=f"p{number}"),
            now=now,
        )
    page = signed_in.new_page()
    watch.follow(page)
    page.goto(live_server.url + URL + "?assistants=all")
    wait_until_drawn(page, "active_users", "teams", "top_workflows")
    axis = page.locator("#top_workflows .ytick text").all_text_contents()
    assert len(axis) == len(HOSTILE)
    assert {name[:10] for name in axis} == {name[:10] for name in HOSTILE}
    assert set(page.locator("#top_workflows tbody th").all_text_contents()) == set(HOSTILE)
    assert set(page.locator(".ranking__text").all_text_contents()) == set(HOSTILE)
    x, y, width, height = place_of(page, "top_workflows")
    for step, name in enumerate(axis):
        page.mouse.move(x + width * 0.6, y + height * (step + 0.5) / len(axis))
        expect(page.locator("#top_workflows .hovertext")).to_contain_text(name[:10])
    assert page.locator("svg a, svg script, svg foreignObject").count() == 0
    watch.is_clean(page)


# --- Everybody ----------------------------------------------------------------------------------------------------
def test_nothing_bars_anybody(opened: Page) -> None:
    opened.locator("details.unused summary").click()
    for table in (False, True):
        for switch in opened.locator(".chart__toggle").all():
            switch.set_checked(table)
        assert violations(opened) == []


def test_nothing_sticks_out(opened: Page) -> None:
    for width in (2560, 1440, 1024, 768, 390, 360):
        opened.set_viewport_size({"width": width, "height": 900})
        opened.reload()
        wait_until_drawn(opened)
        assert opened.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_without_scripts_the_tables_stand_open(signed_in: BrowserContext, live_server: Any) -> None:
    workspace.fill(timezone.now())
    page = signed_in.new_page()
    page.goto(live_server.url + URL)
    for chart in CHARTS:
        expect(page.locator(f"#{chart} .chart__table")).to_be_visible()
    page.locator("#range-preset").click()
    page.get_by_role("link", name="Last 7 days").click()
    assert stamp(page).endswith("7 days")
    page.locator("#range-dates").click()
    page.get_by_role("button", name="Show these days").click()
    assert "from=" in page.url
    page.locator("#range-refresh").click()
    assert "from=" in page.url
    assert stamp(page).endswith("7 days")
