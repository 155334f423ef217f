"""What User management asks about usage that is not in a table of people, and who answers.

Usage is counted above us: whoever counts it registers when the project starts. What stands in tables that name people
by foreign key (`User.activity`, `.days`, `.recent`) is read by `queries` and `person` themselves.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Protocol


class Sums(Protocol):
    """Of some set of events."""

    @property
    def requests(self) -> int: ...
    @property
    def tokens(self) -> int: ...


class OfAssistant(Sums, Protocol):
    """The sums of one assistant; `id` 0 has no name."""

    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def deleted(self) -> bool: ...
    @property
    def archived(self) -> bool: ...


class Usage(Protocol):
    def recent_since(self) -> dt.date | None:
        """First day of the sums in `User.recent`; None where there are none. One query."""

    def by_assistant(self, user_id: int, start: dt.date, end: dt.date) -> tuple[Sequence[OfAssistant], Sums]:
        """The assistants that the person used on the days from `start` up to `end` (not included), most tokens first,
        and what they did without one. One query.
        """


_answers: list[Usage] = []


def register(usage: Usage) -> None:
    """`usage` answers from now on."""
    _answers[:] = [usage]


def answers() -> Usage:
    """Who was registered. Raises IndexError before."""
    return _answers[0]
