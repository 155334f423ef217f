"""A call's tokens as its sender tells them, and as we count them: input with cached, output with reasoning."""

from __future__ import annotations

from typing import NamedTuple


class Tokens(NamedTuple):
    """As we count. Input and output None: usage unknown."""

    input: int | None
    cached: int
    output: int | None
    reasoning: int

    def fields(self) -> dict[str, int | None]:
        """By the names that an event has for them."""
        return {
            "input_tokens": self.input,
            "cached_tokens": self.cached,
            "output_tokens": self.output,
            "reasoning_tokens": self.reasoning,
        }


def counted(
    input_: int | None,
    output: int | None,
    *,
    cache_read: int = 0,
    cache_write: int = 0,
    reasoning: int = 0,
    cache_excluded: bool = False,
) -> Tokens:
    """The tokens of one call. Nothing in and nothing out is what senders write who do not know: unknown, not zero.

    OpenAI's input includes what was cached, Anthropic's does not, and what is between them and us may have added it.
    `cache_excluded` is what the sender is known to do; but **a whole that is smaller than its parts** excludes them,
    whoever the sender is. The same goes for reasoning.
    """
    if not input_ and not output and not cache_read and not cache_write and not reasoning:
        return Tokens(None, 0, None, 0)
    cache = cache_read + cache_write
    if cache and (cache_excluded or (input_ or 0) < cache):
        input_ = (input_ or 0) + cache
    if (output or 0) < reasoning:
        output = (output or 0) + reasoning
    return Tokens(input_, cache_read, output, reasoning)
