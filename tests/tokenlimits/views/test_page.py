"""The Token limits tab: the budget, every limit, the alerts; and that Analytics says the same."""

from __future__ import annotations

import datetime as dt
import json
import random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bs4 import BeautifulSoup, Tag
from django.core import mail
from pytest_django import DjangoAssertNumQueries

from analytics import report
from analytics.ingest.draft import EventDraft
from analytics.periods import DayRange, local_midnight
from analytics.rollups.rebuild import rebuild_all
from tests.analytics import workspace
from tests.cast import NOW, Actor
from tests.tokenlimits.limits import ann, everybody, limit, override, sales, use
from tests.usermgmt import people
from tokenlimits import alerts, budget
from tokenlimits.periods import Period
from tokenlimits.views.page import RANKED, _ranking, _rankings
from usermgmt import outbox

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

URL = "/admin/limits/"
GAP = "\N{NO-BREAK SPACE}"


def page(actor: Actor, query: str = "", **headers: str) -> BeautifulSoup:
    response = actor.get(URL + query, headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert response.status_code == 200
    soup = BeautifulSoup(response.content, "html.parser")
    for explanation in soup.select("[popover]"):
        explanation.decompose()
    return soup


def text(found: Tag | None) -> str:
    assert found is not None
    return " ".join(found.get_text(" ").replace(GAP, " ").split())


def budget_of(soup: BeautifulSoup) -> str:
    return text(soup.select_one(".budget"))


def rows(soup: BeautifulSoup) -> list[str]:
    return [text(row) for row in soup.select("tr.limit")]


def ranking(soup: BeautifulSoup, name: str) -> list[tuple[str, str]]:
    found = soup.find("section", attrs={"aria-labelledby": f"{name}-title"})
    assert isinstance(found, Tag)
    return [
        (text(row.select_one(".ranking__text") or row.th), text(row.select_one(".spending__tokens")))
        for row in found.select("tbody tr")
    ]


# --- The budget ---------------------------------------------------------------------------------------------------


def test_an_empty_workspace_explains_limits_and_offers_the_first_one(administrator: Actor) -> None:
    soup = page(administrator)
    assert "No limits yet" in text(soup.select_one(".empty__title:-soup-contains('limits')"))
    (offer,) = soup.select(".empty a.button")
    assert offer["href"] == "/admin/limits/new/?scope=workspace&period=month"
    assert administrator.get(str(offer["href"])).status_code == 200
    assert "The workspace has no budget per month." in budget_of(soup)
    assert "Nothing counted yet" in text(soup.select_one("#budget"))
    assert soup.select("#alerts-title") == []


def test_the_budget_is_told_with_its_pace_its_projection_and_when_it_runs_out(administrator: Actor) -> None:
    """Half of March's 31 days less a little: 14 days and 10 hours and a half."""
    limit(10_000)
    use(4_000, days_ago=3)
    use(2_000)
    said = budget_of(page(administrator))
    assert "6,000 of 10,000" in said
    assert "60 % of the budget is used; 47 % of the period has passed (the tick). Every hour counts alike." in said
    assert "Left 4,000" in said
    assert "Projected at the end 12,883" in said
    assert "Runs out Wed 25 Mar 2026" in said  # 4,000 more at 415.6 a day: nine days and a half
    assert "Begins anew Wed 1 Apr 2026" in said


def test_days_count_as_their_weekdays_once_there_is_history(administrator: Actor) -> None:
    limit(10_000)
    for days_ago in range(15, 71, 7):  # Saturdays
        use(100, days_ago=days_ago)
    use(100, days_ago=1)
    said = budget_of(page(administrator))
    assert "Days count as their weekdays did in the last eight weeks." in said


def test_of_several_budgets_the_longest_is_shown_and_the_others_are_a_link_away(administrator: Actor) -> None:
    limit(100, "day")
    limit(1_000, "week")
    use(50)
    soup = page(administrator)
    assert "Tokens used this week" in budget_of(soup)
    links = {text(link): str(link["href"]) for link in soup.select(".spending__periods a")}
    assert links == {
        "Day": "/admin/limits/?period=day",
        "Week": "/admin/limits/?period=week",
        "Month": "/admin/limits/?period=month",
    }
    assert text(soup.select_one('.spending__periods [aria-current="true"]')) == "Week"
    assert "50 of 100" in budget_of(page(administrator, "?period=day"))
    assert "The workspace has no budget per month." in budget_of(page(administrator, "?period=month"))


@pytest.mark.parametrize("asked", ["year", "MONTH", "", "%00", "day&period=week"])
def test_a_period_that_is_none_is_as_if_none_was_asked_for(administrator: Actor, asked: str) -> None:
    assert "Tokens used this" in budget_of(page(administrator, f"?period={asked}"))


def test_another_period_is_answered_to_htmx_with_the_budget_alone(administrator: Actor) -> None:
    limit(100, "day")
    soup = page(administrator, "?period=day", HX_Request="true", HX_Target="budget")
    assert soup.select("html, #limits-title") == []
    assert "Tokens used today" in budget_of(soup)


def test_the_last_six_periods_stand_beside_the_present_one(administrator: Actor) -> None:
    limit(900)
    for months_ago, days_ago in enumerate((0, 20, 50, 80, 110, 140, 170, 200)):
        use(100 + months_ago, days_ago=days_ago)
    soup = page(administrator)
    table = [text(row) for row in soup.select("#periods tbody tr")]
    assert table == [
        "1 Sep – 30 Sep 2025 106",
        "1 Oct – 31 Oct 2025 105",
        "1 Nov – 30 Nov 2025 104",
        "1 Dec – 31 Dec 2025 103",
        "1 Jan – 31 Jan 2026 102",
        "1 Feb – 28 Feb 2026 101",
        "1 Mar – 31 Mar 2026 so far 100",
    ]
    figure = json.loads(str(soup.select("#periods [data-figure]")[0]["data-figure"]))
    assert [int(row.rsplit(" ", 1)[1]) for row in table] == figure["data"][0]["y"]
    assert figure["layout"]["shapes"][0]["y0"] == 900


@pytest.mark.parametrize(
    "period, ticks",
    [
        ("day", ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]),
        ("week", ["26<br>Jan", "2<br>Feb", "9<br>Feb", "16<br>Feb", "23<br>Feb", "2<br>Mar", "9<br>Mar"]),
        ("month", ["Sep", "Oct", "Nov", "Dec", "Jan", "Feb", "Mar"]),
    ],
)
def test_periods_are_told_below_their_bars_as_shortly_as_a_phone_needs_it(
    administrator: Actor, period: str, ticks: list[str]
) -> None:
    use(1)
    (shown,) = page(administrator, f"?period={period}").select("#periods [data-figure]")
    assert json.loads(str(shown["data-figure"]))["layout"]["xaxis"]["ticktext"] == ticks


