"""A program that reports usage or asks for numbers: requests with a key, answers as JSON."""

from __future__ import annotations

import json
from typing import Any

from django.http.response import HttpResponseBase
from django.test import Client

from analytics import keys
from analytics.models import ApiKey, Scope
from tests.cast import create_administrator
from usermgmt.models import User


def make_key(*scopes: Scope, source: str = "", name: str = "Gateway") -> tuple[ApiKey, str]:
    """A key and its text; with every scope unless some are named."""
    actor = User.objects.filter(email="ada@example.com").first() or create_administrator()
    return keys.create(actor, name, scopes or tuple(Scope), source=source)


class Program(Client):
    """Sends its key with every request, and no cookie."""

    def __init__(self, key: str | None = None) -> None:
        super().__init__(headers={"Authorization": f"Bearer {key}"} if key else {})

    def deliver(self, path: str, body: bytes | list[Any] | dict[str, Any], **headers: str) -> HttpResponseBase:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = headers.pop("content_type", "application/json")
        return self.post(path, sent, content_type=kind, headers={n.replace("_", "-"): v for n, v in headers.items()})


def told(response: Any) -> dict[str, Any]:
    """The JSON of an answer; a problem document where it is no success."""
    is_problem = response.status_code >= 400
    assert response["Content-Type"] == ("application/problem+json" if is_problem else "application/json")
    document: dict[str, Any] = json.loads(response.content)
    if is_problem:
        assert document["status"] == response.status_code
        assert document["title"]
        assert document["detail"]
    return document
