"""What the frame of every page shows: the workspace, the person, the tabs. A context processor; asks no database
beyond the request's user, and that only when a template shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import get_language, get_language_info
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise

from usermgmt import sign_on


@dataclass(frozen=True, slots=True)
class Section:
    """A page of the Admin Panel that has a tab; `route` is the name of its URL, `beside` of those that belong to it."""

    route: str
    label: StrPromise
    beside: tuple[str, ...] = ()


# The tabs, in their order: one line for each that is built.
SECTIONS = (
    Section("analytics", _("Analytics")),
    Section("people", _("User management"), beside=("audit",)),
    Section("teams", _("Teams")),
    Section("limits", _("Token limits")),
    Section("integrations", _("Integrations")),
)

THEMES = (
    {"value": "light", "label": _("Light")},
    {"value": "dark", "label": _("Dark")},
    {"value": "system", "label": _("System")},
)


@dataclass(frozen=True, slots=True)
class Tab:
    label: StrPromise
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    email: str

    @property
    def initials(self) -> str:
        """First letters of the first and the last word of the name, or of the address."""
        words = self.name.split("@")[0].replace(".", " ").split() or ["?"]
        return "".join(word[0] for word in (words[0], *words[1:][-1:])).upper()


class Shell:
    """The frame around one answer. Everything is worked out when a template asks for it."""

    workspace_name = settings.WORKSPACE_NAME
    themes = THEMES

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def person(self) -> Person | None:
        user = getattr(self._request, "user", None)  # not there when a request fails before sign-in is looked at
        if user is None or not user.is_authenticated:
            return None
        return Person(str(user), user.email or "")

    @property
    def sign_on_name(self) -> str:
        """What the OpenID Connect provider is called; "" without one."""
        return sign_on.name()

    @property
    def theme(self) -> str:
        """The theme that the person saved; theme.js paints the page in it."""
        return str(getattr(self._request.user, "theme", "system"))

    @cached_property
    def is_administrator(self) -> bool:
        return self.person is not None and getattr(self._request.user, "is_administrator", False)

    @cached_property
    def tabs(self) -> list[Tab]:
        return [self._tab(section) for section in SECTIONS]

    def _tab(self, section: Section) -> Tab:
        urls = tuple(map(reverse, (section.route, *section.beside)))
        return Tab(section.label, urls[0], self._request.path.startswith(urls))

    @cached_property
    def in_admin(self) -> bool:
        return self.is_administrator and any(tab.current for tab in self.tabs)

    @property
    def at_home(self) -> bool:
        return self._request.path == reverse("home")

    @property
    def languages(self) -> list[dict[str, object]]:
        """The languages one can choose from, each in its own name."""
        current = get_language()
        return [
            {"code": code, "name": get_language_info(code)["name_local"], "current": code == current}
            for code, _name in settings.LANGUAGES
        ]


def shell(request: HttpRequest) -> dict[str, Shell]:
    return {"shell": Shell(request)}
