"""What a row of the list of people offers and tells beside its figures, decided once for both places that show it.

In: a page of rows, where it is, who looks. Out: each row with its badges and its menu, in the reader's language.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from usermgmt.models import Role, Status, User
from usermgmt.people_list import PeoplePage, Row
from usermgmt.people_steps import Step
from usermgmt.queries import Tab


@dataclass(frozen=True, slots=True)
class Badge:
    label: str
    tone: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to do with a person: a link, or a button that does it at once where `posts`."""

    label: str
    url: str
    posts: bool = False


@dataclass(frozen=True, slots=True)
class ShownRow:
    row: Row
    badges: tuple[Badge, ...]
    menu: tuple[Entry, ...]


def shown_rows(page: PeoplePage, here: str, viewer_id: int | None) -> list[ShownRow]:
    """`here`: the address that every step leads back to."""
    offers = _Offers(page.state.tab, quote(here, safe=""), {step: reverse("people-step", args=[step]) for step in Step})
    return [
        ShownRow(
            row, tuple(_badges(row, page.state.tab)), tuple(offers.menu(row, is_viewer=row.person.pk == viewer_id))
        )
        for row in page.rows
    ]


def _badges(row: Row, tab: Tab) -> Iterator[Badge]:
    person = row.person
    yield Badge(person.get_role_display(), "accent" if person.role == Role.ADMINISTRATOR else "")
    if person.status == Status.DEACTIVATED:
        yield Badge(_("Deactivated"), "warning")
    elif tab is Tab.ACTIVE and row.is_waiting:
        yield Badge(_("Invited"), "success")
    elif tab is Tab.ACTIVE and not row.can_sign_in:
        yield Badge(_("No sign-in"), title=_("Known from usage alone. An invitation lets this person sign in."))


@dataclass(frozen=True, slots=True)
class _Offers:
    """What is the same for every row: the tab, the way back as part of an address, where each step is taken."""

    tab: Tab
    back: str
    urls: Mapping[Step, str]

    def menu(self, row: Row, *, is_viewer: bool) -> Iterator[Entry]:
        person = row.person
        if self.tab is Tab.DELETED:
            yield self._at_once(_("Restore"), Step.RESTORE)
            return
        yield Entry(_("Edit"), f"{reverse('person-edit', args=[person.pk])}?next={self.back}")
        if row.is_waiting:
            if person.status != Status.DEACTIVATED:
                yield self._at_once(_("Send invitation again"), Step.RESEND)
            yield self._asked(_("Revoke invitation…"), Step.REVOKE, person)
        elif person.email and not row.can_sign_in and person.status == Status.ACTIVE:
            named = urlencode({"email": person.email, "name": person.name}, quote_via=quote, safe="")
            yield Entry(_("Invite…"), f"{reverse('person-add')}?{named}")
        if self.tab is Tab.ACTIVE and not is_viewer:
            if person.status == Status.DEACTIVATED:
                yield self._at_once(_("Reactivate"), Step.REACTIVATE)
            else:
                yield self._asked(_("Deactivate…"), Step.DEACTIVATE, person)
            yield self._asked(_("Remove…"), Step.REMOVE, person)

    def _at_once(self, label: str, step: Step) -> Entry:
        return Entry(label, self.urls[step], posts=True)

    def _asked(self, label: str, step: Step, person: User) -> Entry:
        """A page that says what the step means."""
        return Entry(label, f"{self.urls[step]}?person={person.pk}&next={self.back}")
