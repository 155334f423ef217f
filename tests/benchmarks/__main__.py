"""`make benchmark`, or `python -m tests.benchmarks --help`: the product's speed against baselines of the same run.

Prints Markdown tables; fails only where an answer is wrong. Workspaces are kept in BENCHMARK_DIR (`.local/benchmarks`),
so that a second run starts at once.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from panta_admin.local import environment
from tests.benchmarks import stage

PARTS = ("page", "import", "fold", "export", "people", "deliveries", "limits")


def main() -> None:
    options = _options()
    folder = Path(os.environ.get("BENCHMARK_DIR") or environment.PROJECT / ".local" / "benchmarks").resolve()
    stage.set_up(folder)
    try:
        _run(options, folder)
    finally:
        stage.leave()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--events", type=_sizes, default=[1_000_000, 10_000_000], help="sizes, comma-separated")
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--months", type=int, default=24, help="over which the events are spread")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9, help="runs of each; the best counts")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure only this (may be given again)")
    parser.add_argument("--fresh", action="store_true", help="build the workspaces anew")
    return parser.parse_args()


def _sizes(text: str) -> list[int]:
    return sorted(int(part.replace("_", "")) for part in text.split(","))


def _run(options: argparse.Namespace, folder: Path) -> None:
    from tests.benchmarks import checks, deliveries, exports, folds, imports, page, people
    from tests.benchmarks.workspaces import Size, prepare

    parts = options.only or PARTS
    sizes = [Size(events, options.people, options.months, options.seed) for events in options.events]
    workspaces = (
        [prepare(size, folder, fresh=options.fresh) for size in sizes]
        if set(parts) - {"people", "deliveries", "limits"}
        else []
    )
    compare = {"page": page.compare, "import": imports.compare, "fold": folds.compare, "export": exports.compare}
    compare |= {"people": people.compare, "deliveries": deliveries.compare, "limits": checks.compare}
    print(f"{options.people:,} people, {options.months} months, seed {options.seed}, best of {options.rounds} runs")
    for part in parts:
        compare[part](workspaces, options.rounds)


if __name__ == "__main__":
    main()
