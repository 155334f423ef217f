"""Every way a figure is written, with its edges, in two languages."""

from __future__ import annotations

import datetime as dt

import pytest
from django.template import Context, Template
from django.utils.translation import override

from analytics.periods import DayRange
from analytics.templatetags import figures, prose
from tests.analytics import report_factory as make


def words(text: str) -> str:
    """The text with ordinary spaces, so that expectations can be read."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (9_999, "9,999"),
        (99_999, "99,999"),
        (100_000, "100 K"),
        (123_456, "123 K"),
        (999_499, "999 K"),
        (999_500, "1.0 M"),
        (1_234_567, "1.2 M"),
        (12_345_678, "12.3 M"),
        (99_949_999, "99.9 M"),
        (99_950_000, "100 M"),
        (999_999_999, "1.0 B"),
        (3_000_000_000_000, "3.0 T"),
        (4_567_000_000_000_000, "4,567 T"),
        (-123_456, "-123 K"),
    ],
)
def test_large_numbers_are_compact(value: int, shown: str) -> None:
    assert words(figures.compact(value)) == shown


def test_numbers_follow_the_language() -> None:
    with override("de"):
        assert words(figures.exact(1_234_567)) == "1.234.567"
        assert words(figures.compact(9_876)) == "9.876"


def test_a_compact_figure_tells_every_digit_on_hover() -> None:
    html = Template("{% load figures %}{% figure n %}").render(Context({"n": 1_234_567}))
    assert words(html) == '<data value="1234567" title="1,234,567">1.2 M</data>'


def test_a_figure_with_every_digit_needs_no_hover() -> None:
    assert Template("{% load figures %}{% figure n %}").render(Context({"n": 1234})) == "1,234"


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (0, "0 %"),
        (0.0001, "<0.1 %"),
        (0.0005, "0.1 %"),
        (0.0123, "1.2 %"),
        (0.05, "5.0 %"),
        (0.0995, "10 %"),
        (0.454, "45 %"),
        (0.999, ">99 %"),
        (0.9949, "99 %"),
        (1, "100 %"),
    ],
)
def test_shares_are_percent_and_never_rounded_to_nothing_or_all(share: float, shown: str) -> None:
    assert words(figures.percent(share)) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (0.12, "+12 %"),
        (-0.08, "−8.0 %"),
        (0.0996, "+10 %"),
        (0.0001, "±0 %"),
        (-1, "−100 %"),
        (9.99, "+999 %"),
        (12.5, ">999 %"),
    ],
)
def test_changes_have_a_sign(share: float, shown: str) -> None:
    assert words(figures.change(share)) == shown


def test_a_drawn_length_is_the_same_in_every_language() -> None:
    with override("de"):
        assert figures.hundredths(0.125) == "12.5"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (45, "45 s"),
        (59.6, "1 m"),
        (720, "12 m"),
        (3_600, "1 h"),
        (11_520, "3 h 12 m"),
        (86_390, "1 d"),
        (187_200, "2 d 4 h"),
        (14 * 86_400 + 7_200, "14 d"),
        (200 * 86_400, "200 d"),
    ],
)
def test_durations_have_their_two_largest_units(seconds: float, shown: str) -> None:
    assert words(figures.duration(seconds)) == shown


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        (dt.date(2026, 10, 24), dt.date(2026, 11, 23), "24 Oct – 22 Nov 2026, 30 days"),
        (dt.date(2026, 11, 22), dt.date(2026, 11, 23), "22 Nov 2026, 1 day"),
        (dt.date(2025, 11, 23), dt.date(2026, 11, 23), "23 Nov 2025 – 22 Nov 2026, 365 days"),
        (dt.date(2016, 12, 1), dt.date(2026, 11, 23), "1 Dec 2016 – 22 Nov 2026, 3,644 days"),
    ],
)
def test_a_range_is_said_with_both_days_and_their_number(start: dt.date, end: dt.date, shown: str) -> None:
    assert words(figures.day_range(DayRange(start, end))) == shown


def test_a_clock_shows_the_reporting_zone() -> None:
    late = dt.datetime(2026, 11, 22, 23, 3, 12, tzinfo=dt.UTC)
    assert figures.clock(late, "Europe/Berlin") == "00:03:12"
    assert words(figures.zoned_day(late, "Europe/Berlin")) == "23 Nov 2026"


def test_gone_things_keep_their_name_and_none_has_a_word() -> None:
    assert figures.team_name(make.team(3, "Legal", 1, deleted=True)) == "Legal (deleted)"
    assert figures.assistant_name(make.team(3, "Legal", 1, archived=True)) == "Legal (archived)"
    assert figures.team_name(make.team(0, "", 1)) == "No team"
    assert figures.assistant_name(make.team(0, "", 1)) == "Unnamed assistant"
    assert figures.workflow_name(make.team(0, "", 1)) == "Unnamed workflow"


@pytest.mark.parametrize(
    ("instant", "shown"),
    [
        ("2026-03-15T10:30:00Z", "Today, 10:30"),
        ("2026-03-15T00:00:00Z", "Today, 00:00"),
        ("2026-03-14T23:59:59Z", "Yesterday, 23:59"),
        ("2026-03-13T23:59:59Z", "13 Mar 2026"),
        ("2026-03-16T00:00:00Z", "16 Mar 2026"),
    ],
)
def test_a_moment_is_told_by_the_clock_on_the_last_two_days(instant: str, shown: str) -> None:
    assert (
        words(figures.moment(dt.datetime.fromisoformat(instant), dt.datetime.fromisoformat("2026-03-15T10:30:00Z")))
        == shown
    )


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("plain", "plain"),
        ("", ""),
        ("`a` and `b`.", "<code>a</code> and <code>b</code>."),
        ("<i> & `<b>`", "&lt;i&gt; &amp; <code>&lt;b&gt;</code>"),
        ("half `of", "half `of"),
        ("``", "``"),
    ],
)
def test_what_stands_in_backticks_is_code(text: str, html: str) -> None:
    assert prose.coded(text) == html


def test_an_empty_line_ends_a_paragraph() -> None:
    assert prose.paragraphs("one\nline\n\n  two ") == ["one line", "two"]
    assert prose.paragraphs("") == []
