"""A file of people to invite: bytes in, its rows out, as they are stored until somebody confirms them.

CSV or Excel is told by the content, not by the name. What cannot be read at all is `UnreadableFile`, with a sentence;
a row that cannot be understood is kept with its reason. Everything is bounded: bytes, unpacked bytes, rows, cells.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypedDict
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from usermgmt import csv_cells
from usermgmt.imports.rows import PersonRow, RejectedRow, check
from usermgmt.sheets import (
    CsvFile,
    Damaged,
    ExcelFile,
    TableFile,
    UnmatchedColumns,
    UnreadableFile,
    match_columns,
    open_bytes,
)

FIELDS = ("email", "name", "role", "teams")
TEMPLATE_LINES = (
    ("grace@example.com", "Grace Hopper", "user", "Engineering; Research"),
    ("ada@example.com", "Ada Lovelace", "administrator", "Engineering"),
)
MAX_BYTES = 5 * 1024 * 1024
MAX_ROWS = 10_000
MAX_TEAMS = 50  # of one person
_MAX_UNPACKED = 64 * 1024 * 1024
_MAX_COLUMNS = 100
_MAX_SHOWN = 300  # characters of a cell that are kept; longer ones are refused anyway
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_ZIP, _GZIP, _OLD_EXCEL = b"PK", b"\x1f\x8b", b"\xd0\xcf\x11\xe0"


class StoredRow(TypedDict):
    """`said`: the cells that are not empty, as text. `wrong`: why the row cannot be understood, or nothing."""

    line: int
    said: dict[str, str]
    wrong: str


def template() -> Iterator[str]:
    """A CSV file to fill in."""
    return csv_cells.pieces(FIELDS, TEMPLATE_LINES)


def read(chunks: Iterable[bytes], filename: str) -> list[StoredRow]:
    """The rows of an uploaded file. Raises UnreadableFile."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        with path.open("wb") as file:
            file.writelines(chunks)
        try:
            return _rows(path)
        except UnmatchedColumns as error:
            raise UnreadableFile(str(error)) from error
        except UnreadableFile as error:
            raise UnreadableFile(str(error).replace(str(path), filename)) from error


def _rows(path: Path) -> list[StoredRow]:
    stored: list[StoredRow] = []
    with _open(path) as file:
        matched = _matched(file)
        for line, cells in file.rows(list(matched.values())):
            if isinstance(cells, Damaged):
                stored.append(StoredRow(line=line, said={}, wrong=cells.reason))
            elif any(cell not in (None, "") for cell in cells):
                stored.append(_stored(line, dict(zip(matched, cells, strict=True))))
            if len(stored) > MAX_ROWS:
                raise UnreadableFile(
                    _("The file has more than %(count)s rows. Split it.")
                    % {"count": number_format(MAX_ROWS, force_grouping=True)}
                )
    if not stored:
        raise UnreadableFile(_("The file has column names, but no rows below them."))
    return stored


def _open(path: Path) -> TableFile:
    with open_bytes(path) as raw:
        head = raw.read(4)
    if head.startswith(_GZIP):
        raise UnreadableFile(_("The file is packed. Unpack it first."))
    if head == _OLD_EXCEL:
        raise UnreadableFile(_("This is an old Excel file (.xls), or one with a password. Save it as .xlsx or CSV."))
    if head.startswith(_ZIP):
        return ExcelFile(path, max_bytes=_MAX_UNPACKED, max_columns=_MAX_COLUMNS)
    return CsvFile(path)


def _matched(file: TableFile) -> dict[str, str]:
    """Our fields → the file's columns. Raises UnreadableFile where none is the address."""
    matched = match_columns(file.columns, FIELDS, {})
    if "email" not in matched:
        there = ", ".join(name[:40] for name in file.columns if name)[:200]
        raise UnreadableFile(_("No column is called “email”. The columns are: %(columns)s") % {"columns": there})
    return matched


def _stored(line: int, cells: Mapping[str, Any]) -> StoredRow:
    """A row that can be understood is kept in the one spelling; of any other, what can be shown of it."""
    row = _checked(line, cells)
    if isinstance(row, PersonRow) and not (wrong := _problem(row)):
        role, teams = row.role.value if row.role else "", "; ".join(row.teams or ())
        texts = {"email": row.email, "name": row.name, "role": role, "teams": teams}
        return StoredRow(line=line, said={name: text for name, text in texts.items() if text}, wrong="")
    if isinstance(row, RejectedRow):
        wrong = row.reason if row.fields.get("email") else _no_address()
    said = {name: _shown(str(text)) for name, text in row.fields.items()}
    return StoredRow(line=line, said=said, wrong=_shown(wrong))


def _shown(text: str) -> str:
    """Characters that nobody sees, some of which the database cannot store, replaced; cut where it gets long."""
    return _UNSHOWN.sub("\ufffd", text[:_MAX_SHOWN])


def understood(stored: StoredRow) -> PersonRow | None:
    """What a stored row says; None for one that cannot be understood."""
    row = None if stored["wrong"] else _checked(stored["line"], stored["said"])
    return row if isinstance(row, PersonRow) else None


def _checked(line: int, cells: Mapping[str, Any]) -> PersonRow | RejectedRow:
    return check(line, cells, ZoneInfo(settings.REPORTING_TIME_ZONE), timezone.now())


def _problem(row: PersonRow) -> str:
    """Why nobody can be invited by this row, whoever is in the workspace; or nothing."""
    if row.email is None:
        return _no_address()
    try:
        validate_email(row.email)
    except ValidationError:
        return _("“%(email)s” is not an email address.") % {"email": row.email}
    if len(row.teams or ()) > MAX_TEAMS:
        return _("More than %(count)s teams.") % {"count": MAX_TEAMS}
    return ""


def _no_address() -> str:
    return _("There is no email address.")
