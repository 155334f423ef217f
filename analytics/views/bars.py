"""The days of a key as bars: what of each day's events was accepted, duplicate and rejected, one above the other.

In: `DayCounts`. Out: `Bar`s in units of a drawing that is stretched to its card.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analytics.metrics.keys import DayCounts

STEP, WIDTH, HEIGHT = 20, 12, 96
LEAST = 2  # of a part that is there at all: one rejected event among thousands is what one looks for


@dataclass(frozen=True, slots=True)
class Part:
    """`y` and `height` as drawings are written, the same in every language."""

    name: str
    y: str
    height: str


@dataclass(frozen=True, slots=True)
class Bar:
    day: DayCounts
    x: int
    parts: tuple[Part, ...]  # from the bottom


@dataclass(frozen=True, slots=True)
class Drawing:
    """`highest` is the events of the busiest day."""

    bars: tuple[Bar, ...]
    highest: int

    @property
    def width(self) -> int:
        return STEP * len(self.bars)

    @property
    def height(self) -> int:
        return HEIGHT


def draw(days: Sequence[DayCounts]) -> Drawing:
    highest = max((day.events for day in days), default=0)
    bars = tuple(Bar(day, number * STEP + (STEP - WIDTH) // 2, _parts(day, highest)) for number, day in enumerate(days))
    return Drawing(bars, highest)


def _parts(day: DayCounts, highest: int) -> tuple[Part, ...]:
    parts, top = [], float(HEIGHT)
    for name in ("accepted", "duplicate", "rejected"):
        count = getattr(day, name)
        if count:
            height = max(count / highest * (HEIGHT - 3 * LEAST), LEAST)
            top -= height
            parts.append(Part(name, f"{top:.1f}", f"{height:.1f}"))
    return tuple(parts)
