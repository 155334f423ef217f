"""The values that metrics answer with. Tokens are counts; `share` is 0..1; `day` is a date of the reporting zone."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Measures:
    """Sums over some set of events."""

    requests: int = 0
    failed_requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    calls_without_usage: int = 0

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def failed_share(self) -> float:
        """0..1; 0 without requests."""
        return self.failed_requests / self.requests if self.requests else 0.0


@dataclass(frozen=True, slots=True)
class PeriodTotals(Measures):
    """The sums of one range, with what only a whole range has."""

    active_users: int = 0
    chat_requests: int = 0
    assistant_requests: int = 0
    workflow_requests: int = 0


@dataclass(frozen=True, slots=True)
class Workspace:
    """What exists now, independent of the range."""

    total_users: int
    workflows: int
    assistants: int
    unknown_joined: int  # people whose join time nobody told us


@dataclass(frozen=True, slots=True)
class DayFigures(PeriodTotals):
    """One calendar day of the range; there is one for every day, with zeros where nothing happened."""

    day: dt.date = dt.date.min
    incomplete: bool = False  # today: still going on


@dataclass(frozen=True, slots=True)
class Named(Measures):
    """The sums of one team, assistant or workflow. `id` 0 is "none" and has an empty name."""

    id: int = 0
    name: str = ""
    deleted: bool = False
    archived: bool = False


@dataclass(frozen=True, slots=True)
class PersonFigures(Measures):
    """One person's sums over the range. Empty texts where nothing is known; `id` 0 is usage without a person."""

    id: int = 0
    name: str = ""
    email: str = ""
    external_id: str = ""
    deleted: bool = False

    @property
    def known_as(self) -> str:
        return self.name or self.email or self.external_id


@dataclass(frozen=True, slots=True)
class ModelFigures(Measures):
    """The sums of one model; "" is usage whose events named none."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class UnusedAssistant:
    id: int
    name: str
    created_at: dt.datetime
    last_used: dt.date | None


class Bucket(StrEnum):
    """Half-open spans from joining to first value: exactly one hour is in `H1_6`."""

    UNDER_1H = "<1h"
    H1_6 = "1–6h"
    H6_24 = "6–24h"
    D1_3 = "1–3d"
    D3_7 = "3–7d"
    D7_PLUS = "7+d"
    NEVER = "Never"


@dataclass(frozen=True, slots=True)
class TimeToFirstValue:
    """People who joined in the range, by how long they took to their first successful request.

    `included` = people who joined in the range = sum of `buckets`; `reached` = those not in NEVER.
    `never_recent` joined less than 7 days ago, `never_old` 7 days or more. `never_listed`: those of both whom User
    management lists, because they have not been removed since.
    """

    buckets: dict[Bucket, int]
    included: int
    reached: int
    median_seconds: float | None
    never_recent: int
    never_old: int
    unknown_joined: int
    never_listed: int = 0
