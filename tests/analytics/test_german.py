"""How German writes figures: on the page, in charts, and that files for machines do not follow."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.template import Context, Template
from django.utils.translation import override

from analytics import charts
from analytics.periods import DayRange
from analytics.templatetags import figures
from tests.analytics import report_factory as make
from tests.analytics import workspace
from tests.analytics.workspace import event
from tests.cast import NOW, Actor
from usermgmt.templatetags import people


@pytest.fixture(autouse=True)
def _german() -> Iterator[None]:
    with override("de"):
        yield


def words(text: str) -> str:
    """The text with ordinary spaces, so that expectations can be read."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (9_999, "9.999"),
        (123_456, "123 Tsd."),
        (1_234_567, "1,2 Mio."),
        (999_999_999, "1,0 Mrd."),
        (3_000_000_000_000, "3,0 Bio."),
        (4_567_000_000_000_000, "4.567 Bio."),
    ],
)
def test_large_numbers(value: int, shown: str) -> None:
    assert words(figures.compact(value)) == shown


def test_round_numbers_beside_an_axis() -> None:
    assert [words(figures.tick(value)) for value in (0, 500, 20_000, 2_500_000, 3 * 10**9)] == [
        "0",
        "500",
        "20 Tsd.",
        "2,5 Mio.",
        "3 Mrd.",
    ]


def test_every_digit_on_hover() -> None:
    html = Template("{% load figures %}{% figure n %}").render(Context({"n": 1_234_567}))
    assert words(html) == '<data value="1234567" title="1.234.567">1,2 Mio.</data>'


def test_shares_and_changes() -> None:
    shares = [words(figures.percent(share)) for share in (0.0001, 0.0123, 0.454)]
    assert shares == ["<0,1 %", "1,2 %", "45 %"]
    assert [words(figures.change(share)) for share in (0.0123, -0.08)] == ["+1,2 %", "−8,0 %"]


def test_durations() -> None:
    spans = (45, 720, 11_520, 187_200)
    assert [words(figures.duration(seconds)) for seconds in spans] == ["45 s", "12 min", "3 h 12 min", "2 T 4 h"]


def test_days_and_ranges() -> None:
    saturday = dt.date(2026, 10, 24)
    assert words(figures.day(saturday)) == "24. Okt. 2026"
    assert words(figures.weekday_year(saturday)) == "Sa, 24. Okt. 2026"
    assert words(figures.day_range(DayRange(saturday, dt.date(2026, 11, 23)))) == "24. Okt. – 22. Nov. 2026, 30 Tage"
    decade = DayRange(dt.date(2016, 12, 1), dt.date(2026, 11, 23))
    assert words(figures.day_range(decade)) == "1. Dez. 2016 – 22. Nov. 2026, 3.644 Tage"
    assert words(figures.day_range(DayRange(saturday, dt.date(2026, 10, 25)))) == "24. Okt. 2026, 1 Tag"


def test_moments_in_the_lists_of_people() -> None:
    assert people.recently(NOW, NOW) == "Heute"
    assert words(people.recently(NOW - dt.timedelta(days=9), NOW)) == "6. März 2026"
    assert people.in_days(NOW + dt.timedelta(days=1), NOW) == "in 1 Tag"
    assert people.in_days(NOW + dt.timedelta(days=6), NOW) == "in 6 Tagen"


# --- Charts -------------------------------------------------------------------------------------------------------


def parsed(figure: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    whole = json.loads(figure)
    return whole["data"], whole["layout"]


def test_the_line_of_active_users() -> None:
    data, layout = parsed(charts.active_users(make.report([2, 0, 3, 1])))
    assert data[-1]["hovertemplate"] == "%{x|%a, %-d. %b %Y}%{customdata}<br>Aktive Nutzer: %{y:,d}<extra></extra>"
    assert data[-1]["customdata"] == ["", "", "", " (bisher)"]
    assert layout["xaxis"]["hoverformat"] == "%a, %-d. %b %Y"
    assert layout["separators"] == ",."


def test_the_ring_of_teams() -> None:
    teams = [make.team(number, f"Team {number}", 100 - number) for number in range(1, 11)]
    report = make.report([1], teams=[*teams, make.team(0, "", 5)])
    assert [part.name for part in charts.team_slices(report)][-2:] == ["Ohne Team", "Übrige (3 Teams)"]
    (pie,), _layout = parsed(charts.token_usage_per_team(report))
    assert words(pie["hovertemplate"]) == "%{text}<br>%{value:,d} Tokens · %{customdata:.1f} %<extra></extra>"


def test_the_bars() -> None:
    report = make.report([1], workflows=[make.workflow(1, "Bericht", 3, deleted=True)], first_value=make.first_value())
    (bars,), _layout = parsed(charts.top_workflows(report))
    assert bars["customdata"][0][0] == "Bericht (gelöscht)"
    assert bars["hovertemplate"].endswith("<br>%{x:,d} Läufe · %{customdata[1]:,d} Tokens<extra></extra>")
    (reached, *_rest), _layout = parsed(charts.time_to_first_value(report))
    assert reached["x"] == ["&lt;1 h", "1–6 h", "6–24 h", "1–3 T", "3–7 T", "ab 7 T", "Nie"]
    assert reached["customdata"][0] == "Nutzen erreicht"


# --- Files for machines -------------------------------------------------------------------------------------------


def rows(actor: Actor, path: str, language: str) -> list[dict[str, str]]:
    response: Any = actor.get(path, headers={"Accept-Language": language})
    return list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode("utf-8-sig"))))


@pytest.mark.django_db
@pytest.mark.usefixtures("frozen_now")
@pytest.mark.parametrize("variant", ["usage", "users", "summary"])
def test_a_file_differs_in_words_alone(administrator: Actor, variant: str) -> None:
    workspace.fold(event(1, tokens=1_234_567, assistant="Α"), event(0, user_id="ann", team="Β", tokens=60))
    path = f"/admin/analytics/export/{variant}/"
    english, german = rows(administrator, path, "en"), rows(administrator, path, "de")
    assert english[0].keys() == german[0].keys()
    spoken = {"team", "item", "definition", "name"}
    for here, there in zip(english, german, strict=True):
        assert {k: v for k, v in here.items() if k not in spoken} == {k: v for k, v in there.items() if k not in spoken}
    assert english != german
