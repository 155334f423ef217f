"""F3: PostgreSQL ends at once under load. 503 with Retry-After while it is away, and the next request is fine."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.chaos.gateways import PATHS, Gateways
from tests.chaos.load import Answer, Line
from tests.chaos.scene import Dose, Outcome, Scene, usage_of
from tests.chaos.stage import WEB_THREADS, Stage

AWAY_S = 0.7


def database_restarts(stage: Stage, dose: Dose) -> Outcome:
    """Immediate shutdowns: no transaction is ended, no client is told; what was committed is in the log on disk.

    Usage comes in by every door meanwhile.
    """
    fault = "database restarts at once"
    restarts, refused = 0, 0
    with Scene(stage, dose, fault) as scene, Gateways(stage, usage_of(f"{fault} (gateways)", dose.seed), scene.ledger):
        end = time.monotonic() + dose.seconds
        while not restarts or time.monotonic() < end:
            scene.wait(0.5)
            with _away(stage):
                refused += _check_away(scene, scene.wait(AWAY_S))
            _check_back(scene)
            restarts += 1
    doors = {scene.ledger.sent[event_id].source for event_id in scene.ledger.acknowledged}
    assert doors >= set(PATHS), doors
    return scene.reckoned(f"{restarts} restarts, {refused} times 503")


@contextmanager
def _away(stage: Stage) -> Iterator[None]:
    stage.end_server("postgres", signal.SIGQUIT)
    try:
        yield
    finally:
        stage.start_server("postgres")


def _check_away(scene: Scene, away: tuple[float, float]) -> int:
    """How often 503 was said to whoever came while it was away."""
    delivered = Line(scene.stage.port, scene.stage.key).post(b"[]")
    seen = [*scene.deliveries(away), *scene.pages(away), delivered, scene.visitor.get()]
    wrong = [answer for answer in seen if answer.status != 503 or not answer.retry_after.isdecimal()]
    assert not wrong, wrong[:3]
    return len(seen)


def _check_back(scene: Scene) -> None:
    """Every web thread finds out by itself that its connection is gone."""
    lines = [Line(scene.stage.port, scene.stage.key) for _ in range(WEB_THREADS)]
    answers = [line.post(b"[]") for line in lines] + [scene.visitor.get() for _ in range(WEB_THREADS)]
    wrong = [answer for answer in answers if answer.status != 200 and not _is_full_house(answer)]
    assert not wrong, wrong[:3]
    for line in lines:
        line.close()


def _is_full_house(answer: Answer) -> bool:
    """The clients are there too: more deliveries than one process takes at a time are asked to come again."""
    return answer.status == 503 and b"at once" in answer.body
