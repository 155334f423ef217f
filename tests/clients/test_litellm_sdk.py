"""The LiteLLM SDK itself, pointed at a running panel: every call counts once, whatever the format and the line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from analytics.models import Assistant, Delivery, Kind, Status, UsageEvent, Workflow
from tests.clients.model_server import ModelServer
from tests.clients.panel import Panel, losing_answers
from tests.clients.program import Program, duplicates, events, program, stored
from usermgmt.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("clients")]

ADA = {"user": "ada", "metadata": {"tags": ["assistant:contract-review"]}}
BOB = {"metadata": {"user_api_key_user_id": "bob", "user_api_key_team_alias": "Legal", "tags": ["workflow:nightly"]}}
CALLS: list[dict[str, Any]] = [
    {"kind": "chat", "text": "in=30 out=12 cached=10 reasoning=4", "with": ADA},
    {"kind": "stream", "text": "in=300 out=120", "with": ADA},
    {"kind": "chat", "text": "fail=429", "with": ADA},
    {"kind": "embedding", "text": "in=7", "with": ADA},
    {"kind": "chat", "text": "in=3000 out=1200", "with": BOB},
    {"kind": "chat", "text": "in=5 out=2"},
]


@pytest.fixture(scope="module")
def application() -> Iterator[Program]:
    with program("litellm_sdk.py", DEFAULT_FLUSH_INTERVAL_SECONDS="1") as running:
        yield running


def deliver(
    application: Program,
    panel: Panel,
    models: ModelServer,
    calls: list[dict[str, Any]],
    has_arrived: Callable[[], bool],
    *,
    through: str | None = None,
    old_payload: bool = False,
    **settings: Any,
) -> None:
    """Lets the SDK make these calls, with these settings of the callback."""
    callback = {
        "endpoint": f"{through or panel.address}/api/v1/litellm",
        "headers": {"Authorization": f"Bearer {panel.key}"},
        **settings,
    }
    plan = {
        "callback": callback,
        "api_base": models.address,
        "old_payload": old_payload,
        "calls": calls,
    }
    application.run(plan, has_arrived)


@pytest.mark.parametrize("log_format", ["json_array", "ndjson", "single"])
def test_every_call_counts_once_in_every_format(
    application: Program, panel: Panel, models: ModelServer, log_format: str
) -> None:
    deliver(application, panel, models, CALLS, events(len(CALLS)), log_format=log_format, max_retries=3)
    arrived = stored()
    assert len(arrived) == models.calls == len(CALLS)
    assert sum(event.input_tokens for event in arrived) == models.input_tokens == 3342
    assert sum(event.output_tokens for event in arrived) == models.output_tokens == 1334
    names = dict(User.objects.values_list("pk", "external_id"))
    assert [names.get(event.user_id) for event in arrived] == ["ada"] * 4 + ["bob", None]
    assert [event.kind for event in arrived] == [Kind.ASSISTANT] * 4 + [Kind.WORKFLOW, Kind.CHAT]
    assert [event.requests for event in arrived] == [1, 1, 1, 0, 1, 1]
    assert [event.status for event in arrived] == [Status.SUCCESS] * 2 + [Status.ERROR] + [Status.SUCCESS] * 3
    assert [event.usage_known for event in arrived] == [True, True, False, True, True, True]
    assert (arrived[0].cached_tokens, arrived[0].reasoning_tokens) == (10, 4)
    assert (Assistant.objects.get().name, Workflow.objects.get().name) == ("contract-review", "nightly")


def test_the_environment_alone_sets_it_up(application: Program, panel: Panel, models: ModelServer) -> None:
    plan = {
        "callback": {},
        "api_base": models.address,
        "old_payload": False,
        "calls": CALLS[:1],
    }
    application.run(
        plan,
        events(1),
        GENERIC_LOGGER_ENDPOINT=f"{panel.address}/api/v1/litellm",
        GENERIC_LOGGER_HEADERS=f"Authorization=Bearer {panel.key}",
    )
    assert UsageEvent.objects.get().input_tokens == 30


def test_the_old_payload_counts_too(application: Program, panel: Panel, models: ModelServer) -> None:
    """It tells of calls that succeeded only, and its times are those of the sender's clock, here UTC."""
    answered = [call for call in CALLS if "fail" not in call["text"]]
    deliver(application, panel, models, CALLS, events(len(answered)), old_payload=True)
    arrived = stored()
    assert len(arrived) == len(answered)
    assert sum(event.input_tokens for event in arrived) == models.input_tokens
    assert sum(event.output_tokens for event in arrived) == models.output_tokens
    names = dict(User.objects.values_list("pk", "external_id"))
    assert [names.get(event.user_id) for event in arrived] == ["ada"] * 3 + ["bob", None]


def test_a_retry_after_a_lost_answer_changes_nothing(application: Program, panel: Panel, models: ModelServer) -> None:
    with losing_answers(panel) as line:
        deliver(
            application,
            panel,
            models,
            CALLS,
            duplicates(len(CALLS)),
            through=line.address,
            max_retries=3,
            retry_delay=0.1,
        )
        assert set(line.answers) == {200}
    assert UsageEvent.objects.count() == len(CALLS)
    assert sum(delivery.duplicate for delivery in Delivery.objects.all()) == len(CALLS)