def test_who_and_what_used_the_most_is_ranked(administrator: Actor) -> None:
    person = ann()
    use(300, user_id="ann", model="gpt-5")
    use(200, team="Legal", model="gpt-5")
    use(100)
    soup = page(administrator)
    assert ranking(soup, "by-team") == [("Sales", "300"), ("Legal", "200"), ("No team", "100")]
    assert ranking(soup, "by-model") == [("gpt-5", "500"), ("No model named", "100")]
    assert ranking(soup, "by-person") == [("Ann", "300"), ("No person named", "300")]
    assert soup.select_one(f'a[href="/admin/users/{person.pk}/"]') is not None


def test_what_is_beyond_the_first_ten_is_told_together_so_that_the_parts_add_up(administrator: Actor) -> None:
    for number in range(RANKED + 2):
        use(100 + number, user_id=f"person {number:02}", team=f"Team {number:02}", model=f"model {number:02}")
    use(7)
    soup = page(administrator)
    for name, last in (
        ("by-team", ["and 3 more"]),
        ("by-model", ["and 3 more"]),
        ("by-person", ["and 2 more", "No person named"]),
    ):
        listed = ranking(soup, name)
        assert len(listed) == RANKED + len(last)
        assert [row for row, _tokens in listed[RANKED:]] == last
        assert sum(int(tokens.replace(",", "")) for _row, tokens in listed) == 12 * 100 + 66 + 7


def test_ten_are_all_and_nothing_is_told_of_others() -> None:
    for number in range(RANKED):
        use(1, user_id=f"person {number}", team=f"Team {number}", model=f"model {number}")
    for found in _rankings(budget.load(NOW, None).budget).values():
        assert (len(found.rows), found.more, found.rest, found.nobody) == (RANKED, 0, None, None)


def test_a_ranking_that_is_a_fold_ahead_of_the_whole_divides_by_no_nothing() -> None:
    found = _ranking([("gpt-5", 5, "")], 1, 5, used=0)
    assert [(row.tokens, row.length) for row in found.rows] == [(5, 1)]


