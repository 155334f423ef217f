"""How limits are written on pages and in mails, in the reader's language."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from django import template
from django.utils.formats import date_format
from django.utils.translation import pgettext

from analytics.templatetags.figures import GAP, day
from tokenlimits import labels
from tokenlimits.models import LimitAlert, TokenLimit

register = template.Library()


@register.filter
def target(limit: TokenLimit) -> str:
    """Whose tokens it limits."""
    return labels.target(limit)


@register.filter
def per_period(limit: TokenLimit) -> str:
    return labels.per_period(limit.period)


@register.filter
def limit_title(limit: TokenLimit) -> str:
    return labels.title(limit)


@register.filter
def resets_on(alert: LimitAlert) -> dt.date:
    """The day on which the period of an alert is over."""
    return alert.period_end


@register.filter
def at_minute(instant: dt.datetime, zone: str) -> str:
    """24 Oct 2026, 14:03, in `zone`."""
    local = instant.astimezone(ZoneInfo(zone))
    time = date_format(local.replace(tzinfo=None), pgettext("time of day", "H:i"))
    return f"{day(local.date())},{GAP}{time}"


@register.filter
def up_to_whole(share: float) -> str:
    """A share as a length of 0..100 for drawings, cut at the end of the bar."""
    return f"{min(max(share, 0), 1) * 100:.1f}"
