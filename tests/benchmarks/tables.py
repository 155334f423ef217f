"""Results as Markdown tables, printed as soon as they are known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Cell = str | int | float


def show(title: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    lines = [[_text(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *lines, strict=True)]
    rule = ["-" * (width - 1) + ":" if place else "-" * width for place, width in enumerate(widths)]
    print(f"\n### {title}\n")
    for line in (list(columns), rule, *lines):
        cells = (
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        print(f"| {' | '.join(cells)} |")
    print(flush=True)


def times(candidate: float, baseline: float) -> str:
    """How many times the baseline's time (or rate) the candidate's is."""
    return f"{candidate / baseline:.2f} ×" if candidate < baseline * 10 else f"{candidate / baseline:,.0f} ×"


def _text(cell: Cell) -> str:
    if isinstance(cell, float):
        return f"{cell:,.1f}"
    return f"{cell:,}" if isinstance(cell, int) else cell
