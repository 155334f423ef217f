"""The catalogues are whole: every marked text of the source is in them, translated, with the same placeholders."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from panta_admin import catalogues
from panta_admin.catalogues import Message
from tests import marked_texts
from tests.marked_texts import Text

LANGUAGES = [code for code, _name in settings.LANGUAGES if code != "en"]
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[-\w%]|\{\w*\}|&\w+;|</?\w+[^>]*>")
in_each_language = pytest.mark.parametrize("language", LANGUAGES)


def catalogue(language: str) -> Path:
    return catalogues.FOLDER / translation.to_locale(language) / "LC_MESSAGES" / "django.po"


def messages(language: str) -> list[Message]:
    """The texts of a catalogue, without its header."""
    return [message for message in catalogues.read(catalogue(language)) if message.id]


def test_german_is_offered() -> None:
    assert "de" in LANGUAGES


@in_each_language
def test_every_marked_text_is_in_the_catalogue_and_no_other(language: str) -> None:
    """What is missing is brought in by `make messages`."""
    there = {Text(message.context, message.id, message.plural) for message in messages(language)}
    marked = marked_texts.of_the_project()
    assert {text: place for text, place in marked.items() if text not in there} == {}
    assert there - marked.keys() == set()


@in_each_language
def test_every_text_is_translated_by_a_person(language: str) -> None:
    gaps = [f"line {message.line}: {message.id}" for message in messages(language) if not message.is_translated]
    assert gaps == []


@in_each_language
def test_every_plural_form_is_there(language: str) -> None:
    (header,) = (message for message in catalogues.read(catalogue(language)) if not message.id)
    found = re.search(r"nplurals=(\d)", header.translations[0])
    assert found is not None
    forms = int(found[1])
    wrong = [
        message.id
        for message in messages(language)
        if len(message.translations) != (1 if message.plural is None else forms)
    ]
    assert wrong == []


@in_each_language
def test_a_translation_keeps_what_is_filled_in(language: str) -> None:
    wrong = []
    for message in messages(language):
        said = {tuple(sorted(_placeholders(text).items())) for text in (message.id, message.plural) if text}
        wrong += [text for text in message.translations if tuple(sorted(_placeholders(text).items())) not in said]
    assert wrong == []


def _placeholders(text: str) -> Counter[str]:
    return Counter(_PLACEHOLDER.findall(text))


# --- The finder of marked texts -----------------------------------------------------------------------------------


def test_marks_of_python_are_found_whatever_they_are_called() -> None:
    source = """
from django.utils.translation import gettext as _, gettext_lazy, ngettext as several, npgettext, pgettext_lazy
def gettext(text): ...
_("one" " text")
gettext_lazy("two")
several("%(n)s day", "%(n)s days", 3)
npgettext("of a year", "day", "days", 3)
pgettext_lazy("a month", "May")
gettext("not a mark")
"""
    assert list(marked_texts.of_python(source)) == [
        Text(None, "one text", None),
        Text(None, "two", None),
        Text(None, "%(n)s day", "%(n)s days"),
        Text("of a year", "day", "days"),
        Text("a month", "May", None),
    ]


def test_a_mark_around_something_else_than_a_text_is_refused() -> None:
    with pytest.raises(ValueError, match="malformed node"):
        list(marked_texts.of_python("from django.utils.translation import gettext as _\n_(word)"))


def test_marks_of_templates_are_found_in_every_form() -> None:
    source = """
{% translate "one" %} {% translate "It's (two)" as x %} {% translate "May" context "a month" %}
{% blocktranslate trimmed with a=b|default:_("three") %}
  Four {{ a }},
  100%
{% endblocktranslate %}
{% blocktranslate count n=days %}{{ n }} day{% plural %}{{ n }} days{% endblocktranslate %}
{# {% translate "not this" %} #} {{ thing|default:_("five") }}
"""
    assert set(marked_texts.of_template(source)) == {
        Text(None, "one", None),
        Text(None, "It's (two)", None),
        Text("a month", "May", None),
        Text(None, "three", None),
        Text(None, "Four %(a)s, 100%%", None),
        Text(None, "%(n)s day", "%(n)s days"),
        Text(None, "five", None),
    }
