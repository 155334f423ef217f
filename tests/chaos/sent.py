"""Usage as its senders know it, made up by number: the same seed and number are the same event, everywhere.

Days come in waves, so that everybody writes to one cold day at a time: weeks apart and out of order, days of 23 and 25
hours, ends of months and years, both sides of every midnight.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from tests.analytics.oracle import ASSISTANT, CANCELLED, CHAT, ERROR, SUCCESS, WORKFLOW, Event

SOURCE = "api"  # of a key that names none, at our own door
PEOPLE, TEAMS, ITEMS = 24, 4, 5
WAVE = 120  # events of one day, before the next day's
_STATUSES = {"success": SUCCESS, "error": ERROR, "cancelled": CANCELLED}
_EDGES = (dt.timedelta(0), dt.timedelta(microseconds=1), dt.timedelta(hours=1), dt.timedelta(hours=2, minutes=30))


@dataclass(frozen=True, slots=True)
class Ids:
    """What names became: people by platform id and by email, the rest by name."""

    people: Mapping[str, int]
    teams: Mapping[str, int]
    assistants: Mapping[str, int]
    workflows: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Sent:
    """One event. `fields` is what goes over the line."""

    fields: Mapping[str, Any]
    occurred_at: dt.datetime
    source: str = SOURCE

    @property
    def id(self) -> str:
        return str(self.fields["event_id"])

    @property
    def key(self) -> bytes:
        """What the database must know it by."""
        return hashlib.blake2b(f"{self.source}\x00{self.id}".encode(), digest_size=16).digest()

    def stored(self, ids: Ids) -> Event:
        """What must stand in the database."""
        said = self.fields
        assistant, workflow = said.get("assistant"), said.get("workflow")
        who = said.get("user_id") or said.get("email")
        return Event(
            self.id,
            self.occurred_at,
            source=self.source,
            user_id=ids.people[who] if who else 0,
            team_id=ids.teams[said["team"]] if "team" in said else 0,
            kind=WORKFLOW if workflow else ASSISTANT if assistant else CHAT,
            assistant_id=ids.assistants[assistant] if assistant else 0,
            workflow_id=ids.workflows[workflow] if workflow else 0,
            requests=int(said.get("request", True)),
            input_tokens=said.get("input_tokens", 0),
            output_tokens=said.get("output_tokens", 0),
            usage_known="input_tokens" in said,
            status=_STATUSES[said.get("status", "success")],
            model=said.get("model", ""),
        )


class Usage:
    """An endless row of events; `usage[n]` is the n-th."""

    def __init__(self, seed: str, days: Sequence[dt.date], zone: ZoneInfo) -> None:
        self.seed, self.zone = seed, zone
        self.days = random.Random(seed).sample(days, len(days))

    def __getitem__(self, number: int) -> Sent:
        chance = random.Random(f"{self.seed}/{number}")
        occurred_at = self._instant(self.days[number // WAVE % len(self.days)], chance)
        fields = {"event_id": f"{self.seed}/{number}", "occurred_at": occurred_at.isoformat()}
        return Sent(fields | _person(chance) | _object(chance) | _outcome(chance), occurred_at)

    def _instant(self, day: dt.date, chance: random.Random) -> dt.datetime:
        """Of this day in the zone: anywhere, with a liking for its edges."""
        start, end = (
            dt.datetime.combine(each, dt.time.min, self.zone).astimezone(dt.UTC)
            for each in (day, day + dt.timedelta(days=1))
        )
        if chance.random() < 0.1:
            return start + chance.choice(_EDGES)
        if chance.random() < 0.05:
            return end - dt.timedelta(microseconds=1)
        return start + dt.timedelta(microseconds=chance.randrange((end - start) // dt.timedelta(microseconds=1)))


def _person(chance: random.Random) -> dict[str, Any]:
    """Each person is always named the same way: by id, by email, by both, or not at all."""
    number = chance.randrange(PEOPLE)
    by_id, by_email = {"user_id": f"u{number}"}, {"email": f"u{number}@example.com"}
    return [by_id, by_email, by_id | by_email, {}, by_id][number % 5]


def _object(chance: random.Random) -> dict[str, Any]:
    team = {"team": f"Team {chance.randrange(TEAMS)}"} if chance.random() < 0.7 else {}
    assistant, workflow = ({kind: f"{kind} {chance.randrange(ITEMS)}"} for kind in ("assistant", "workflow"))
    return team | chance.choice([{}, assistant, workflow, assistant | workflow])


def _outcome(chance: random.Random) -> dict[str, Any]:
    tokens = {"input_tokens": chance.randrange(9_000), "output_tokens": chance.randrange(900)}
    return {
        **(tokens if chance.random() < 0.9 else {}),
        "request": chance.random() < 0.8,
        "status": chance.choice(["success", "success", "success", "error", "cancelled"]),
        "model": chance.choice(["gpt-4o-mini", "claude-sonnet-5"]),
    }


def cold_days(year: int, today: dt.date) -> list[dt.date]:
    """Days of that year and the next March that hurt, others weeks apart, and the last two."""
    clocks = [_last_sunday(year, 3), _last_sunday(year, 10), _last_sunday(year + 1, 3)]
    edges = [dt.date(year, 12, 31), dt.date(year + 1, 1, 1), dt.date(year, 4, 30), dt.date(year, 5, 1)]
    weeks_apart = [dt.date(year, 1, 10) + dt.timedelta(days=23 * n) for n in range(12)]
    return [*clocks, *(day - dt.timedelta(days=1) for day in clocks), *edges, *weeks_apart,
            today - dt.timedelta(days=1), today - dt.timedelta(days=2)]  # fmt: skip


def _last_sunday(year: int, month: int) -> dt.date:
    last = dt.date(year, month, 31)
    return last - dt.timedelta(days=(last.weekday() + 1) % 7)
