"""F1: Redis stopped, hung, full or emptied costs freshness only. Pages, sign-in and ingest go on, no slower."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import redis

from tests.chaos.scene import Dose, Outcome, Scene, check_not_slower
from tests.chaos.stage import Stage, until
from tests.chaos.visitor import Visitor
from tests.chaos.worker_faults import stuck_fold


@contextmanager
def _emptied(stage: Stage) -> Iterator[None]:
    with redis.Redis.from_url(stage.valkey.address) as server:
        server.flushall()
        yield
        server.flushall()


@contextmanager
def _full(stage: Stage) -> Iterator[None]:
    with redis.Redis.from_url(stage.valkey.address) as server:
        server.config_set("maxmemory-policy", "noeviction")
        server.config_set("maxmemory", 1)
        try:
            yield
        finally:
            server.config_set("maxmemory", 0)


@contextmanager
def _hung(stage: Stage) -> Iterator[None]:
    stage.signal_server("valkey", signal.SIGSTOP)
    try:
        yield
    finally:
        stage.signal_server("valkey", signal.SIGCONT)


@contextmanager
def _stopped(stage: Stage) -> Iterator[None]:
    """Ended while the worker both has a task under way and waits for the next message: what it survives least."""
    with stuck_fold(stage, "rollup_state"):
        stage.end_server("valkey", signal.SIGKILL)
    try:
        yield
    finally:
        stage.start_server("valkey")


TROUBLES: dict[str, Callable[[Stage], AbstractContextManager[None]]] = {
    "emptied": _emptied,
    "full": _full,
    "hung": _hung,
    "stopped": _stopped,
}


def redis_in_trouble(stage: Stage, dose: Dose, *troubles: str) -> Outcome:
    """One trouble after the other, and after the last one worker and beat find back to each other by themselves."""
    with Scene(stage, dose, f"redis {', '.join(troubles)}") as scene:
        said = [_in_trouble(scene, trouble) for trouble in troubles]
    assert {answer.status for answer in scene.reader.answers} == {200}
    assert set(scene.ledger.statuses()) <= {200, 503}, (scene.ledger.statuses(), stage.log("web"))
    _folded_again(stage)
    return scene.reckoned("; ".join(said), alone=True)


def _in_trouble(scene: Scene, trouble: str) -> str:
    calm = scene.wait()
    with TROUBLES[trouble](scene.stage):
        troubled = scene.wait()
        _sign_in_and_refresh(scene)
    page = check_not_slower("page", scene.pages(calm), scene.pages(troubled))
    return f"{page}, {check_not_slower('ingest', scene.deliveries(calm), scene.deliveries(troubled))}"


def _sign_in_and_refresh(scene: Scene) -> None:
    """Both need no Redis; *Refresh* folds by itself what no worker is told to."""
    assert Visitor(scene.stage.url).sign_in().status == 200
    before = _folded_until(scene.stage)
    assert scene.visitor.get().status == 200
    assert scene.visitor.post("/admin/analytics/refresh/", range="last_30_days").status == 200
    assert _folded_until(scene.stage) > before


def _folded_until(stage: Stage) -> str:
    """`as_of` and version of the rollups, as a text that grows."""
    found = stage.query("SELECT to_char(as_of, 'YYYY-MM-DD HH24:MI:SS.US'), version FROM rollup_state")
    return f"{found[0][0]} {found[0][1]:09}" if found else ""


def _folded_again(stage: Stage) -> None:
    """Worker and beat have found back to each other by themselves."""
    since = _folded_until(stage)
    until(lambda: _folded_until(stage) > since, "beat and worker fold again")
