"""What goes wrong, said the one way: problem documents (RFC 9457), `application/problem+json`."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Literal

import msgspec
from django.http import HttpResponse
from msgspec import Meta

from analytics.masking import masked

CONTENT_TYPE = "application/problem+json"


class ProblemDocument(msgspec.Struct):
    """What went wrong, after RFC 9457. Some problems say more in members of their own."""

    type: Annotated[Literal["about:blank"], Meta(description="The status says which kind of problem it is.")]
    title: Annotated[str, Meta(description="The status in words.", examples=["Forbidden"])]
    status: Annotated[int, Meta(description="The HTTP status, once more.", ge=400, le=599)]
    detail: Annotated[str, Meta(description="What is wrong with this request, and what to do about it.")]


class InvalidParameter(msgspec.Struct):
    parameter: Annotated[str, Meta(description="Its name.")]
    reason: Annotated[str, Meta(description="What is wrong with it.")]


class InvalidParameters(ProblemDocument):
    """Parameters that do not fit, each by its name."""

    errors: Annotated[list[InvalidParameter], Meta(min_length=1)]


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
        self.detail = masked(detail)  # it may quote the request
        self.headers = dict(headers or {})
        self.members = dict(members or {})

    def response(self) -> HttpResponse:
        """`type` is about:blank: the status says what kind of problem it is, and nothing else is needed."""
        document = {"type": "about:blank", "title": self.status.phrase, "status": self.status.value}
        body = msgspec.json.encode({**document, "detail": self.detail, **self.members})
        return HttpResponse(body, status=self.status, content_type=CONTENT_TYPE, headers=self.headers)


def invalid(reasons: Mapping[str, str]) -> Problem:
    """422: what is wrong with the parameters, by their names."""
    reasons = {masked(name): masked(reason) for name, reason in reasons.items()}
    errors = [{"parameter": name, "reason": reason} for name, reason in reasons.items()]
    detail = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, members={"errors": errors})


def busy(detail: str, retry_after_s: int) -> Problem:
    """503: nothing is wrong with the request, and nothing of it was kept."""
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": str(retry_after_s)})
