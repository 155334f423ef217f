"""Figures against numbers set down by hand: what a figure shows, in which order, and that names stay text."""

from __future__ import annotations

import json
import re
from typing import Any

import plotly.graph_objects as go
import pytest
from django.utils.translation import override

from analytics import charts
from analytics.metrics.figures import Bucket, PeriodTotals, TimeToFirstValue
from analytics.templatetags.figures import tick
from tests.analytics import report_factory as make

XSS = "<a href=javascript:alert(1)>Fine & good</a>"
LITERAL = "&lt;a href=javascript:alert(1)&gt;Fine &amp; good&lt;/a&gt;"


def parsed(figure: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    whole = json.loads(figure)
    return whole["data"], whole["layout"]


def slices(*teams: Any) -> list[tuple[str, int]]:
    return [(part.name, part.tokens) for part in charts.team_slices(make.report([1], teams=teams))]


def test_active_users_have_a_point_for_every_day_zeros_included() -> None:
    (line, *_rest), _layout = parsed(charts.active_users(make.report([2, 0, 3, 1])))
    assert line["x"] == ["2026-11-19", "2026-11-20", "2026-11-21"]
    assert line["y"] == [2, 0, 3]


def test_today_hangs_on_the_line_by_dashes_and_is_hollow() -> None:
    (_line, dashes, dot, hover), _layout = parsed(charts.active_users(make.report([2, 0, 3, 1])))
    assert dashes["x"] == ["2026-11-21", "2026-11-22"]
    assert dashes["y"] == [3, 1]
    assert dashes["line"]["dash"] == "dot"
    assert (dot["x"], dot["y"]) == (["2026-11-22"], [1])
    assert dot["marker"]["color"] == "var(--surface)"
    assert hover["customdata"] == ["", "", "", " (so far)"]


def test_the_hover_tells_each_day_once() -> None:
    data, _layout = parsed(charts.active_users(make.report([2, 0, 3, 1])))
    told = [trace for trace in data if trace.get("hoverinfo") != "skip"]
    assert [trace["y"] for trace in told] == [[2, 0, 3, 1]]


def test_today_alone_is_one_hollow_point() -> None:
    (line, dashes, dot, _hover), layout = parsed(charts.active_users(make.report([4])))
    assert line["x"] == []
    assert dashes["x"] == dot["x"] == ["2026-11-22"]
    assert layout["xaxis"]["range"] == ["2026-11-21T12:00:00", "2026-11-22T12:00:00"]


def test_few_people_make_an_axis_of_whole_people() -> None:
    _data, layout = parsed(charts.active_users(make.report([1, 2, 1])))
    assert layout["yaxis"]["dtick"] == 1


def test_a_long_range_has_every_day_and_no_dots() -> None:
    (line, *_rest), _layout = parsed(charts.active_users(make.report([1] * 3660)))
    assert len(line["x"]) == 3659
    assert line["mode"] == "lines"


@pytest.mark.parametrize("build", [charts.active_users, charts.token_usage_per_team, charts.top_workflows])
def test_an_empty_range_has_no_figure(build: Any) -> None:
    assert build(make.report()) == ""


def test_eight_teams_are_eight_slices() -> None:
    teams = [make.team(place, f"T{place}", 100 - place) for place in range(1, 9)]
    assert slices(*teams) == [(f"T{place}", 100 - place) for place in range(1, 9)]


def test_the_ninth_team_and_all_after_it_are_one_slice_that_counts_them() -> None:
    teams = [make.team(place, f"T{place}", 100 - place) for place in range(1, 12)]
    assert slices(*teams)[7:] == [("T8", 92), ("Other (3 teams)", 91 + 90 + 89)]


def test_one_left_over_team_is_said_in_the_singular() -> None:
    teams = [make.team(place, f"T{place}", 100 - place) for place in range(1, 10)]
    assert slices(*teams)[-1] == ("Other (1 team)", 91)


def test_no_team_is_its_own_slice_however_small() -> None:
    teams = [make.team(place, f"T{place}", 100 - place) for place in range(1, 10)]
    assert slices(*teams, make.team(0, "", 1))[6:] == [("T7", 93), ("No team", 1), ("Other (2 teams)", 92 + 91)]


def test_slices_sum_exactly_to_the_tokens_of_the_range() -> None:
    teams = [make.team(place, f"T{place}", 10**12 + place) for place in range(40)]
    report = make.report([1], teams=teams)
    assert sum(part.tokens for part in charts.team_slices(report)) == report.totals.tokens == 40 * 10**12 + 780
    (pie,), _layout = parsed(charts.token_usage_per_team(report))
    assert sum(pie["values"]) == report.totals.tokens


def test_a_team_without_tokens_has_no_slice() -> None:
    assert slices(make.team(1, "A", 5), make.team(2, "B", 0)) == [("A", 5)]


def test_teams_of_the_same_name_stay_apart() -> None:
    report = make.report([1], teams=[make.team(1, "Design", 7), make.team(2, "Design", 5, deleted=True)])
    (pie,), _layout = parsed(charts.token_usage_per_team(report))
    assert (pie["labels"], pie["values"], pie["text"]) == (["0", "1"], [7, 5], ["Design", "Design (deleted)"])


def test_the_ten_most_run_workflows_are_shown_in_the_reports_order() -> None:
    workflows = [make.workflow(place, f"W{place}", 50 - place, tokens=place) for place in range(1, 13)]
    (bars,), layout = parsed(charts.top_workflows(make.report([1], workflows=workflows)))
    assert bars["x"] == list(range(49, 39, -1))
    assert layout["yaxis"]["ticktext"] == [f"W{place}" for place in range(1, 11)]
    assert layout["yaxis"]["range"][0] > layout["yaxis"]["range"][1]  # the first bar is on top


def test_long_names_are_abbreviated_on_the_axis_and_whole_on_hover() -> None:
    name = "Quarterly compliance report for every region"
    workflows = [make.workflow(1, name, 9, deleted=True), make.workflow(2, name + " II", 8), make.workflow(0, "", 7)]
    (bars,), layout = parsed(charts.top_workflows(make.report([1], workflows=workflows)))
    assert layout["yaxis"]["ticktext"] == [
        "Quarterly compl… (deleted)",
        "Quarterly compliance repo…",
        "Unnamed workflow",
    ]
    assert [row[0] for row in bars["customdata"]] == [f"{name} (deleted)", f"{name} II", "Unnamed workflow"]


def test_workflows_that_only_used_tokens_have_no_bar() -> None:
    assert charts.top_workflows(make.report([1], workflows=[make.workflow(1, "Preview", 0, tokens=50)])) == ""


def test_first_value_has_every_bucket_and_never_in_two_parts() -> None:
    data, _layout = parsed(charts.time_to_first_value(make.report([1], first_value=make.first_value())))
    reached, old, recent, totals = data
    assert reached["x"] == ["&lt;1h", "1–6h", "6–24h", "1–3d", "3–7d", "7+d", "Never"]
    assert reached["y"] == [10, 16, 7, 4, 3, 1, 0]
    assert old["y"] == [0, 0, 0, 0, 0, 0, 6]
    assert recent["y"] == [0, 0, 0, 0, 0, 0, 5]
    assert totals["y"] == [10, 16, 7, 4, 3, 1, 11]


def test_first_value_without_anyone_reached_still_shows_never() -> None:
    answer = TimeToFirstValue({Bucket.NEVER: 2}, 2, 0, None, 2, 0, 0)
    data, _layout = parsed(charts.time_to_first_value(make.report([1], first_value=answer)))
    assert data[3]["y"] == [0, 0, 0, 0, 0, 0, 2]


def test_names_are_shown_literally() -> None:
    report = make.report([1], teams=[make.team(1, XSS, 5)], workflows=[make.workflow(1, XSS, 5)])
    (pie,), _layout = parsed(charts.token_usage_per_team(report))
    (bars,), layout = parsed(charts.top_workflows(report))
    assert pie["text"] == [LITERAL]
    assert bars["customdata"][0][0] == LITERAL
    assert layout["yaxis"]["ticktext"][0].startswith("&lt;a href=")


def test_colours_are_tokens_or_transparent() -> None:
    report = make.report(
        [1, 2],
        teams=[make.team(1, "A", 5), make.team(0, "", 5)],
        workflows=[make.workflow(1, "A", 5)],
        first_value=make.first_value(),
    )
    for build in (charts.active_users, charts.token_usage_per_team, charts.top_workflows, charts.time_to_first_value):
        assert not re.search(r"#[0-9a-f]{3,8}\b", build(report))


def test_plotly_knows_every_property_of_every_figure() -> None:
    report = make.report(
        [1, 2],
        teams=[make.team(1, "A", 5), make.team(0, "", 5)],
        workflows=[make.workflow(1, "A", 5)],
        first_value=make.first_value(),
    )
    for build in (charts.active_users, charts.token_usage_per_team, charts.top_workflows, charts.time_to_first_value):
        figure = json.loads(re.sub(r"var\(--[\w-]+\)", "black", build(report)))  # tokens are looked up by the wrapper
        go.Figure(figure)


def test_numbers_travel_as_lists() -> None:
    figure = charts.active_users(make.report([3_000_000_000_000] * 30))
    assert "bdata" not in figure
    assert parsed(figure)[0][0]["y"][0] == 3_000_000_000_000


@pytest.mark.parametrize(
    ("tokens", "budget", "marks"),
    [
        (1, None, ["0", "1"]),
        (7, None, ["0", "2", "4", "6"]),
        (51_000, 100_000, ["0", "20 K", "40 K", "60 K", "80 K", "100 K"]),
        (123_456_789, None, ["0", "50 M", "100 M"]),
        (12_000_000, 8_000_000, ["0", "5 M", "10 M"]),
        (3_000_000_000_000, None, ["0", "1 T", "2 T", "3 T"]),
    ],
)
def test_the_axis_of_tokens_has_round_marks_in_words(tokens: int, budget: int | None, marks: list[str]) -> None:
    bars = [charts.PeriodBar("Mar", "Mar", tokens, is_present=True)]
    _data, layout = parsed(charts.tokens_per_period(bars, budget, tick))
    axis = layout["yaxis"]
    assert [mark.replace("\N{NO-BREAK SPACE}", " ") for mark in axis["ticktext"]] == marks
    assert axis["tickvals"][-1] <= max(tokens, budget or 0)


def test_separators_are_the_languages() -> None:
    report = make.report([2, 3])
    with override("de"):
        assert parsed(charts.active_users(report))[1]["separators"] == ",."
    with override("en"):
        assert parsed(charts.active_users(report))[1]["separators"] == ".,"


def test_tokens_of_calls_alone_make_slices_without_requests() -> None:
    totals = PeriodTotals(input_tokens=9)
    report = make.report([0], teams=[make.team(1, "A", 9, requests=0)], totals=totals)
    assert [(part.name, part.share) for part in charts.team_slices(report)] == [("A", 1.0)]
