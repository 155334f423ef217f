"""Long ranges read whole months from the monthly tables and only the edge days from the daily ones."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from analytics.periods import DayRange

_SUMS = (
    "requests",
    "failed_requests",
    "input_tokens",
    "output_tokens",
    "calls_without_usage",
)


@dataclass(frozen=True, slots=True)
class Tiers:
    """`months` are whole calendar months inside the range (maybe none, `first_month` = `end_month`)."""

    days: DayRange
    first_month: dt.date
    end_month: dt.date


def split(days: DayRange) -> Tiers:
    """Where the whole months of `days` begin and end."""
    first = days.start if days.start.day == 1 else _next_month(days.start)
    end = days.end.replace(day=1)
    return Tiers(days, first, max(first, end)) if first < end else Tiers(days, days.end, days.end)


def usage_by(item: str, days: DayRange) -> tuple[str, dict[str, dt.date]]:
    """A relation `(item, sums…)` over `days`, and its parameters; `item` is team, assistant or workflow.

    Reads daily_ITEM and monthly_ITEM by their primary keys (day or month first).
    """
    tiers = split(days)
    columns = f"{item}_id AS id, {', '.join(_SUMS)}"
    sums = ", ".join(f"sum({name})::bigint AS {name}" for name in _SUMS)
    sql = f"""
        SELECT id, {sums} FROM (
            SELECT {columns} FROM monthly_{item} WHERE month >= %(first_month)s AND month < %(end_month)s
            UNION ALL
            SELECT {columns} FROM daily_{item} WHERE day >= %(start)s AND day < %(first_month)s
            UNION ALL
            SELECT {columns} FROM daily_{item} WHERE day >= %(end_month)s AND day < %(end)s
        ) part GROUP BY id
    """
    return sql, {
        "first_month": tiers.first_month,
        "end_month": tiers.end_month,
        "start": days.start,
        "end": days.end,
    }


def _next_month(day: dt.date) -> dt.date:
    return (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
