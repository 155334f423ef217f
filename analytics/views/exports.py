"""The Analytics export: one CSV of the page's range, streamed.

In: the URL's range and the variant. Out: a download named after the range; 400 with the reason for a bad range, because
a file of other days than those asked for would be taken for the truth.
"""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics import export, report
from analytics.export import Variant
from analytics.labels import range_problem
from analytics.views import ranges
from usermgmt import downloads
from usermgmt.downloads import Export


@require_safe
def download(request: HttpRequest, variant: str) -> HttpResponseBase:
    """The CSV of the range in the URL. Nothing is held in memory but a piece of it."""
    try:
        chosen = Variant(variant)
    except ValueError:
        raise Http404 from None
    now = timezone.now()
    state = report.read_state()
    selection = ranges.select(request.GET, now.astimezone(state.time_zone).date())
    if selection.problem:
        return HttpResponse(range_problem(selection.problem), status=400, content_type="text/plain; charset=utf-8")
    days = selection.days
    match chosen:
        case Variant.USAGE:
            pieces = export.usage_csv(days)
        case Variant.USERS:
            pieces = export.users_csv(days)
        case Variant.SUMMARY:
            pieces = export.summary_csv(report.load(days, now, state))
    said = {"from": days.start, "until": days.last}
    return downloads.exported(request, Export(chosen.value), export.filename(chosen, days), pieces, said)
