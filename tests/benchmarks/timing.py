"""How time is taken: candidates and baselines in turns, so that a busy moment of the machine hits both alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

Timed = Callable[[], object]
Seconds = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Samples:
    """Seconds of several runs of the same thing."""

    seconds: tuple[float, ...]

    @property
    def best(self) -> float:
        """The shortest run: what is left when nothing else disturbed it. All ratios are of these."""
        return min(self.seconds)

    @property
    def best_ms(self) -> float:
        return self.best * 1_000


def seconds(run: Timed) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def in_turns(runs: Mapping[str, Timed], rounds: int, *, warm_up: bool = True) -> dict[str, Samples]:
    """Samples of each run by name, `rounds` of each, one of every kind in each round."""
    return measured({name: partial(seconds, run) for name, run in runs.items()}, rounds, warm_up=warm_up)


def measured(runs: Mapping[str, Seconds], rounds: int, *, warm_up: bool = True) -> dict[str, Samples]:
    """The same for runs that measure themselves, because part of what they do must not count."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + warm_up):
        for name, run in runs.items():
            spent = run()
            if number or not warm_up:
                taken[name].append(spent)
    return {name: Samples(tuple(spent)) for name, spent in taken.items()}
