"""What stands on the five cards, as numbers."""

from __future__ import annotations

import pytest

from analytics.metrics.figures import PeriodTotals
from analytics.views.cards import Change, cards, sparkline
from tests.analytics import report_factory as make


def test_the_cards_come_in_their_order_with_their_values() -> None:
    report = make.report([2, 3], totals=PeriodTotals(requests=9, input_tokens=70, output_tokens=7, active_users=4))
    assert [(name, card.value) for name, card in cards(report).items()] == [
        ("total_users", 52),
        ("tokens", 77),
        ("workflows", 15),
        ("assistants", 30),
        ("requests", 9),
    ]


def test_changes_are_of_what_happened_in_the_range() -> None:
    now = PeriodTotals(requests=9, assistant_requests=5, workflow_requests=1, input_tokens=70, active_users=4)
    before = PeriodTotals(requests=3, assistant_requests=2, workflow_requests=1, input_tokens=7, active_users=8)
    changes = {name: card.change for name, card in cards(make.report([1], totals=now, previous=before)).items()}
    assert changes == {
        "total_users": Change(4, 8),
        "tokens": Change(70, 7),
        "workflows": Change(1, 1),
        "assistants": Change(5, 2),
        "requests": Change(9, 3),
    }


@pytest.mark.parametrize(
    ("now", "before", "direction", "share"),
    [
        (3, 2, "up", 0.5),
        (1, 2, "down", -0.5),
        (0, 2, "down", -1.0),
        (2, 0, "new", 0.0),
        (0, 0, "same", 0.0),
        (5, 5, "same", 0.0),
    ],
)
def test_a_change_is_never_infinite(now: int, before: int, direction: str, share: float) -> None:
    assert (Change(now, before).direction, Change(now, before).share) == (direction, share)


def test_a_sparkline_stands_on_zero_and_reaches_its_highest() -> None:
    assert sparkline([0, 5, 10]) == "0.0,26.0 50.0,14.0 100.0,2.0"


@pytest.mark.parametrize("values", [[], [7], [0, 0, 0]])
def test_there_is_no_line_where_it_would_say_nothing(values: list[int]) -> None:
    assert sparkline(values) == ""


def test_long_courses_are_drawn_in_equal_stretches_that_end_with_the_last_day() -> None:
    points = sparkline([9] + [1] * 120).split()  # 121 days in stretches of 3: the first day fills none
    assert len(points) == 40
    assert {point.split(",")[1] for point in points} == {"2.0"}


def test_today_is_left_out_of_the_sparkline() -> None:
    (line,) = {card.spark for card in cards(make.report([4, 8, 1])).values()}
    assert line == "0.0,14.0 100.0,2.0"
