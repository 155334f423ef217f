"""Long ranges read whole months: they must tile the range, and must be read."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.metrics import usage
from analytics.metrics.tiers import split
from analytics.periods import DayRange
from analytics.rollups.fold import fold_pending
from tests.analytics import tables
from tests.analytics.oracle import ASSISTANT, WORKFLOW, Event
from tests.analytics.streams import examples

starts = st.dates(dt.date(2023, 11, 1), dt.date(2025, 3, 31))  # over a leap day
lengths = st.integers(1, 800)


@examples(200)
@given(start=starts, length=lengths)
def test_whole_months_and_edge_days_are_the_range_without_gap_or_overlap(start: dt.date, length: int) -> None:
    days = DayRange(start, start + dt.timedelta(days=length))
    tiers = split(days)
    months = [day for day in days if tiers.first_month <= day < tiers.end_month]
    edges = [day for day in days if day < tiers.first_month or day >= tiers.end_month]
    assert sorted(months + edges) == list(days)
    assert days.start <= tiers.first_month <= tiers.end_month <= days.end
    if months:
        assert tiers.first_month.day == tiers.end_month.day == 1


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [
        ("2024-02-01", "2024-03-01", 1),  # a month of 29 days
        ("2024-02-01", "2024-02-29", 0),  # one day short of it
        ("2024-02-02", "2024-03-01", 0),
        ("2024-01-31", "2024-03-02", 1),
        ("2023-12-15", "2024-03-15", 2),
        ("2024-01-01", "2025-01-01", 12),
        ("2024-02-29", "2024-03-01", 0),
    ],
)
def test_only_whole_calendar_months_count_as_months(start: str, end: str, months: int) -> None:
    tiers = split(DayRange(dt.date.fromisoformat(start), dt.date.fromisoformat(end)))
    first, last = tiers.first_month, tiers.end_month
    assert (last.year - first.year) * 12 + last.month - first.month == months


@pytest.mark.django_db
def test_inner_months_are_read_from_the_monthly_tables_and_edges_from_the_daily_ones() -> None:
    """One event on the 10th of each of five months; what a range says once the days, or the months, are gone."""
    days = DayRange(dt.date(2025, 1, 5), dt.date(2025, 5, 20))
    kinds = ({"team_id": 1}, {"kind": ASSISTANT, "assistant_id": 1}, {"kind": WORKFLOW, "workflow_id": 1})
    tables.store(
        Event(f"{month}{number}", dt.datetime(2025, month, 10, tzinfo=dt.UTC), **kind)  # type: ignore[arg-type]
        for month in range(1, 6)
        for number, kind in enumerate(kinds)
    )
    fold_pending()
    now = dt.datetime(2025, 6, 1, tzinfo=dt.UTC)

    def requests() -> tuple[int, int, int]:
        used = (usage.by_team(days), usage.by_assistant(days, now)[0], usage.by_workflow(days))
        return tuple(sum(item.requests for item in items) for items in used)  # type: ignore[return-value]

    assert requests() == (15, 5, 5)
    for item in ("team", "assistant", "workflow"):
        tables.execute(f"DELETE FROM daily_{item} WHERE day >= '2025-02-01' AND day < '2025-05-01'")  # noqa: S608
    assert requests() == (15, 5, 5)
    for item in ("team", "assistant", "workflow"):
        tables.execute(f"DELETE FROM monthly_{item}")  # noqa: S608
    assert requests() == (6, 2, 2)
