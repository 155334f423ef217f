"""What a page says that came out of no catalogue: the text that somebody forgot to mark, or that nobody translated.

Every translation is put between ⟦ and ⟧ while a page is made. What stands outside is data, or forgotten. Data of tests
is written in Greek, so that a word in other letters outside of the marks is a finding.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from django.utils.translation import trans_real

LEFT, RIGHT = "⟦", "⟧"
# Read by people: as text, on hover, by screen readers, on pictures.
_ATTRIBUTES = frozenset({"alt", "aria-label", "data-lead", "data-title", "label", "placeholder", "title"})
_FIGURE_TEXTS = frozenset({"customdata", "hovertemplate", "text", "ticktext", "title", "x", "y"})
# The same in every language: addresses, and names of files, products, zones and formats.
_NAMES = re.compile(
    r"\S+@\S+|https?://\S+|\bpanta[-_][\w.-]+|\bapplication/[\w.-]+|\b\w+\.(yaml|yml|js|py)\b"
    r"|\b(PANTA OS|Deutsch|English|UTC|CSV|MiB|OpenAPI|Prometheus|HTTP|GET|POST|curl|Firefox|Linux)\b"
)
_SILENT = frozenset({"code", "pre", "script", "style"})  # told to machines
_VOID = frozenset({"br", "col", "hr", "img", "input", "link", "meta", "wbr"})  # never closed
_INLINE = frozenset({"a", "b", "code", "data", "em", "del", "ins", "span", "strong", "svg", "path", "time", "wbr"})
_WORD = re.compile(r"[^\W\d_\u0370-\u03ff]{2,}")


def mark_translations(language: str, monkeypatch: Any) -> None:
    """From now on every text of this language's catalogues, ours as well as Django's and allauth's, is marked."""
    real: Any = trans_real
    marked = copy.copy(real.translation(language))
    catalogue = marked._catalog = copy.copy(marked._catalog)
    catalogue._catalogs = [{key: _marked(key, text) for key, text in each.items()} for each in catalogue._catalogs]
    monkeypatch.setitem(real._translations, language, marked)


def _marked(key: Any, text: str) -> str:
    return f"{LEFT}{text}{RIGHT}" if key else text


def of_page(html: str) -> list[str]:
    """What a page says outside of the marks: its text, its attributes, its charts."""
    page = _Page()
    page.feed(html)
    texts = [" ".join(outside(text).split()) for text in [*page.blocks, *page.attributes]]
    return [text for text in texts if _has_words(text)]


def of_text(text: str) -> list[str]:
    """The same of a mail or of another plain text."""
    return [line for line in outside(text).split("\n") if _has_words(line)]


def outside(text: str) -> str:
    """`text` without what stands between marks; of one that was cut off, nothing is left."""
    depth, kept = 0, []
    for letter in text:
        depth += letter == LEFT
        if depth == 0:
            kept.append(letter)
        depth -= letter == RIGHT and depth > 0
    return "".join(kept)


def _has_words(text: str) -> bool:
    return bool(_WORD.search(_NAMES.sub(" ", text)))


class _Page(HTMLParser):
    """Collects what is read by people, but for parts that say themselves that they are in another language.

    A translation may go on through elements inside of a block, never beyond it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.blocks = [""]
        self.attributes: list[str] = []
        self._open: list[tuple[str, bool]] = []  # elements, and whether they are passed over
        self._language = ""

    @property
    def _is_silent(self) -> bool:
        return bool(self._open) and self._open[-1][1]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self._language = self._language or said.get("lang", "")
        is_silent = self._is_silent or tag in _SILENT or said.get("lang", self._language) != self._language
        if tag not in _VOID:
            self._open.append((tag, is_silent))
        self._break_at(tag)
        if is_silent:
            return
        self.attributes += [value for name, value in said.items() if name in _ATTRIBUTES]
        if tag == "input" and said.get("type") in ("submit", "button"):
            self.attributes.append(said.get("value", ""))
        if said.get("data-figure"):
            self.attributes += _texts_of(json.loads(said["data-figure"]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        places = [place for place, (name, _silent) in enumerate(self._open) if name == tag]
        if places:
            del self._open[places[-1] :]
        self._break_at(tag)

    def handle_data(self, data: str) -> None:
        if not self._is_silent:
            self.blocks[-1] += data

    def _break_at(self, tag: str) -> None:
        if tag not in _INLINE:
            self.blocks.append("")


def _texts_of(figure: Any, key: str = "") -> Iterator[str]:
    """What a chart shows as text; the holes of Plotly's templates are no words."""
    if isinstance(figure, dict):
        for name, value in figure.items():
            yield from _texts_of(value, name)
    elif isinstance(figure, list):
        for value in figure:
            yield from _texts_of(value, key)
    elif isinstance(figure, str) and key in _FIGURE_TEXTS:
        yield re.sub(r"%\{[^}]*\}|<br>|<extra></extra>", " ", figure)
