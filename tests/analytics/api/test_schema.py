"""The OpenAPI document is valid and true: what is sent after it, or against it, is answered as it says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import schemathesis
from django.conf import settings as project
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from analytics.api import deliver, describe_deliveries, describe_event
from analytics.ingest.decoding import MAX_EVENTS
from analytics.ingest.draft import FIELDS
from analytics.ingest.litellm_payload import Call, Metadata
from analytics.models import Endpoint, Scope, UsageEvent
from panta_admin.access import KEY
from panta_admin.wsgi import application
from tests.analytics.api.client import Program, make_key, told
from tests.analytics.ingest.captures import OTLP_PROTOBUF
from tests.analytics.ingest.drafts import fields

PROJECT = Path(__file__).resolve().parents[3]
DOCUMENT = "/api/v1/openapi.json"
EVENTS = "/api/v1/events"

# Bodies that no schema describes: lines, maybe of JSON, and bytes, maybe of a protobuf message.
LINES = st.lists(st.sampled_from([json.dumps(describe_event.EXAMPLE).encode(), b"{}", b"[]"]) | st.binary(), max_size=5)
schemathesis.openapi.media_type("application/x-ndjson", LINES.map(b"\n".join))
CAPTURE = st.sampled_from([OTLP_PROTOBUF, OTLP_PROTOBUF[:-1], OTLP_PROTOBUF + b"\n\x02\x12\x00"])
schemathesis.openapi.media_type("application/x-protobuf", CAPTURE | st.binary())

openapi = schemathesis.openapi.from_wsgi(DOCUMENT, application)
document: dict[str, Any] = openapi.raw_schema
schemas: dict[str, Any] = document["components"]["schemas"]
operations = [
    (method, path, operation) for path, methods in document["paths"].items() for method, operation in methods.items()
]
each_operation = pytest.mark.parametrize(
    ("method", "path", "operation"), operations, ids=[f"{method} {path}" for method, path, _ in operations]
)


# --- The document by itself ---------------------------------------------------------------------------------------


def test_it_is_openapi_3_1() -> None:
    assert document["openapi"].startswith("3.1.")
    openapi.validate()  # against the specification's own schema


@pytest.mark.parametrize("name", schemas)
def test_every_schema_is_one_and_fits_its_examples(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schemas[name])
    for example in schemas[name].get("examples", ()):
        validator(name).validate(example)


def validator(name: str) -> jsonschema.Draft202012Validator:
    whole = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker())


def test_every_reference_leads_somewhere_and_every_schema_is_referred_to() -> None:
    referred = set(re.findall(r'"#/components/(\w+)/(\w+)"', json.dumps(document)))
    there = {(kind, name) for kind in ("schemas", "responses") for name in document["components"][kind]}
    assert referred == there


def test_it_has_every_endpoint_that_a_key_opens_and_no_other() -> None:
    assert {f"/{route}" for route in KEY} == set(document["paths"])


@each_operation
def test_every_operation_says_what_it_is_and_which_scope_it_asks_for(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    ((scope,),) = [scopes for need in operation["security"] for scopes in need.values()]
    assert scope in Scope.values
    assert operation["summary"]
    assert operation["description"]
    assert operation["operationId"]
    assert operation["tags"][0] in {tag["name"] for tag in document["tags"]}
    for told_once in ("401", "403", "405", "500", "503"):
        assert told_once in operation["responses"]
    for parameter in operation["parameters"]:
        assert parameter["description"]


def test_it_names_the_server_and_explains_the_scopes() -> None:
    assert [server["url"] for server in document["servers"]] == [project.BASE_URL]
    explained = document["components"]["securitySchemes"]["key"]["description"]
    assert all(f"`{scope}`" in explained for scope in Scope.values)


def test_where_coming_again_helps_the_header_that_says_when_is_there() -> None:
    assert "Retry-After" in document["components"]["responses"]["ServiceUnavailable"]["headers"]


@pytest.mark.parametrize(
    ("path", "limits"),
    [(EVENTS, deliver.EVENT_LIMITS), ("/api/v1/litellm", deliver.LITELLM_LIMITS)],
)
def test_limits_are_stated(path: str, limits: Any) -> None:
    stated = document["paths"][path]["post"]["requestBody"]["description"]
    assert f"{MAX_EVENTS:,} events" in stated
    assert f"{limits.wire >> 20} MiB as sent" in stated
    assert f"{limits.unpacked >> 20} MiB unpacked" in stated


def test_every_field_of_an_event_is_explained_here_and_in_the_readme() -> None:
    table = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", (PROJECT / "README.md").read_text(), re.MULTILINE)
    readme = {name for cell in table for name in re.findall(r"`(\w+)`", cell)}
    assert set(describe_event.WORDS) == set(schemas["Event"]["properties"]) == set(FIELDS)
    assert set(FIELDS) <= readme


def test_what_is_said_of_litellm_is_what_is_read() -> None:
    said = describe_deliveries.CALL["properties"]
    assert set(said) <= set(Call.__struct_fields__)
    assert set(said["metadata"]["properties"]) <= set(Metadata.__struct_fields__)


def test_it_is_the_same_in_every_language(db: None) -> None:
    answers = {Client().get(DOCUMENT, headers={"Accept-Language": language}).content for language in ("de", "en")}
    assert len(answers) == 1


# --- What is answered ---------------------------------------------------------------------------------------------


@pytest.fixture
def key(db: None, frozen_now: Any) -> Iterator[str]:
    """A key with every scope; as long as it is there, requests leave the test's own connection open."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield make_key()[1]
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@openapi.parametrize()
@settings(max_examples=30, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_operation_answers_as_the_document_says(case: Any, key: str) -> None:
    if case.headers.get("Content-Encoding") == "gzip":
        case.headers["Content-Encoding"] = "identity"  # nobody packs these bodies
    # What no schema can say is refused too: times, fields that contradict each other.
    unsaid = [positive_data_acceptance]
    if case.method == "POST":  # a bad event among good ones is rejected alone, see below
        unsaid.append(negative_data_rejection)
    response = case.call_and_validate(headers={"Authorization": f"Bearer {key}"}, excluded_checks=unsaid)
    if (case.path, case.media_type) == (EVENTS, "application/json") and response.status_code in (200, 422):
        check_verdicts(response.request.body, response.json()["results"])


def check_verdicts(body: bytes, verdicts: list[dict[str, Any]]) -> None:
    """Nothing that the schema of an event excludes is accepted."""
    sent = json.loads(body)
    events = sent if isinstance(sent, list) else [sent]
    assert [verdict["index"] for verdict in verdicts] == list(range(len(events)))
    for event, verdict in zip(events, verdicts, strict=True):
        assert validator("Event").is_valid(event) or verdict["status"] == "rejected", (event, verdict)


@pytest.mark.usefixtures("frozen_now")
def test_the_examples_are_taken_as_they_stand(db: None) -> None:
    program = Program(make_key(Scope.INGEST)[1])
    body = document["paths"][EVENTS]["post"]["requestBody"]["content"]
    for kind, sent in (
        ("application/json", json.dumps(body["application/json"]["examples"]["several"]["value"])),
        ("application/x-ndjson", body["application/x-ndjson"]["example"]),
    ):
        answer = told(program.deliver(EVENTS, sent.encode(), content_type=kind))
        assert (answer["rejected"], answer["duplicate"]) == (0, 0)
    assert UsageEvent.objects.filter(source=Endpoint.EVENTS).count() == 3


@pytest.mark.usefixtures("frozen_now")
def test_the_types_that_describe_answers_are_those_of_the_answers(db: None) -> None:
    """Strictly: a member that the document does not know would be refused here."""
    program = Program(make_key(Scope.INGEST)[1])
    answers = {
        describe_deliveries.Delivered: program.deliver(EVENTS, [fields(), fields(), {}]),
        describe_deliveries.AllRejected: program.deliver(EVENTS, [{}]),
        describe_deliveries.Unreadable: program.deliver(EVENTS, b'{"a": 1'),
        describe_deliveries.TooLarge: program.deliver(EVENTS, b"[" + b"0," * MAX_EVENTS + b"0]"),
    }
    for type_, response in answers.items():
        answer = told(response)
        converted = msgspec.to_builtins(msgspec.convert(answer, type_))
        assert {name: converted.get(name) for name in answer} == answer
