"""Every page, form, mail and error in a language whose translations are marked: nothing else may be said.

Pages that need something to show (a team, a file, a second factor) are listed here; of every URL of `test_access` the
page without any is looked at too, so that a new one is looked at without being named.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.template.loader import render_to_string
from django.utils import translation

from analytics import keys
from analytics.models.keys import Scope as KeyScope
from tests import leftovers
from tests.analytics import workspace
from tests.analytics.api.client import Program
from tests.analytics.ingest.drafts import fields
from tests.analytics.workspace import event
from tests.cast import NOW, Actor
from tests.test_access import TABLE
from tests.tokenlimits import limits
from tests.usermgmt import people
from tests.usermgmt.test_mfa import code_of, enrolled
from tests.usermgmt.test_oidc import configure
from tests.usermgmt.test_password_reset import mailed_link
from tokenlimits import actions as limit_actions
from tokenlimits import alerts
from tokenlimits.actions import Rules
from tokenlimits.models import Scope, TokenLimit
from usermgmt import actions
from usermgmt.invitations import LIFETIME
from usermgmt.models import Action, AuditEntry, Mail, User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]
TEMPLATES = Path(settings.BASE_DIR) / "templates"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
BY_HAND = {"HTTP_ACCEPT_LANGUAGE": "de", "HTTP_USER_AGENT": FIREFOX}


@pytest.fixture(autouse=True)
def _marked(monkeypatch: Any) -> Iterator[None]:
    leftovers.mark_translations("de", monkeypatch)
    with translation.override("de"):
        yield


def in_german(actor: Actor) -> Actor:
    actor.defaults |= BY_HAND
    return actor


@pytest.fixture
def athena() -> Actor:
    """An administrator who gave her password a moment ago."""
    return in_german(people.browser(people.administrator("Αθηνά", teams=("Νόμοι", "Αγορά"))))


@pytest.fixture
def visitor() -> Actor:
    return in_german(Actor())


def said(actor: Actor, *paths: str) -> dict[str, list[str]]:
    """What the pages say outside of the marks, of those that say anything. Downloads and JSON are no pages."""
    found = {}
    for path in paths:
        response: Any = actor.get(path)
        if response.headers.get("Content-Type", "").startswith("text/html"):
            found[path] = leftovers.of_page(response.content.decode())
    return {path: words for path, words in found.items() if words}


def seen(actor: Actor, *paths: str) -> dict[str, list[str]]:
    """The same of pages that have to be there."""
    assert {path: status for path in paths if (status := actor.get(path).status_code) != 200} == {}
    return said(actor, *paths)


# --- Pages --------------------------------------------------------------------------------------------------------


def test_every_address_says_nothing_else(athena: Actor, visitor: Actor) -> None:
    paths = [row.path for row in TABLE.values() if row.path != "/accounts/logout/"]
    assert said(visitor, *paths) == {}
    assert said(athena, *paths, "/accounts/logout/") == {}


def test_analytics_of_a_living_workspace(athena: Actor) -> None:
    for person, days_ago in (("άννα", 20), ("βάσω", 3), ("γιώργος", 2)):
        workspace.joined(person, days_ago)
    workspace.old_assistant("Ξεχασμένος")
    workspace.fold(
        event(0, user_id="άννα", team="Νόμοι", tokens=1_000_000),
        event(1, user_id="άννα", team="Νόμοι", assistant="Σόλων", tokens=60),
        event(2, user_id="βάσω", assistant="Πλάτων", tokens=None, status="error"),
        *(event(5, workflow="Αναφορά", team=f"Ομάδα {number}", tokens=number + 1) for number in range(12)),
    )
    page = "/admin/analytics/"
    assert seen(athena, page, f"{page}?range=today", f"{page}?range=last_month", f"{page}?range=last_12_months") == {}
    assert seen(athena, f"{page}?range=x1", f"{page}?from=2026-03-09&to=2026-03-01", f"{page}?from=2026-03-09") == {}
    assert seen(athena, "/", "/admin/users/", "/admin/teams/") == {}


def test_people_in_every_state(athena: Actor) -> None:
    anna = people.person("Άννα", teams=("Νόμοι",), external_id="7")
    actions.deactivate(actor_of(athena), [people.person("Βάσω").pk], NOW)
    invitee = people.invited("c@example.com", by=athena.user)
    people.invited("d@example.com")
    people.invited("e@example.com", now=NOW - 2 * LIFETIME)
    Mail.objects.filter(invitation__user=invitee).update(attempts=3, last_error="x")
    gone, erased = people.deleted("Δήμος"), people.deleted("Ερμής", days_ago=40)
    actions.erase_due(NOW)
    everybody = [User.objects.get(pk=user.pk) for user in (anna, invitee, gone, erased, actor_of(athena))]
    assert seen(athena, *(f"/admin/users/{user.pk}/" for user in everybody)) == {}
    lists = ("", "?tab=pending", "?tab=deleted", "?q=ζ", "?tab=pending&q=ζ", "?activity=never_started", "?team=none")
    assert seen(athena, *(f"/admin/users/{query}" for query in lists)) == {}
    assert seen(athena, "/admin/users/?role=x1&joined_from=2026-03-09&joined_to=2026-03-01") == {}
    assert seen(athena, f"/admin/users/{anna.pk}/edit/", "/admin/users/new/") == {}
    steps = ("role", "team", "deactivate", "reactivate", "remove", "restore", "resend", "revoke")
    assert seen(athena, *(f"/admin/users/steps/{step}/?person={anna.pk}" for step in steps)) == {}


def actor_of(actor: Actor) -> User:
    assert actor.user is not None
    return actor.user


def test_teams(athena: Actor) -> None:
    laws = people.team("Νόμοι")
    empty, old = people.team("Κενή", description="Περιγραφή", color="#123456"), people.team("Παλιά", archived_at=NOW)
    pages = (f"/admin/teams/{each.pk}/" for each in (laws, empty, old))
    assert seen(athena, "/admin/teams/", *pages, f"/admin/teams/{empty.pk}/edit/") == {}
    assert seen(athena, f"/admin/teams/{empty.pk}/?find=Αθηνά&q=ζ", f"/admin/teams/{laws.pk}/?find=ζ") == {}


def test_token_limits(athena: Actor) -> None:
    anna = people.person("Άννα", external_id="άννα", teams=("Νόμοι",))
    law = people.team("Νόμοι")
    full = [limits.limit(100, team=law), limits.limit(100, "week", hard=False), limits.everybody(100, thresholds=[50])]
    limits.limit(100, "day", model="ψ")
    raised = limits.limit(10**9, person=anna, thresholds=[80])
    limits.override(raised, 2 * 10**9, dt.date(2026, 3, 20), created_by=actor_of(athena))
    limits.use(90, 3, user_id="άννα", model="ψ", team="Νόμοι")
    limits.use(90, user_id="άννα", model="ψ", team="Νόμοι")
    alerts.tell_due(NOW)
    page = "/admin/limits/"
    assert seen(athena, page, f"{page}?period=day", f"{page}?period=week", f"{page}alerts/", f"{page}new/") == {}
    for each in (*full, raised):
        assert seen(athena, f"{page}{each.pk}/edit/", f"{page}{each.pk}/remove/", f"{page}{each.pk}/raise/") == {}
    assert seen(in_german(people.browser(anna)), "/") == {}
    assert seen(athena, f"/admin/users/{anna.pk}/") == {}
    for typed in ({}, {"tokens": "x1", "thresholds": "x1", "scope": "team", "period": "month", "enforcement": "hard"}):
        assert refusal(athena, f"{page}new/", **typed) == []
        assert refusal(athena, f"{page}{raised.pk}/edit/", **typed) == []
        assert refusal(athena, f"{page}{full[0].pk}/raise/", **typed) == []
    played = {"tokens": "50", "period": "month", "enforcement": "hard", "thresholds": "80", "preview": "1"}
    for scope in ({"scope": "everybody"}, {"scope": "workspace"}, {"scope": "person", "person": "άννα"}):
        assert refusal(athena, f"{page}new/", **played, **scope) == []


def test_integrations(athena: Actor) -> None:
    fresh, text = keys.create(actor_of(athena), "Κλειδί", list(KeyScope), source="πηγή")
    reading, _text = keys.create(actor_of(athena), "Ανάγνωση", [KeyScope.READ])
    gone, _text = keys.create(actor_of(athena), "Παλιό", [KeyScope.INGEST])
    keys.revoke(actor_of(athena), gone, NOW)
    page = "/admin/integrations/"
    waiting = seen(athena, page, f"{page}keys/{fresh.pk}/", f"{page}keys/{reading.pk}/", f"{page}keys/{gone.pk}/")
    assert waiting == {}
    Program(text).deliver("/api/v1/events", [fields(user_id="άννα"), {"event_id": 1}])
    assert seen(athena, page, f"{page}keys/{fresh.pk}/", f"{page}keys/{fresh.pk}/revoke/", f"{page}keys/new/") == {}
    typed = {"name": "Νέο", "scopes": ["ingest"], "source": "", "attempt": "01890000-0000-7000-8000-000000000000"}
    assert refusal(athena, f"{page}keys/new/", **typed) == []
    assert refusal(athena, f"{page}keys/new/", **typed | {"name": "", "scopes": [], "source": "/"}) == []


def test_a_file_of_people(athena: Actor) -> None:
    rows = (
        "email,name,role,teams\n"
        "a@example.com,Άννα,user,Νόμοι\n"
        "b@example.com,Βάσω,χωρίς,\n"
        ",Γιώργος,,\n"
        "d@example.com,Δήμος,,Άγνωστη\n"
        "e@example\n"
        "f@example.com,Ζωή,user,\n"
    )
    page = athena.post("/admin/users/import/", {"file": SimpleUploadedFile("λίστα", rows.encode())}).headers["Location"]
    lists = (page, f"{page}?show=good", f"{page}?show=left-out")
    assert seen(athena, *lists) == {}
    athena.post(page)
    assert seen(athena, *lists) == {}


def test_the_audit_log(athena: Actor) -> None:
    for action in Action:
        AuditEntry.objects.create(action=action, actor_id=1, actor_name="Αθηνά", target_name="Άννα", person_id=2)
    AuditEntry.objects.create(
        action=Action.EDITED,
        target_name="Άννα",
        before={"role": "user", "status": "active", "teams": [], "color": "#3b82f6", "description": ""},
        after={"role": "admin", "status": "deleted", "teams": ["Νόμοι"], "color": "#ef4444", "description": "νέα"},
    )
    who = actor_of(athena)
    for scope in (Scope.WORKSPACE, Scope.EVERYBODY):
        made = limit_actions.create(who, TokenLimit(scope=scope, period="week", tokens=10**6, enforcement="hard"), NOW)
        limit_actions.edit(who, made.pk, limit_actions.version(made), Rules(2 * 10**6, "soft", (80,)), NOW)
    keys.create(who, "Κλειδί", [], source="")
    counts = {"created": 1, "updated": 2, "left_out": 3}
    AuditEntry.objects.create(action=Action.IMPORTED, after={**counts, "second_step": "off", "name": "Erased person"})
    assert seen(athena, "/admin/audit/", "/admin/audit/?actor=ζ", "/admin/audit/?since=x1&action=x2") == {}


def test_signing_in_and_ones_own_account(athena: Actor, visitor: Actor, settings: Any) -> None:
    configure(settings, "https://id.example", "x", "y")
    settings.SOCIALACCOUNT_PROVIDERS["sign_on"]["APPS"][0]["name"] = "Πύλη"
    anna = people.person("Άννα")
    assert seen(visitor, "/accounts/login/") == {}
    visitor.post("/accounts/password/reset/", {"email": anna.email})
    assert seen(visitor, visitor.get(mailed_link()).headers["Location"]) == {}
    invitee = people.invited("c@example.com", by=athena.user)
    assert seen(visitor, f"/invitation/{people.token_of(invitee)}/") == {}
    own, secret = enrolled(anna)
    in_german(own)
    assert seen(own, "/profile/", "/profile/security/", "/profile/security/recovery-codes/") == {}
    assert seen(own, "/profile/security/recovery-codes/new/", "/profile/security/authenticator/remove/") == {}
    assert seen(own, "/accounts/reauthenticate/", "/accounts/reauthenticate/code/") == {}
    assert seen(athena, "/profile/security/authenticator/", "/profile/security/passkeys/add/") == {}
    waiting = in_german(Actor())
    waiting.post("/accounts/login/", {"login": anna.email, "password": people.PASSWORD})
    assert seen(waiting, "/accounts/second-step/") == {}
    wrong = waiting.post("/accounts/second-step/", {"code": code_of(secret)[::-1]})
    assert leftovers.of_page(wrong.content.decode()) == []


# --- What is refused ----------------------------------------------------------------------------------------------


def refusal(actor: Actor, path: str, **typed: Any) -> list[str]:
    response: Any = actor.post(path, typed)
    assert response.status_code in (200, 409), response.status_code
    html = response.content.decode()
    assert leftovers.LEFT in html
    return leftovers.of_page(html)


def test_refused_forms(athena: Actor, visitor: Actor) -> None:
    anna = people.person("Άννα")
    long = "1" * 300
    for path, typed in (
        ("/admin/users/new/", {"email": "1", "name": long, "role": "1", "primary_team": "1", "teams": ["1"]}),
        ("/admin/users/new/", {"email": anna.email, "name": "Άννα", "role": "user"}),
        (f"/admin/users/{anna.pk}/edit/", {"name": "Άννα", "role": "user", "version": "1"}),
        ("/admin/teams/new/", {"name": "Νόμοι", "description": long * 2, "color": "1"}),
        ("/admin/users/import/", {}),
        ("/admin/users/import/", {"file": SimpleUploadedFile("λίστα", b"1")}),
        ("/admin/users/import/", {"file": SimpleUploadedFile("λίστα", b"PK\x03\x04")}),
        ("/profile/", {"name": "", "theme": "1", "language": "1"}),
        ("/profile/security/password/", {"oldpassword": "1", "password1": "1", "password2": "2"}),
        ("/accounts/reauthenticate/", {"password": "1"}),
    ):
        assert refusal(athena, path, **typed) == [], (path, typed)
    for path, typed in (
        ("/accounts/login/", {"login": "1", "password": ""}),
        ("/accounts/login/", {"login": "a@example.com", "password": "1"}),
        ("/accounts/password/reset/", {"email": "1"}),
    ):
        assert refusal(visitor, path, **typed) == [], (path, typed)
    steps = f"/admin/users/steps/remove/?person={anna.pk}"
    assert refusal(athena, steps, person=actor_of(athena).pk) == []
    invitee = people.invited("c@example.com")
    page = f"/invitation/{people.token_of(invitee)}/"
    for password in ("1234567", "password", "c@example.com"):
        assert refusal(visitor, page, name="Γάια", password1=password, password2=password) == []


@pytest.mark.parametrize("name", sorted(path.name for path in TEMPLATES.glob("[45]*.html")))
def test_pages_of_errors(name: str) -> None:
    assert leftovers.of_page(render_to_string(name, {"retry_after_seconds": 5})) == []


FILLED_IN = {
    "workspace_name": "PANTA OS",
    "base_url": "https://panta.example",
    "timestamp": NOW,
    "invitation": {"expires_at": NOW},
    "share": 0.9,
    "alert": {
        "used": 90,
        "tokens": 100,
        "threshold": 80,
        "elapsed": 0.5,
        "projected": 180,
        "runs_out": NOW.date(),
        "period_end": NOW.date(),
        "person": "Άννα",
    },
}
MAILS = [path for path in TEMPLATES.rglob("*") if path.is_file() and path.parent.name in ("email", "mail", "messages")]


@pytest.mark.parametrize("path", sorted(str(path.relative_to(TEMPLATES)) for path in MAILS))
def test_mails_and_messages(path: str) -> None:
    """With hardly anything to fill in: what is said, is said by the template."""
    text = render_to_string(path, FILLED_IN)
    assert (leftovers.of_page(text) if path.endswith(".html") else leftovers.of_text(text)) == []


# --- The finder of leftovers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "html, found",
    [
        ("<p>⟦Αα ⟦Ein⟧ <b>Wort</b> mehr⟧ · 12 ⟦h⟧</p>", []),
        ("<p>⟦Zeit⟧ forgotten</p>", ["forgotten"]),
        ("<p>⟦cut …</p><p>forgotten</p>", ["forgotten"]),
        ('<a title="forgotten" href="/words">Άννα, a@example.com</a>', ["forgotten"]),
        ("<script>var words;</script><code>curl words</code>", []),
        ('<html lang="de"><p lang="en">words <b>and</b> more<br></p><p>⟦Wort⟧</p> forgotten</html>', ["forgotten"]),
        ("""<div data-figure='{"x": ["Άννα"], "text": "forgotten %{x}", "mode": "lines"}'></div>""", ["forgotten"]),
    ],
)
def test_leftovers_are_words_outside_of_the_marks(html: str, found: list[str]) -> None:
    assert leftovers.of_page(html) == found
