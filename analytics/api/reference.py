"""The OpenAPI document as its page shows it: operations by group, with parameters, bodies and answers.

In: the document. Out: a `Reference`. Knows OpenAPI and nothing of our operations: the page says what the document says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from analytics.api.schemas import Field, Part, Schema, Type, field, members, named, type_of

_METHODS = ("get", "post", "put", "patch", "delete")
_RESPONSES = "#/components/responses/"


@dataclass(frozen=True, slots=True)
class Example:
    """`text` is JSON where it is not text in the document already."""

    place: str
    text: str

    @property
    def pieces(self) -> list[str]:
        """As snippets have it: nothing in it stands out."""
        return [self.text]


@dataclass(frozen=True, slots=True)
class Body:
    """`fields` are those of an object that has no name of its own."""

    media_type: str
    type: Type
    fields: tuple[Field, ...]
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """`name` is that of an answer which operations share, else ""."""

    status: str
    phrase: str
    description: str
    headers: tuple[Field, ...]
    bodies: tuple[Body, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Operation:
    id: str
    method: str
    path: str
    summary: str
    description: str
    scopes: tuple[str, ...]
    parameters: tuple[Field, ...]
    bodies: tuple[Body, ...]
    body_description: str
    answers: tuple[Answer, ...]

    @property
    def example(self) -> Example | None:
        """The first of its bodies' examples."""
        return next((example for body in self.bodies for example in body.examples), None)

    @property
    def own_answers(self) -> list[Answer]:
        return [answer for answer in self.answers if not answer.name]

    @property
    def shared_answers(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.name]


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """`shared_answers` are those of any operation, by status; `schemas` by name."""

    title: str
    version: str
    description: str
    groups: tuple[Group, ...]
    shared_answers: tuple[Answer, ...]
    schemas: tuple[Schema, ...]


def reference(document: Part) -> Reference:
    components = document.get("components", {})
    operations = list(_operations(document, components.get("responses", {})))
    names = dict.fromkeys(name for name, _operation in operations)
    shared = {answer.name: answer for _name, operation in operations for answer in operation.shared_answers}
    return Reference(
        title=document["info"]["title"],
        version=document["info"]["version"],
        description=document["info"].get("description", ""),
        groups=tuple(Group(name, tuple(one for group, one in operations if group == name)) for name in names),
        shared_answers=tuple(sorted(shared.values(), key=lambda answer: answer.status)),
        schemas=tuple(named(name, schema) for name, schema in sorted(components.get("schemas", {}).items())),
    )


def _operations(document: Part, shared: Part) -> Iterator[tuple[str, Operation]]:
    """Each with its first tag, in the order of the document."""
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                details = item[method]
                parameters = [*item.get("parameters", ()), *details.get("parameters", ())]
                yield next(iter(details.get("tags", ())), ""), _operation(path, method, details, parameters, shared)


def _operation(path: str, method: str, details: Part, parameters: list[Part], shared: Part) -> Operation:
    body = details.get("requestBody", {})
    return Operation(
        id=details.get("operationId", f"{method}-{path}"),
        method=method.upper(),
        path=path,
        summary=details.get("summary", path),
        description=details.get("description", ""),
        scopes=tuple(scope for way in details.get("security", ()) for scopes in way.values() for scope in scopes),
        parameters=tuple(_parameter(parameter) for parameter in parameters),
        bodies=_bodies(body.get("content", {})),
        body_description=body.get("description", ""),
        answers=tuple(_answer(str(status), told, shared) for status, told in sorted(details["responses"].items())),
    )


def _parameter(parameter: Part) -> Field:
    said = parameter.get("description", "")
    required = parameter.get("required", False)
    return field(parameter["name"], parameter.get("schema", {}), required, description=said, place=parameter["in"])


def _answer(status: str, told: Part, shared: Part) -> Answer:
    name = told.get("$ref", "").removeprefix(_RESPONSES)
    told = shared[name] if name else told
    headers = (
        field(header, part.get("schema", {}), part.get("required", False), description=part.get("description", ""))
        for header, part in told.get("headers", {}).items()
    )
    phrase = HTTPStatus(int(status)).phrase if status.isdigit() else ""
    return Answer(status, phrase, told.get("description", ""), tuple(headers), _bodies(told.get("content", {})), name)


def _bodies(content: Mapping[str, Part]) -> tuple[Body, ...]:
    return tuple(_body(media_type, part) for media_type, part in content.items())


def _body(media_type: str, part: Part) -> Body:
    schema = part.get("schema", {})
    return Body(media_type, type_of(schema), members(schema), tuple(_examples(media_type, part, schema)))


def _examples(media_type: str, part: Part, schema: Part) -> Iterator[Example]:
    """Those of the body, else those of its schema."""
    if "example" in part:
        yield Example(media_type, _text(part["example"]))
    for name, example in part.get("examples", {}).items():
        if "value" in example:
            yield Example(example.get("summary", name), _text(example["value"]))
    if "example" not in part and "examples" not in part:
        yield from (Example(media_type, _text(value)) for value in schema.get("examples", ()))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
