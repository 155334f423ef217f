"""`make chaos`, or `python -m tests.chaos --help`: every fault for long, then the mutants that have to be seen.

Prints what was lost, duplicated and counted in the wrong bucket. Ends with 1 if anything was, if somebody was answered
what nobody should be, or if a mutant got away.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import TYPE_CHECKING

from tests.benchmarks.tables import Cell, show
from tests.chaos.stage import opened

if TYPE_CHECKING:
    from tests.chaos.faults import Fault
    from tests.chaos.scene import Dose

Row = tuple[Cell, ...]

MUTANTS_S = 2.0  # enough for each; what only a race shows is tried with several seeds


def main() -> None:
    options = _options()
    _set_up()
    failures = _faults(options) + ([] if options.no_mutants else _mutants(options))
    print(f"{len(failures)} failures:" if failures else "Every promise was kept.", *failures, sep="\n- ")
    sys.exit(bool(failures))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of events, batches and moments; default: 1")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each trouble lasts; default: 20")
    parser.add_argument("--only", default="", metavar="TEXT", help="only faults and mutants with this in their names")
    parser.add_argument("--no-mutants", action="store_true", help="do not show that broken promises are seen")
    return parser.parse_args()


def _set_up() -> None:
    """Settings for this process, which asks the stages' servers by addresses of their own."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.typing_settings"
    import django

    django.setup()


def _faults(options: argparse.Namespace) -> list[str]:
    from tests.chaos.disk_faults import can_mount
    from tests.chaos.faults import FAULTS
    from tests.chaos.scene import Dose

    dose = Dose(options.seed, options.seconds, deliveries=300)
    rows: list[Row] = []
    failures = [
        failure for name, fault in FAULTS.items() if options.only in name for failure in _fault(name, fault, dose, rows)
    ]
    columns = ("fault", "events", "lost", "duplicated", "wrong bucket", "seconds", "seen")
    show(f"Faults, seed {options.seed}, each for {options.seconds:g} s or longer", columns, rows)
    if not can_mount():
        print("F4, a full disk, was left out: it takes root to mount a small one.")
    return failures


def _fault(name: str, fault: Fault, dose: Dose, rows: list[Row]) -> list[str]:
    """Lets it happen on a stage of its own, and adds a row; what went wrong, if anything."""
    print(f"… {name}", file=sys.stderr, flush=True)
    began = time.monotonic()
    try:
        with opened() as stage:
            outcome = fault(stage, dose)
    except AssertionError as broken:
        rows.append((name, "", "", "", "", time.monotonic() - began, "FAILED"))
        return [f"{name}: {broken}"]
    found = outcome.reckoning
    rows.append((name, found.events, found.lost, found.duplicated, found.wrong, time.monotonic() - began, outcome.note))
    return [] if found.is_clean else [f"{name}: {found.examples}"]


def _mutants(options: argparse.Namespace) -> list[str]:
    from tests.chaos.catching import CATCHERS, catch
    from tests.chaos.scene import Dose

    rows: list[Row] = []
    failures: list[str] = []
    for mutant in (name for name in CATCHERS if options.only in name):
        print(f"… mutant: {mutant}", file=sys.stderr, flush=True)
        caught = catch(mutant, Dose(options.seed, MUTANTS_S))
        found = caught.outcome.reckoning
        rows.append(
            (mutant, found.lost, found.duplicated, found.wrong, caught.attempts, "NO" if found.is_clean else "yes")
        )
        failures += [f"the mutant “{mutant}” was not caught"] if found.is_clean else []
    show("Mutants", ("mutant", "lost", "duplicated", "wrong bucket", "attempts", "caught"), rows)
    return failures


if __name__ == "__main__":
    main()
