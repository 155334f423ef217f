"""The page that documents the API: whatever the OpenAPI document says is on it, in words, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from pytest_django import DjangoAssertNumQueries

from analytics.api import ground
from analytics.api.reference import Reference, reference
from analytics.api.schemas import Word, choices, field, members, type_of
from analytics.models import Scope
from tests.cast import Actor

DOCS = "/api/docs/"
EVENT = {"$ref": "#/components/schemas/Event"}


# --- Types in words -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({}, "any value"),
        ({"type": "string"}, "string"),
        ({"type": "string", "format": "date-time"}, "string (date-time)"),
        ({"type": ["integer", "null"]}, "integer or null"),
        ({"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}, "string (date) or null"),
        ({"oneOf": [{"type": "string"}, {"type": "string"}]}, "string"),
        ({"allOf": [{"type": "boolean"}]}, "boolean"),
        ({"type": "array", "items": EVENT}, "array of Event"),
        ({"type": "array"}, "array of any value"),
        ({"type": "array", "items": {"type": ["string", "null"]}}, "array of string or null"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "object of integer"),
        ({"type": "object", "additionalProperties": False}, "object"),
        ({"enum": ["a", "b"]}, "string"),
        ({"const": "a"}, "string"),
        ({"enum": ["a", 1]}, "any value"),
    ],
)
def test_a_type_is_told_in_words(schema: dict[str, Any], said: str) -> None:
    assert "".join(word.text for word in type_of(schema)) == said


def test_a_named_type_leads_to_its_schema() -> None:
    assert type_of({"oneOf": [{"type": "array", "items": EVENT}, EVENT]}) == (
        Word("array of "),
        Word("Event", "Event"),
        Word(" or "),
        Word("Event", "Event"),
    )


def test_all_values_are_told_where_they_are_named_also_where_null_is_one() -> None:
    assert choices({"enum": ["day", 1, None, True]}) == ("day", "1", "null", "true")
    assert choices({"const": "about:blank"}) == ("about:blank",)
    assert choices({"anyOf": [{"enum": ["a", "b"]}, {"type": "null"}]}) == ("a", "b")
    assert choices({"type": "string"}) == ()


def test_a_fields_bounds_default_and_example_are_told() -> None:
    told = field(
        "limit",
        {"type": "integer", "minimum": 0, "maximum": 10, "default": 0, "examples": [5], "description": "Inner."},
        False,
        description="Outer.",
        place="query",
    )
    assert (told.limits, told.default, told.example) == (("≥ 0", "≤ 10"), "0", "5")
    assert (told.description, told.place, told.required) == ("Outer.", "query", False)
    assert field("x", {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "null"}]}, True).limits == (
        "3 characters or less",
    )
    assert field("x", {"default": None}, True).default == ""


def test_required_members_come_first_and_otherwise_in_their_order() -> None:
    names = {name: {"type": "string"} for name in "dcba"}
    found = members({"type": "object", "properties": names, "required": ["b", "c"]})
    assert [(one.name, one.required) for one in found] == [("c", True), ("b", True), ("d", False), ("a", False)]
    assert members({"type": "string"}) == ()


# --- A document ---------------------------------------------------------------------------------------------------

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Things", "version": "2"},
    "paths": {
        "/things/{id}": {
            "parameters": [{"in": "path", "name": "id", "required": True, "schema": {"type": "integer"}}],
            "get": {"operationId": "get_thing", "tags": ["Out"], "responses": {"200": {"description": "It."}}},
            "post": {
                "operationId": "make_thing",
                "summary": "Make a thing",
                "tags": ["In", "Other"],
                "security": [{"key": ["ingest"]}],
                "parameters": [{"in": "header", "name": "If-Match", "schema": {"type": "string"}}],
                "requestBody": {
                    "description": "What it is.",
                    "content": {
                        "application/json": {
                            "schema": EVENT,
                            "examples": {"one": {"summary": "One", "value": {"a": 1}}, "far": {"externalValue": "/x"}},
                        },
                        "text/plain": {"schema": {"type": "string", "examples": ["a\nb"]}},
                    },
                },
                "responses": {
                    "500": {"$ref": "#/components/responses/Broken"},
                    "default": {"description": "Else."},
                    "201": {"description": "Made.", "headers": {"Location": {"description": "Where it is."}}},
                },
            },
        },
        "/more": {"delete": {"tags": ["In"], "responses": {"500": {"$ref": "#/components/responses/Broken"}}}},
    },
    "components": {
        "schemas": {"Event": {"type": "object", "properties": {"a": {"type": "integer"}}}},
        "responses": {"Broken": {"description": "Broken.", "content": {"application/json": {"example": {"b": 2}}}}},
    },
}


@pytest.fixture
def things() -> Reference:
    return reference(DOCUMENT)


def test_operations_are_grouped_by_their_first_tag(things: Reference) -> None:
    assert [(group.name, [one.id for one in group.operations]) for group in things.groups] == [
        ("Out", ["get_thing"]),
        ("In", ["make_thing", "delete-/more"]),
    ]


def test_an_operation_has_the_parameters_of_its_path_too(things: Reference) -> None:
    make = things.groups[1].operations[0]
    assert [(one.name, one.place, one.required) for one in make.parameters] == [
        ("id", "path", True),
        ("If-Match", "header", False),
    ]
    assert (make.method, make.path, make.summary, make.scopes) == ("POST", "/things/{id}", "Make a thing", ("ingest",))


def test_bodies_show_their_examples(things: Reference) -> None:
    make = things.groups[1].operations[0]
    json_body, text_body = make.bodies
    assert make.body_description == "What it is."
    assert [(one.place, one.text) for one in json_body.examples] == [("One", '{\n  "a": 1\n}')]
    assert [(one.place, one.text) for one in text_body.examples] == [("text/plain", "a\nb")]
    assert make.example is json_body.examples[0]


def test_answers_come_by_status_and_shared_ones_are_told_apart(things: Reference) -> None:
    make, delete = things.groups[1].operations
    assert [(one.status, one.phrase, one.description) for one in make.own_answers] == [
        ("201", "Created", "Made."),
        ("default", "", "Else."),
    ]
    assert make.own_answers[0].headers[0].name == "Location"
    assert [one.name for one in make.shared_answers] == ["Broken"]
    assert make.shared_answers == delete.shared_answers == list(things.shared_answers)
    assert json.loads(things.shared_answers[0].bodies[0].examples[0].text) == {"b": 2}


# --- Our page -----------------------------------------------------------------------------------------------------


def text_of(part: Tag) -> str:
    return " ".join(part.get_text(" ").split())


@pytest.fixture
def page(db: None, stranger: Actor) -> BeautifulSoup:
    response = stranger.get(DOCS)
    assert response.status_code == 200
    return BeautifulSoup(response.content, "html.parser")


def test_every_operation_parameter_and_member_of_the_document_is_on_the_page(page: BeautifulSoup) -> None:
    document = ground.api.document()
    for path, item in document["paths"].items():
        for method, details in item.items():
            operation = page.find(id=details["operationId"])
            assert operation is not None
            assert f"{method.upper()} {path}" in text_of(operation)
            for parameter in details.get("parameters", ()):
                assert parameter["name"] in text_of(operation)
            for status in details["responses"]:
                assert str(status) in text_of(operation)
    for name, schema in document["components"]["schemas"].items():
        shown = page.find(id=f"object-{name}")
        assert shown is not None
        for member in schema.get("properties", ()):
            assert member in [code.text for code in shown.select("dt code")]


def test_every_link_within_the_page_leads_somewhere(page: BeautifulSoup) -> None:
    wanted = {str(link["href"])[1:] for link in page.select("a[href^='#']")}
    there = {str(element["id"]) for element in page.select("[id]")}
    assert wanted - there == set()
    assert len(there) == len(page.select("[id]"))


def test_scopes_and_limits_are_told(page: BeautifulSoup) -> None:
    told = text_of(page)
    for scope in Scope:
        assert scope.value in told
    assert "10,000 events" in told
    assert "/api/v1/litellm 64 MiB 64 MiB" in told


def test_it_comes_without_scripts_of_others_and_without_a_key(page: BeautifulSoup) -> None:
    assert page.select("script")
    assert len(page.select("script")) == len(page.select("script[src^='/static/']"))
    assert "YOUR_KEY" in text_of(page)


def test_whoever_is_not_signed_in_costs_no_query(
    db: None, stranger: Actor, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        stranger.get(DOCS)


def test_only_administrators_are_led_to_the_integrations_tab(
    administrator: Actor, member: Actor, stranger: Actor
) -> None:
    led = [b"/admin/integrations/" in client.get(DOCS).content for client in (administrator, member, stranger)]
    assert led == [True, False, False]


def test_the_address_of_the_panel_is_in_its_examples(db: None, stranger: Actor, settings: Any) -> None:
    settings.BASE_URL = "https://panel.example.com"
    assert b"curl https://panel.example.com/api/v1/events" in stranger.get(DOCS).content
