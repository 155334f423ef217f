"""Nothing goes wrong: what all the faults are compared with, and enough to see a promise that is broken every day."""

from __future__ import annotations

from tests.chaos.scene import Dose, Outcome, Scene
from tests.chaos.stage import Stage


def everyday(stage: Stage, dose: Dose) -> Outcome:
    with Scene(stage, dose, "nothing goes wrong") as scene:
        scene.wait(answers=dose.deliveries)
    return scene.reckoned()
