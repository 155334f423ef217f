"""Which fault shows which mutant: the proof that the reckoning would see a broken promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.chaos.database_faults import database_restarts
from tests.chaos.everyday import everyday
from tests.chaos.scene import Dose, Outcome
from tests.chaos.stage import Stage, opened
from tests.chaos.worker_faults import many_folders

ATTEMPTS = 5  # with another seed each, for those that only a race shows
CATCHERS: dict[str, Callable[[Stage, Dose], Outcome]] = {
    "acknowledge before commit": database_restarts,
    "do not wait for the disk": database_restarts,
    "max(id) watermark": many_folders,
    "fold without the lock": many_folders,
    "skip late events": everyday,
    "forget retries": everyday,
}
# What is written by and by is written late, so that a crash finds something to lose.
_LAZY = ("wal_writer_delay=10s", "wal_writer_flush_after=1GB")


@dataclass(frozen=True, slots=True)
class Catch:
    outcome: Outcome
    attempts: int


def catch(mutant: str, dose: Dose) -> Catch:
    """Lets the mutant act on a stage of its own until it is seen, a few times at most."""
    with opened(mutant=mutant, database_options=_LAZY) as stage:
        for attempt in range(1, ATTEMPTS + 1):
            outcome = CATCHERS[mutant](stage, replace(dose, seed=dose.seed + attempt))
            if not outcome.reckoning.is_clean:
                break
    return Catch(outcome, attempt)
