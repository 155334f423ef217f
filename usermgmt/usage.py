"""What User management asks about usage that is not in a table of people, and who answers.

Usage is counted above us: whoever counts it registers when the project starts. What stands in tables that name people
by foreign key (`User.activity`, `.days`, `.recent`) is read by `queries`.
"""

from __future__ import annotations

import datetime as dt
from typing import Protocol


class Usage(Protocol):
    def recent_since(self) -> dt.date | None:
        """First day of the sums in `User.recent`; None where there are none. One query."""


_answers: list[Usage] = []


def register(usage: Usage) -> None:
    """`usage` answers from now on."""
    _answers[:] = [usage]


def recent_since() -> dt.date | None:
    return _answers[0].recent_since() if _answers else None
