"""How the pages on people say when something happened, and write addresses.

In: instants. Out: text in the reader's language, in days of the reporting zone; of addresses, HTML.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from zoneinfo import ZoneInfo

from django import template
from django.conf import settings
from django.utils.formats import date_format
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, ngettext, pgettext
from django.utils.translation import gettext as _

register = template.Library()
_PIECES = re.compile(r"[^@._+-]*[@._+-]|[^@._+-]+$")


@register.filter
def day_of(instant: dt.datetime) -> str:
    """24 Oct 2026."""
    return written(_local(instant).date())


@register.filter
def minute_of(instant: dt.datetime) -> str:
    """24 Oct 2026 14:03."""
    return f"{day_of(instant)} {_local(instant):%H:%M}"


def _local(instant: dt.datetime) -> dt.datetime:
    return instant.astimezone(ZoneInfo(settings.REPORTING_TIME_ZONE))


def written(day: dt.date, pattern: str = "") -> str:
    """24 Oct 2026, or as `pattern` says, in the reader's language."""
    return _written(day, pattern or pgettext("date format: day, month, year", "j M Y"), get_language())


@lru_cache(maxsize=4096)  # a list, or a table of a year, writes the same days again and again
def _written(day: dt.date, pattern: str, _language: str | None) -> str:
    return date_format(day, pattern).replace(" ", "\N{NO-BREAK SPACE}")


@register.filter
def recently(instant: dt.datetime, now: dt.datetime) -> str:
    """Today, Yesterday, or the day."""
    days = (_local(now).date() - _local(instant).date()).days
    return {0: _("Today"), 1: _("Yesterday")}.get(days) or day_of(instant)


@register.filter
def in_days(instant: dt.datetime, now: dt.datetime) -> str:
    """Today, in 1 day, in 12 days: whole days that are left."""
    days = max(0, (instant - now).days)
    return ngettext("in %(days)s day", "in %(days)s days", days) % {"days": days} if days else _("within a day")


@register.filter
def address(email: str) -> SafeString:
    """The address, with places where its line may end: behind an @, a dot or a hyphen rather than inside a word."""
    return mark_safe(_PIECES.sub(r"\g<0><wbr>", escape(email)))  # noqa: S308  # no piece ends inside an &…;


@register.filter
def in_words(number: str, pattern: str) -> str:
    """`pattern` with the number in its place; a table asks for its translation once, not in each row."""
    return pattern % {"number": number}
