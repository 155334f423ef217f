"""The days of a key as bars: to scale, one part above the other, and nothing too small to be seen."""

from __future__ import annotations

import datetime as dt

from analytics.metrics.keys import DayCounts
from analytics.views.bars import HEIGHT, LEAST, draw

DAY = dt.date(2026, 3, 15)


def parts(*days: DayCounts) -> list[list[tuple[str, float, float]]]:
    return [[(part.name, float(part.y), float(part.height)) for part in bar.parts] for bar in draw(days).bars]


def test_days_without_events_have_no_bar() -> None:
    drawing = draw([DayCounts(day=DAY), DayCounts(3, 0, 0, 0, day=DAY)])
    assert [bar.parts for bar in drawing.bars] == [(), ()]
    assert drawing.highest == 0
    assert draw([]).bars == ()


def test_the_busiest_day_fills_the_height_and_others_are_to_scale() -> None:
    room = HEIGHT - 3 * LEAST
    assert parts(DayCounts(1, 60, 0, 0, day=DAY), DayCounts(1, 30, 0, 0, day=DAY)) == [
        [("accepted", HEIGHT - room, room)],
        [("accepted", HEIGHT - room / 2, room / 2)],
    ]


def test_the_parts_of_a_day_stand_one_above_the_other() -> None:
    ((accepted, duplicate, rejected),) = parts(DayCounts(1, 30, 20, 10, day=DAY))
    assert [accepted[0], duplicate[0], rejected[0]] == ["accepted", "duplicate", "rejected"]
    assert accepted[1] + accepted[2] == HEIGHT
    assert duplicate[1] + duplicate[2] == accepted[1]
    assert rejected[1] + rejected[2] == duplicate[1]


def test_one_rejected_event_among_millions_is_seen_and_nothing_sticks_out() -> None:
    ((_accepted, duplicate, rejected),) = parts(DayCounts(1, 5_000_000, 1, 1, day=DAY))
    assert (duplicate[2], rejected[2]) == (LEAST, LEAST)
    assert rejected[1] >= 0


def test_bars_stand_side_by_side() -> None:
    drawing = draw([DayCounts(day=DAY)] * 14)
    assert [bar.x for bar in drawing.bars][:3] == [4, 24, 44]
    assert drawing.width == 280
