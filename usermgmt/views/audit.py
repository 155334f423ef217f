"""The audit log: its page, and the same entries as CSV."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from usermgmt import audit_log, downloads
from usermgmt.audit_forms import LogFilterForm
from usermgmt.audit_log import LogState
from usermgmt.downloads import Export

TEMPLATE = "usermgmt/audit.html"


@require_safe
@vary_on_headers("HX-Request")
def log(request: HttpRequest) -> HttpResponse:
    """The whole page; for htmx the part below the filter. One query beside sign-in's two."""
    form = LogFilterForm(request.GET)
    state = form.state()
    context = _context(state) | {"form": form}
    headers = request.headers
    if headers.get("HX-Request") != "true" or headers.get("HX-History-Restore-Request") == "true":
        return render(request, TEMPLATE, context)
    response = render(request, f"{TEMPLATE}#results", context)
    response["HX-Push-Url"] = _url(state)
    return response


def _context(state: LogState) -> dict[str, Any]:
    shown = audit_log.page(state)
    first_page = state.at()
    return {
        "entries": shown.entries,
        "state": state,
        "newer_url": _url(state.at(after=shown.newer)) if shown.newer else "",
        "older_url": _url(state.at(before=shown.older)) if shown.older else "",
        "newest_url": _url(first_page) if state != first_page else "",
        "unfiltered_url": reverse("audit"),
        "export_url": f"{reverse('audit-export')}?{first_page.query}".rstrip("?"),
    }


def _url(state: LogState) -> str:
    return f"{reverse('audit')}?{state.query}".rstrip("?")


@require_safe
def export(request: HttpRequest) -> HttpResponseBase:
    """Every entry that the same parameters find. 400 with the reason for a filter that cannot be understood."""
    form = LogFilterForm(request.GET)
    state = form.state()
    if problems := form.problems:
        return HttpResponse("\n".join(problems), status=400, content_type="text/plain; charset=utf-8")
    name = f"panta-audit-log_{timezone.now().date()}.csv"
    return downloads.exported(request, Export.AUDIT_LOG, name, audit_log.log_csv(state), state.said)
