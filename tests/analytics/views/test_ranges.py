"""The range controls: what they show, and what is said about a range that cannot be."""

from __future__ import annotations

import datetime as dt

import pytest

from analytics.periods import Preset
from analytics.views import ranges
from analytics.views.ranges import RangeControls

TODAY = dt.date(2026, 3, 15)


def controls(**asked: str) -> RangeControls:
    parameters = {name.removesuffix("_"): value for name, value in asked.items()}
    return ranges.controls(ranges.select(parameters, TODAY), TODAY)


def test_the_default_is_the_last_30_days() -> None:
    shown = controls()
    assert (shown.label, shown.custom, shown.query) == ("Last 30 days", False, "range=last_30_days")
    assert (shown.date_from, shown.date_to) == ("2026-02-14", "2026-03-15")
    assert [preset.label for preset in shown.presets if preset.current] == ["Last 30 days"]


def test_every_preset_has_a_name_in_the_products_order() -> None:
    assert [preset.value for preset in controls().presets] == list(Preset)
    assert [preset.label for preset in controls().presets] == [
        "Today", "Yesterday", "Last 7 days", "Last 30 days", "Last 90 days",
        "This month", "Last month", "This year", "Last 12 months",
    ]  # fmt: skip


def test_a_custom_range_leads_back_to_itself() -> None:
    shown = controls(from_="2026-03-01", to="2026-03-07")
    assert (shown.label, shown.custom) == ("Custom range", True)
    assert shown.query == shown.explicit_query == "from=2026-03-01&to=2026-03-07"
    assert shown.parameters == {"from": "2026-03-01", "to": "2026-03-07"}
    assert not any(preset.current for preset in shown.presets)


def test_an_export_link_names_the_days_of_a_preset() -> None:
    assert controls(range="last_7_days").explicit_query == "from=2026-03-09&to=2026-03-15"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"range": "last_5_years"}, "There is no range called “last_5_years”."),
        ({"from_": "2026-03-01"}, "A date range needs both a first and a last day."),
        ({"from_": "2026-02-30", "to": "2026-03-01"}, "“2026-02-30” is not a day of the calendar."),
        ({"from_": "2026-03-09", "to": "2026-03-01"}, "The last day is before the first one."),
        ({"from_": "2026-03-16", "to": "2026-03-17"}, "2026-03-16 has not come yet."),
        ({"from_": "1999-12-31", "to": "2026-03-01"}, "1999-12-31 is too early"),
        ({"from_": "2015-01-01", "to": "2026-03-01"}, "A range can be ten years long at most."),
    ],
)
def test_a_range_that_cannot_be_is_explained_and_kept_as_typed(asked: dict[str, str], said: str) -> None:
    shown = controls(**asked)
    assert shown.problem.startswith(said)
    assert (shown.date_from, shown.date_to) == (asked.get("from_", ""), asked.get("to", ""))
    assert shown.query == "range=last_30_days"


def test_a_very_long_value_is_not_repeated_whole() -> None:
    assert controls(range="x" * 5_000).problem == f"There is no range called “{'x' * 39}…”."
