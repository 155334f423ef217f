"""A key is told by nobody: whatever a request does with its own, no answer, line of the log or row repeats it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from analytics.models import RejectedEvent
from tests.analytics.api.client import Program, make_key, told
from tests.analytics.ingest.drafts import fields
from tests.leaks import lines, rows, whole

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]


def requests(program: Program, key: str) -> Iterator[Any]:
    """Every operation with the key where it belongs, and where somebody may put it besides."""
    described = told(program.get("/api/v1/openapi.json"))["paths"]
    for method, path in ((method, path) for path, methods in described.items() for method in methods):
        yield program.generic(method.upper(), path)
        for query in (f"key={key}", f"{key}={key}", f"user={key}&by={key}&from={key}&range={key}&tokens={key}"):
            yield program.generic(method.upper(), f"{path}?{query}")
        yield program.generic(method.upper(), f"/api/v1/{key}{path}")
        yield program.generic("PATCH", f"{path}?key={key}")
        for body in (key, f'["{key}"]', f'{{"{key}": "{key}"}}', f'[{{"litellm_call_id": 1, "status": "{key}"}}]'):
            yield program.generic(method.upper(), path, body, "application/json")
        yield program.generic(method.upper(), path, "[]", key)
        yield program.generic(method.upper(), path, "[]", "application/json", headers={"Content-Encoding": key})
        yield Program().generic(method.upper(), path, headers={"Authorization": f"Basic {key}"})
    wrong = dict.fromkeys(("occurred_at", "kind", "status", "input_tokens"), key)
    yield program.deliver("/api/v1/events", [fields(**{name: value}) for name, value in wrong.items()])


def test_nothing_repeats_a_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key, text = make_key()
    program = Program(text)
    program.raise_request_exception = False
    canary = text.removeprefix(key.prefix)[:20]  # the prefix may be shown; nor is a piece of it told
    answers = list(requests(program, text))
    assert {answer.status_code for answer in answers} >= {200, 400, 401, 404, 405, 415, 422}
    assert [answer for answer in answers if canary in whole(answer)] == []
    assert [line for line in lines(caplog.records) if canary in line] == []
    assert [table for table, row in rows() if canary in row] == []
    assert RejectedEvent.objects.filter(reason__contains="panta_…").exists()  # there was something to hide


def test_a_line_of_the_log_is_without_the_key_that_its_address_holds() -> None:
    _key, text = make_key()
    record = logging.LogRecord("django.server", logging.INFO, __file__, 1, '"GET /metrics?key=%s 401"', (text,), None)
    (line,) = lines([record])
    assert "/metrics?key=panta_… 401" in line
