"""The list of people as CSV: all rows of what is listed, not the page. Text that a spreadsheet would run is disarmed.

In: a `ListState` and an instant. Out: pieces of a CSV file.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from usermgmt import csv_cells, people_list
from usermgmt.csv_cells import Cell, instant
from usermgmt.people_list import ListState, Row

COLUMNS = (
    "user_id", "external_id", "email", "name", "role", "status", "primary_team", "teams", "joined", "last_active",
    "requests_last_30_days", "tokens_last_30_days", "invited", "accepted", "removed",
)  # fmt: skip


def filename(state: ListState, now: dt.datetime) -> str:
    return f"panta-people-{state.tab.value}_{now.date()}.csv"


def people_csv(state: ListState, now: dt.datetime) -> Iterator[str]:
    """One line per person of the list, in its order. No row cap."""
    return csv_cells.pieces(COLUMNS, map(_line, people_list.everybody(state, now)))


def _line(row: Row) -> tuple[Cell, ...]:
    person = row.person
    return (
        person.pk,
        person.external_id,
        person.email,
        person.name,
        person.role,
        person.status,
        row.primary_team,
        "; ".join(row.teams),
        instant(person.joined_at),
        instant(row.last_active_at),
        row.usage.requests,
        row.usage.tokens,
        instant(person.invited_at),
        instant(person.accepted_at),
        instant(person.deleted_at),
    )
