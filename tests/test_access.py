"""Every URL of the resolver × everybody × every method × with and without htmx, against one literal table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product

import pytest
from django.contrib.auth.hashers import make_password
from django.core.cache import cache as limits
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests import cast
from tests.cast import Actor
from usermgmt.models import Status, User

METHODS = ("GET", "POST", "HEAD", "PUT", "DELETE")
ACTORS = ("stranger", "member", "deactivated", "administrator")
NOWHERE = "/admin/of/nothing/"
FOREIGN = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
SIGN_IN = "/accounts/login/"

# Status codes in the order of METHODS.
CLOSED = "302 404 302 404 404"  # a stranger at any address that is not public: sent to sign in, existing or not
HIDDEN = "404 404 404 404 404"  # a member at any address that is not theirs
ONLY_SEEN = "200 405 200 405 405"
SENT_ON = "302 302 302 302 302"
FORM = "200 200 200 200 405"  # a form of allauth; an empty one comes back with its errors
OWN_FORM = "200 200 200 405 405"
FORM_SENT_ON = "302 302 302 405 405"


@dataclass(frozen=True)
class Row:
    """What each may see at `path`. A deactivated administrator is a stranger."""

    path: str
    stranger: str
    member: str
    administrator: str
    administrator_by_htmx: str = ""

    def expected(self, actor: str, *, htmx: bool) -> list[int]:
        if htmx and actor == "administrator" and self.administrator_by_htmx:
            return _codes(self.administrator_by_htmx)
        codes = self.stranger if actor == "deactivated" else str(getattr(self, actor))
        return _codes(HIDDEN if htmx and self._is_refused(actor) else codes)

    def _is_refused(self, actor: str) -> bool:
        return actor in ("stranger", "deactivated") and self.stranger in (CLOSED, SENT_ON)


def _codes(text: str) -> list[int]:
    return [int(code) for code in text.split()]


EVERYBODY_SEES = (ONLY_SEEN, ONLY_SEEN, ONLY_SEEN)
# Endpoints that want a key: whoever is signed in is nobody there.
KEY_TO_POST = ("405 401 405 405 405",) * 3
KEY_TO_GET = ("401 405 401 405 405",) * 3
NOTHING_THERE = (HIDDEN,) * 3
KEY = r"accounts/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$"
TABLE = {
    "health/live": Row("/health/live", *EVERYBODY_SEES),
    "health/ready": Row("/health/ready", *EVERYBODY_SEES),
    "accounts/login/": Row("/accounts/login/", FORM, SENT_ON, SENT_ON),
    "accounts/inactive/": Row("/accounts/inactive/", *EVERYBODY_SEES),
    "accounts/password/reset/": Row("/accounts/password/reset/", FORM, FORM, FORM),
    "accounts/password/reset/done/": Row("/accounts/password/reset/done/", *EVERYBODY_SEES),
    # A key that is not valid: the page says so, whatever was sent.
    KEY: Row("/accounts/password/reset/key/1-wrong/", *("200 200 200 200 200",) * 3),
    "accounts/password/reset/key/done/": Row("/accounts/password/reset/key/done/", *EVERYBODY_SEES),
    "": Row("/", SENT_ON, ONLY_SEEN, ONLY_SEEN),
    "accounts/reauthenticate/": Row("/accounts/reauthenticate/", SENT_ON, FORM, FORM),
    "profile/": Row("/profile/", SENT_ON, OWN_FORM, OWN_FORM),
    "profile/theme/": Row("/profile/theme/", SENT_ON, *("405 400 405 405 405",) * 2),
    "profile/language/": Row("/profile/language/", SENT_ON, *("405 302 405 405 405",) * 2),
    "profile/security/": Row("/profile/security/", SENT_ON, ONLY_SEEN, ONLY_SEEN),
    "profile/security/password/": Row("/profile/security/password/", SENT_ON, OWN_FORM, OWN_FORM),
    "profile/security/sessions/end/": Row("/profile/security/sessions/end/", SENT_ON, *("405 404 405 405 405",) * 2),
    # Sign-on is not configured here: nobody can tell whether it could be.
    "accounts/sign-on/": Row("/accounts/sign-on/", *("405 404 405 405 405",) * 3),
    "accounts/sign-on/callback/": Row("/accounts/sign-on/callback/", *("404 405 404 405 405",) * 3),
    "profile/security/sign-on/connect/": Row(
        "/profile/security/sign-on/connect/", SENT_ON, *("405 302 405 405 405",) * 2
    ),
    "profile/security/sign-on/disconnect/": Row(
        "/profile/security/sign-on/disconnect/", SENT_ON, *("405 302 405 405 405",) * 2
    ),
    "accounts/second-step/": Row("/accounts/second-step/", *(FORM_SENT_ON,) * 3),
    "accounts/second-step/cancel/": Row("/accounts/second-step/cancel/", *("405 302 405 405 405",) * 3),
    "accounts/passkey/options/": Row("/accounts/passkey/options/", *("405 200 405 405 405",) * 3),
    "accounts/passkey/": Row("/accounts/passkey/", *("405 302 405 405 405",) * 3),
    # Without a second step of one's own: on to the way of confirming that there is.
    "accounts/reauthenticate/code/": Row("/accounts/reauthenticate/code/", *(SENT_ON,) * 3),
    "accounts/reauthenticate/passkey/": Row("/accounts/reauthenticate/passkey/", *(SENT_ON,) * 3),
    "profile/security/authenticator/": Row("/profile/security/authenticator/", SENT_ON, *(FORM_SENT_ON,) * 2),
    "profile/security/authenticator/remove/": Row(
        "/profile/security/authenticator/remove/", SENT_ON, *("404 404 404 405 405",) * 2
    ),
    "profile/security/recovery-codes/": Row(
        "/profile/security/recovery-codes/", SENT_ON, *("404 405 404 405 405",) * 2
    ),
    "profile/security/recovery-codes/new/": Row("/profile/security/recovery-codes/new/", SENT_ON, *(FORM_SENT_ON,) * 2),
    "profile/security/recovery-codes/file/": Row(
        "/profile/security/recovery-codes/file/", SENT_ON, *("404 405 404 405 405",) * 2
    ),
    "profile/security/passkeys/add/": Row("/profile/security/passkeys/add/", SENT_ON, *(FORM_SENT_ON,) * 2),
    "profile/security/passkeys/<int:pk>/rename/": Row(
        "/profile/security/passkeys/1/rename/", SENT_ON, *(FORM_SENT_ON,) * 2
    ),
    "profile/security/passkeys/<int:pk>/remove/": Row(
        "/profile/security/passkeys/1/remove/", SENT_ON, *(FORM_SENT_ON,) * 2
    ),
    "accounts/logout/": Row("/accounts/logout/", SENT_ON, "200 302 200 405 405", "200 302 200 405 405"),
    "admin/": Row("/admin/", CLOSED, HIDDEN, SENT_ON),
    # A link that opens nothing: the page says so, to everybody.
    "invitation/<str:secret>/": Row("/invitation/wrong/", *("410 410 410 405 405",) * 3),
    "admin/users/new/": Row("/admin/users/new/", CLOSED, HIDDEN, OWN_FORM),
    "admin/users/import/": Row("/admin/users/import/", CLOSED, HIDDEN, OWN_FORM),
    "admin/users/import/template/": Row("/admin/users/import/template/", CLOSED, HIDDEN, ONLY_SEEN),
    # A file that nobody handed over.
    "admin/users/import/<int:upload_id>/": Row("/admin/users/import/999999/", CLOSED, HIDDEN, "404 404 404 405 405"),
    "admin/users/import/<int:upload_id>/result/": Row(
        "/admin/users/import/999999/result/", CLOSED, HIDDEN, "404 405 404 405 405"
    ),
    "admin/users/<int:person_id>/edit/": Row("/admin/users/999999/edit/", CLOSED, HIDDEN, "404 404 404 405 405"),
    "admin/users/steps/<slug:name>/": Row("/admin/users/steps/remove/", CLOSED, HIDDEN, "302 302 302 405 405"),
    "admin/users/": Row("/admin/users/", CLOSED, HIDDEN, ONLY_SEEN),
    "admin/users/export/": Row("/admin/users/export/", CLOSED, HIDDEN, ONLY_SEEN),
    "admin/analytics/": Row("/admin/analytics/", CLOSED, HIDDEN, ONLY_SEEN),
    "admin/analytics/charts/<slug:name>/": Row(
        "/admin/analytics/charts/teams/", CLOSED, HIDDEN, "302 405 302 405 405", administrator_by_htmx=ONLY_SEEN
    ),
    "admin/analytics/refresh/": Row(
        "/admin/analytics/refresh/",
        CLOSED,
        HIDDEN,
        "405 303 405 405 405",
        administrator_by_htmx="405 200 405 405 405",
    ),
    "admin/teams/": Row("/admin/teams/", CLOSED, HIDDEN, ONLY_SEEN),
    "admin/teams/new/": Row("/admin/teams/new/", CLOSED, HIDDEN, OWN_FORM),
    # Addresses of a team that does not exist; those of one that does are tested with it.
    "admin/teams/<int:team_id>/": Row("/admin/teams/987654321/", CLOSED, HIDDEN, "404 405 404 405 405"),
    "admin/teams/<int:team_id>/edit/": Row("/admin/teams/987654321/edit/", CLOSED, HIDDEN, "404 404 404 405 405"),
    **{
        f"admin/teams/<int:team_id>/{step}/": Row(
            f"/admin/teams/987654321/{step}/", CLOSED, HIDDEN, "405 404 405 405 405"
        )
        for step in ("archive", "unarchive")
    },
    # Nobody is chosen: the team's page says so.
    **{
        f"admin/teams/<int:team_id>/members/{step}/": Row(
            f"/admin/teams/987654321/members/{step}/", CLOSED, HIDDEN, "405 302 405 405 405"
        )
        for step in ("add", "remove")
    },
    "admin/limits/": Row("/admin/limits/", CLOSED, HIDDEN, ONLY_SEEN),
    "admin/limits/alerts/": Row("/admin/limits/alerts/", CLOSED, HIDDEN, ONLY_SEEN),
    "admin/limits/new/": Row("/admin/limits/new/", CLOSED, HIDDEN, OWN_FORM),
    # A limit that does not exist; those that do are tested with it.
    **{
        f"admin/limits/<int:limit_id>/{step}/": Row(
            f"/admin/limits/987654321/{step}/", CLOSED, HIDDEN, "404 404 404 405 405"
        )
        for step in ("edit", "remove", "raise")
    },
    "admin/limits/<int:limit_id>/raise/end/": Row(
        "/admin/limits/987654321/raise/end/", CLOSED, HIDDEN, "405 404 405 405 405"
    ),
    "admin/integrations/": Row("/admin/integrations/", CLOSED, HIDDEN, ONLY_SEEN),
    "admin/integrations/keys/new/": Row("/admin/integrations/keys/new/", CLOSED, HIDDEN, OWN_FORM),
    # A key that does not exist; those of one that does are tested with it.
    "admin/integrations/keys/<int:key_id>/": Row(
        "/admin/integrations/keys/987654321/", CLOSED, HIDDEN, "404 405 404 405 405"
    ),
    "admin/integrations/keys/<int:key_id>/revoke/": Row(
        "/admin/integrations/keys/987654321/revoke/", CLOSED, HIDDEN, "404 404 404 405 405"
    ),
    "admin/audit/": Row("/admin/audit/", CLOSED, HIDDEN, ONLY_SEEN),
    "admin/audit/export/": Row("/admin/audit/export/", CLOSED, HIDDEN, ONLY_SEEN),
    "admin/users/<int:user_id>/second-step/reset/": Row(
        "/admin/users/987654321/second-step/reset/", CLOSED, HIDDEN, "405 302 405 405 405"
    ),
    # A person who does not exist. Before anything else, ending sessions asks for the password again.
    "admin/users/<int:user_id>/": Row("/admin/users/987654321/", CLOSED, HIDDEN, "404 405 404 405 405"),
    "admin/users/<int:user_id>/sessions/end/": Row(
        "/admin/users/987654321/sessions/end/", CLOSED, HIDDEN, "405 302 405 405 405"
    ),
    "api/v1/events": Row("/api/v1/events", *KEY_TO_POST),
    "api/v1/litellm": Row("/api/v1/litellm", *KEY_TO_POST),
    "v1/traces": Row("/v1/traces", *KEY_TO_POST),
    "metrics": Row("/metrics", *KEY_TO_GET),
    "api/v1/limits/check": Row("/api/v1/limits/check", *KEY_TO_GET),
    "api/v1/usage": Row("/api/v1/usage", *KEY_TO_GET),
    "api/docs/": Row("/api/docs/", *EVERYBODY_SEES),
    "api/v1/openapi.json": Row("/api/v1/openapi.json", *EVERYBODY_SEES),
    "api/<path:rest>": Row("/api/of/nothing", *NOTHING_THERE),
    "v1/<path:rest>": Row("/v1/of/nothing", *NOTHING_THERE),
    "admin/analytics/export/<slug:variant>/": Row("/admin/analytics/export/usage/", CLOSED, HIDDEN, ONLY_SEEN),
}
# No session opens these, so that no token is asked for: what a signed-in browser gets that posts there.
FOR_PROGRAMS = {
    "api/v1/events": 401,
    "api/v1/litellm": 401,
    "v1/traces": 401,
    "metrics": 405,
    "api/v1/limits/check": 405,
    "api/v1/usage": 405,
}
UNKNOWN = Row(NOWHERE, CLOSED, HIDDEN, HIDDEN)


def routes(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern).removeprefix("^")
        if isinstance(entry, URLPattern):
            yield route
        else:
            yield from routes(entry, route)


def fresh(actor: str) -> Actor:
    """Somebody who has just signed in; deactivated only afterwards, so that the session is a good one."""
    if actor == "stranger":
        return Actor()
    user = cast.create_member() if actor == "member" else cast.create_administrator()
    User.objects.filter(pk=user.pk).update(password=password())
    user.refresh_from_db()
    client = Actor(user)
    if actor == "deactivated":
        User.objects.filter(pk=user.pk).update(status=Status.DEACTIVATED)
    return client


@cache
def password() -> str:
    """A stored password; made once, because making one is slow on purpose."""
    return make_password("correct horse battery staple")


def answer(client: Actor, method: str, path: str, *, htmx: bool) -> HttpResponseBase:
    return client.generic(method, path, headers={**FOREIGN, **({"HX-Request": "true"} if htmx else {})})


def test_every_url_has_a_row() -> None:
    assert sorted(routes(get_resolver())) == sorted(TABLE)


@pytest.mark.parametrize("actor", ACTORS)
@pytest.mark.parametrize("row", [*TABLE.values(), UNKNOWN], ids=lambda row: row.path)
@pytest.mark.django_db
def test_access_is_as_the_table_says(row: Row, actor: str) -> None:
    """And no page of another site may read an answer."""
    client = fresh(actor)
    for htmx in (False, True):
        got = []
        for method in METHODS:
            if actor in ("member", "administrator") and client.user is not None:
                client.force_login(client.user)  # the method before may have signed out
            response = answer(client, method, row.path, htmx=htmx)
            got.append(response.status_code)
            assert not any(name.lower().startswith("access-control-") for name in response.headers)
            limits.clear()  # the limits on attempts are another test's matter
        assert got == row.expected(actor, htmx=htmx)


@pytest.mark.parametrize("actor", ["stranger", "member", "deactivated"])
@pytest.mark.parametrize(
    "row", [row for row in TABLE.values() if row.member == HIDDEN != row.stranger], ids=lambda row: row.path
)
@pytest.mark.django_db
def test_a_hidden_address_answers_as_one_that_does_not_exist(row: Row, actor: str) -> None:
    client = fresh(actor)
    for method, htmx in product(METHODS, (False, True)):
        hidden = answer(client, method, row.path, htmx=htmx)
        nowhere = answer(client, method, NOWHERE, htmx=htmx)
        assert hidden.status_code == nowhere.status_code
        assert getattr(hidden, "content", None) == getattr(nowhere, "content", None)
        assert _headers(hidden, row.path) == _headers(nowhere, NOWHERE)


def _headers(response: HttpResponseBase, path: str) -> dict[str, str]:
    """The headers, without the address that was asked for."""
    return {name: value.replace(path.replace("/", "%2F"), "…") for name, value in response.headers.items()}


@pytest.mark.parametrize("route, row", TABLE.items(), ids=[row.path for row in TABLE.values()])
@pytest.mark.django_db
def test_another_site_can_make_no_browser_post_anything(route: str, row: Row) -> None:
    """Without its token a form is refused, also one that says it is htmx. Where a key opens, a session is nobody."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.create_administrator())
    for htmx in ({}, {"HX-Request": "true"}):
        refused = client.post(row.path, headers={**FOREIGN, **htmx}).status_code
        assert refused == FOR_PROGRAMS.get(route, 403)
