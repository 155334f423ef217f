"""One fault on the stage: clients deliver and somebody reads the page while it happens; then everything is reckoned.

with Scene(stage, dose, "redis hung") as scene:
    ...
outcome = scene.reckoned()
"""

from __future__ import annotations

import datetime as dt
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from zoneinfo import ZoneInfo

from tests.chaos.load import NO_ANSWER, Answer, Ledger, Load, Pace
from tests.chaos.reckoning import Reckoning, reckon
from tests.chaos.sent import Usage, cold_days
from tests.chaos.stage import ZONE, Stage, until
from tests.chaos.visitor import Reader, Visitor, between, median_s

FIRST_YEAR, YEARS = 2003, 20
ENOUGH = 5  # answers, to say something of their median


@dataclass(frozen=True, slots=True)
class Dose:
    """`seconds`: how long each trouble lasts; on a busy machine longer, so that something happens while it does."""

    seed: int = 1
    seconds: float = 1.5
    deliveries: int = 60
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True, slots=True)
class Outcome:
    fault: str
    reckoning: Reckoning
    statuses: Counter[int]
    note: str = ""


class Scene:
    def __init__(self, stage: Stage, dose: Dose, fault: str) -> None:
        self.stage, self.dose, self.fault = stage, dose, fault
        self.visitor = _signed_in(stage.url)
        self.reader = Reader(self.visitor)
        self.load = Load(stage.port, stage.key, usage_of(fault, dose.seed), dose.pace)

    @property
    def ledger(self) -> Ledger:
        return self.load.ledger

    def __enter__(self) -> Scene:
        self.stage.empty()
        self.reader.__enter__()
        self.load.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.load.__exit__()
        self.reader.__exit__()

    def wait(self, seconds: float | None = None, *, answers: int = ENOUGH, pages: int = ENOUGH) -> tuple[float, float]:
        """Lets time pass, and so many deliveries and pages be answered; the span of the monotonic clock that it was."""
        began = time.monotonic()
        time.sleep(self.dose.seconds if seconds is None else seconds)
        wanted = [
            (each, len(between(each, 0, began)) + number)
            for each, number in ((self.ledger.answers, answers), (self.reader.answers, pages))
        ]
        until(lambda: all(len(each) >= number for each, number in wanted), "something is answered")
        return began, time.monotonic()

    def pages(self, span: tuple[float, float]) -> list[Answer]:
        return between(self.reader.answers, *span)

    def deliveries(self, span: tuple[float, float]) -> list[Answer]:
        return between(self.ledger.answers, *span)

    def accepted_since(self, moment: float) -> bool:
        return any(answer.status == 200 and answer.began > moment for answer in list(self.ledger.answers))

    def reckoned(self, note: str = "", *, alone: bool = False) -> Outcome:
        """What came of it, once all is folded. Nobody may have been told anything but a verdict or "come again"."""
        self.stage.settle(alone=alone)
        assert not self.ledger.complaints, f"{self.ledger.complaints[:3]}\n{self.stage.log('web')}"
        assert self.ledger.acknowledged, self.ledger.statuses()
        odd = [answer for answer in self.reader.answers if not _is_page_or_later(answer)]
        assert not odd, odd[:3]
        return Outcome(self.fault, reckon(self.stage, self.ledger), self.ledger.statuses(), note)


def usage_of(fault: str, seed: int) -> Usage:
    """Events of a year of this fault's own, whose months nobody has seen yet."""
    year = FIRST_YEAR + zlib.crc32(fault.encode()) % YEARS
    today = dt.datetime.now(ZoneInfo(ZONE)).date()
    return Usage(f"{fault}-{seed}", cold_days(year, today), ZoneInfo(ZONE))


@cache
def _signed_in(url: str) -> Visitor:
    """One for all scenes of a stage: who signs in too often is asked to wait."""
    visitor = Visitor(url)
    assert visitor.sign_in().status == 200
    return visitor


def _is_page_or_later(answer: Answer) -> bool:
    return answer.status in (200, NO_ANSWER) or (answer.status == 503 and answer.retry_after.isdecimal())


def check_not_slower(what: str, before: list[Answer], during: list[Answer]) -> str:
    """The medians, in words. The bound is for a machine that others use as well: five times, and a second is free."""
    calm, troubled = median_s(before), median_s(during)
    assert troubled <= max(5 * calm, calm + 1.0), f"{what} took {troubled:.2f} s, {calm:.2f} s before"
    return f"{what} {calm * 1e3:.0f} → {troubled * 1e3:.0f} ms"
