"""The real sample, imported by the commands, against totals that three other programs agree on.

`totals.json` and `per_day_counts.csv` were computed from the sample by plain Python, pandas and DuckDB. Here the
metrics, the report, the page and the CSV must say the same, in three zones. The sample lies beside the repository and
is not part of it: without it these tests are skipped.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from bs4 import BeautifulSoup, Tag
from django.core.management import call_command
from django.urls import reverse
from pytest_django import DjangoDbBlocker

from analytics import report
from analytics.metrics import people, usage
from analytics.models import Assistant, Workflow
from analytics.periods import DayRange
from analytics.report import AnalyticsReport
from analytics.rollups.rebuild import rebuild_all
from tests.analytics import oracle, tables
from tests.analytics.oracle import ASSISTANT, WORKFLOW, Event
from tests.cast import Actor
from usermgmt.models import Team, User

SAMPLE = Path(__file__).resolve().parents[3] / "shared" / "data"
NOW = dt.datetime(2026, 11, 22, 13, tzinfo=dt.UTC)  # three months after the last event
ZONES = ("UTC", "America/New_York", "Asia/Kathmandu")
DAY = dt.timedelta(days=1)

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.xdist_group("sample"),  # imported once
    pytest.mark.skipif(not SAMPLE.is_dir(), reason=f"The sample is not there: {SAMPLE}"),
]


# --- What the others say ------------------------------------------------------------------------------------------


@cache
def truth() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SAMPLE / "totals.json").read_text())
    return loaded


@cache
def truth_by_day(zone: str) -> dict[dt.date, tuple[int, ...]]:
    """Events, active users, input and output tokens of each day with events."""
    with (SAMPLE / "per_day_counts.csv").open(newline="") as file:
        return {
            dt.date.fromisoformat(row["day"]): tuple(
                int(row[column]) for column in ("events", "active_users", "input_tokens", "output_tokens")
            )
            for row in csv.DictReader(file)
            if row["zone"] == zone
        }


def truth_by_range(zone: str) -> Iterator[tuple[DayRange, tuple[int, ...]]]:
    """The nine ranges."""
    for row in truth()["zones"][zone]["ranges"]:
        first, last = (dt.date.fromisoformat(row[key]) for key in ("from", "to"))
        figures = tuple(row[key] for key in ("events", "active_users", "input_tokens", "output_tokens"))
        yield DayRange(first, last + DAY), figures


def truth_by_month(zone: str) -> Iterator[tuple[DayRange, tuple[int, ...]]]:
    for month, figures in truth()["zones"][zone]["per_month"].items():
        first = dt.date.fromisoformat(f"{month}-01")
        yield DayRange(first, (first + 32 * DAY).replace(day=1)), tuple(figures)


# --- What we hold -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sample(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Event]]:
    """The sample in the database, committed; the events as the oracle takes them."""
    rejects = tmp_path_factory.mktemp("sample") / "rejected.csv"
    with django_db_blocker.unblock(), time_machine.travel(NOW, tick=False):
        tables.empty(ZoneInfo("UTC"))
        call_command("import_people", SAMPLE / "users.csv.gz", mapping=[("joined_at", "first_seen")], rejects=rejects)
        call_command(
            "import_events",
            SAMPLE / "ai_usage_events.csv.gz",
            mapping=[("workflow", "assistant")],
            source="sample",
            rejects=rejects,
        )
        yield _read_naively()
        tables.empty(ZoneInfo("UTC"))
        tables.execute("DELETE FROM rollup_state")
        tables.execute("TRUNCATE audit_entry")  # the import's own entry: the log lets nobody delete it
        for model in (User, Team, Assistant, Workflow):
            model._default_manager.all().delete()


def _read_naively() -> list[Event]:
    people_ids = dict(User.objects.values_list("external_id", "id"))
    teams, assistants, workflows = (
        dict(model._default_manager.values_list("key", "id")) for model in (Team, Assistant, Workflow)
    )
    with gzip.open(SAMPLE / "ai_usage_events.csv.gz", "rt", newline="") as file:
        return [
            Event(
                row["event_id"],
                dt.datetime.fromisoformat(row["occurred_at"]),
                user_id=people_ids[row["user_id"]],
                team_id=teams[row["team"]],
                kind=(kind := {"assistant": ASSISTANT, "workflow": WORKFLOW}[row["kind"]]),
                assistant_id=assistants[row["assistant"]] if kind == ASSISTANT else 0,
                workflow_id=workflows[row["assistant"]] if kind == WORKFLOW else 0,
                model=row["model"],
                input_tokens=int(row["input_tokens"]),
                output_tokens=int(row["output_tokens"]),
                status={"success": oracle.SUCCESS, "error": oracle.ERROR, "cancelled": oracle.CANCELLED}[row["status"]],
            )
            for row in csv.DictReader(file)
        ]


@pytest.fixture(scope="module", params=ZONES)
def zone(request: pytest.FixtureRequest, sample: list[Event], django_db_blocker: DjangoDbBlocker) -> str:
    """Each zone in turn; the first stands as the import folded it, the others as they were rebuilt."""
    name: str = request.param
    with django_db_blocker.unblock():
        if report.read_state().time_zone.key != name:
            assert rebuild_all(ZoneInfo(name)) == truth()["totals"]["events"]
    return name


@pytest.fixture
def now() -> Iterator[dt.datetime]:
    with time_machine.travel(NOW, tick=False):
        yield NOW


def load(days: DayRange) -> AnalyticsReport:
    return report.load(days, NOW, report.read_state())


# --- Metrics and report -------------------------------------------------------------------------------------------


def test_every_rollup_holds_what_the_naive_oracle_counts(zone: str, sample: list[Event]) -> None:
    tables.assert_equal_oracle(sample, ZoneInfo(zone))


def test_every_day_range_and_month_says_what_pandas_and_duckdb_say(zone: str, sample: list[Event]) -> None:
    days = truth_by_day(zone)
    all_time = DayRange(min(days), max(days) + DAY)
    said = {day.day: day for day in usage.by_day(all_time, NOW.date()) if day.requests}
    assert len(said) == truth()["zones"][zone]["distinct_days"]
    assert {
        day: (said[day].requests, said[day].active_users, said[day].input_tokens, said[day].output_tokens)
        for day in said
    } == days
    for wanted in (truth_by_range, truth_by_month):
        for span, expected in wanted(zone):
            by_day = usage.by_day(span, NOW.date())
            total = usage.totals(by_day, *people.active(span))
            assert (total.requests, total.active_users, total.input_tokens, total.output_tokens) == expected, span


def test_the_report_of_every_range_agrees_and_its_parts_sum_up(zone: str, sample: list[Event]) -> None:
    joined = {pk: at for pk, at in User.objects.values_list("id", "joined_at") if at is not None}
    for span, expected in truth_by_range(zone):
        shown = load(span)
        total = shown.totals
        assert (total.requests, total.active_users, total.input_tokens, total.output_tokens) == expected
        for parts in (shown.days, shown.teams, (*shown.assistants, *shown.workflows)):
            assert sum(part.tokens for part in parts) == total.tokens
            assert sum(part.requests for part in parts) == total.requests
            assert sum(part.failed_requests for part in parts) == total.failed_requests
        before = oracle.within(sample, span.previous().start, span.previous().last, ZoneInfo(zone))
        assert shown.previous.requests == len(before)
        assert shown.previous.active_users == len(oracle.active_people(before))
        first_value = oracle.first_value(joined, sample, set(span), ZoneInfo(zone), NOW)
        assert {str(bucket): number for bucket, number in shown.first_value.buckets.items()} == first_value.buckets


def test_rankings_of_all_time_are_those_of_the_totals(sample: list[Event]) -> None:
    """The totals rank components whatever their kind; an assistant and a workflow may be the same component."""
    *_, (all_time, _figures) = truth_by_range("UTC")
    shown, top = load(all_time), truth()["top_all_time"]
    assert [[team.name, team.tokens] for team in shown.teams[:10]] == top["teams_by_tokens"]
    tokens, events = Counter[str](), Counter[str]()
    for item in (*shown.assistants, *shown.workflows):
        tokens[item.name] += item.tokens
        events[item.name] += item.requests
    assert [[*pair] for pair in tokens.most_common(10)] == top["assistants_by_tokens"]
    assert [[*pair] for pair in events.most_common(10)] == top["assistants_by_events"]
    assert shown.totals.failed_requests == truth()["totals"]["by_status"]["error"]
    kinds = truth()["totals"]["by_kind"]
    assert (shown.totals.assistant_requests, shown.totals.workflow_requests) == (kinds["assistant"], kinds["workflow"])
    assert len(shown.teams) == truth()["totals"]["teams"]
    assert len(tokens) == truth()["totals"]["assistants"]
    assert shown.workspace.total_users == truth()["totals"]["active_users"]


def test_a_second_import_changes_nothing(sample: list[Event], capsys: pytest.CaptureFixture[str]) -> None:
    before = tables.read()
    call_command(
        "import_events", SAMPLE / "ai_usage_events.csv.gz", mapping=[("workflow", "assistant")], source="sample"
    )
    assert tables.read() == before


# --- The page and the CSV -----------------------------------------------------------------------------------------


def test_the_page_of_every_range_shows_these_figures(
    zone: str, sample: list[Event], administrator: Actor, now: dt.datetime
) -> None:
    for span, (requests, active, input_tokens, output_tokens) in truth_by_range(zone):
        page = _page(administrator, span)
        cards = {_text(card, ".kpi__label"): card for card in page.select(".kpi")}
        assert _number(cards["Tokens used"], ".kpi__value") == input_tokens + output_tokens
        assert _number(cards["Total requests"], ".kpi__value") == requests
        assert f"{active:,} active in this period" in _text(cards["Total users"], ".kpi__note")
        daily = _column(page, "active_users")
        assert daily == [truth_by_day(zone).get(day, (0, 0))[1] for day in span]
        assert sum(_column(page, "teams")) == input_tokens + output_tokens
        assert zone in page.select_one(".stamps").get_text()  # type: ignore[union-attr]


def test_the_whole_ranking_of_assistants_sums_to_their_requests(
    sample: list[Event], administrator: Actor, now: dt.datetime
) -> None:
    *_, (all_time, _figures) = truth_by_range("UTC")
    page = _page(administrator, all_time, assistants="all")
    rows = page.select("#top-assistants tbody tr")
    assert sum(_value(row.select(".ranking__number")[2]) for row in rows) == truth()["totals"]["by_kind"]["assistant"]


def test_the_csv_of_every_range_sums_to_these_figures(
    zone: str, sample: list[Event], administrator: Actor, now: dt.datetime
) -> None:
    for span, expected in truth_by_range(zone):
        usage_rows = _download(administrator, "usage", span)
        days: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        for row in usage_rows:
            for place, column in enumerate(("requests", "input_tokens", "output_tokens")):
                days[row["date"]][place] += int(row[column])
        truth_of_days = {day.isoformat(): truth_by_day(zone)[day] for day in span if day in truth_by_day(zone)}
        assert days == {day: [events, read, wrote] for day, (events, _, read, wrote) in truth_of_days.items()}
        users = _download(administrator, "users", span)
        active = [row for row in users if row["user_id"] and int(row["requests"])]
        sums = [sum(int(row[column]) for row in users) for column in ("requests", "input_tokens", "output_tokens")]
        assert (sums[0], len(active), *sums[1:]) == expected


def _page(client: Actor, span: DayRange, **query: str) -> BeautifulSoup:
    asked = {"from": span.start.isoformat(), "to": span.last.isoformat(), **query}
    response = client.get(reverse("analytics"), asked)
    assert response.status_code == 200
    return BeautifulSoup(response.content, "html.parser")


def _download(client: Actor, variant: str, span: DayRange) -> list[dict[str, str]]:
    asked = {"from": span.start.isoformat(), "to": span.last.isoformat()}
    response: Any = client.get(reverse("analytics-export", args=[variant]), asked)
    return list(csv.DictReader(io.StringIO(response.getvalue().decode("utf-8-sig"), newline="")))


def _text(element: Tag, selector: str) -> str:
    found = element.select_one(selector)
    assert found is not None, selector
    return found.get_text(strip=True)


def _number(element: Tag, selector: str) -> int:
    found = element.select_one(selector)
    assert found is not None, selector
    return _value(found)


def _value(element: Tag) -> int:
    """The exact figure: on hover where the page shortens it."""
    exact = element.select_one("data")
    return int(str(exact["value"])) if exact else int(element.get_text(strip=True).replace(",", ""))


def _column(page: BeautifulSoup, chart: str) -> list[int]:
    """The first column of numbers in the table of a chart."""
    title = page.select_one(f"#{chart}-title")
    assert title is not None
    section = title.find_parent("section")
    assert section is not None
    return [_value(row.select(".table__number")[0]) for row in section.select(".chart__table tbody tr")]
