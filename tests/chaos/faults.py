"""Every fault by the name that it is told under, in the order in which the long run lets them happen."""

from __future__ import annotations

from collections.abc import Callable

from tests.chaos.burst_faults import burst, senders_stall
from tests.chaos.calendar_faults import odd_times
from tests.chaos.database_faults import database_restarts
from tests.chaos.disk_faults import can_mount, disk_is_full, log_is_full
from tests.chaos.everyday import everyday
from tests.chaos.line_faults import line_is_cut
from tests.chaos.redis_faults import TROUBLES, redis_in_trouble
from tests.chaos.release_faults import release_is_migrated
from tests.chaos.scene import Dose, Outcome
from tests.chaos.stage import Stage
from tests.chaos.worker_faults import killed_in_mid_fold, many_folders

Fault = Callable[[Stage, Dose], Outcome]


def _redis(trouble: str) -> Fault:
    return lambda stage, dose: redis_in_trouble(stage, dose, trouble)


_NEED_A_MOUNT: dict[str, Fault] = {
    "F4 disk full": disk_is_full,
    "F4 disk full, the log's too": log_is_full,
}
FAULTS: dict[str, Fault] = {
    "nothing goes wrong": everyday,
    **{f"F1 Redis {trouble}": _redis(trouble) for trouble in TROUBLES},
    "F2 worker and beat killed in mid-fold": killed_in_mid_fold,
    "F2 one task ten times, four workers, two beats": many_folders,
    "F3 database restarts at once": database_restarts,
    **(_NEED_A_MOUNT if can_mount() else {}),
    "F5 line cut": line_is_cut,
    "F6 late, future, 23 and 25 hours": odd_times,
    "F7 ten times the load": burst,
    "F7 senders stall": senders_stall,
    "F12 migrate while usage comes in": release_is_migrated,
}