# --- Equal to Analytics -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kathmandu"])
@pytest.mark.parametrize("period", list(Period))
def test_the_numbers_are_those_of_analytics_for_the_same_days(period: Period, zone: str) -> None:
    at_home = ZoneInfo(zone)
    rebuild_all(at_home)
    ann()
    periods = period.last(7, NOW.astimezone(at_home).date())
    events = [one for days in periods for one in _events_in(days, at_home)]
    workspace.fold(*events)
    limit(10**9, period.value)
    standing = budget.load(NOW, period)
    shown = standing.budget
    analytics = report.load(shown.days, NOW, report.read_state())
    assert shown.used == analytics.totals.tokens > 0
    assert standing.readings[0].used == analytics.totals.tokens
    assert [(team.id, team.tokens) for team in shown.teams] == [(team.id, team.tokens) for team in analytics.teams]
    present = events[-EVENTS_A_PERIOD:]
    assert {model.name: model.tokens for model in shown.models} == _sums(present, "model")
    by_person = _sums([one for one in present if one.user_id], "user_id")
    assert {person.external_id: person.tokens for person in shown.people.top} == by_person
    for bar in shown.bars:
        assert bar.tokens == report.load(bar.days, NOW, report.read_state()).totals.tokens > 0


EVENTS_A_PERIOD = 30


def _events_in(days: DayRange, zone: ZoneInfo) -> list[EventDraft]:
    """Spread at random over the days until now, from their first moment on."""
    chance = random.Random(str(days))
    start, end = local_midnight(days.start, zone), min(local_midnight(days.end, zone), NOW)
    return [
        workspace.event(
            now=start + (end - start) * (chance.random() if number else 0),
            tokens=chance.randrange(1, 10**6),
            user_id=chance.choice(["ann", "bob", None]),
            team=chance.choice(["Legal", None]),
            model=chance.choice(["gpt-5", "gpt-5-mini", ""]),
        )
        for number in range(EVENTS_A_PERIOD)
    ]


def _sums(events: list[EventDraft], name: str) -> dict[str, int]:
    """Tokens by what the events hold under that name."""
    sums: dict[str, int] = {}
    for one in events:
        sums[getattr(one, name)] = sums.get(getattr(one, name), 0) + (one.input_tokens or 0) + (one.output_tokens or 0)
    return sums


# --- The list of limits -------------------------------------------------------------------------------------------


def test_every_limit_stands_with_its_use_the_fullest_first(administrator: Actor) -> None:
    person = ann()
    limit(1000)
    limit(500, team=sales(), hard=False)
    limit(100, "week", person=person)
    limit(400, "day", model="gpt-5")
    use(375, user_id="ann", model="gpt-5")
    assert rows(page(administrator)) == [
        "Ann One person · per week 375 of 100 Reached: blocks 375 % Block Begins anew 16 Mar 2026",
        "gpt-5 Model · per day 375 of 400 Nearly used up 94 % Block Begins anew 16 Mar 2026",
        "Sales Team · per month 375 of 500 Filling up 75 % Warn Begins anew 1 Apr 2026",
        "Workspace per month 375 of 1,000 38 % Block Begins anew 1 Apr 2026",
    ]


def test_a_limit_for_every_person_says_how_many_and_how_far(administrator: Actor) -> None:
    everybody(100, enforcement="soft")
    use(100, user_id="ann")
    use(30, user_id="bob")
    (row,) = rows(page(administrator))
    assert "Every person per month 100 of 100 Reached: warns" in row
    assert "Whoever used the most of 2 people; reached by 1." in row


def test_what_is_deleted_is_marked(administrator: Actor) -> None:
    team = sales()
    limit(100, team=team)
    team.deleted_at = NOW
    team.save()
    assert rows(page(administrator))[0].startswith("Sales (deleted) Team")


def test_an_override_is_told_with_its_end_and_its_reason(administrator: Actor) -> None:
    made = override(limit(100), 500, ends_on=dt.date(2026, 3, 20)).limit
    soup = page(administrator)
    (row,) = rows(soup)
    assert "0 of 500" in row
    assert "Raised from 100 until 20 Mar 2026: Fair" in row
    assert soup.select_one(f'form[action="/admin/limits/{made.pk}/raise/end/"]') is not None


