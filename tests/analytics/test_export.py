"""The CSV export: parsed back, summed, and compared with the report it must agree with."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable

import pytest
from django.utils import timezone

from analytics import export, report
from analytics.export import Variant
from analytics.ingest.draft import EventDraft
from analytics.ingest.intake import ingest
from analytics.models import Assistant
from analytics.periods import DayRange
from analytics.rollups.fold import fold_pending
from usermgmt import csv_cells
from usermgmt.models import Status, User

FIRST = dt.date(2026, 3, 1)
MARCH = DayRange(FIRST, dt.date(2026, 4, 1))
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def _event(number: int, *, days: float = 0, input_tokens: int | None = 10, **fields: object) -> EventDraft:
    return EventDraft(
        event_id=f"e{number}",
        occurred_at=NOON + dt.timedelta(days=days),
        input_tokens=input_tokens,
        output_tokens=None if input_tokens is None else 5,
        **fields,  # type: ignore[arg-type]
    )


def _store(*events: EventDraft) -> None:
    ingest(events, "test", NOON + dt.timedelta(days=60))
    fold_pending()


def _parse(pieces: Iterable[str]) -> list[dict[str, str]]:
    text = "".join(pieces)
    assert text.startswith(csv_cells.BYTE_ORDER_MARK)
    return list(csv.DictReader(io.StringIO(text.removeprefix(csv_cells.BYTE_ORDER_MARK), newline="")))


def _sum(rows: list[dict[str, str]], column: str) -> int:
    return sum(int(row[column]) for row in rows)


def _load() -> report.AnalyticsReport:
    return report.load(MARCH, timezone.now(), report.read_state())


def test_the_file_is_named_after_the_first_and_the_last_day() -> None:
    days = DayRange(dt.date(2026, 10, 24), dt.date(2026, 11, 23))
    assert export.filename(Variant.USAGE, days) == "panta-analytics_2026-10-24_2026-11-22.csv"
    assert export.filename(Variant.USERS, days) == "panta-analytics-users_2026-10-24_2026-11-22.csv"


@pytest.mark.django_db
def test_each_line_is_a_day_a_team_a_kind_and_an_item_with_ids_and_names() -> None:
    _store(
        _event(1, team="Legal", assistant="Contracts", user_id="ann"),
        _event(2, team="Legal", assistant="Contracts", user_id="bob", status="error"),
        _event(3, days=1, workflow="Weekly report"),
        _event(4, days=1, input_tokens=None),
        _event(5, days=31, team="Legal"),  # the first day outside
        _event(6, days=-0.5, team="Legal"),  # 00:00 of the first day: inside
        _event(7, days=-0.51, team="Legal"),  # the day before: outside
    )
    rows = _parse(export.usage_csv(MARCH))
    key = ("date", "team", "kind", "item", "requests", "failed_requests", "total_tokens", "calls_without_usage")
    assert [tuple(row[column] for column in key) for row in rows] == [
        ("2026-03-01", "Legal", "chat", "", "1", "0", "15", "0"),
        ("2026-03-01", "Legal", "assistant", "Contracts", "2", "1", "30", "0"),
        ("2026-03-02", "No team", "chat", "", "1", "0", "0", "1"),
        ("2026-03-02", "No team", "workflow", "Weekly report", "1", "0", "15", "0"),
    ]
    assert {row["team_id"] == "" for row in rows if row["team"] == "No team"} == {True}
    assert all(row["item_id"].isdigit() for row in rows if row["kind"] != "chat")


@pytest.mark.django_db
def test_the_sums_of_every_variant_are_those_of_the_cards() -> None:
    _store(
        _event(1, user_id="ann", team="Legal", assistant="Contracts"),
        _event(2, user_id="ann", workflow="Weekly report", status="error"),
        _event(3, email="bob@example.com", days=2, request=False),
        _event(4, days=3, input_tokens=1_000_000_000),  # nobody's
    )
    cards = _load().totals
    for rows in (_parse(export.usage_csv(MARCH)), _parse(export.users_csv(MARCH))):
        assert _sum(rows, "requests") == cards.requests == 3
        assert _sum(rows, "failed_requests") == cards.failed_requests == 1
        assert _sum(rows, "total_tokens") == cards.tokens == 1_000_000_050
    summary = {row["item"]: row["value"] for row in _parse(export.summary_csv(_load())) if row["section"] == "cards"}
    assert summary["requests"] == "3"
    assert summary["tokens"] == "1000000050"
    assert summary["active_users"] == "1"


@pytest.mark.django_db
def test_nothing_is_cut_however_many_lines_there_are() -> None:
    _store(*(_event(n, team=f"Team {n}") for n in range(2 * csv_cells.LINES_A_PIECE + 1)))
    rows = _parse(export.usage_csv(MARCH))
    assert len({row["team"] for row in rows}) == len(rows) == 2 * csv_cells.LINES_A_PIECE + 1


@pytest.mark.django_db
def test_users_are_listed_with_what_they_used_and_those_who_used_nothing_with_zeros() -> None:
    User.objects.create(email="idle@example.com", name="Idle", joined_at=NOON)
    User.objects.create(email="invited@example.com", name="Invited", status=Status.PENDING)
    User.objects.create(email="gone@example.com", name="Gone", status=Status.DELETED, joined_at=NOON)
    _store(_event(1, email="Ann@Example.com", user_name="Ann"), _event(2, email="gone@example.com"))
    rows = _parse(export.users_csv(MARCH))
    assert [(row["email"], row["name"], row["status"], row["requests"]) for row in rows] == [
        ("ann@example.com", "Ann", "active", "1"),
        ("gone@example.com", "Gone", "deleted", "1"),
        ("idle@example.com", "Idle", "active", "0"),
        ("", "Usage without a person", "", "0"),
    ]
    assert rows[0]["first_value"] == "2026-03-01T12:00:00+00:00"


@pytest.mark.django_db
def test_a_deleted_assistant_keeps_its_last_name_and_its_numbers() -> None:
    _store(_event(1, assistant="Contracts"))
    before = _parse(export.usage_csv(MARCH))
    Assistant.objects.update(name="Agreements", deleted_at=NOON)
    (row,) = _parse(export.usage_csv(MARCH))
    assert row == before[0] | {"item": "Agreements (deleted)"}


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "  =1+1",
        "\u00a0=1",
        "\u3000=1",
        "＝1",
        "＋1",
        "－1",
        "＠x",
        " ＝1",
    ],
)
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert csv_cells.disarm(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Legal", "a=b", "1+1", "研究", "'quoted'", '"x"', "a,b\nc", "–dash"])
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert csv_cells.disarm(text) == text


@pytest.mark.django_db
@pytest.mark.parametrize("name", ['=HYPERLINK("http://x","y")', 'a,"b"', "研究・営業", "😀 team", "'already"])
def test_any_name_parses_back_to_itself(name: str) -> None:
    _store(_event(1, team=name))
    (row,) = _parse(export.usage_csv(MARCH))
    assert row["team"] == csv_cells.disarm(name)
    assert row["total_tokens"] == "15"


@pytest.mark.django_db
def test_an_empty_range_is_a_header_and_nothing_else() -> None:
    pieces = list(export.usage_csv(MARCH))
    assert _parse(pieces) == []
    assert "".join(pieces).strip().count("\n") == 0
