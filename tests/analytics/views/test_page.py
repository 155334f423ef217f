"""The Analytics page as its reader gets it: numbers, ranges, fragments, empty and bad ranges, and what it costs."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from typing import Any

import pytest
import time_machine
from bs4 import BeautifulSoup, Tag
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from analytics import cache
from analytics.models import Assistant, PendingEvent
from tests.analytics import workspace
from tests.analytics.streams import examples
from tests.analytics.workspace import event
from tests.cast import Actor
from usermgmt.models import Team

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

URL = "/admin/analytics/"
HTMX = {"HX-Request": "true"}
CHARTS = ("active_users", "teams", "top_workflows", "first_value")


def soup(response: Any) -> BeautifulSoup:
    assert response.status_code == 200
    return BeautifulSoup(response.content, "html.parser")


def page(client: Actor, **query: str) -> BeautifulSoup:
    return soup(client.get(URL, {name.removesuffix("_"): value for name, value in query.items()}))


def one(html: Tag, selector: str) -> Tag:
    (found,) = html.select(selector)
    return found


def text(html: Tag, selector: str | None = None) -> str:
    """The words of one element, as they are read."""
    return " ".join((one(html, selector) if selector else html).get_text(" ").split())


def rows(table: Tag) -> list[list[str]]:
    return [[text(cell) for cell in row.select("th, td")] for row in table.select("tbody tr, tfoot tr")]


def table(html: Tag, chart: str) -> list[list[str]]:
    return rows(one(html, f"#{chart} table"))


def figure(html: Tag, chart: str) -> Any:
    return json.loads(str(one(html, f"#{chart} [data-figure]")["data-figure"]))


# --- The numbers --------------------------------------------------------------------------------------------------
def test_the_first_answer_carries_the_five_figures(administrator: Actor) -> None:
    workspace.fill()
    cards = page(administrator).select(".kpi")
    assert [(text(card, "h3"), text(card, ".kpi__value")) for card in cards] == [
        ("Total users", "6"),  # five who joined and the administrator
        ("Tokens used", "1.0 M"),
        ("Workflows", "1"),
        ("Assistants", "3"),
        ("Total requests", "7"),
    ]
    assert [text(card.select(".kpi__note")[0]) for card in cards] == [
        "3 active in this period",
        "667 K in · 333 K out",
        "2 runs in this period",
        "3 requests in this period",
        "2 chat · 3 assistant · 2 workflow",
    ]
    assert one(cards[1], ".kpi__value data")["title"] == "1,000,115"


def test_failures_and_calls_without_usage_are_said(administrator: Actor) -> None:
    workspace.fill()
    html = page(administrator)
    assert [text(note) for note in html.select(".kpi__note--warning")] == ["1 call without usage", "14 % failed"]


def test_changes_are_words_and_say_what_they_are_of(administrator: Actor) -> None:
    workspace.fill()
    assert [text(change) for change in page(administrator).select(".kpi__change")] == [
        "+200 % active users",
        ">999 % tokens",
        "new runs",
        "new requests",
        "+600 % requests",
    ]


def test_nothing_at_all_is_no_change(administrator: Actor) -> None:
    html = page(administrator)
    assert {text(change, ".kpi__move") for change in html.select(".kpi__change")} == {"no change"}


def test_three_trillion_tokens_come_through_page_chart_and_csv(administrator: Actor) -> None:
    workspace.fold(*(event(1, tokens=1_500_000_000, team="Legal", assistant="Contracts") for _ in range(2_000)))
    html = page(administrator)
    tokens = one(html.select(".kpi")[1], ".kpi__value data")
    assert (text(tokens), tokens["title"], tokens["value"]) == ("3.0 T", "3,000,000,000,000", "3000000000000")
    assert figure(html, "teams")["data"][0]["values"] == [3 * 10**12]
    assert table(html, "teams") == [["Legal", "3,000,000,000,000", "100 %"], ["All", "3,000,000,000,000", ""]]
    exported: Any = administrator.get(f"{URL}export/usage/")
    (line,) = csv.DictReader(io.StringIO(b"".join(exported.streaming_content).decode("utf-8-sig")))
    assert line["total_tokens"] == "3000000000000"


def test_every_chart_has_its_figure_and_the_same_numbers_as_a_table(administrator: Actor) -> None:
    workspace.fill()
    html = page(administrator, range="last_7_days")
    assert table(html, "active_users") == [
        ["Mon 9 Mar 2026", "0"],
        ["Tue 10 Mar 2026", "0"],
        ["Wed 11 Mar 2026", "0"],
        ["Thu 12 Mar 2026", "1"],
        ["Fri 13 Mar 2026", "1"],
        ["Sat 14 Mar 2026", "2"],
        ["Sun 15 Mar 2026 so far", "1"],
        ["Different people", "3"],
    ]
    assert figure(html, "active_users")["data"][0]["y"] == [0, 0, 0, 1, 1, 2]
    assert table(html, "teams") == [
        ["Legal", "1,000,060", ">99 %"],
        ["No team", "30", "<0.1 %"],
        ["Sales", "15", "<0.1 %"],
        ["All", "1,000,105", ""],
    ]
    assert sum(figure(html, "teams")["data"][0]["values"]) == 1_000_105
    assert table(html, "top_workflows") == [["Weekly report", "2", "30"]]
    assert figure(html, "top_workflows")["data"][0]["x"] == [2]


def test_time_to_first_value_prints_reached_and_included(administrator: Actor) -> None:
    workspace.fill()
    html = page(administrator, range="last_30_days")
    # ann joined 20 days ago and had her first success before (40 days ago): no time at all. bob's first one came
    # after 19 days, cid's after 2.4 hours. dan and eve never started; dan joined 2 days ago, eve 12.
    assert text(html, "#first_value .card__lead") == "Median 2 h 24 m · 3 of 5 users reached value"
    assert table(html, "first_value") == [
        ["<1h", "1", "20 %"],
        ["1–6h", "1", "20 %"],
        ["6–24h", "0", "0 %"],
        ["1–3d", "0", "0 %"],
        ["3–7d", "0", "0 %"],
        ["7+d", "1", "20 %"],
        ["Never", "2", "40 %"],
        ["Never, joined less than 7 days ago", "1", ""],
        ["Never, joined 7 days ago or earlier", "1", ""],
        ["Joined in this period", "5", ""],
    ]


def test_people_without_a_join_time_are_said_to_be_left_out(administrator: Actor) -> None:
    workspace.fill()
    workspace.fold(event(1, user_id="someone-new"), event(1, user_id="another"))
    assert "2 people without a known join time are left out" in text(page(administrator), "#first_value")


def test_assistants_are_ranked_by_tokens(administrator: Actor) -> None:
    workspace.fill()
    assert rows(one(page(administrator), ".ranking")) == [
        ["#1", "Contracts", "<0.1 %", "75", "2", "38"],
        ["#2", "Pitch", "0 %", "0", "1", "0"],
    ]


def test_the_clean_up_list_is_counted_and_collapsed(administrator: Actor) -> None:
    workspace.fill()
    unused = one(page(administrator), "details.unused")
    assert not unused.has_attr("open")
    assert text(unused, "summary") == "Not used in this period 1"
    assert text(unused, "li") == "Forgotten helper never used, there since 15 Dec 2025"


def test_show_all_shows_all(administrator: Actor) -> None:
    workspace.fold(*(event(1, assistant=f"Helper {number}", tokens=100 - number) for number in range(12)))
    html = page(administrator)
    assert len(html.select(".ranking tbody tr")) == 10
    more = one(html, "#ranking-more")
    assert text(more) == "Show all 12"
    whole = soup(administrator.get(str(more["href"])))
    assert len(whole.select(".ranking tbody tr")) == 12
    assert text(whole, "#ranking-more") == "Show the first ten"


def test_what_is_gone_keeps_its_name_and_says_so(administrator: Actor) -> None:
    workspace.fill()
    now = dt.datetime.now(dt.UTC)
    Team.objects.filter(name="Legal").update(deleted_at=now)
    Assistant.objects.filter(name="Contracts").update(archived_at=now)
    cache.clear()
    html = page(administrator)
    assert table(html, "teams")[0][0] == "Legal (deleted)"
    assert text(html.select(".ranking__text")[0]) == "Contracts (archived)"


def test_what_nobody_named_has_a_word(administrator: Actor) -> None:
    workspace.fold(event(1, kind="assistant"), event(1, kind="workflow"))
    html = page(administrator)
    assert table(html, "teams")[0][0] == "No team"
    assert table(html, "top_workflows")[0][0] == "Unnamed workflow"
    assert text(html, ".ranking__text") == "Unnamed assistant"


def test_names_are_text(administrator: Actor) -> None:
    payload = "<img src=x onerror=alert(1)>\"'{{ 7*7 }}"
    workspace.fold(event(1, team=payload, assistant=payload), event(1, workflow=payload, team=payload))
    html = page(administrator)
    assert html.select("img[src=x]") == []
    assert table(html, "teams")[0][0] == payload
    assert text(html, ".ranking__text") == payload


# --- Ranges -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("query", "stamp", "requests"),
    [
        ({}, "14 Feb – 15 Mar 2026, 30 days", "7"),
        ({"range": "today"}, "15 Mar 2026, 1 day", "1"),
        ({"range": "yesterday"}, "14 Mar 2026, 1 day", "2"),
        ({"range": "last_7_days"}, "9 Mar – 15 Mar 2026, 7 days", "6"),
        ({"range": "last_month"}, "1 Feb – 28 Feb 2026, 28 days", "2"),
        ({"range": "last_12_months"}, "16 Mar 2025 – 15 Mar 2026, 365 days", "8"),
        ({"from_": "2026-02-03", "to": "2026-02-14"}, "3 Feb – 14 Feb 2026, 12 days", "2"),
        ({"from_": "2026-03-14", "to": "2030-01-01"}, "14 Mar – 15 Mar 2026, 2 days", "3"),
    ],
)
def test_the_range_governs_the_page(administrator: Actor, query: dict[str, str], stamp: str, requests: str) -> None:
    workspace.fill()
    html = page(administrator, **query)
    assert text(html, "[data-stamp-range]") == stamp
    assert text(html.select(".kpi__value")[4]) == requests


def test_the_days_are_those_of_the_reporting_zone(administrator: Actor) -> None:
    workspace.fill()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE rollup_state SET time_zone = 'Pacific/Kiritimati', as_of = '2026-03-15T10:30Z'")
    html = page(administrator, range="today")
    assert text(html, "[data-stamp-range]") == "16 Mar 2026, 1 day"  # +14: tomorrow already
    assert text(html, "[data-stamp-as-of]") == "Data as of 00:30:00 · Pacific/Kiritimati"


@pytest.mark.parametrize(
    "query",
    [
        {"range": "last_5_years"},
        {"range": "\x00"},
        {"from_": "2026-03-09", "to": "2026-03-01"},
        {"from_": "2026-02-30", "to": "2026-03-01"},
        {"from_": "9999-12-31", "to": "9999-12-31"},
        {"from_": "0000-00-00", "to": "2026-03-01"},
        {"from_": "2026-03-01"},
        {"to": "<b>2026</b>"},
    ],
)
def test_a_bad_range_is_explained_beside_the_controls(administrator: Actor, query: dict[str, str]) -> None:
    html = page(administrator, **query)
    assert "The last 30 days are shown instead." in text(html, "[role=alert] .message__text")
    assert text(html, "[data-stamp-range]") == "14 Feb – 15 Mar 2026, 30 days"
    assert one(html, "#range-from")["value"] == query.get("from_", "")
    assert one(html, "#range-to")["value"] == query.get("to", "")
    assert one(html, "#range-from")["aria-invalid"] == "true"


@examples(30)
@given(
    st.dictionaries(
        st.sampled_from(["range", "from", "to", "assistants", "x"]),
        st.text(max_size=12) | st.dates().map(str) | st.sampled_from(["custom", "all", "last_7_days"]),
    )
)
def test_any_query_string_is_answered(administrator: Actor, query: dict[str, str]) -> None:
    assert administrator.get(URL, query).status_code == 200
    assert administrator.get(reverse("analytics-export", args=["usage"]), query).status_code in (200, 400)


def test_a_page_of_ten_years_is_whole(administrator: Actor) -> None:
    workspace.fill()
    html = page(administrator, from_="2016-03-16", to="2026-03-15")
    assert len(table(html, "active_users")) == 3652 + 1  # and the sum
    assert text(html.select(".kpi__value")[4]) == "8"


# --- Nothing there ------------------------------------------------------------------------------------------------
def test_empty_charts_say_why(administrator: Actor) -> None:
    html = page(administrator)
    assert [text(html, f"#{chart} .empty__title") for chart in CHARTS] == [
        "Nobody was active",
        "No tokens were used",
        "There are no workflows",
        "Nobody joined",
    ]
    assert html.select("[data-figure]") == []


def test_a_workspace_without_any_usage_is_led_to_integrations(administrator: Actor) -> None:
    blank = page(administrator)
    assert "No usage has come in yet" in text(blank)
    assert one(blank, "#report .empty a.button")["href"] == "/admin/integrations/"


@pytest.mark.parametrize("is_folded", [True, False])
def test_usage_of_another_time_and_usage_not_counted_yet_is_usage(administrator: Actor, is_folded: bool) -> None:
    (workspace.fold if is_folded else workspace.store)(event(400))
    assert "No usage has come in yet" not in text(page(administrator))


def test_charts_that_are_empty_for_another_reason_say_that(administrator: Actor) -> None:
    workspace.fold(event(1, tokens=None), event(40, workflow="Weekly report"))
    html = page(administrator)
    assert text(html, "#active_users .empty__title") == "Nobody to count"
    assert text(html, "#teams .empty__title") == "No tokens are known"
    assert "The workspace has 1 workflow; it was not run" in text(html, "#top_workflows .empty__text")


def test_an_unfolded_workspace_says_so(administrator: Actor) -> None:
    assert "Nothing counted yet · UTC" in text(page(administrator), ".stamps")


# --- Freshness ----------------------------------------------------------------------------------------------------
def test_the_stamp_says_how_fresh_the_numbers_are(administrator: Actor, frozen_now: time_machine.Traveller) -> None:
    workspace.fill()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE rollup_state SET as_of = '2026-03-15T10:29:30Z'")
    assert text(page(administrator), "[data-stamp-as-of]") == "Data as of 10:29:30 · UTC"
    frozen_now.shift(dt.timedelta(minutes=65))
    html = page(administrator)
    assert text(html, ".stamps__behind") == "Data as of 15 Mar 2026, 10:29:30 · UTC: counting is 1 h 6 m behind"


def test_reading_folds_nothing(administrator: Actor) -> None:
    workspace.store(event(0, user_id="ann"))
    page(administrator)
    soup(administrator.get(URL, headers=HTMX))
    assert PendingEvent.objects.count() == 1


def test_refresh_folds_and_keeps_the_range(administrator: Actor) -> None:
    workspace.store(event(0, user_id="ann"))
    answer = administrator.post(reverse("analytics-refresh"), {"from": "2026-03-10", "to": "2026-03-15"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{URL}?from=2026-03-10&to=2026-03-15")
    assert PendingEvent.objects.count() == 0
    assert text(soup(administrator.get(answer.headers["Location"])).select(".kpi__value")[4]) == "1"


def test_refresh_answers_htmx_with_the_same_range(administrator: Actor) -> None:
    workspace.store(event(0, user_id="ann"))
    html = soup(administrator.post(reverse("analytics-refresh"), {"range": "today"}, headers=HTMX))
    assert html.select("html") == []
    assert text(html, "[data-stamp-range]") == "15 Mar 2026, 1 day"
    assert text(html.select(".kpi__value")[4]) == "1"


def test_refresh_carries_only_what_it_knows(administrator: Actor) -> None:
    answer = administrator.post(reverse("analytics-refresh"), {"range": "//evil.example", "next": "//evil.example"})
    assert answer.headers["Location"] == f"{URL}?range=%2F%2Fevil.example"


# --- Fragments ----------------------------------------------------------------------------------------------------
def test_htmx_gets_the_part_and_the_controls(administrator: Actor) -> None:
    workspace.fill()
    response = administrator.get(URL, {"range": "today"}, headers=HTMX)
    html = soup(response)
    assert html.select("html, head, .sidebar") == []
    assert len(html.select("[data-chart]")) == 4
    controls = one(html, "#range")
    assert controls["hx-swap-oob"] == "true"
    assert text(controls, "#range-preset") == "Today"
    assert "HX-Request" in response.headers["Vary"]


def test_the_page_itself_swaps_nothing(administrator: Actor) -> None:
    assert not one(page(administrator), "#range").has_attr("hx-swap-oob")


def test_htmx_restoring_history_gets_the_page(administrator: Actor) -> None:
    response = administrator.get(URL, headers={**HTMX, "HX-History-Restore-Request": "true"})
    assert soup(response).select("html") != []


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_can_be_asked_for_alone(administrator: Actor, name: str) -> None:
    workspace.fill()
    url = reverse("analytics-chart", args=[name])
    (section,) = soup(administrator.get(url, {"range": "last_7_days"}, headers=HTMX)).find_all(recursive=False)
    assert (section.name, section["id"]) == ("section", name)
    assert section.select("[data-figure]")
    plain = administrator.get(url, {"range": "last_7_days"})
    assert (plain.status_code, plain.headers["Location"]) == (302, f"{URL}?range=last_7_days#{name}")


def test_there_are_no_other_charts(administrator: Actor) -> None:
    assert administrator.get(reverse("analytics-chart", args=["pies"]), headers=HTMX).status_code == 404


def test_links_and_forms_work_without_htmx(administrator: Actor) -> None:
    workspace.fill()
    html = page(administrator)
    for element in html.select("[hx-get]"):
        assert element.get("href") or element.get("action"), element
    for element in html.select("[hx-post]"):
        assert element["action"] == element["hx-post"]
        assert element["method"] == "post"


# --- Cost ---------------------------------------------------------------------------------------------------------
def test_the_page_asks_at_most_twelve_questions(administrator: Actor) -> None:
    workspace.fill()
    administrator.get(URL)
    cache.clear()
    with CaptureQueriesContext(connection) as cold:
        administrator.get(URL)
    with CaptureQueriesContext(connection) as warm:
        administrator.get(URL)
    assert len(cold) <= 12, [query["sql"][:90] for query in cold.captured_queries]
    assert len(warm) <= 3


def test_nothing_is_inline_that_the_policy_refuses(administrator: Actor) -> None:
    workspace.fill()
    html = page(administrator)
    assert html.select("[style], style, script:not([src])") == []
    assert not [name for element in html.find_all(True) for name in element.attrs if name.startswith("on")]
