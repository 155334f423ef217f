"""A call's tokens: what is part of what, whoever tells."""

from __future__ import annotations

from typing import Any

import pytest

from analytics.ingest.tokens import Tokens, counted


@pytest.mark.parametrize(
    ("input_", "output", "said", "tokens"),
    [
        (100, 20, {}, (100, 0, 20, 0)),
        (100, 20, {"cache_read": 80}, (100, 80, 20, 0)),  # OpenAI: part of the input
        (10, 20, {"cache_read": 80, "cache_write": 5}, (95, 80, 20, 0)),  # Anthropic: beside it
        (100, 20, {"cache_read": 80, "cache_excluded": True}, (180, 80, 20, 0)),
        (85, 20, {"cache_read": 80, "cache_write": 5}, (85, 80, 20, 0)),
        (84, 20, {"cache_read": 80, "cache_write": 5}, (169, 80, 20, 0)),
        (None, 20, {"cache_read": 80}, (80, 80, 20, 0)),
        (100, 20, {"reasoning": 20}, (100, 0, 20, 20)),
        (100, 20, {"reasoning": 21}, (100, 0, 41, 21)),
        (100, None, {}, (100, 0, None, 0)),
        (100, 0, {"cache_excluded": True}, (100, 0, 0, 0)),
    ],
)
def test_a_whole_holds_its_parts(
    input_: int | None, output: int | None, said: dict[str, Any], tokens: tuple[int | None, int, int | None, int]
) -> None:
    assert counted(input_, output, **said) == Tokens(*tokens)


@pytest.mark.parametrize(("input_", "output"), [(None, None), (0, 0), (0, None), (None, 0)])
def test_nothing_in_and_nothing_out_is_unknown_and_not_zero(input_: int | None, output: int | None) -> None:
    assert counted(input_, output) == Tokens(None, 0, None, 0)
