"""The range controls: what was asked for in the URL, and the presets to choose from.

In: the URL's parameters and today. Out: a `Selection` of `periods`, and `RangeControls` for the template.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics import periods
from analytics.labels import range_problem
from analytics.periods import Preset, Selection

PRESET_LABELS = {
    Preset.TODAY: gettext_lazy("Today"),
    Preset.YESTERDAY: gettext_lazy("Yesterday"),
    Preset.LAST_7_DAYS: gettext_lazy("Last 7 days"),
    Preset.LAST_30_DAYS: gettext_lazy("Last 30 days"),
    Preset.LAST_90_DAYS: gettext_lazy("Last 90 days"),
    Preset.THIS_MONTH: gettext_lazy("This month"),
    Preset.LAST_MONTH: gettext_lazy("Last month"),
    Preset.THIS_YEAR: gettext_lazy("This year"),
    Preset.LAST_12_MONTHS: gettext_lazy("Last 12 months"),
}


@dataclass(frozen=True, slots=True)
class PresetChoice:
    value: str
    label: str
    query: str
    current: bool


@dataclass(frozen=True, slots=True)
class RangeControls:
    """`query` leads back to this range; `explicit_query` to the same days, whatever day it will be then."""

    label: str  # of the chosen preset; "Custom range" without one
    custom: bool
    presets: tuple[PresetChoice, ...]
    parameters: dict[str, str]
    query: str
    explicit_query: str
    date_from: str
    date_to: str
    earliest: str
    latest: str
    problem: str


def select(asked: Mapping[str, str], today: dt.date) -> Selection:
    """The selection of the URL parameters `range`, `from` and `to`."""
    return periods.select(asked.get("range", ""), asked.get("from", ""), asked.get("to", ""), today)


def controls(selection: Selection, today: dt.date) -> RangeControls:
    """What the range controls show for `selection`; dates that were typed wrong stay as they were typed."""
    days = selection.days
    explicit = {"from": days.start.isoformat(), "to": days.last.isoformat()}
    return RangeControls(
        label=str(PRESET_LABELS[selection.preset]) if selection.preset else _("Custom range"),
        custom=selection.preset is None,
        presets=tuple(
            PresetChoice(preset, str(label), urlencode({"range": preset}), preset is selection.preset)
            for preset, label in PRESET_LABELS.items()
        ),
        parameters=selection.query,
        query=urlencode(selection.query),
        explicit_query=urlencode(explicit),
        date_from=selection.asked_from if selection.problem else explicit["from"],
        date_to=selection.asked_to if selection.problem else explicit["to"],
        earliest=periods.EARLIEST.isoformat(),
        latest=today.isoformat(),
        problem=range_problem(selection.problem) if selection.problem else "",
    )
