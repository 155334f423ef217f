"""How numbers, shares, durations and days are written for the reader's language.

In: plain values of the report. Out: text; only `figure` answers with HTML. Spaces inside a value do not break.
"""

from __future__ import annotations

import datetime as dt

from django import template
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from analytics import labels
from analytics.labels import Noun
from analytics.metrics.figures import Named
from analytics.periods import DayRange

register = template.Library()

GAP = "\N{NO-BREAK SPACE}"
EXACT_BELOW = 10_000  # up to four digits are read at a glance
MINUTES_A_DAY = 24 * 60


def _units() -> tuple[tuple[int, str], ...]:
    return (
        (1, ""),
        (10**3, pgettext("thousands, after a number", "K")),
        (10**6, pgettext("millions, after a number", "M")),
        (10**9, pgettext("billions (10^9), after a number", "B")),
        (10**12, pgettext("trillions (10^12), after a number", "T")),
    )


@register.filter
def exact(value: int) -> str:
    """Every digit, with the language's thousands separators: 1,234,567."""
    return number_format(value, force_grouping=True)


@register.filter
def compact(value: int) -> str:
    """Three digits and a unit from 10,000 on: 12.3 K, 1.2 M; below that every digit."""
    if abs(value) < EXACT_BELOW:
        return exact(value)
    units = _units()
    power = min(len(str(abs(value))) - 1, 14) // 3
    scaled = _three_digits(value / units[power][0])
    if abs(scaled) >= 1000 and power + 1 < len(units):  # 999,950 is a million, not a thousand thousands
        power, scaled = power + 1, scaled / 1000
    return f"{_plain(scaled)}{GAP}{units[power][1]}"


def _three_digits(scaled: float) -> float:
    return round(scaled, 1) if abs(scaled) < 99.95 else float(round(scaled))


def _plain(value: float) -> str:
    return number_format(int(value) if value == int(value) else round(value, 1), force_grouping=True)


@register.simple_tag
def figure(value: int) -> SafeString:
    """`value` compact, with the exact figure on hover where digits were left out."""
    short, whole = compact(value), exact(value)
    if short == whole:
        return format_html("{}", whole)
    return format_html('<data value="{}" title="{}">{}</data>', value, whole, short)


@register.filter
def percent(share: float) -> str:
    """A share (0..1) as 45 %, small ones with one decimal; a trace of something is never 0 %."""
    value = share * 100
    if 0 < value < 0.05:
        return f"<{_plain(0.1)}{GAP}%"
    rounded = round(value, 1) if value < 9.95 else float(round(value))
    if rounded >= 100 and share < 1:
        return f">{_plain(99)}{GAP}%"
    return f"{_plain(rounded)}{GAP}%"


@register.filter
def duration(seconds: float) -> str:
    """The two largest units of a span: 45 s, 12 m, 3 h 12 m, 2 d 4 h; weeks and more in whole days."""
    minutes = round(seconds / 60)
    if seconds < 59.5:
        return _joined((round(seconds), pgettext("seconds, after a number", "s")))
    hour, minute = pgettext("hours, after a number", "h"), pgettext("minutes, after a number", "m")
    if minutes < MINUTES_A_DAY:
        return _joined((minutes // 60, hour), (minutes % 60, minute))
    hours = round(minutes / 60)
    return _joined((hours // 24, pgettext("days, after a number", "d")), (hours % 24 if hours < 14 * 24 else 0, hour))


def _joined(*parts: tuple[int, str]) -> str:
    shown = [f"{exact(number)}{GAP}{unit}" for number, unit in parts if number] or [f"0{GAP}{parts[-1][1]}"]
    return GAP.join(shown)


@register.filter
def day(value: dt.date) -> str:
    """24 Oct 2026."""
    return date_format(value, pgettext("date format: day, month, year", "j M Y")).replace(" ", GAP)


@register.filter
def weekday(value: dt.date) -> str:
    """Sat 24 Oct."""
    return date_format(value, pgettext("date format: weekday, day, month", "D j M")).replace(" ", GAP)


@register.filter
def weekday_year(value: dt.date) -> str:
    """Sat 24 Oct 2026."""
    return date_format(value, pgettext("date format: weekday, day, month, year", "D j M Y")).replace(" ", GAP)


@register.filter
def span(days: DayRange) -> str:
    """24 Oct – 22 Nov 2026, both days included; years and single days are not said twice."""
    if days.days == 1:
        return day(days.start)
    same_year = days.start.year == days.last.year
    start = (
        pgettext("date format: day, month", "j M") if same_year else pgettext("date format: day, month, year", "j M Y")
    )
    return f"{date_format(days.start, start).replace(' ', GAP)} \N{EN DASH} {day(days.last)}"


@register.filter
def day_range(days: DayRange) -> str:
    """24 Oct – 22 Nov 2026, 30 days."""
    count = ngettext("%(days)s day", "%(days)s days", days.days) % {"days": exact(days.days)}
    return _("%(span)s, %(count)s") % {"span": span(days), "count": count.replace(" ", GAP)}


@register.filter
def team_name(item: Named) -> str:
    return labels.label(item, Noun.TEAM)


@register.filter
def assistant_name(item: Named) -> str:
    return labels.label(item, Noun.ASSISTANT)


@register.filter
def workflow_name(item: Named) -> str:
    return labels.label(item, Noun.WORKFLOW)
