"""Making a key, shown once, and revoking one: who may, what may be asked for, and that the key is nowhere else."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.sessions.models import Session
from django.http.response import HttpResponseBase

from analytics import keys
from analytics.models import ApiKey, Scope
from tests.analytics.api.client import Program, make_key
from tests.analytics.ingest.drafts import fields
from tests.analytics.parallel import Threads
from tests.cast import Actor
from tests.leaks import rows, whole
from tests.usermgmt import people
from usermgmt.models import AuditEntry, User

pytestmark = pytest.mark.django_db

LIST = "/admin/integrations/"
NEW = "/admin/integrations/keys/new/"
EVENTS = "/api/v1/events"


@pytest.fixture
def boss() -> Actor:
    """An administrator who gave the password a moment ago."""
    return people.browser(people.administrator("Boss"))


def said(**changes: Any) -> dict[str, Any]:
    return {"name": "Gateway", "scopes": ["ingest"], "source": "", "attempt": str(uuid4())} | changes


def body(response: HttpResponseBase) -> str:
    return bytes(getattr(response, "content", b"")).decode()


def shown_key(response: HttpResponseBase) -> str:
    """The key on the page that shows it."""
    assert response.status_code == 200
    found = {part.split("<")[0] for part in body(response).split("data-copy-text>")[1:] if part.startswith("panta_")}
    (key,) = found
    return key


def revoke_url(key: ApiKey) -> str:
    return f"{LIST}keys/{key.pk}/revoke/"


# --- Making -------------------------------------------------------------------------------------------------------


def test_a_key_is_shown_once_and_works_at_once(boss: Actor) -> None:
    response = boss.post(NEW, said(name="LiteLLM, production", scopes=["ingest", "read"], source="gateway"))
    text = shown_key(response)
    key = ApiKey.objects.get()
    assert (key.name, key.scopes, key.source) == ("LiteLLM, production", ["ingest", "read"], "gateway")
    assert key.created_by == boss.user
    assert text.startswith(key.prefix)
    assert Program(text).deliver(EVENTS, [fields()]).status_code == 200


def test_the_page_that_shows_it_is_kept_nowhere(boss: Actor) -> None:
    response = boss.post(NEW, said())
    assert "no-store" in response.headers["Cache-Control"]
    assert f'data-once="{LIST}keys/{ApiKey.objects.get().pk}/"' in body(response)


def test_the_form_sent_again_makes_no_second_key_and_shows_none(boss: Actor) -> None:
    sent = said()
    text = shown_key(boss.post(NEW, sent))
    again = boss.post(NEW, sent, follow=True)
    assert again.redirect_chain == [(LIST, 302)]
    assert "is not shown again" in body(again)
    assert text not in body(again)
    assert ApiKey.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_the_same_time_make_one_key() -> None:
    actor, attempt = people.administrator(), uuid4()

    def click() -> str:
        try:
            return keys.create_once(attempt, actor, "Gateway", [Scope.INGEST], "")[1]
        except keys.AlreadyCreated:
            return ""

    with Threads(4) as others:
        texts = [click.result() for click in [others.run(click) for _ in range(4)]]
    assert len([text for text in texts if text]) == ApiKey.objects.count() == 1


def test_an_attempt_that_failed_may_be_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    actor, attempt = people.administrator(), UUID(int=1)
    with monkeypatch.context() as broken:
        broken.setattr(keys, "create", _fail)
        with pytest.raises(RuntimeError):
            keys.create_once(attempt, actor, "Gateway", [Scope.INGEST], "")
    assert keys.create_once(attempt, actor, "Gateway", [Scope.INGEST], "")[0].name == "Gateway"


def _fail(*_arguments: object, **_options: object) -> None:
    raise RuntimeError("the disk is full")


def test_each_filling_in_of_the_form_is_an_attempt_of_its_own(boss: Actor) -> None:
    attempts = {boss.get(NEW).context["form"]["attempt"].value() for _ in range(3)}
    assert len(attempts) == 3


def test_it_is_in_the_audit_log_without_the_key(boss: Actor) -> None:
    text = shown_key(boss.post(NEW, said(scopes=["ingest", "limits"], source="gateway")))
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_name, entry.target_name) == ("key.created", "Boss", "Gateway")
    assert entry.after == {"scopes": "ingest, limits", "source": "gateway", "key": text[:12]}


def test_the_password_is_asked_for_and_then_the_key_is_shown() -> None:
    actor = people.browser(people.administrator(), confirmed=False)
    asked = actor.post(NEW, said(name="Späti & Söhne"))
    assert asked.headers["Location"].startswith("/accounts/reauthenticate/?next=")
    assert not ApiKey.objects.exists()
    answer = actor.post(asked.headers["Location"], {"password": people.PASSWORD, "next": NEW})
    assert Program(shown_key(answer)).deliver(EVENTS, [fields()]).status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    assert ApiKey.objects.get().name == "Späti & Söhne"
    again = actor.post(asked.headers["Location"], {"password": people.PASSWORD, "next": NEW})
    assert again.status_code == 302
    assert ApiKey.objects.count() == 1


def test_who_lost_the_role_meanwhile_gets_no_key() -> None:
    user = people.administrator()
    people.administrator()
    actor = people.browser(user, confirmed=False)
    asked = actor.post(NEW, said())
    User.objects.filter(pk=user.pk).update(role="user")
    answer = actor.post(asked.headers["Location"], {"password": people.PASSWORD, "next": NEW})
    assert answer.status_code == 404
    assert not ApiKey.objects.exists()


def test_a_member_makes_none(member: Actor) -> None:
    assert member.post(NEW, said()).status_code == 404
    assert not ApiKey.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "   "},
        {"name": "x" * 201},
        {"name": "a\x00b"},
        {"name": "a\x1bb"},
        {"name": "a\u0085b"},
        {"scopes": []},
        {"scopes": ["everything"]},
        {"scopes": ["ingest", "admin"]},
        {"scopes": ["INGEST"]},
        {"source": "two words"},
        {"source": "x" * 41},
        {"source": "../etc"},
        {"source": "späti"},
        {"source": "a\nb"},
        {"attempt": ""},
        {"attempt": "1 OR 1=1"},
        {"attempt": "x" * 10_000},
    ],
    ids=repr,
)
def test_what_a_key_cannot_be_is_said_at_its_field(boss: Actor, changes: dict[str, Any]) -> None:
    response = boss.post(NEW, said(**changes))
    assert response.status_code == 200
    assert list(response.context["form"].errors) == list(changes)
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("missing", ["name", "scopes", "attempt"])
def test_a_field_that_is_not_sent_is_missed(boss: Actor, missing: str) -> None:
    sent = said()
    del sent[missing]
    assert list(boss.post(NEW, sent).context["form"].errors) == [missing]


def test_only_the_fields_of_the_form_can_be_posted(boss: Actor) -> None:
    """Every column of the table is posted; those that the form does not name stay what they are by themselves."""
    columns = {field.name: "1" for field in ApiKey._meta.get_fields()}
    text = shown_key(boss.post(NEW, columns | {"secret_hash": "0" * 64, "prefix": "panta_mine"} | said()))
    key = ApiKey.objects.get()
    assert key.prefix == text[:12]
    assert key.created_by == boss.user
    assert (key.last_used_at, key.revoked_at) == (None, None)
    assert keys.find(text) is not None


def test_names_are_shown_letter_by_letter(boss: Actor) -> None:
    name = '<script>alert(1)</script> & "quotes" {{ 7*7 }}'
    shown = body(boss.post(NEW, said(name=name)))
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quotes&quot; {{ 7*7 }}" in shown


# --- Revoking -----------------------------------------------------------------------------------------------------


def test_a_revoked_key_is_refused_from_its_next_request_on(boss: Actor) -> None:
    key, text = make_key(Scope.INGEST)
    assert Program(text).deliver(EVENTS, [fields()]).status_code == 200
    asked = boss.get(revoke_url(key))
    assert "This cannot be undone." in body(asked)
    answer = boss.post(revoke_url(key), follow=True)
    assert answer.redirect_chain == [(LIST, 302)]
    assert "“Gateway” is revoked" in body(answer)
    assert Program(text).deliver(EVENTS, [fields()]).status_code == 401
    assert ("key.revoked", "Gateway") in people.log()


def test_asking_changes_nothing(boss: Actor) -> None:
    key, text = make_key()
    boss.get(revoke_url(key))
    assert keys.find(text) is not None


def test_revoking_asks_for_the_password() -> None:
    actor = people.browser(people.administrator(), confirmed=False)
    key, text = make_key()
    asked = actor.post(revoke_url(key))
    assert asked.headers["Location"].startswith("/accounts/reauthenticate/")
    assert keys.find(text) is not None
    actor.post(asked.headers["Location"], {"password": people.PASSWORD, "next": revoke_url(key)})
    assert keys.find(text) is None


def test_revoking_twice_is_told_and_noted_once(boss: Actor) -> None:
    key, _text = make_key()
    boss.post(revoke_url(key))
    first = ApiKey.objects.get().revoked_at
    assert "had been revoked already" in body(boss.post(revoke_url(key), follow=True))
    assert ApiKey.objects.get().revoked_at == first
    assert [action for action, _target in people.log()] == ["key.created", "key.revoked"]
    assert "Revoke key</button>" not in body(boss.get(revoke_url(key)))


@pytest.mark.parametrize("key_id", [999_999, 0, 10**30])
def test_a_key_that_is_not_there_is_404_and_leaves_no_trace(boss: Actor, key_id: int) -> None:
    for url in (f"{LIST}keys/{key_id}/", f"{LIST}keys/{key_id}/revoke/"):
        assert boss.get(url).status_code == 404
    assert boss.post(f"{LIST}keys/{key_id}/revoke/").status_code == 404
    assert people.log() == []


def test_a_member_revokes_none(member: Actor) -> None:
    key, text = make_key()
    for method in (member.get, member.post):
        assert method(revoke_url(key)).status_code == 404
    assert keys.find(text) is not None


# --- The key is nowhere else --------------------------------------------------------------------------------------


def test_no_log_no_table_no_session_and_no_later_page_holds_the_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    actor = people.browser(people.administrator(), confirmed=False)
    sent = said(scopes=[scope.value for scope in Scope])
    asked = actor.post(NEW, sent)
    text = shown_key(actor.post(asked.headers["Location"], {"password": people.PASSWORD, "next": NEW}))
    program, key = Program(text), ApiKey.objects.get()
    answers = [
        program.deliver(EVENTS, [fields(), None]),
        program.deliver(EVENTS, [None]),
        program.deliver(EVENTS, b"not json"),
        program.get("/api/v1/usage"),
        *(actor.get(url) for url in (LIST, NEW, f"{LIST}keys/{key.pk}/", revoke_url(key), "/admin/audit/", "/")),
        actor.get("/admin/audit/export/"),
        actor.post(NEW, sent, follow=True),
        actor.post(NEW, said(name="")),
        actor.post(revoke_url(key), follow=True),
        program.deliver(EVENTS, [fields()]),
    ]
    canary = text.removeprefix(key.prefix)  # the prefix may be shown
    assert [number for number, answer in enumerate(answers) if canary in whole(answer)] == []
    assert [number for number, answer in enumerate(answers) if key.secret_hash in whole(answer)] == []
    assert [record.getMessage() for record in caplog.records if canary in record.getMessage()] == []
    assert [table for table, row in rows() if canary in row] == []
    assert canary not in str([session.get_decoded() for session in Session.objects.all()])
    assert key.secret_hash in str([row for table, row in rows() if table == "api_key"])  # the search finds
