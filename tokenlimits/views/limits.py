"""Making, editing and removing a limit, each with what it would have done lately; raising one for a time.

In: the forms of `forms`. Out: their pages; after a change the tab, with a sentence about what happened. `preview` asks
for the effect of what is typed and writes nothing.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from analytics.metrics import spending
from analytics.rollups import state
from analytics.templatetags.figures import exact
from tokenlimits import actions, labels, meter, replay
from tokenlimits.forms import LimitForm, OverrideForm, RulesForm
from tokenlimits.meter import Reading
from tokenlimits.models import TokenLimit
from tokenlimits.replay import Effect
from usermgmt import people_list
from usermgmt.models import User
from usermgmt.refusals import Refused

CONFLICT = 409
MODELS_OF_DAYS = 90
FORM_TEMPLATE = "tokenlimits/limit_form.html"


# --- Making one -----------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """The form; `scope` and the other fields in the URL fill it in."""
    now = timezone.now()
    models = spending.models_since(_today(now) - dt.timedelta(days=MODELS_OF_DAYS))
    said = request.POST if request.method == "POST" else None
    form = LimitForm(said, request.GET.dict(), teams=people_list.open_teams(), models=models)
    context = {"form": form, "models": models}
    if said is None:
        return render(request, FORM_TEMPLATE, context)
    if "preview" in said:
        return _preview(request, form, form.limit if form.is_valid() else None, now, context)
    if form.is_valid():
        try:
            made = actions.create(_actor(request), form.limit, now)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("%(limit)s is limited now.") % {"limit": labels.title(made)})
            return HttpResponseRedirect(reverse("limits"))
    return render(request, FORM_TEMPLATE, context)


# --- Editing ------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, limit_id: int) -> HttpResponse:
    """The form; by POST the change, unless somebody else made one since the form was opened."""
    now = timezone.now()
    limit = _limit(limit_id, now)
    if request.method != "POST":
        return _edit_page(request, limit, _fresh(limit), now)
    form = RulesForm(request.POST)
    if "preview" in request.POST:
        return _preview(request, form, _as_said(limit, form), now, {"limit": limit} | _reading(limit, now))
    if not form.is_valid():
        return _edit_page(request, limit, form, now)
    try:
        actions.edit(_actor(request), limit.pk, form.cleaned_data["version"], form.rules, now)
    except Refused as refused:
        return _edit_refused(request, limit_id, form, refused, now)
    messages.success(request, _("%(limit)s was saved.") % {"limit": labels.title(limit)})
    return HttpResponseRedirect(reverse("limits"))


def _edit_refused(
    request: HttpRequest, limit_id: int, form: RulesForm, refused: Refused, now: dt.datetime
) -> HttpResponse:
    """What stands now is shown, and what was typed beside it, so that nothing is lost and nothing overwritten."""
    if refused.code == "limit_removed":
        messages.error(request, str(refused))
        return HttpResponseRedirect(reverse("limits"))
    limit = _limit(limit_id, now)
    typed = {form.fields[name].label: form[name].value() for name in ("tokens", "thresholds")}
    choices = dict(form.fields["enforcement"].choices)  # type: ignore[attr-defined]
    typed[form.fields["enforcement"].label] = choices[form.cleaned_data["enforcement"]]
    context = {"conflict": str(refused), "typed": typed}
    return _edit_page(request, limit, _fresh(limit), now, context, status=CONFLICT)


def _fresh(limit: TokenLimit) -> RulesForm:
    return RulesForm(
        initial={
            "tokens": exact(limit.tokens),
            "enforcement": limit.enforcement,
            "thresholds": ", ".join(map(str, limit.thresholds)),
            "version": actions.version(limit),
        }
    )


def _as_said(limit: TokenLimit, form: RulesForm) -> TokenLimit | None:
    if not form.is_valid():
        return None
    limit.tokens, limit.enforcement = form.rules.tokens, form.rules.enforcement
    return limit


def _edit_page(
    request: HttpRequest,
    limit: TokenLimit,
    form: RulesForm,
    now: dt.datetime,
    more: dict[str, Any] | None = None,
    status: int | None = None,
) -> HttpResponse:
    context = {"form": form, "limit": limit} | _reading(limit, now)
    context |= {"played": limit, "effect": _effect(limit, now), "asked": True} | (more or {})
    return render(request, FORM_TEMPLATE, context, status=status)


# --- The effect -----------------------------------------------------------------------------------------------------


def _preview(
    request: HttpRequest, form: RulesForm, limit: TokenLimit | None, now: dt.datetime, context: dict[str, Any]
) -> HttpResponse:
    """What the limit would have done; for htmx alone, else in the form as it was typed."""
    context |= {"form": form, "played": limit, "effect": _effect(limit, now) if limit else None, "asked": True}
    if request.headers.get("HX-Request") == "true":
        return render(request, f"{FORM_TEMPLATE}#effect", context)
    return render(request, FORM_TEMPLATE, context)


def _effect(limit: TokenLimit, now: dt.datetime) -> Effect:
    return replay.effect(limit, now, state.read().time_zone)


# --- Removing -------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: HttpRequest, limit_id: int) -> HttpResponse:
    """What removing means, and the step itself."""
    now = timezone.now()
    limit = _limit(limit_id, now)
    if request.method == "POST":
        try:
            actions.remove(_actor(request), limit.pk, now)
        except Refused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, _("%(limit)s is not limited any more.") % {"limit": labels.title(limit)})
        return HttpResponseRedirect(reverse("limits"))
    context = {"limit": limit, "others": _others(limit, now), "effect": _effect(limit, now)} | _reading(limit, now)
    return render(request, "tokenlimits/limit_remove.html", context)


def _others(limit: TokenLimit, now: dt.datetime) -> list[TokenLimit]:
    """The other limits of the same tokens."""
    same = {"scope": limit.scope, "team": limit.team, "person": limit.person, "model": limit.model}
    return list(meter.limits_in_force(_today(now)).filter(**same).exclude(pk=limit.pk).order_by("pk"))


# --- Raising for a time -----------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def raise_for_a_time(request: HttpRequest, limit_id: int) -> HttpResponse:
    """The form of an override; by POST the override."""
    now = timezone.now()
    limit = _limit(limit_id, now)
    reading = _reading(limit, now)["reading"]
    said = request.POST if request.method == "POST" else None
    form = OverrideForm(said, allowed=limit.tokens, today=_today(now))
    if said is not None and form.is_valid():
        try:
            actions.raise_until(_actor(request), limit.pk, now=now, **form.cleaned_data)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("%(limit)s is raised for a time.") % {"limit": labels.title(limit)})
            return HttpResponseRedirect(reverse("limits"))
    context = {"limit": limit, "reading": reading, "form": form}
    return render(request, "tokenlimits/override_form.html", context)


@require_POST
def end_override(request: HttpRequest, limit_id: int) -> HttpResponse:
    now = timezone.now()
    limit = _limit(limit_id, now)
    try:
        ended = actions.end_override(_actor(request), limit.pk, now)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        if ended:
            messages.success(request, _("%(limit)s is what it was again.") % {"limit": labels.title(limit)})
    return HttpResponseRedirect(reverse("limits"))


# --- What is there ----------------------------------------------------------------------------------------------------


def _limit(limit_id: int, now: dt.datetime) -> TokenLimit:
    """A limit in force, with its open override."""
    limit = meter.limits_in_force(_today(now)).filter(pk=limit_id).first()
    if limit is None:
        raise Http404
    return limit


def _reading(limit: TokenLimit, now: dt.datetime) -> dict[str, Reading]:
    return {"reading": actions.reading_of(limit, now)}


def _today(now: dt.datetime) -> dt.date:
    return now.astimezone(state.read().time_zone).date()


def _actor(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # held by the default-deny middleware
    return request.user
