"""Adding many people by a file: hand it over, look at each row's verdict, confirm, take the result away.

In: CSV or Excel. Out: the page of the upload, before and after it was confirmed. Only the confirming POST invites.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from usermgmt import bulk_add, bulk_file, downloads
from usermgmt.bulk_add import Verdict
from usermgmt.bulk_forms import UploadForm
from usermgmt.downloads import Export
from usermgmt.models import PeopleUpload, Role, User
from usermgmt.refusals import Refused
from usermgmt.views.password import require_password

ROWS_A_PAGE = 100
CONFLICT = 409


@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """The form; by POST the file is read and kept, and its preview shown."""
    if request.method != "POST":
        return _upload_page(request, UploadForm())
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _upload_page(request, form)
    said = form.cleaned_data
    kept = bulk_add.store(
        _actor(request), said["file"].name, form.rows, timezone.now(), create_teams=said["create_teams"]
    )
    return HttpResponseRedirect(reverse("people-upload", args=[kept.pk]))


def _upload_page(request: HttpRequest, form: UploadForm) -> HttpResponse:
    context = {"form": form, "max_rows": bulk_file.MAX_ROWS, "max_bytes": bulk_file.MAX_BYTES}
    return render(request, "usermgmt/bulk_add.html", context)


@require_safe
def template(_request: HttpRequest) -> HttpResponseBase:
    """The file to fill in."""
    return downloads.csv_file(bulk_file.template(), "panta-people-template.csv")


@require_http_methods(["GET", "HEAD", "POST"])
def preview(request: HttpRequest, upload_id: int) -> HttpResponse:
    """Each row's verdict; by POST everybody whose row is good is invited."""
    kept = _find(request, upload_id)
    if request.method != "POST":
        return _preview_page(request, kept)
    verdicts = bulk_add.verdicts(kept)
    if kept.consumed_at is None and any(map(_makes_administrator, verdicts)):
        require_password(request)
    try:
        kept = bulk_add.confirm(_actor(request), kept.pk, timezone.now())
    except Refused as refused:
        return _preview_page(request, kept, refusal=str(refused), status=CONFLICT)
    except PeopleUpload.DoesNotExist:
        raise Http404 from None
    messages.success(request, _("The invitations are on their way."))
    return HttpResponseRedirect(reverse("people-upload", args=[kept.pk]))


def _makes_administrator(verdict: Verdict) -> bool:
    return verdict.is_ok and verdict.row is not None and verdict.row.role == Role.ADMINISTRATOR


def _preview_page(request: HttpRequest, kept: PeopleUpload, refusal: str = "", status: int = 200) -> HttpResponse:
    verdicts = bulk_add.verdicts(kept)
    lists = {
        "all": verdicts,
        "good": [verdict for verdict in verdicts if verdict.is_ok],
        "left-out": [verdict for verdict in verdicts if not verdict.is_ok],
    }
    shown = request.GET.get("show", "")
    shown = shown if shown in lists else "all"
    page = Paginator(lists[shown], ROWS_A_PAGE).get_page(request.GET.get("page"))
    here = reverse("people-upload", args=[kept.pk])
    context: dict[str, Any] = {
        "upload": kept,
        "done": kept.consumed_at is not None,
        "refusal": refusal,
        "shown": shown,
        "all_count": len(verdicts),
        "good_count": len(lists["good"]),
        "left_out_count": len(lists["left-out"]),
        "page": page,
        "here": here,
        "previous_url": f"{here}?show={shown}&page={page.number - 1}" if page.has_previous() else "",
        "next_url": f"{here}?show={shown}&page={page.number + 1}" if page.has_next() else "",
    }
    return render(request, "usermgmt/bulk_add_preview.html", context, status=status)


@require_safe
def result(request: HttpRequest, upload_id: int) -> HttpResponseBase:
    """Every row with its verdict, as CSV."""
    kept = _find(request, upload_id)
    name = f"panta-people-result-{kept.pk}.csv"
    return downloads.exported(request, Export.IMPORT_RESULT, name, bulk_add.result_csv(kept), {})


def _find(request: HttpRequest, upload_id: int) -> PeopleUpload:
    try:
        return bulk_add.find(_actor(request), upload_id, timezone.now())
    except PeopleUpload.DoesNotExist:
        raise Http404 from None


def _actor(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
