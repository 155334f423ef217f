"""Files that are downloaded: CSV, streamed; and of those that carry data away, an entry in the audit log.

In: the request, what it takes away, the pieces of the file. Out: the download.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db import models
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.translation import gettext_lazy as _

from usermgmt import audit
from usermgmt.models import Action, User


class Export(models.TextChoices):
    """What can be taken away."""

    USAGE = "usage", _("Usage")
    USERS = "users", _("Users with their usage")
    SUMMARY = "summary", _("Summary of the analytics")
    PEOPLE = "people", _("List of people")
    IMPORT_RESULT = "import_result", _("Result of an import")
    AUDIT_LOG = "audit_log", _("Audit log")


def csv_file(pieces: Iterator[str], filename: str) -> StreamingHttpResponse:
    """The download, of which nothing is noted: for files in which nothing of the workspace stands."""
    return StreamingHttpResponse(
        pieces,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{filename}"'},
    )


def exported(
    request: HttpRequest, export: Export, filename: str, pieces: Iterator[str], said: Mapping[str, Any]
) -> StreamingHttpResponse:
    """The download, and the entry that says who took what away; `said` is its range or filter, empty values left out.

    The one GET that writes. A download is a link, so it is a GET; but data that has left the workspace cannot be
    called back, and who has it must be known. HEAD takes nothing away.
    """
    if request.method == "GET":
        assert isinstance(request.user, User)  # held by the default-deny middleware
        narrowed = {field: _plain(value) for field, value in said.items() if value not in ("", None)}
        audit.record(request.user, Action.EXPORTED, target=filename, after={"export": export.value, **narrowed})
    return csv_file(pieces, filename)


def _plain(value: Any) -> str | list[str]:
    return value if isinstance(value, list) else str(value)
