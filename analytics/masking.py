"""Keys in texts that somebody reads or keeps: whatever a request carries where no key belongs may be quoted."""

from __future__ import annotations

import re

PREFIX = "panta_"
_KEY = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{32,}}", re.ASCII)  # one that was cut short gives too much away as well


def masked(text: str) -> str:
    """The text with only the beginning of each key."""
    return _KEY.sub(f"{PREFIX}…", text)
