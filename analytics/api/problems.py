"""What goes wrong, said the one way: problem documents (RFC 9457), `application/problem+json`."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from django.http import HttpResponse

CONTENT_TYPE = "application/problem+json"


class Problem(Exception):  # noqa: N818  # what RFC 9457 calls it
    """An answer that is no success. `detail` says what to do; `members` are further fields of the document."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = dict(members or {})

    def response(self) -> HttpResponse:
        """`type` is about:blank: the status says what kind of problem it is, and nothing else is needed."""
        document = {"type": "about:blank", "title": self.status.phrase, "status": self.status.value}
        body = msgspec.json.encode({**document, "detail": self.detail, **self.members})
        return HttpResponse(body, status=self.status, content_type=CONTENT_TYPE, headers=self.headers)


def busy(detail: str, retry_after_s: int) -> Problem:
    """503: nothing is wrong with the request, and nothing of it was kept."""
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": str(retry_after_s)})
