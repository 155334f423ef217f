"""Home, for everybody: a welcome, own usage of the last 30 days, own limits. Nobody sees another person's here."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics.metrics import person, usage
from analytics.periods import Preset
from analytics.rollups import state
from tokenlimits import own
from usermgmt.models import User


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Three queries beside sign-in's two, five where limits apply; one more for an administrator without usage."""
    assert isinstance(request.user, User)  # held by the default-deny middleware
    now, zone = timezone.now(), state.read().time_zone  # in which the days stand that are added up
    days = Preset.LAST_30_DAYS.resolve(now.astimezone(zone).date())
    own_usage = person.of_person(request.user.pk, days)
    context = {
        "usage": own_usage,
        "is_blank": request.user.is_administrator and not own_usage.requests and not usage.has_come_in(),
        "days": days,
        "limits": own.limits_of(request.user, now, zone),
        "time_zone": zone.key,
    }
    return render(request, "home.html", context)
