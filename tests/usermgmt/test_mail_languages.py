"""Mails speak the language of who gets them: the one they chose, else that of the page that caused the mail."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client

from tests.cast import NOW, Actor, create_member
from tests.tokenlimits import limits
from tests.usermgmt.people import HASHED, browser, invited, person
from tests.usermgmt.people import administrator as another_administrator
from tests.usermgmt.test_bulk_add import accepted
from tokenlimits import alerts
from usermgmt import actions, adapter, outbox
from usermgmt.models import Mail, User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]
GERMAN, ENGLISH = {"Accept-Language": "de"}, {"Accept-Language": "en"}


def subjects() -> list[str]:
    """Of all mails so far, including those that leave after the answer."""
    adapter._mailer.submit(int).result()
    return [str(message.subject) for message in mail.outbox]


def invite(actor: Actor, email: str, **headers: str) -> None:
    answer = actor.post("/admin/users/new/", {"email": email, "name": "Paul", "role": "user"}, headers=headers)
    assert answer.status_code == 302


def test_an_invitation_speaks_the_language_of_the_page_it_was_sent_from(administrator: Actor) -> None:
    invite(administrator, "paul@example.com", **GERMAN)
    invite(administrator, "mary@example.com", **ENGLISH)
    assert list(Mail.objects.order_by("pk").values_list("language", flat=True)) == ["de", "en"]
    outbox.send_due(NOW)
    assert subjects() == ["Ada Admin lädt Sie zu PANTA OS ein", "Ada Admin invites you to PANTA OS"]
    german: Any = mail.outbox[0]
    assert "Hallo Paul," in german.body
    assert "bis zum 22. März 2026." in german.body.replace("\N{NO-BREAK SPACE}", " ")
    html = german.alternatives[0].content
    assert '<html lang="de">' in html
    assert "Einladung annehmen" in html


def test_an_invitation_that_is_sent_again_speaks_the_language_of_its_receiver(administrator: Actor) -> None:
    paul = invited("paul@example.com")
    User.objects.filter(pk=paul.pk).update(language="de")
    assert administrator.user is not None
    actions.resend_invitation(administrator.user, paul.pk, NOW)
    assert Mail.objects.latest("pk").language == "de"


def test_many_invitations_from_a_file_speak_the_language_of_the_page(administrator: Actor) -> None:
    place = accepted(administrator, "email\nann@example.com\nbob@example.com\n")
    administrator.post(place, headers=GERMAN)
    assert list(Mail.objects.values_list("language", flat=True)) == ["de", "de"]


def test_a_reset_link_speaks_the_language_of_its_receiver() -> None:
    max_ = create_member()
    User.objects.filter(pk=max_.pk).update(language="de", password=HASHED)
    Client().post("/accounts/password/reset/", {"email": max_.email}, headers=ENGLISH)
    assert subjects() == ["Neues Passwort für PANTA OS festlegen"]
    assert "jemand, vermutlich Sie, hat ein neues Passwort" in mail.outbox[0].body


def test_without_a_choice_a_reset_link_speaks_the_language_of_the_browser() -> None:
    max_ = create_member()
    User.objects.filter(pk=max_.pk).update(password=HASHED)
    Client().post("/accounts/password/reset/", {"email": max_.email}, headers=GERMAN)
    assert subjects() == ["Neues Passwort für PANTA OS festlegen"]


def test_what_an_administrator_did_is_told_in_the_language_of_whom_it_concerns() -> None:
    german = person("Paul", language="de")
    Authenticator.objects.create(user=german, type=Authenticator.Type.TOTP, data={"secret": "x"})
    english = browser(another_administrator("Ada", language="en"))
    english.post(f"/admin/users/{german.pk}/second-step/reset/", headers=ENGLISH)
    assert subjects() == ["Anmeldung in zwei Schritten für Ihr Konto bei PANTA OS zurückgesetzt"]


def test_an_alert_speaks_the_language_of_each_administrator() -> None:
    another_administrator("Ada", language="en", email="ada@example.com")
    another_administrator("Änne", language="de", email="anne@example.com")
    limits.limit(100, team=limits.sales())
    limits.use(85, team="Sales")
    alerts.tell_due(NOW)
    outbox.send_due(NOW)
    assert {message.to[0]: message.subject for message in mail.outbox} == {
        "ada@example.com": "80 % of a token limit used: Sales, per month",
        "anne@example.com": "80 % eines Token-Limits verbraucht: Sales, je Monat",
    }


def test_a_language_that_is_not_offered_is_passed_over(administrator: Actor) -> None:
    paul = invited("paul@example.com")
    User.objects.filter(pk=paul.pk).update(language="tlh")
    assert administrator.user is not None
    actions.resend_invitation(administrator.user, paul.pk, NOW)
    assert Mail.objects.latest("pk").language == "en"
