"""Message catalogues: gettext's text files (`.po`), which people edit, made into what Django reads (`.mo`).

In Python alone, because not every machine has GNU gettext. Imports no Django: it runs before there is one
(`python -m panta_admin.catalogues`), and whenever the project starts, so that nothing runs with an old catalogue.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "locale"

_LINE = re.compile(r'(?:(msgctxt|msgid_plural|msgid|msgstr(?:\[\d+\])?)\s+)?"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
_MAGIC, _HEADER = 0x950412DE, 28
_END_OF_CONTEXT = "\x04"


@dataclass(slots=True)
class Message:
    """One entry: what the source says (`id`, and `plural` of it), and how it is said in the catalogue's language.

    `translations` has one text for each plural form of the language; an empty one is missing. The entry with an empty
    `id` is the catalogue's header.
    """

    line: int  # of its first word, for complaints
    flags: frozenset[str] = frozenset()
    context: str | None = None
    id: str = ""
    plural: str | None = None
    translations: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        """What the running program looks for."""
        context = "" if self.context is None else self.context + _END_OF_CONTEXT
        return context + self.id + ("" if self.plural is None else f"\x00{self.plural}")

    @property
    def is_translated(self) -> bool:
        """In every plural form, and by a person: "fuzzy" marks a guess of the tools."""
        return bool(self.translations) and all(self.translations) and "fuzzy" not in self.flags


class UnreadableCatalogue(ValueError):  # noqa: N818  # reads better where it is raised
    """A catalogue that breaks the format; says where."""


def read(path: Path) -> list[Message]:
    """The messages of a `.po` file, in its order. Raises UnreadableCatalogue, also where two have the same key."""
    try:
        messages = list(_messages(path.read_text(encoding="utf-8").split("\n")))
        _refuse_twins(messages)
    except UnreadableCatalogue as error:
        raise UnreadableCatalogue(f"{path}: {error}") from error
    return messages


def _refuse_twins(messages: Iterable[Message]) -> None:
    lines: dict[tuple[str | None, str], int] = {}
    for message in messages:
        first = lines.setdefault((message.context, message.id), message.line)
        if first != message.line:
            raise UnreadableCatalogue(f"line {message.line}: the same message as in line {first}")


def _messages(lines: Iterable[str]) -> Iterator[Message]:
    message: Message | None = None
    flags: frozenset[str] = frozenset()
    keyword = ""
    for number, line in enumerate(map(str.strip, lines), start=1):
        if line.startswith("#,"):
            flags = frozenset(map(str.strip, line[2:].split(",")))
        if not line or line.startswith("#"):
            continue
        said, text = _split(line, number)
        if said == "msgctxt" or (said == "msgid" and keyword != "msgctxt"):
            if message is not None:
                yield message
            message, flags = Message(number, flags), frozenset()
        keyword = said or keyword
        if message is None:
            raise UnreadableCatalogue(f"line {number}: text before the first msgid")
        _add(message, keyword, text, begins=bool(said))
    if message is not None:
        yield message


def _split(line: str, number: int) -> tuple[str, str]:
    """The keyword that the line begins with ("" where it goes on with the text before), and its text."""
    found = _LINE.fullmatch(line)
    if found is None:
        raise UnreadableCatalogue(f"line {number}: neither a comment nor a quoted text")
    try:
        return found[1] or "", _ESCAPE.sub(lambda escape: _ESCAPED[escape[1]], found[2])
    except KeyError as error:
        raise UnreadableCatalogue(f"line {number}: unknown escape \\{error.args[0]}") from None


def _add(message: Message, keyword: str, text: str, *, begins: bool) -> None:
    match keyword:
        case "msgctxt":
            message.context = (message.context or "") + text
        case "msgid":
            message.id += text
        case "msgid_plural":
            message.plural = (message.plural or "") + text
        case _ if begins:
            message.translations.append(text)
        case _:
            message.translations[-1] += text


def binary(messages: Iterable[Message]) -> bytes:
    """The `.mo` file: what is translated, in the order of its keys, behind two tables of lengths and places."""
    texts = {message.key: "\x00".join(message.translations) for message in messages if message.is_translated}
    pairs = sorted((key.encode(), text.encode()) for key, text in texts.items())
    tables_end = _HEADER + 16 * len(pairs)
    keys = _Pool([key for key, _text in pairs], tables_end)
    values = _Pool([text for _key, text in pairs], tables_end + len(keys.data))
    header = struct.pack("<7I", _MAGIC, 0, len(pairs), _HEADER, _HEADER + 8 * len(pairs), 0, tables_end)
    return header + keys.table + values.table + keys.data + values.data


class _Pool:
    """Texts one after another from `start` on, each ended by a zero byte, and where each one lies."""

    def __init__(self, texts: Sequence[bytes], start: int) -> None:
        self.data = b"".join(text + b"\x00" for text in texts)
        self.table = b""
        for text in texts:
            self.table += struct.pack("<2I", len(text), start)
            start += len(text) + 1


def compile_changed(folder: Path = FOLDER) -> list[Path]:
    """Compiles what is missing or older than its source; returns what was written.

    Several processes may do so at once: each file is put in place whole.
    """
    return [_compile(source) for source in sorted(folder.glob("*/LC_MESSAGES/*.po")) if _is_stale(source)]


def _is_stale(source: Path) -> bool:
    target = source.with_suffix(".mo")
    return not target.exists() or target.stat().st_mtime_ns < source.stat().st_mtime_ns


def _compile(source: Path) -> Path:
    target = source.with_suffix(".mo")
    unfinished = target.with_suffix(f".{os.getpid()}.unfinished")
    unfinished.write_bytes(binary(read(source)))
    unfinished.replace(target)
    return target


if __name__ == "__main__":
    compile_changed()
