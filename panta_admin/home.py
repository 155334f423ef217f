"""Home, for everybody: a welcome, and one's own usage of the last 30 days. Nobody sees another person's here."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics.metrics import people
from analytics.periods import Preset


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Two queries beside sign-in's: own usage reads one rollup."""
    assert request.user.pk is not None  # held by the default-deny middleware
    days = Preset.LAST_30_DAYS.resolve(timezone.now().astimezone(ZoneInfo(settings.REPORTING_TIME_ZONE)).date())
    usage = people.own_usage(request.user.pk, days)
    return render(request, "home.html", {"usage": usage, "days": days, "time_zone": settings.REPORTING_TIME_ZONE})
