"""The sums of the last days by person: the fold adds to them; here the day that they begin with moves along.

They are sums of daily_user, from `RollupState.recent_since` on. Where nobody has said that day yet there are none.
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from analytics.models.locks import Lock, try_hold
from analytics.rollups import state
from analytics.rollups.definitions import RECENT
from analytics.rollups.repair import repair


def begin_with(day: dt.date) -> bool:
    """Makes the sums those of the days from `day` on; whether they are now. Not while somebody else is folding.

    Once a day all of daily_user is read; on every other call one row.
    """
    if state.recent_since() == day:
        return True
    with transaction.atomic():
        if not try_hold(Lock.FOLD):
            return False
        state.write_recent_since(day)
        repair_sums()
    return True


def repair_sums() -> int:
    """Makes person_recent what daily_user says; returns how many rows were not. The caller holds the fold's lock."""
    return repair(RECENT.table, tuple(RECENT.keys), RECENT.select("daily_user"))
