"""Reading the audit log: what its URL asks for, a page of entries, and all of them for CSV.

In: a checked `LogState`. Out: entries, newest first. Pages hold on to the entry they begin or end at (`Place`), so
that what is written meanwhile neither moves nor repeats anything. Served by the index audit_entry_newest.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q, QuerySet

from usermgmt import csv_cells, queries
from usermgmt.csv_cells import Cell, instant
from usermgmt.models import AuditEntry, User

ENTRIES_A_PAGE = 50
ENTRIES_A_CHUNK = 2_000

COLUMNS = ("entry_id", "at", "actor_id", "actor", "action", "person_id", "team_id", "target", "before", "after")

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_PLACE = re.compile(r"(\d{1,17})-(\d{1,18})", re.ASCII)
_NUMBER = re.compile(r"#(\d{1,18})", re.ASCII)


class Place(NamedTuple):
    """One entry in the order of the log."""

    at: dt.datetime
    id: int

    def __str__(self) -> str:
        return f"{(self.at - _EPOCH) // dt.timedelta(microseconds=1)}-{self.id}"

    @classmethod
    def of(cls, text: str) -> Place | None:
        """The place that `str` wrote; None for anything else."""
        found = _PLACE.fullmatch(text)
        try:
            return cls(_EPOCH + dt.timedelta(microseconds=int(found[1])), int(found[2])) if found else None
        except OverflowError:
            return None


@dataclass(frozen=True, slots=True)
class LogState:
    """Everything the URL of the log says. Both days are included. `before` leads to older entries, `after` to newer."""

    action: str = ""
    actor: str = ""
    target: str = ""
    since: dt.date | None = None
    until: dt.date | None = None
    before: Place | None = None
    after: Place | None = None

    @property
    def is_filtered(self) -> bool:
        return any((self.action, self.actor, self.target, self.since, self.until))

    @property
    def query(self) -> str:
        said = {
            "action": self.action,
            "actor": self.actor,
            "target": self.target,
            "since": self.since,
            "until": self.until,
            "before": self.before,
            "after": self.after,
        }
        return urlencode({name: str(value) for name, value in said.items() if value})

    @property
    def said(self) -> dict[str, Any]:
        """The filter in the words of the log, of an export of it."""
        return {
            "action": self.action,
            "actor": self.actor,
            "target": self.target,
            "from": self.since,
            "until": self.until,
        }

    def at(self, *, before: Place | None = None, after: Place | None = None) -> LogState:
        return replace(self, before=before, after=after)


@dataclass(frozen=True, slots=True)
class LogPage:
    """Entries, newest first, and where the neighbouring pages begin; None where there are no more."""

    entries: tuple[AuditEntry, ...]
    newer: Place | None
    older: Place | None


def entries(state: LogState) -> QuerySet[AuditEntry]:
    """The entries that pass the filter, unordered, from whatever page."""
    found = AuditEntry.objects.all()
    if state.action:
        found = found.filter(action=state.action)
    if state.actor:
        found = found.filter(_somebody(state.actor, "actor_id", "actor_name"))
    if state.target:
        found = found.filter(_somebody(state.target, "person_id", "target_name"))
    zone = ZoneInfo(settings.REPORTING_TIME_ZONE)
    if state.since:
        found = found.filter(at__gte=dt.datetime.combine(state.since, dt.time.min, zone))
    if state.until:
        found = found.filter(at__lt=dt.datetime.combine(state.until + dt.timedelta(days=1), dt.time.min, zone))
    return found


def _somebody(text: str, number: str, name: str) -> Q:
    """#12 is the person of that number; words are looked for in today's names and addresses, and in those of then."""
    if found := _NUMBER.fullmatch(text.strip()):
        return Q(**{number: int(found[1])})
    people = User.objects.filter(queries.matches(text)).values("pk")
    return Q(**{f"{number}__in": people}) | Q(**{f"{name}__icontains": text.strip()})


def page(state: LogState) -> LogPage:
    """The page after or before the place that `state` names, else the newest. One query."""
    found = entries(state)
    if state.after:
        rows = list(_beyond(found, state.after, newer=True).order_by("at", "pk")[: ENTRIES_A_PAGE + 1])
        more = len(rows) > ENTRIES_A_PAGE
        rows = rows[:ENTRIES_A_PAGE][::-1]
        return LogPage(tuple(rows), _place(rows[:1]) if more else None, _place(rows[-1:]))
    if state.before:
        found = _beyond(found, state.before, newer=False)
    rows = list(found.order_by("-at", "-pk")[: ENTRIES_A_PAGE + 1])
    more = len(rows) > ENTRIES_A_PAGE
    rows = rows[:ENTRIES_A_PAGE]
    return LogPage(tuple(rows), _place(rows[:1]) if state.before else None, _place(rows[-1:]) if more else None)


def _beyond(found: QuerySet[AuditEntry], place: Place, *, newer: bool) -> QuerySet[AuditEntry]:
    """The first condition alone is what the index is read by."""
    if newer:
        return found.filter(at__gte=place.at).exclude(at=place.at, pk__lte=place.id)
    return found.filter(at__lte=place.at).exclude(at=place.at, pk__gte=place.id)


def _place(rows: Sequence[AuditEntry]) -> Place | None:
    return Place(rows[0].at, rows[0].pk) if rows else None


def of_person(user_id: int, most: int) -> tuple[AuditEntry, ...]:
    """The newest entries on this person. One query, served by the index audit_entry_person."""
    return tuple(AuditEntry.objects.filter(person_id=user_id).order_by("-at", "-pk")[:most])


# --- CSV ----------------------------------------------------------------------------------------------------------


def log_csv(state: LogState) -> Iterator[str]:
    """All entries that pass the filter, on whatever page. Before and after as JSON, so that nothing is lost."""
    found = entries(state).order_by("-at", "-pk").iterator(chunk_size=ENTRIES_A_CHUNK)
    return csv_cells.pieces(COLUMNS, map(_line, found))


def _line(entry: AuditEntry) -> tuple[Cell, ...]:
    return (
        entry.pk,
        instant(entry.at),
        entry.actor_id,
        entry.actor_name,
        entry.action,
        entry.person_id,
        entry.team_id,
        entry.target_name,
        _json(entry.before),
        _json(entry.after),
    )


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, sort_keys=True) if values else ""
