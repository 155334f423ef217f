"""The way back in: who gets a mail, what the mail says, and what a used link leaves behind."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.test import Client

from tests.cast import create_administrator
from usermgmt import adapter
from usermgmt.models import Status, User

pytestmark = pytest.mark.django_db
OLD, NEW = "correct horse battery staple", "another purple window frame"
RESET = "/accounts/password/reset/"


@pytest.fixture
def ada() -> User:
    user = create_administrator()
    user.set_password(OLD)
    user.save()
    return user


def ask(email: str, **headers: str) -> tuple[int, str]:
    response = Client().post(RESET, {"email": email}, headers=headers)
    return response.status_code, response.headers["Location"]


def mails() -> list[mail.EmailMessage]:
    """All mails so far, including those that leave after the answer."""
    adapter._mailer.submit(int).result()
    return list(mail.outbox)


def mailed_link() -> str:
    link = re.search(r"http://localhost:8000(/accounts/password/reset/key/\S+)", str(mails()[-1].body))
    assert link is not None
    return link[1]


def test_the_mail_goes_to_the_stored_address_in_our_words(ada: User, settings: Any) -> None:
    settings.WORKSPACE_NAME = "Acme & Söhne"
    assert ask("  ADA@example.com ") == (302, "/accounts/password/reset/done/")
    (message,) = mails()
    assert message.to == ["ada@example.com"]
    assert message.subject == "Choose a new password for Acme & Söhne"
    assert "Hello Ada Admin," in message.body
    assert not message.alternatives  # type: ignore[attr-defined]  # plain text alone


def test_links_begin_with_the_configured_address_whatever_the_host_header_says(ada: User, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["evil.example"]
    ask("ada@example.com", Host="evil.example")
    body = str(mails()[0].body)
    assert "http://localhost:8000/accounts/password/reset/key/" in body
    assert "evil.example" not in body


def test_an_unknown_address_gets_the_same_answer_and_no_mail(ada: User) -> None:
    assert ask("eve@example.com") == ask("ada@example.com")
    assert [message.to for message in mails()] == [["ada@example.com"]]


def test_a_deactivated_person_gets_no_mail(ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(status=Status.DEACTIVATED)
    assert ask("ada@example.com") == (302, "/accounts/password/reset/done/")
    assert mails() == []


def test_somebody_known_from_usage_alone_gets_no_mail() -> None:
    User.objects.create_person("known@example.com", "Known From Usage")
    assert ask("known@example.com") == (302, "/accounts/password/reset/done/")
    assert mails() == []


def test_requests_for_one_address_run_out() -> None:
    client = Client()
    codes = [client.post(RESET, {"email": "ada@example.com"}).status_code for _ in range(6)]
    assert codes == [302] * 5 + [429]


class BrokenBackend(BaseEmailBackend):
    def send_messages(self, email_messages: Any) -> int:
        raise ConnectionRefusedError("no mail server")


def test_a_mail_server_that_is_down_changes_no_answer(ada: User, settings: Any) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.BrokenBackend"
    assert ask("ada@example.com") == ask("eve@example.com")


def test_a_link_sets_the_password_once_and_ends_other_sessions(client: Client, ada: User) -> None:
    elsewhere = Client()
    elsewhere.force_login(ada)
    ask("ada@example.com")
    link = mailed_link()

    form = client.get(link, follow=True)
    assert form.request["PATH_INFO"].endswith("-set-password/")  # the key has left the address
    done = client.post(form.request["PATH_INFO"], {"password1": NEW, "password2": NEW}, follow=True)
    assert "Password changed" in done.content.decode()
    assert "_auth_user_id" not in client.session
    assert [message.subject for message in mails()][1:] == ["Your password for PANTA OS was changed"]

    assert elsewhere.get("/").headers["Location"] == "/accounts/login/"
    ada.refresh_from_db()
    assert (ada.check_password(OLD), ada.check_password(NEW)) == (False, True)
    assert "This link no longer works" in Client().get(link).content.decode()


@pytest.mark.parametrize(
    "password, complaint",
    [
        ("short", "too short"),
        ("password123", "too common"),
        ("12345678901", "entirely numeric"),
        ("ada@example.com", "too similar"),
    ],
)
def test_weak_passwords_are_explained_on_the_form(client: Client, ada: User, password: str, complaint: str) -> None:
    ask("ada@example.com")
    form = client.get(mailed_link(), follow=True)
    page = client.post(form.request["PATH_INFO"], {"password1": password, "password2": password}).content.decode()
    assert complaint in page
    assert 'aria-invalid="true"' in page
    ada.refresh_from_db()
    assert ada.check_password(OLD)


@pytest.mark.parametrize("key", ["1-wrong", "zzzzzzzzzzzzz-wrong", "0-0", "1-" + "x" * 500, "1-ÿ"])
def test_a_made_up_key_is_answered_with_the_way_to_a_new_one(client: Client, key: str) -> None:
    response = client.get(f"/accounts/password/reset/key/{key}/")
    assert response.status_code == 200
    assert "Ask for a new link" in response.content.decode()


def test_the_key_stays_out_of_the_log(client: Client, ada: User, caplog: pytest.LogCaptureFixture) -> None:
    ask("ada@example.com")
    link = mailed_link()
    key = link.rstrip("/").split("-", 1)[1]
    caplog.clear()
    client.get(link, follow=True)
    assert "/accounts/password/reset/key/" in caplog.text
    assert key not in caplog.text
