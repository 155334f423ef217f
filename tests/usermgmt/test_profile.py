"""The own profile: what can be changed there, by whom, and how language and theme follow the person."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from django.db import DatabaseError
from django.http.response import HttpResponseBase
from django.test import Client

from tests.cast import Actor
from tests.usermgmt.people import never_end_a_session
from usermgmt import adapter
from usermgmt.models import AuditEntry, Theme, User

pytestmark = pytest.mark.django_db
PROFILE = "/profile/"
PASSWORD = "correct horse battery staple"
NEW = "another purple window frame"


def content(response: HttpResponseBase) -> str:
    return bytes(getattr(response, "content", b"")).decode()


def reread(actor: Actor) -> User:
    assert actor.user is not None
    return User.objects.get(pk=actor.user.pk)


def save(actor: Actor, **values: str) -> HttpResponseBase:
    return actor.post(PROFILE, {"name": "Max Member", "theme": "system", **values})


def test_name_and_theme_are_saved_and_shown(member: Actor) -> None:
    response = actor_follows(member, name="  Max Meier ", theme="dark")
    assert "Your profile is saved." in content(response)
    person = reread(member)
    assert (person.name, person.theme) == ("Max Meier", Theme.DARK)
    assert 'data-saved-theme="dark"' in content(response)


def actor_follows(actor: Actor, **values: str) -> HttpResponseBase:
    return actor.post(PROFILE, {"name": "Max Member", "theme": "system", **values}, follow=True)


@pytest.mark.parametrize(
    "values, sentence",
    [
        ({"name": ""}, "This field is required."),
        ({"name": "x" * 201}, "Ensure this value has at most 200 characters"),
        ({"name": "two\nlines"}, "A name is one line of plain text."),
        ({"theme": "pink"}, "Select a valid choice."),
    ],
)
def test_what_is_wrong_is_said_and_nothing_saved(member: Actor, values: dict[str, str], sentence: str) -> None:
    before = reread(member).updated_at
    assert sentence in content(save(member, **values))
    assert reread(member).updated_at == before


def columns(actor: Actor) -> dict[str, Any]:
    return dict(User.objects.filter(pk=reread(actor).pk).values().get())


def test_every_field_of_a_person_can_be_posted_and_only_their_own_settings_change(member: Actor) -> None:
    before = columns(member)
    everything = dict.fromkeys(before, "1") | {"role": "admin", "status": "deleted", "email": "eve@example.com"}
    save(member, **{**everything, "name": "Maxi", "language": "de", "theme": "light"})
    after = columns(member)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"name", "display_name", "search", "language", "theme", "updated_at"}


def test_a_new_name_is_in_the_audit_log_and_a_theme_is_not(member: Actor) -> None:
    save(member, theme="dark")
    assert not AuditEntry.objects.exists()
    save(member, name="Maxi")
    entry = AuditEntry.objects.get()
    person = reread(member)
    assert (entry.actor_id, entry.person_id) == (person.pk, person.pk)
    assert (entry.before, entry.after) == ({"name": "Max Member"}, {"name": "Maxi"})


def test_a_theme_alone_does_not_get_in_the_way_of_an_administrator_who_is_editing(member: Actor) -> None:
    before = reread(member).updated_at
    assert member.post("/profile/theme/", {"theme": "dark"}).status_code == 204
    assert (reread(member).theme, reread(member).updated_at) == (Theme.DARK, before)
    assert member.post("/profile/theme/", {"theme": "pink"}).status_code == 400
    assert reread(member).theme == Theme.DARK


def test_a_language_is_asked_for_only_where_there_is_a_choice(member: Actor, settings: Any) -> None:
    assert "Deutsch" in content(member.get(PROFILE))
    settings.LANGUAGES = [("en", "English")]
    assert 'name="language"' not in content(member.get(PROFILE))


def test_the_language_follows_the_person_not_the_browser(member: Actor) -> None:
    german = {"Accept-Language": "de"}
    assert '<html lang="de"' in content(member.get("/", headers=german))
    save(member, language="en")
    assert '<html lang="en"' in content(member.get("/", headers=german))
    elsewhere = Actor(reread(member))
    response = elsewhere.get("/", headers=german)
    assert '<html lang="en"' in content(response)
    assert response.headers["Content-Language"] == "en"
    assert response.cookies["language"].value == "en"
    elsewhere.post("/accounts/logout/")
    assert '<html lang="en"' in content(elsewhere.get("/accounts/login/", headers=german))


def test_the_menu_sets_the_language_and_goes_back(member: Actor) -> None:
    assert 'action="/profile/language/"' in content(member.get("/"))
    response = member.post("/profile/language/", {"language": "de", "next": "/profile/security/?x=1"})
    assert response.headers["Location"] == "/profile/security/?x=1"
    assert reread(member).language == "de"
    response = member.post("/profile/language/", {"language": "xx", "next": "//evil.example"})
    assert response.headers["Location"] == "/"
    assert reread(member).language == "de"


def test_a_language_that_is_no_longer_offered_is_ignored(member: Actor) -> None:
    User.objects.update(language="tlh")
    response = member.get("/")
    assert '<html lang="en"' in content(response)
    assert "language" not in response.cookies


# --- Password -------------------------------------------------------------------------------------------------------


@pytest.fixture
def max_with_password(member: Actor) -> Actor:
    person = reread(member)
    person.set_password(PASSWORD)
    person.save()
    return signed_in(person)


def signed_in(person: User) -> Actor:
    actor = Actor()
    actor.user = person
    assert actor.post("/accounts/login/", {"login": person.email, "password": PASSWORD}).status_code == 302
    return actor


def change_password(actor: Actor, old: str = PASSWORD, new: str = NEW) -> HttpResponseBase:
    return actor.post("/profile/security/password/", {"oldpassword": old, "password1": new, "password2": new})


def test_a_new_password_ends_the_other_sessions_and_tells_its_owner(max_with_password: Actor) -> None:
    other = signed_in(reread(max_with_password))
    response = change_password(max_with_password)
    assert response.headers["Location"] == "/profile/security/"
    assert max_with_password.get("/profile/").status_code == 200
    assert other.get("/profile/").status_code == 302
    assert reread(max_with_password).check_password(NEW)
    adapter._mailer.submit(int).result()
    (message,) = mail.outbox
    assert message.to == ["max@example.com"]
    assert "was changed" in message.subject


def test_a_new_password_and_the_end_of_the_other_sessions_come_together_or_not_at_all(
    max_with_password: Actor,
) -> None:
    other = signed_in(reread(max_with_password))
    never_end_a_session()
    with pytest.raises(DatabaseError):
        change_password(max_with_password)
    assert reread(max_with_password).check_password(PASSWORD)
    assert other.get("/profile/").status_code == 200


@pytest.mark.parametrize("old, new", [("not the password", NEW), (PASSWORD, "short"), (PASSWORD, "max@example.com")])
def test_a_wrong_or_weak_password_changes_nothing(max_with_password: Actor, old: str, new: str) -> None:
    other = signed_in(reread(max_with_password))
    assert change_password(max_with_password, old, new).status_code == 200
    assert reread(max_with_password).check_password(PASSWORD)
    assert other.get("/profile/").status_code == 200


def test_guessing_the_present_password_is_limited(max_with_password: Actor) -> None:
    codes = [change_password(max_with_password, "not the password").status_code for _attempt in range(6)]
    assert codes == [200] * 5 + [429]


def test_nobody_gets_a_first_password_here(member: Actor) -> None:
    assert member.get("/profile/security/password/").status_code == 404
    assert change_password(member).status_code == 404
    assert "Change password" not in content(member.get("/profile/security/"))


def test_the_menu_leads_to_profile_and_security(member: Actor) -> None:
    page = content(member.get("/"))
    assert 'href="/profile/"' in page
    assert 'href="/profile/security/"' in page


def test_strangers_are_sent_to_sign_in(client: Client) -> None:
    for path in (PROFILE, "/profile/security/"):
        assert client.get(path).headers["Location"].startswith("/accounts/login/")
