"""Which column of a file feeds which field of an event, and what a cell means.

An empty cell is an absent field. **One column may name assistants and workflows alike** (`--map workflow=assistant`
beside a column `assistant`); then the row's `kind` says which it is, and the fields of the other are not sent. Where
the two come from columns of their own, both are sent: a workflow run may well mention the assistant it used.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from analytics.ingest.draft import FIELDS, TEXT_FIELDS, EventDraft, Rejected, draft
from usermgmt.sheets import TableFile, UnmatchedColumns, match_columns

REQUIRED = ("event_id", "occurred_at")
_TIME_FIELDS = ("occurred_at", "received_at")
_ITEM_FIELDS = {"assistant": ("assistant_id", "assistant"), "workflow": ("workflow_id", "workflow")}

Fields = dict[str, Any]


class Columns:
    """Reads rows of one file as drafts. `theirs` are the file's columns to ask for, in the order of `ours`."""

    def __init__(self, file: TableFile, mapping: Mapping[str, str], naive_zone: ZoneInfo | None = None) -> None:
        """Raises UnmatchedColumns. `naive_zone`: where the clock hung that wrote times without an offset."""
        matched = match_columns(file.columns, FIELDS, mapping, REQUIRED)
        self.ours = tuple(matched)
        self.theirs = tuple(matched.values())
        self.ignored = [name for name in file.columns if name and name not in self.theirs]
        self._from_text = not file.typed
        self._naive_zone = naive_zone
        self._unsent = _unsent_by_kind(matched)
        if self._unsent and "kind" not in matched:
            raise UnmatchedColumns("one column names assistants and workflows, but none feeds kind, which says which")

    def fields(self, values: Sequence[Any]) -> Fields:
        """The fields of a row that are not absent."""
        if self._from_text:
            texts = zip(self.ours, map(str.strip, values), strict=True)
            fields: Fields = {ours: text for ours, text in texts if text}
        else:
            pairs = zip(self.ours, values, strict=True)
            fields = {ours: value for ours, value in pairs if value is not None and value != ""}
        if self._unsent:
            for name in self._unsent.get(str(fields.get("kind")), ()):
                fields.pop(name, None)
        return fields

    def draft(self, fields: Fields, now: dt.datetime) -> EventDraft | Rejected:
        """The draft of a row's fields. Spellings that the API does not take, but files have, cost a second look."""
        if self._unsent and "kind" not in fields:
            return Rejected("kind is missing: one column names assistants and workflows, and only kind says which")
        event = draft(fields, now, from_text=self._from_text)
        if isinstance(event, Rejected) and (plain := self._plain(fields)) != fields:
            return draft(plain, now, from_text=self._from_text)
        return event

    def _plain(self, fields: Fields) -> Fields:
        plain = {name: _as_text(value) if name in TEXT_FIELDS else _as_number(value) for name, value in fields.items()}
        plain |= {name: self._as_instant(plain[name]) for name in _TIME_FIELDS if name in plain}
        return {name: value for name, value in plain.items() if value is not None}

    def _as_instant(self, value: Any) -> Any:
        """ISO 8601 in all its forms (PostgreSQL writes `2026-01-31 10:00:00+02`); a naive one in the given zone."""
        if isinstance(value, str):
            try:
                value = dt.datetime.fromisoformat(value)
            except ValueError:
                return value
        if self._naive_zone and isinstance(value, dt.datetime) and value.tzinfo is None:
            return value.replace(tzinfo=self._naive_zone)
        return value


def _unsent_by_kind(matched: Mapping[str, str]) -> dict[str, list[str]]:
    """Kind → the fields of other kinds that share their column with this one's; empty where none do."""
    by_item = {item: {matched[name] for name in names if name in matched} for item, names in _ITEM_FIELDS.items()}
    shared = by_item["assistant"] & by_item["workflow"]
    if not shared:
        return {}
    fed = {item: [n for n in names if matched.get(n) in shared] for item, names in _ITEM_FIELDS.items()}
    return {
        "assistant": fed["workflow"],
        "workflow": fed["assistant"],
        "chat": fed["assistant"] + fed["workflow"],
    }


def _as_text(value: Any) -> Any:
    """Ids that a data frame keeps as numbers."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_number(value: Any) -> Any:
    """Whole numbers and gaps of a column that a data frame keeps as floats."""
    if not isinstance(value, float):
        return value
    if value != value:  # noqa: PLR0124  # NaN is how a float column says absent
        return None
    return int(value) if value.is_integer() else value
