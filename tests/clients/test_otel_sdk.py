"""OpenTelemetry itself, pointed at a running panel: SDK, instrumentation of OpenAI's client, OTLP/HTTP exporter."""

from __future__ import annotations

import http.client
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from analytics.models import Assistant, Delivery, Kind, Status, UsageEvent
from tests.analytics.ingest.captures import EXPECTED, OTLP_JSON
from tests.clients.model_server import ANSWER, ModelServer
from tests.clients.panel import Panel, losing_answers
from tests.clients.program import Program, duplicates, events, program, stored
from usermgmt.models import Team, User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("clients")]

PROMPT = "canary of the prompt"
ADA = {"user.id": "ada", "team.id": "t-1", "gen_ai.agent.name": "contract-review"}
MESSAGES: list[dict[str, Any]] = [
    {"about": ADA, "calls": [{"kind": "chat", "text": f"{PROMPT} in=30 out=12 cached=10"}]},
    {"about": ADA, "calls": [{"kind": "stream", "text": f"{PROMPT} in=300 out=120"}]},
    {"about": ADA, "calls": [{"kind": "chat", "text": "fail=500"}]},
    {"about": {"user.id": "bob"}, "calls": [{"kind": "embedding", "text": "in=7"}]},
    # An agent that asks three times to answer once.
    {
        "about": {"user.id": "bob"},
        "agent": "researcher",
        "calls": [{"kind": "chat", "text": f"in={n}000 out={n}00"} for n in (1, 2, 3)],
    },
]
CALLS = 7


@pytest.fixture(scope="module")
def application() -> Iterator[Program]:
    with program("otel_sdk.py") as running:
        yield running


def export(
    application: Program,
    panel: Panel,
    models: ModelServer,
    *,
    through: str | None = None,
    has_arrived: Callable[[], bool] | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Lets the application handle the messages; its exporter is set up as administrators do."""
    application.run(
        {"api_base": models.address, "messages": MESSAGES},
        has_arrived or events(CALLS),
        OTEL_EXPORTER_OTLP_ENDPOINT=through or panel.address,
        OTEL_EXPORTER_OTLP_HEADERS=f"Authorization=Bearer%20{panel.key}",
        OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
        OTEL_SERVICE_NAME="workspace",
        **(environment or {}),
    )


@pytest.mark.parametrize(
    "conventions",
    [
        {},
        {
            "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
        },
    ],
    ids=["as installed", "latest, with prompts"],
)
def test_every_call_counts_once_and_every_message_is_one_request(
    application: Program, panel: Panel, models: ModelServer, conventions: dict[str, str]
) -> None:
    export(application, panel, models, environment=conventions)
    arrived = stored()
    assert len(arrived) == models.calls == CALLS
    assert sum(event.input_tokens for event in arrived) == models.input_tokens == 6337
    assert sum(event.output_tokens for event in arrived) == models.output_tokens == 732
    users, teams, assistants = _names(User, "external_id"), _names(Team, "key"), _names(Assistant, "name")
    assert [users[event.user_id] for event in arrived] == ["ada"] * 3 + ["bob"] * 4
    assert [teams.get(event.team_id) for event in arrived] == ["t-1"] * 3 + [None] * 4
    assert [assistants.get(event.assistant_id) for event in arrived] == (
        ["contract-review"] * 3 + [None] + ["researcher"] * 3
    )
    assert [event.requests for event in arrived] == [1, 1, 1, 0, 1, 0, 0]
    assert [event.status == Status.SUCCESS for event in arrived] == [True, True, False, True, True, True, True]
    assert [event.usage_known for event in arrived] == [True, True, False, True, True, True, True]
    assert {event.model for event in arrived} == {"gpt-4o-mini", "text-embedding-3-small"}
    assert {event.kind for event in arrived} == {Kind.ASSISTANT, Kind.CHAT}
    everything = StringIO()
    call_command("dumpdata", "analytics", "usermgmt", stdout=everything)
    assert PROMPT not in everything.getvalue()
    assert ANSWER not in everything.getvalue()


def _names(model: Any, field: str) -> dict[int, str]:
    return dict(model.objects.values_list("pk", field))


def test_a_retry_after_a_lost_answer_changes_nothing(application: Program, panel: Panel, models: ModelServer) -> None:
    with losing_answers(panel) as line:
        export(application, panel, models, through=line.address, has_arrived=duplicates(CALLS))
        assert set(line.answers) == {200}
        assert len(line.answers) >= 2
    assert UsageEvent.objects.count() == CALLS
    assert sum(delivery.accepted for delivery in Delivery.objects.all()) == CALLS
    assert sum(delivery.duplicate for delivery in Delivery.objects.all()) == CALLS


def test_nodes_exporter_sends_in_chunks_without_a_length(panel: Panel) -> None:
    status, answer = _send_in_chunks(panel, _moved_to_now(OTLP_JSON))
    assert (status, answer) == (200, b"{}")
    expected = EXPECTED["otel_js_json"]["wire"]
    arrived = stored()
    assert len(arrived) == expected["events"]
    assert sum(event.input_tokens for event in arrived) == expected["input_tokens"]
    assert sum(event.output_tokens for event in arrived) == expected["output_tokens"]


def _moved_to_now(body: bytes) -> bytes:
    """The recorded body with its times a minute ago: the panel's clock is the real one."""
    times = [int(found) for found in re.findall(rb'"startTimeUnixNano":"(\d+)"', body)]
    shift = time.time_ns() - 60 * 10**9 - min(times)
    return re.sub(rb'UnixNano":"(\d+)"', lambda found: b'UnixNano":"%d"' % (int(found[1]) + shift), body)


def _send_in_chunks(panel: Panel, body: bytes) -> tuple[int, bytes]:
    """As Node's HTTP client does: the head at once, then the body piece by piece."""
    head = (
        f"POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1:{panel.port}\r\nAuthorization: Bearer {panel.key}\r\n"
        "User-Agent: OTel-OTLP-Exporter-JavaScript/0.223.1\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    with closing(socket.create_connection(("127.0.0.1", panel.port), timeout=20)) as line:
        line.sendall(head.encode())
        for start in range(0, len(body), 4_096):
            piece = body[start : start + 4_096]
            line.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        line.sendall(b"0\r\n\r\n")
        response = http.client.HTTPResponse(line)
        response.begin()
        return response.status, response.read()
