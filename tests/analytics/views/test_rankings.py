"""The ranking of assistants: ten rows or all, and how each compares."""

from __future__ import annotations

from analytics.views.rankings import top_assistants
from tests.analytics import report_factory as make


def test_ten_rows_are_shown_and_the_rest_is_counted() -> None:
    report = make.report([1], assistants=[make.assistant(place, f"A{place}", 50 - place) for place in range(1, 13)])
    ranking = top_assistants(report, whole=False)
    assert [row.rank for row in ranking.rows] == list(range(1, 11))
    assert (ranking.count, ranking.hidden) == (12, 2)
    assert len(top_assistants(report, whole=True).rows) == 12


def test_bars_compare_with_the_first_and_shares_with_all_tokens() -> None:
    assistants = [make.assistant(1, "A", 300, requests=4), make.assistant(2, "B", 100, requests=0)]
    first, second = top_assistants(make.report([1], assistants=assistants), whole=False).rows
    assert (first.length, second.length) == (1.0, 1 / 3)
    assert (first.share, second.share) == (300 / 1100, 100 / 1100)  # one person's day: 1,100 tokens
    assert (first.tokens_per_request, second.tokens_per_request) == (75.0, None)


def test_assistants_without_tokens_have_no_bar() -> None:
    (row,) = top_assistants(make.report([0], assistants=[make.assistant(1, "A", 0)]), whole=False).rows
    assert (row.share, row.length) == (0.0, 0.0)
