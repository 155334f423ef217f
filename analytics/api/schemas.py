"""JSON Schema in words: what a value is, which values it may have, and the members of an object.

In: schemas of an OpenAPI document. Out: `Field`s and `Type`s, with names where another schema is referred to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

Part = Mapping[str, Any]

_SCHEMAS = "#/components/schemas/"
_BOUNDS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minLength": "{} characters or more",
    "maxLength": "{} characters or less",
    "minItems": "{} or more",
    "maxItems": "{} or less",
    "pattern": "matches `{}`",
}


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of a type's name. `schema` names the schema that it refers to, "" where it refers to none."""

    text: str
    schema: str = ""


Type = tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, a header or a member of an object. `choices`: all values that it can have, where they are named."""

    name: str
    type: Type
    description: str
    required: bool
    choices: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    default: str = ""
    example: str = ""
    place: str = ""  # of a parameter: query, path or header


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema with a name: an object with members, or another type."""

    name: str
    description: str
    type: Type
    fields: tuple[Field, ...]
    choices: tuple[str, ...]


def named(name: str, schema: Part) -> Schema:
    return Schema(name, schema.get("description", ""), type_of(schema), members(schema), choices(schema))


def members(schema: Part) -> tuple[Field, ...]:
    """Those of an object, the required ones first; none of anything else."""
    required = set(schema.get("required", ()))
    fields = (field(name, part, name in required) for name, part in schema.get("properties", {}).items())
    return tuple(sorted(fields, key=lambda one: not one.required))


def field(name: str, schema: Part, required: bool, *, description: str = "", place: str = "") -> Field:
    """`description` wins over that of the schema."""
    return Field(
        name=name,
        type=type_of(schema),
        description=description or schema.get("description", ""),
        required=required,
        choices=choices(schema),
        limits=tuple(_limits(schema)),
        default=literal(schema["default"]) if schema.get("default") is not None else "",
        example=literal(schema["examples"][0]) if schema.get("examples") else "",
        place=place,
    )


def type_of(schema: Part) -> Type:
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_SCHEMAS)
        return (Word(name, name),)
    for joined in ("anyOf", "oneOf", "allOf"):
        if joined in schema:
            return _joined(type_of(part) for part in schema[joined])
    kind = schema.get("type")
    if isinstance(kind, list):
        return _joined(type_of({**schema, "type": one}) for one in kind)
    if kind == "array":
        return (Word("array of "), *type_of(schema.get("items", {})))
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return (Word("object of "), *type_of(schema["additionalProperties"]))
    return (Word(_plain(schema, kind)),)


def _plain(schema: Part, kind: str | None) -> str:
    if kind is None:
        values = [schema["const"]] if "const" in schema else schema.get("enum", ())
        return "string" if values and all(isinstance(value, str) for value in values) else "any value"
    return f"{kind} ({schema['format']})" if "format" in schema else kind


def _joined(types: Iterator[Type]) -> Type:
    first, *others = dict.fromkeys(types)
    return tuple(chain(first, *((Word(" or "), *other) for other in others)))


def choices(schema: Part) -> tuple[str, ...]:
    """Also those of what may be null besides."""
    parts = [schema, *chain(*(schema.get(joined, ()) for joined in ("anyOf", "oneOf", "allOf")))]
    values = chain(*([part["const"]] if "const" in part else part.get("enum", ()) for part in parts))
    return tuple(literal(value) for value in values)


def _limits(schema: Part) -> Iterator[str]:
    for part in (schema, *schema.get("anyOf", ())):
        yield from (words.format(part[name]) for name, words in _BOUNDS.items() if name in part)


def literal(value: object) -> str:
    """Text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
