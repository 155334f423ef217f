"""Every text that the source marks for translation, found without GNU gettext: what the catalogues have to hold.

Python is read as its syntax tree, templates as Django's own `templatize` writes their marks down for gettext.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from django.utils.translation.template import templatize

PROJECT = Path(__file__).resolve().parents[1]
PACKAGES = sorted(path.parent.name for path in PROJECT.glob("*/__init__.py") if path.parent.name != "tests")
# Which argument is the context, the text, and the text for several.
_ARGUMENTS = {"": (None, 0, None), "p": (0, 1, None), "n": (None, 0, 1), "np": (0, 1, 2)}
_NAME = re.compile(r"(?P<kind>n?p?)gettext(_lazy|_noop)?|_")
_STRING = r"""u?('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")"""
_CALL = re.compile(rf"\b(_|n?p?gettext)\(\s*{_STRING}(?:\s*,\s*{_STRING})?(?:\s*,\s*{_STRING})?")


class Text(NamedTuple):
    context: str | None
    id: str
    plural: str | None


def of_the_project() -> dict[Text, str]:
    """The texts of all packages and templates, and a file that each is in."""
    found: dict[Text, str] = {}
    for package in PACKAGES:
        for path in sorted((PROJECT / package).rglob("*.py")):
            found |= dict.fromkeys(of_python(path.read_text()), str(path.relative_to(PROJECT)))
    for path in sorted((PROJECT / "templates").rglob("*.*")):
        found |= dict.fromkeys(of_template(path.read_text()), str(path.relative_to(PROJECT)))
    return found


def of_python(source: str) -> Iterator[Text]:
    """Raises ValueError for a mark around anything but a literal text: nobody could translate that."""
    tree = ast.parse(source)
    names = dict(_imported(tree))
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = names.get(call.func.id) if isinstance(call.func, ast.Name) else None
        if name:
            yield _text(name, [ast.literal_eval(argument) for argument in _literals(call, name)])


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The names that this module gives to functions that translate, and their own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation":
            yield from ((name.asname or name.name, name.name) for name in node.names if _NAME.fullmatch(name.name))


def _literals(call: ast.Call, name: str) -> list[ast.expr]:
    wanted = max(place for place in _places(name) if place is not None) + 1
    return call.args[:wanted]


def of_template(source: str) -> Iterator[Text]:
    for call in _CALL.finditer(templatize(source)):
        name, *strings = call.groups()
        yield _text(name, [ast.literal_eval(string) for string in strings if string])


def _places(name: str) -> tuple[int | None, int, int | None]:
    match = _NAME.fullmatch(name)
    assert match, name
    return _ARGUMENTS[match["kind"] or ""]


def _text(name: str, arguments: list[str]) -> Text:
    context, single, plural = _places(name)
    return Text(
        None if context is None else arguments[context],
        arguments[single],
        None if plural is None else arguments[plural],
    )
