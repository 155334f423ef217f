"""Usage by HTTP in our own format: every event has its verdict, and every refusal says why and keeps nothing."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import zlib
from io import BytesIO
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpRequest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from analytics import keys
from analytics.api import deliver, gate
from analytics.ingest import resolve
from analytics.ingest.decoding import MAX_EVENTS
from analytics.models import ApiKey, Delivery, PendingEvent, RejectedEvent, Scope, UsageEvent
from analytics.models.keys import MAX_REASON, WHOLE
from analytics.rollups.fold import fold_pending
from tests.analytics.api.client import Program, make_key, told
from tests.analytics.ingest.drafts import fields
from tests.analytics.streams import examples
from tests.cast import NOW, Actor, create_administrator
from usermgmt.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

EVENTS = "/api/v1/events"


@pytest.fixture
def program() -> Program:
    return Program(make_key(Scope.INGEST)[1])


def statuses(response: Any) -> list[str]:
    return [result["status"] for result in told(response)["results"]]


# --- Verdicts -----------------------------------------------------------------------------------------------------


def test_each_event_is_told_what_became_of_it(program: Program) -> None:
    response = program.deliver(EVENTS, [fields(event_id="a"), {"event_id": "b"}, fields(event_id="a")])
    assert told(response) == {
        "accepted": 1,
        "duplicate": 1,
        "rejected": 1,
        "results": [
            {"index": 0, "status": "accepted"},
            {"index": 1, "status": "rejected", "reason": "Object missing required field `occurred_at`"},
            {"index": 2, "status": "duplicate"},
        ],
    }
    assert UsageEvent.objects.count() == PendingEvent.objects.count() == 1


def test_a_batch_sent_again_changes_nothing(program: Program) -> None:
    batch = [fields(event_id=str(n), user_id=f"u{n}") for n in range(3)]
    assert statuses(program.deliver(EVENTS, batch)) == ["accepted"] * 3
    assert statuses(program.deliver(EVENTS, batch)) == ["duplicate"] * 3
    fold_pending()
    assert statuses(program.deliver(EVENTS, batch)) == ["duplicate"] * 3
    assert UsageEvent.objects.count() == 3
    assert not PendingEvent.objects.exists()


def test_a_request_whose_events_are_all_rejected_is_no_success(program: Program) -> None:
    response = program.deliver(EVENTS, [None, {}])
    assert response.status_code == 422
    assert [result["index"] for result in told(response)["results"]] == [0, 1]


def test_an_empty_array_is_a_success_without_results(program: Program) -> None:
    assert told(program.deliver(EVENTS, [])) == {"accepted": 0, "duplicate": 0, "rejected": 0, "results": []}


def test_gzip_is_unpacked(program: Program) -> None:
    packed = gzip.compress(json.dumps([fields()]).encode())
    assert statuses(program.deliver(EVENTS, packed, Content_Encoding="gzip")) == ["accepted"]


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 131_072, 1_000_000])
def test_gzip_is_unpacked_whole_whatever_its_size(program: Program, size: int) -> None:
    """Sizes around those of the steps in which it is unpacked."""
    body = json.dumps([fields()]).encode()
    assert statuses(program.deliver(EVENTS, gzip.compress(body.ljust(size)), Content_Encoding="gzip")) == ["accepted"]


@pytest.mark.parametrize("kind", ["application/x-ndjson", "text/plain", "application/octet-stream", ""])
def test_the_body_is_recognised_by_itself_not_by_its_label(program: Program, kind: str) -> None:
    lines = b"\n".join(json.dumps(fields(event_id=str(n))).encode() for n in range(2))
    assert statuses(program.deliver(EVENTS, lines, content_type=kind)) == ["accepted"] * 2


def test_content_never_reaches_the_database(program: Program) -> None:
    program.deliver(EVENTS, [fields(prompt="canary-prompt", answer={"text": "canary-answer"}), {"prompt": "canary"}])
    assert "canary" not in str(list(UsageEvent.objects.values())) + str(list(RejectedEvent.objects.values()))


# --- Sources ------------------------------------------------------------------------------------------------------


def test_keys_share_the_id_space_of_their_source(program: Program) -> None:
    rotated = Program(make_key(Scope.INGEST)[1])
    other = Program(make_key(Scope.INGEST, source="billing")[1])
    assert statuses(program.deliver(EVENTS, [fields()])) == ["accepted"]
    assert statuses(rotated.deliver(EVENTS, [fields()])) == ["duplicate"]
    assert statuses(other.deliver(EVENTS, [fields()])) == ["accepted"]
    assert set(UsageEvent.objects.values_list("source", flat=True)) == {"api", "billing"}


def test_what_was_delivered_is_noted_with_its_key(program: Program) -> None:
    program.deliver(EVENTS, [fields(), fields(), None, {"event_id": 1}])
    delivery = Delivery.objects.get()
    assert (delivery.accepted, delivery.duplicate, delivery.rejected) == (1, 1, 2)
    assert delivery.key_id == ApiKey.objects.get().pk
    assert list(RejectedEvent.objects.order_by("index").values_list("index", "reason")) == [
        (2, "Expected `object`, got `null`"),
        (3, "event_id: Expected `str`, got `int`"),
    ]


def test_a_request_without_a_good_event_is_noted_too(program: Program) -> None:
    program.deliver(EVENTS, [None])
    assert Delivery.objects.get().rejected == RejectedEvent.objects.count() == 1


def test_of_many_rejected_events_all_are_told_and_the_first_are_kept(program: Program) -> None:
    assert told(program.deliver(EVENTS, [None] * 120))["rejected"] == 120
    assert Delivery.objects.get().rejected == 120
    assert RejectedEvent.objects.count() == 50


# --- Keys ---------------------------------------------------------------------------------------------------------


def test_a_wrong_key_is_not_told_why() -> None:
    key, text = make_key(Scope.INGEST)
    keys.revoke(User.objects.get(), key, key.created_at)
    wrong = [None, text, text[:-1] + "x", "panta_" + "x" * 43, "x", "", "panta_\u00e9"]
    answers = {Program(candidate).deliver(EVENTS, [fields()]).content for candidate in wrong}  # type: ignore[attr-defined]
    assert len(answers) == 1
    response = Program(text).deliver(EVENTS, [fields()])
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert told(response)
    assert not UsageEvent.objects.exists()


@pytest.mark.parametrize("scope", [scope for scope in Scope if scope is not Scope.INGEST])
def test_a_key_of_another_scope_is_refused(scope: Scope) -> None:
    response = Program(make_key(scope)[1]).deliver(EVENTS, [fields()])
    assert response.status_code == 403
    assert "ingest" in told(response)["detail"]
    assert not UsageEvent.objects.exists()


def test_the_key_is_checked_before_the_body_is_read() -> None:
    response = Program("panta_" + "x" * 43).deliver(EVENTS, b"x" * (deliver.EVENT_LIMITS.wire + 1))
    assert response.status_code == 401


def test_a_session_counts_for_nothing() -> None:
    response = Actor(create_administrator()).post(EVENTS, [fields()], content_type="application/json")
    assert response.status_code == 401


def test_other_schemes_and_places_for_the_key_are_not_looked_at() -> None:
    _key, text = make_key()
    for headers in ({"Authorization": f"Basic {text}"}, {"Authorization": text}, {"X-API-Key": text}):
        assert Program().deliver(EVENTS, [fields()], **headers).status_code == 401
    assert Program().deliver(f"{EVENTS}?key={text}", [fields()]).status_code == 401


def test_its_use_is_noted_to_the_minute(program: Program, frozen_now: Any) -> None:
    program.deliver(EVENTS, [fields()])
    first = ApiKey.objects.get().last_used_at
    assert first == NOW
    frozen_now.shift(30)
    program.deliver(EVENTS, [fields()])
    assert ApiKey.objects.get().last_used_at == first
    frozen_now.shift(31)
    program.deliver(EVENTS, [fields()])
    assert ApiKey.objects.get().last_used_at == NOW + dt.timedelta(seconds=61)


# --- Bodies -------------------------------------------------------------------------------------------------------


def refused(response: Any) -> int:
    """The status of a refusal that is told and kept no event; of what could not be read, why is kept."""
    status = int(response.status_code)
    kept = [(status, WHOLE, told(response)["detail"][:MAX_REASON])] if status in (400, 413, 415) else []
    assert [(status, *row) for row in RejectedEvent.objects.values_list("index", "reason")] == kept
    assert [row[:2] for row in Delivery.objects.values_list("accepted", "rejected")] == [(0, 1)] * len(kept)
    assert not UsageEvent.objects.exists()
    return status


def test_what_cannot_be_decoded_is_refused_with_its_position(program: Program) -> None:
    response = program.deliver(EVENTS, b'[{"a": 1} x]')
    assert refused(response) == 400
    assert told(response)["position"] == 10


def test_a_body_over_the_limit_is_refused(program: Program) -> None:
    assert refused(program.deliver(EVENTS, b" " * (deliver.EVENT_LIMITS.wire + 1))) == 413


def test_a_gzip_bomb_is_refused(program: Program) -> None:
    bomb = gzip.compress(b" " * (64 << 20))
    assert refused(program.deliver(EVENTS, bomb, Content_Encoding="gzip")) == 413


def test_a_line_that_broke_is_not_noted(program: Program) -> None:
    """Nobody made a mistake, and whoever is there sends the same again."""
    line: dict[str, Any] = {"wsgi.input": BytesIO(b"[{"), "CONTENT_LENGTH": "100"}
    response: Any = program.post(EVENTS, content_type="application/json", **line)
    assert response.status_code == 400
    assert not Delivery.objects.exists()


def test_what_changes_while_it_is_resolved_is_to_be_sent_again(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolve, "ATTEMPTS", 0)
    program.raise_request_exception = False
    response: Any = program.deliver(EVENTS, [fields(user_id="ada")])
    assert refused(response) == 503
    assert response["Retry-After"].isdecimal()


def test_too_many_events_are_refused(program: Program) -> None:
    response = program.deliver(EVENTS, b"[" + b",".join([b"0"] * (MAX_EVENTS + 1)) + b"]")
    assert refused(response) == 413
    assert told(response)["limit_events"] == MAX_EVENTS


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd", "x" * 1000])
def test_an_unknown_encoding_is_refused(program: Program, encoding: str) -> None:
    response = program.deliver(EVENTS, b"[]", Content_Encoding=encoding)
    assert refused(response) == 415
    assert response["Accept-Encoding"] == "gzip"


PACKED = gzip.compress(json.dumps([fields()]).encode())


@pytest.mark.parametrize(
    "body",
    [PACKED + PACKED, PACKED + b"x", PACKED[:-1], PACKED[:20], b"", b"[]", zlib.compress(b"[]"), gzip.compress(PACKED)],
    ids=["two members", "a tail", "no end", "a part", "nothing", "not packed", "zlib", "packed twice"],
)
def test_broken_gzip_is_refused(program: Program, body: bytes) -> None:
    assert refused(program.deliver(EVENTS, body, Content_Encoding="gzip")) == 400


def test_beyond_the_places_deliveries_are_asked_to_come_again(program: Program) -> None:
    from contextlib import ExitStack

    with ExitStack() as taken:
        for _ in range(settings.INGEST_CONCURRENCY):
            taken.enter_context(gate.place(HttpRequest(), deliver.EVENT_LIMITS))
        response = program.deliver(EVENTS, [fields()])
        assert refused(response) == 503
        assert response["Retry-After"] == "1"
    assert statuses(program.deliver(EVENTS, [fields()])) == ["accepted"]


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_a_wrong_method_is_a_problem_that_names_the_right_one(program: Program, method: str) -> None:
    response = getattr(program, method)(EVENTS)
    assert response.status_code == 405
    assert response["Allow"] == "POST"
    assert told(response)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
ODD = st.dictionaries(
    st.sampled_from(sorted(fields() | dict.fromkeys(("user_id", "email", "team", "model", "kind")))), JSON
)


class TestAnyBody(TestCase):
    """What is accepted can be read back, whatever was sent."""

    @examples(100)
    @given(st.lists(ODD.map(lambda odd: fields() | odd) | JSON, max_size=4))
    def test_every_accepted_event_is_there(self, batch: list[Any]) -> None:
        response = Program(make_key(Scope.INGEST)[1]).deliver(EVENTS, batch)
        assert response.status_code in (200, 422)
        assert len(list(UsageEvent.objects.all())) == told(response)["accepted"]