def test_an_override_that_the_limit_has_outgrown_is_told_and_can_be_replaced(administrator: Actor) -> None:
    made = override(limit(500), 500, ends_on=dt.date(2026, 3, 20)).limit
    soup = page(administrator)
    (row,) = rows(soup)
    assert "Outgrown: raised to 500 until 20 Mar 2026, which the limit itself allows by now (Fair)" in row
    assert soup.select_one(f'a[href="/admin/limits/{made.pk}/raise/"]') is not None


def test_while_the_budget_is_raised_the_tab_says_until_when(administrator: Actor) -> None:
    """2,000 at 138.5 a day: 2,632 after the 19th, which is beyond what is allowed on the 20th."""
    override(limit(2_500), 5_000, ends_on=dt.date(2026, 3, 19))
    use(2_000)
    said = budget_of(page(administrator))
    assert "Runs out Fri 20 Mar 2026 Raised until 19 Mar 2026, then 2,500 again" in said


def test_of_many_limits_the_fullest_are_shown_and_all_are_a_link_away(administrator: Actor) -> None:
    for number in range(51):
        limit(1000 + number, model=f"model {number}")
    use(10, model="model 50")
    soup = page(administrator)
    assert len(rows(soup)) == 50
    assert rows(soup)[0].startswith("model 50 ")
    (link,) = soup.select(".limits .card__footer a")
    assert text(link) == "Show all 51"
    assert len(rows(page(administrator, str(link["href"]).partition(URL)[2]))) == 51


def test_names_are_text(administrator: Actor) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    limit(100, team=people.team(hostile))
    limit(100, model=hostile)
    use(50, team=hostile, model=hostile)
    soup = page(administrator)
    assert soup.select("img[onerror]") == []
    assert sum(hostile in row for row in rows(soup)) == 2


# --- Alerts -------------------------------------------------------------------------------------------------------


def test_the_latest_alerts_are_listed_and_all_of_them_on_their_own_page(administrator: Actor) -> None:
    for number in range(9):
        limit(100, model=f"model {number}")
        use(55 + number, model=f"model {number}")
    alerts.tell_due(NOW)
    soup = page(administrator)
    listed = [text(row) for row in soup.select(".alerts__row")]
    assert len(listed) == 8
    assert "50 % model" in listed[0]
    assert "tokens; begins anew on 1 Apr 2026 15 Mar 2026, 10:30" in listed[0]
    whole = BeautifulSoup(administrator.get("/admin/limits/alerts/").content, "html.parser")
    assert len(whole.select(".alerts__row")) == 9
    assert administrator.get("/admin/limits/alerts/?page=999x").status_code == 200


def test_hours_are_told_in_the_zone_of_the_days_which_is_named(administrator: Actor) -> None:
    """Not in that of the settings: until the rollups are rebuilt, the days are those of another zone."""
    rebuild_all(ZoneInfo("Asia/Kathmandu"))
    limit(100)
    use(55)
    alerts.tell_due(NOW)
    for url, place in ((URL, "section[aria-labelledby=alerts-title]"), (f"{URL}alerts/", "main")):
        said = text(BeautifulSoup(administrator.get(url).content, "html.parser").select_one(place))
        assert "Asia/Kathmandu" in said
        assert "15 Mar 2026, 16:15" in said
    outbox.send_due(NOW)
    (message,) = mail.outbox
    assert "(Asia/Kathmandu)" in message.body


# --- Who may see it, and what it costs ----------------------------------------------------------------------------


@pytest.mark.parametrize("url", [URL, "/admin/limits/new/", "/admin/limits/alerts/"])
def test_only_administrators_see_it(member: Actor, stranger: Actor, url: str) -> None:
    assert member.get(url).status_code == 404
    assert stranger.get(url).status_code == 302


def test_it_takes_the_same_queries_with_few_limits_and_with_many(
    administrator: Actor, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    def make(number: int) -> None:
        for each in range(number, number + 5):
            override(limit(100, model=f"model {each}"), 200)
            limit(100, person=people.person())
            limit(100, team=people.team(f"Team {each}"))
            use(60, model=f"model {each}", team=f"Team {each}")

    everybody(100)
    limit(1000)
    make(0)
    alerts.tell_due(NOW)
    queries = 13  # two of them sign-in's
    with django_assert_num_queries(queries):
        page(administrator)
    make(5)
    alerts.tell_due(NOW)
    with django_assert_num_queries(queries):
        page(administrator)


def test_days_are_those_of_the_range(administrator: Actor) -> None:
    shown: Any = budget.load(NOW, None).budget
    assert shown.days == DayRange(dt.date(2026, 3, 1), dt.date(2026, 4, 1))
