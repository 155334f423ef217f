"""What a row of the list of people says and offers, ready to be shown: a page has fifty, so words are asked for once.

In: a page of rows, where it is, who looks, when. Out: each row in the reader's language.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from usermgmt.models import Role, Status, User
from usermgmt.people_list import PeoplePage, Row
from usermgmt.people_steps import Step
from usermgmt.queries import Tab
from usermgmt.templatetags.people import address, day_of, recently


@dataclass(frozen=True, slots=True)
class ShownRow:
    """`email` stands below a name alone; days are "" where nobody knows them; narrow screens show `active` for
    `last_active`. `menu`: what can be done with the person.
    """

    row: Row
    id: str
    initials: str
    name: str
    url: str
    email: SafeString | str
    badges: SafeString
    teams: SafeString
    joined: str
    last_active: str
    active: str
    choose: str
    offers: str
    menu: SafeString


def shown_rows(page: PeoplePage, here: str, viewer_id: int | None, now: dt.datetime) -> list[ShownRow]:
    """`here`: the address that every step leads back to."""
    words = _Words(page.state.tab, now)
    menus = _Menus(page.state.tab, quote(here, safe=""))
    return [words.shown(row, menus.of(row, is_viewer=row.person.pk == viewer_id)) for row in page.rows]


def _joined(pieces: Iterable[str]) -> SafeString:
    """`pieces` of HTML beside each other."""
    return mark_safe(" ".join(pieces))  # noqa: S308  # made by format_html


_SOMEBODY = 1_234_567_890


class _ForAnybody:
    """A text with somebody's id in it, made once for all rows. The id comes first: what was searched may look alike."""

    def __init__(self, text: str) -> None:
        self._before, _id, self._after = text.partition(str(_SOMEBODY))

    def of(self, person: User) -> str:
        return f"{self._before}{person.pk}{self._after}"


# --- What it says -------------------------------------------------------------------------------------------------


class _Words:
    """The words of all rows of one tab at one instant."""

    def __init__(self, tab: Tab, now: dt.datetime) -> None:
        self.tab, self.now = tab, now
        self.people = _ForAnybody(reverse("person", args=[_SOMEBODY]))
        self.choose, self.offers, self.active = _("Choose %(name)s"), _("What to do with %(name)s"), _("active %(day)s")
        self.primary_team = _("Primary team")
        self.roles = {
            role.value: _badge(str(role.label), "accent" if role is Role.ADMINISTRATOR else "") for role in Role
        }
        self.deactivated = _badge(_("Deactivated"), "warning")
        self.invited = _badge(_("Invited"), "success")
        self.no_sign_in = _badge(
            _("No sign-in"), title=_("Known from usage alone. An invitation lets this person sign in.")
        )

    def shown(self, row: Row, menu: SafeString) -> ShownRow:
        person, name = row.person, str(row.person)
        last_active = recently(row.last_active_at, self.now) if row.last_active_at else ""
        return ShownRow(
            row=row,
            id=str(person.pk),
            initials=row.initials,
            name=name,
            url=self.people.of(person),
            email=address(person.email) if person.email and person.name else "",
            badges=_joined(self._badges(row)),
            teams=self._teams(row),
            joined=day_of(person.joined_at) if person.joined_at else "",
            last_active=last_active,
            active=self.active % {"day": last_active} if last_active else "",
            choose=self.choose % {"name": name},
            offers=self.offers % {"name": name},
            menu=menu,
        )

    def _badges(self, row: Row) -> Iterator[SafeString]:
        yield self.roles[row.person.role]
        if row.person.status == Status.DEACTIVATED:
            yield self.deactivated
        elif self.tab is Tab.ACTIVE and row.is_waiting:
            yield self.invited
        elif self.tab is Tab.ACTIVE and not row.can_sign_in:
            yield self.no_sign_in

    def _teams(self, row: Row) -> SafeString:
        """The first two, and how many more."""
        if not row.teams:
            return SafeString('<span class="muted">–</span>')
        title = format_html(' title="{}"', self.primary_team) if row.primary_team else ""
        first = format_html("<span{}>{}</span>", title, row.teams[0])
        if len(row.teams) == 1:
            return first
        more = f" +{len(row.teams) - 2}" if len(row.teams) > 2 else ""
        return format_html(
            '{}<span class="muted" title="{}">, {}{}</span>', first, ", ".join(row.teams), row.teams[1], more
        )


def _badge(label: str, tone: str = "", title: str = "") -> SafeString:
    shown_title = format_html(' title="{}"', title) if title else ""
    return format_html('<span class="badge{}"{}>{}</span>', f" badge--{tone}" if tone else "", shown_title, label)


# --- What it offers -----------------------------------------------------------------------------------------------


class _Menus:
    """What can be done with the people of one tab; `back` is the way back as part of an address."""

    def __init__(self, tab: Tab, back: str) -> None:
        self.tab = tab
        self.adding, self.invite = reverse("person-add"), _("Invite…")
        self.edit = _ForAnybody(_link(f"{reverse('person-edit', args=[_SOMEBODY])}?next={back}", _("Edit")))
        at_once = {
            Step.RESTORE: _("Restore"),
            Step.RESEND: _("Send invitation again"),
            Step.REACTIVATE: _("Reactivate"),
        }
        asked = {
            Step.REVOKE: _("Revoke invitation…"),
            Step.DEACTIVATE: _("Deactivate…"),
            Step.REMOVE: _("Remove…"),
        }
        self.steps = {step: _ForAnybody(_button(_step(step), label)) for step, label in at_once.items()} | {
            step: _ForAnybody(_link(f"{_step(step)}?person={_SOMEBODY}&next={back}", label))
            for step, label in asked.items()
        }

    def of(self, row: Row, *, is_viewer: bool) -> SafeString:
        return _joined(self._entries(row, is_viewer=is_viewer))

    def _entries(self, row: Row, *, is_viewer: bool) -> Iterator[str]:
        """In HTML."""
        person = row.person
        if self.tab is Tab.DELETED:
            yield self.steps[Step.RESTORE].of(person)
            return
        yield self.edit.of(person)
        if row.is_waiting:
            if person.status != Status.DEACTIVATED:
                yield self.steps[Step.RESEND].of(person)
            yield self.steps[Step.REVOKE].of(person)
        elif person.email and not row.can_sign_in and person.status == Status.ACTIVE:
            named = urlencode({"email": person.email, "name": person.name}, quote_via=quote, safe="")
            yield _link(f"{self.adding}?{named}", self.invite)
        if self.tab is Tab.ACTIVE and not is_viewer:
            deactivated = person.status == Status.DEACTIVATED
            yield self.steps[Step.REACTIVATE if deactivated else Step.DEACTIVATE].of(person)
            yield self.steps[Step.REMOVE].of(person)


def _step(step: Step) -> str:
    return reverse("people-step", args=[step])


def _button(url: str, label: str) -> SafeString:
    """Takes a step with one person at once."""
    return format_html(
        '<button class="menu__item" type="submit" form="one-step" formaction="{}" name="person" value="{}">{}</button>',
        url,
        _SOMEBODY,
        label,
    )


def _link(url: str, label: str) -> SafeString:
    """Leads to a page, which says what a step means."""
    return format_html('<a class="menu__item" href="{}">{}</a>', url, label)
