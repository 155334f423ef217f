"""How numbers, shares, durations and days are written for the reader's language.

In: plain values of the report. Out: text; only `figure` answers with HTML. Spaces inside a value do not break.
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from django import template
from django.utils import timezone
from django.utils.formats import date_format, get_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from analytics import labels
from analytics.labels import Noun
from analytics.metrics.figures import Measures, Named
from analytics.periods import DayRange
from usermgmt.templatetags.people import written

register = template.Library()

MINUS = "\N{MINUS SIGN}"
MOST_GROWTH = 999  # percent; beyond, the number says nothing that ">" does not
GAP = "\N{NO-BREAK SPACE}"
EXACT_BELOW = 100_000  # up to five digits are read at a glance
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
    return f"{value:,}".replace(",", get_format("THOUSAND_SEPARATOR"))  # a page has hundreds; number_format is slower


@register.filter
def compact(value: int) -> str:
    """Two or three digits and a unit from 100,000 on: 123 K, 1.2 M, 45.0 B; below that every digit."""
    if abs(value) < EXACT_BELOW:
        return exact(value)
    scaled, unit = _scaled(value)
    return f"{_short(scaled, 100)}{GAP}{unit}"


def tick(value: int) -> str:
    """A round number beside an axis: 50 K, 2.5 M, without a decimal that says nothing."""
    if abs(value) < 1000:
        return exact(value)
    scaled, unit = _scaled(value)
    return f"{number_format(scaled, 0 if scaled == int(scaled) else 1, force_grouping=True)}{GAP}{unit}"


def _scaled(value: int) -> tuple[float, str]:
    """A number from 1000 on in its unit, and the unit."""
    units = _units()
    power = min(len(str(abs(value))) - 1, 14) // 3
    scaled = value / units[power][0]
    if round(abs(scaled)) >= 1000 and power + 1 < len(units):  # 999,500 is a million, not a thousand thousands
        power, scaled = power + 1, scaled / 1000
    return scaled, units[power][1]


def _short(value: float, whole_from: int) -> str:
    """One decimal, so that a column of such numbers lines up; none from `whole_from` on."""
    decimals = 1 if round(abs(value), 1) < whole_from else 0
    return number_format(round(value, decimals), decimals, force_grouping=True)


@register.simple_tag
def figure(value: float) -> SafeString:
    """`value` (rounded to a whole number) compact, with the exact figure on hover where digits were left out."""
    value = round(value)
    short, whole = compact(value), exact(value)
    if short == whole:
        return format_html("{}", whole)
    return format_html('<data value="{}" title="{}">{}</data>', value, whole, short)


@register.filter
def percent(share: float) -> str:
    """A share (0..1) as 45 %, below ten with one decimal; a trace is never 0 %, nearly all never 100 %."""
    if share in (0, 1):
        return f"{round(share * 100)}{GAP}%"
    if share < 0.0005:
        return f"<{_short(0.1, 10)}{GAP}%"
    return f">99{GAP}%" if 0.995 <= share < 1 else f"{_short(share * 100, 10)}{GAP}%"


@register.filter
def hundredths(share: float) -> str:
    """A share (0..1) as a length of 0..100 for drawings: the same in every language."""
    return f"{share * 100:.1f}"


@register.filter
def share_of(part: Measures, whole: Measures) -> float:
    """The share (0..1) of `whole`'s tokens that are `part`'s; 0 where there are none."""
    return part.tokens / whole.tokens if whole.tokens else 0.0


@register.filter
def change(share: float) -> str:
    """How much more or less (0.12, -0.08) as +12 %, −8 %; the sign says it without a colour."""
    percents = share * 100
    if abs(percents) < 0.05:
        return f"±0{GAP}%"
    if percents > MOST_GROWTH:
        return f">{MOST_GROWTH}{GAP}%"
    return f"{'+' if percents > 0 else MINUS}{_short(abs(percents), 10)}{GAP}%"


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
    return written(value)


@register.filter
def moment(instant: dt.datetime, now: dt.datetime) -> str:
    """Today, 14:03; Yesterday, 09:12; else the day."""
    then, today = timezone.localtime(instant), timezone.localtime(now).date()
    if (today - then.date()).days not in (0, 1):
        return day(then.date())
    word = _("Today") if then.date() == today else _("Yesterday")
    return f"{word}, {date_format(then, 'H:i')}".replace(" ", GAP)


@register.filter
def weekday_year(value: dt.date) -> str:
    """Sat 24 Oct 2026."""
    return written(value, pgettext("date format: weekday, day, month, year", "D j M Y"))


@register.filter
def clock(instant: dt.datetime, zone: str) -> str:
    """14:03:12 in `zone`."""
    return date_format(instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None), "H:i:s")


@register.filter
def zoned_day(instant: dt.datetime, zone: str) -> str:
    """24 Oct 2026: the day of `instant` in `zone`."""
    return day(instant.astimezone(ZoneInfo(zone)).date())


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
