"""One row of a table of people: its cells in, what they say or why it is refused out. Nothing is looked up."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from usermgmt.models import Role, normalize_email

FIELDS = ("user_id", "email", "name", "teams", "joined_at", "role")
MAX_TEXT = 200
MAX_EMAIL = 254
EARLIEST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
CLOCK_SKEW = dt.timedelta(minutes=10)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_TEAM_SEPARATOR = re.compile(r"[;|]")
_ROLES = {"admin": Role.ADMINISTRATOR, "administrator": Role.ADMINISTRATOR, "user": Role.USER, "member": Role.USER}


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """Why a row changes nobody. `fields`: what it says."""

    line: int
    reason: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One checked row; None is what it does not say."""

    line: int
    external_id: str | None
    email: str | None
    name: str | None
    teams: tuple[str, ...] | None
    joined_at: dt.datetime | None
    role: Role | None
    fields: dict[str, Any]


def check(line: int, cells: Mapping[str, Any], zone: ZoneInfo, now: dt.datetime) -> PersonRow | RejectedRow:
    """The row, or why not. `zone`: where dates and times without an offset are meant."""
    fields = {name: text for name, value in cells.items() if (text := _text(value))}
    try:
        return PersonRow(
            line,
            _checked("user_id", fields.get("user_id")),
            _email(fields.get("email")),
            _name(fields.get("name")),
            _teams(fields.get("teams")),
            _instant(cells.get("joined_at"), zone, now),
            _role(fields.get("role")),
            _identified(fields),
        )
    except ValueError as error:
        return RejectedRow(line, str(error), fields)


def _text(value: Any) -> str:
    """A cell as a person reads it: Excel keeps whole numbers, ids among them, as 42.0."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def _identified(fields: dict[str, Any]) -> dict[str, Any]:
    if not fields.get("user_id") and not fields.get("email"):
        raise ValueError(_("neither user_id nor email says who this is"))
    return fields


def _checked(field_name: str, text: str | None, limit: int = MAX_TEXT) -> str | None:
    if text is None:
        return None
    if len(text) > limit:
        raise ValueError(_("%(column)s is longer than %(limit)s characters") % {"column": field_name, "limit": limit})
    if _FORBIDDEN.search(text):
        raise ValueError(_("%(column)s contains control characters") % {"column": field_name})
    return text


def _name(text: str | None) -> str | None:
    return _checked("name", unicodedata.normalize("NFC", text) if text else None)


def _email(text: str | None) -> str | None:
    email = _checked("email", normalize_email(text) if text else None, MAX_EMAIL)
    if email is not None and not _EMAIL.fullmatch(email):
        raise ValueError(_("'%(email)s' is not an email address") % {"email": email})
    return email


def _teams(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    names = [unicodedata.normalize("NFC", name.strip()) for name in _TEAM_SEPARATOR.split(text)]
    return tuple(dict.fromkeys(name for name in names if _checked("teams", name))) or None


def _role(text: str | None) -> Role | None:
    if text is None:
        return None
    role = _ROLES.get(text.casefold())
    if role is None:
        raise ValueError(_("role '%(role)s' is neither administrator nor user") % {"role": text})
    return role


def _instant(value: Any, zone: ZoneInfo, now: dt.datetime) -> dt.datetime | None:
    instant = _parsed_instant(value, zone)
    if instant is not None and not EARLIEST <= instant <= now + CLOCK_SKEW:
        raise ValueError(_("joined_at %(value)s is not between 2000-01-01 and now") % {"value": value})
    return instant


def _parsed_instant(value: Any, zone: ZoneInfo) -> dt.datetime | None:
    """A date is the midnight that begins it."""
    if isinstance(value, str) or value is None:
        if not (text := _text(value)):
            return None
        try:
            value = dt.datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(
                _("joined_at '%(value)s' is no date (2026-01-31) and no time (2026-01-31T09:00+01:00)")
                % {"value": text}
            ) from None
    elif isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time.min)
    if not isinstance(value, dt.datetime):
        raise ValueError(_("joined_at '%(value)s' is no date") % {"value": value})
    return value if value.tzinfo else value.replace(tzinfo=zone)
