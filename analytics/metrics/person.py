"""One person's usage, for the pages of User management: what `usermgmt.usage` asks."""

from __future__ import annotations

import datetime as dt

from analytics.rollups import state


def recent_since() -> dt.date | None:
    """First day of the sums in person_recent; None where there are none. One query."""
    return state.recent_since()
