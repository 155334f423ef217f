"""What the OpenAPI document says beyond routes and parameters: answers by their types, and what all operations share.

In: msgspec types, sentences. Out: parts of an operation for ninja's `openapi_extra`, and the whole document.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from django.utils import translation
from django.utils.functional import Promise
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from analytics.api.auth import Key
from analytics.api.problems import CONTENT_TYPE, ProblemDocument

Part = dict[str, Any]

_REFERENCE = "#/components/schemas/{name}"
_types: dict[str, Any] = {}
_schemas: dict[str, Part] = {}


def english(text: Promise) -> str:
    """The sentence as it is written in the code: the document is in one language whoever asks for it."""
    with translation.override(None):
        return str(text)


def reference(type_: Any) -> Part:
    """A reference to the type's schema, which is a part of the document from now on."""
    _types[type_.__name__] = type_
    return {"$ref": _REFERENCE.format(name=type_.__name__)}


def add(name: str, schema: Part) -> Part:
    """A reference to a schema that no type has, which is a part of the document from now on."""
    _schemas[name] = schema
    return {"$ref": _REFERENCE.format(name=name)}


def one_of(member: str, types: Mapping[str, Any]) -> Part:
    """A schema of several types that are told apart by the value of one member."""
    references = {value: reference(type_) for value, type_ in types.items()}
    mapping = {value: part["$ref"] for value, part in references.items()}
    distinct = [{"$ref": name} for name in dict.fromkeys(mapping.values())]
    return {"oneOf": distinct, "discriminator": {"propertyName": member, "mapping": mapping}}


def answer(description: str, schema: Part, **more: Any) -> Part:
    """An answer in JSON. `more`: an `example`, say."""
    return {"description": description, "content": {"application/json": {"schema": schema, **more}}}


def problem(description: str, type_: Any = ProblemDocument, *, headers: Mapping[str, Part] | None = None) -> Part:
    """An answer that is a problem document, maybe with members of its own."""
    told: Part = {"description": description, "content": {CONTENT_TYPE: {"schema": reference(type_)}}}
    return told | {"headers": dict(headers)} if headers else told


def header(description: str, *, required: bool = True, **schema: Any) -> Part:
    return {"description": description, "required": required, "schema": {"type": "string", **schema}}


RETRY_AFTER = {"Retry-After": header("Seconds after which to try again.", pattern="^[0-9]+$")}
# Problems of every operation, by status.
SHARED: dict[int, Part] = {
    HTTPStatus.UNAUTHORIZED.value: problem(
        "There is no valid key with the request. A missing, a wrong and a revoked one are not told apart.",
        headers={"WWW-Authenticate": header("Names the scheme.", examples=['Bearer realm="panta"'])},
    ),
    HTTPStatus.FORBIDDEN.value: problem("The key is valid, but lacks the scope of the operation."),
    HTTPStatus.METHOD_NOT_ALLOWED.value: problem(
        "The address knows other methods only.", headers={"Allow": header("The methods that it knows.")}
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR.value: problem("Something went wrong here; it is in the log."),
    HTTPStatus.SERVICE_UNAVAILABLE.value: problem(
        "Nothing is wrong with the request, and nothing of it was kept: the process has too much to do, or the "
        "database is away for the moment. Send it again later.",
        headers=RETRY_AFTER,
    ),
}


class Document(OpenAPISchema):
    """Ninja's document, with the scopes of keys, the shared problems and the schemas of the types."""

    def __init__(self, api: NinjaAPI, path_prefix: str) -> None:
        super().__init__(api, path_prefix)
        schemas = self["components"]["schemas"]
        for name in schemas.keys() - _referred(self):  # those of parameters, which stand beside the parameters already
            del schemas[name]

    def operation_security(self, operation: Operation) -> list[Part] | None:
        keys = [auth for auth in operation.auth_callbacks if isinstance(auth, Key)]
        for key in keys:
            self.securitySchemes["key"] = key.openapi_security_schema
        return [{"key": [key.scope.value]} for key in keys] or None

    def operation_parameters(self, operation: Operation) -> list[Part]:
        return [_tidy(parameter) for parameter in super().operation_parameters(operation)]

    def operation_details(self, operation: Operation) -> Part:
        details: Part = super().operation_details(operation)
        for status in SHARED:
            details["responses"].setdefault(status, {"$ref": f"#/components/responses/{_name(status)}"})
        return details

    def methods(self, operations: list[Operation]) -> Part:
        """HEAD answers as GET does, and has no entry of its own."""
        return {name: details for name, details in super().methods(operations).items() if name != "head"}

    def get_components(self) -> Part:
        _, schemas = msgspec.json.schema_components(_types.values(), ref_template=_REFERENCE)
        responses = {_name(status): told for status, told in SHARED.items()}
        schemas = {name: _without_indents(schema) for name, schema in {**schemas, **_schemas}.items()}
        return {**super().get_components(), "schemas": {**self.schemas, **schemas}, "responses": responses}


def _referred(part: Any) -> set[str]:
    """The names of all schemas that are referred to."""
    return set(re.findall(re.escape(_REFERENCE.format(name="")) + r"(\w+)", str(part)))


def _tidy(parameter: Part) -> Part:
    """Without what pydantic says twice, or says of a parameter that may be absent."""
    schema = parameter["schema"]
    (inherited,) = schema.pop("allOf", [{}])
    kept = {name: value for name, value in {**inherited, **schema}.items() if name not in ("title", "description")}
    if kept.get("default") == "":
        del kept["default"]
    return {**parameter, "schema": kept}


def _without_indents(schema: Part) -> Part:
    """Docstrings come as they stand in the code."""
    return {**schema, "description": inspect.cleandoc(schema["description"])} if "description" in schema else schema


def _name(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "")
