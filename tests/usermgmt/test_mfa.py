"""The second step: enrolling an authenticator app, signing in with its codes, recovery codes, and what is limited."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from bs4 import BeautifulSoup
from django.core import mail
from django.http.response import HttpResponseBase
from pytest_django import DjangoCaptureOnCommitCallbacks

from tests.cast import NOW, Actor, create_administrator, create_member
from usermgmt import adapter
from usermgmt.models import AuditEntry, Status, User
from usermgmt.second_factor import methods_of, qr_code
from usermgmt.sessions import end_sessions

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"
APP = "/profile/security/authenticator/"
CODES = "/profile/security/recovery-codes/"
SECOND_STEP = "/accounts/second-step/"


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def max_() -> User:
    return with_password(create_member())


def with_password(user: User) -> User:
    user.set_password(PASSWORD)
    user.save()
    return user


def code_of(secret: str, at: float | None = None) -> str:
    """The code an authenticator app shows (RFC 6238), worked out from the standard and not by the code under test."""
    counter = struct.pack(">Q", int((time.time() if at is None else at) // 30))
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4]) & 0x7FFFFFFF) % 1_000_000:06}"


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def content(response: HttpResponseBase) -> str:
    return bytes(getattr(response, "content", b"")).decode()


def give_password(user: User) -> tuple[Actor, HttpResponseBase]:
    actor = Actor()
    actor.user = user
    return actor, actor.post("/accounts/login/", {"login": user.email, "password": PASSWORD, "next": "/profile/"})


def confirm_password(actor: Actor) -> None:
    assert actor.post("/accounts/reauthenticate/", {"password": PASSWORD}).status_code == 302


def signed_in(user: User) -> Actor:
    actor, response = give_password(user)
    assert response.headers["Location"] == "/profile/"
    return actor


def enrolled(user: User) -> tuple[Actor, str]:
    """Somebody with an authenticator app, still signed in, and the app's secret."""
    actor = signed_in(user)
    confirm_password(actor)
    secret = shown_secret(actor)
    assert actor.post(APP, {"code": code_of(secret)}).headers["Location"] == CODES
    return actor, secret


def shown_secret(actor: Actor) -> str:
    secret = BeautifulSoup(content(actor.get(APP)), "html.parser").select_one("code")
    assert secret is not None
    return secret.get_text(strip=True)


def shown_codes(actor: Actor) -> list[str]:
    page = BeautifulSoup(content(actor.get(CODES)), "html.parser")
    return [code.get_text(strip=True) for code in page.select(".codes li")]


def is_signed_in(actor: Actor) -> bool:
    return actor.get("/profile/").status_code == 200


# --- Enrolling ------------------------------------------------------------------------------------------------------


def test_setting_up_asks_for_the_password_first(max_: User) -> None:
    actor = signed_in(max_)
    assert actor.get(APP).headers["Location"] == f"/accounts/reauthenticate/?next={APP.replace('/', '%2F')}"
    assert actor.post(APP, {"code": "000000"}).headers["Location"].startswith("/accounts/reauthenticate/")
    assert not Authenticator.objects.exists()


def test_confirming_the_password_lasts_five_minutes(max_: User, clock: time_machine.Traveller) -> None:
    actor = signed_in(max_)
    confirm_password(actor)
    clock.shift(timedelta(seconds=299))
    assert actor.get(APP).status_code == 200
    clock.shift(timedelta(seconds=2))
    assert actor.get(APP).status_code == 302


def test_the_code_of_the_app_turns_it_on_and_recovery_codes_are_shown(
    max_: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        actor, _secret = enrolled(max_)
    assert len(set(shown_codes(actor))) == 10
    page = content(actor.get("/profile/security/"))
    assert "Set up on 15\N{NO-BREAK SPACE}Mar\N{NO-BREAK SPACE}2026" in page
    assert "10 codes left." in page
    adapter._mailer.submit(int).result()
    assert [message.subject for message in mail.outbox] == ["An authenticator app was added to your PANTA OS account"]


def test_a_wrong_code_turns_nothing_on_and_keeps_the_key(max_: User) -> None:
    actor = signed_in(max_)
    confirm_password(actor)
    secret = shown_secret(actor)
    response = actor.post(APP, {"code": wrong(code_of(secret))})
    assert "This code is not right" in content(response)
    assert secret in content(response)
    assert not Authenticator.objects.exists()


def test_the_square_is_drawn_without_inline_style_or_script(max_: User) -> None:
    actor = signed_in(max_)
    confirm_password(actor)
    page = BeautifulSoup(content(actor.get(APP)), "html.parser")
    assert page.select_one("svg[role=img] path[d]") is not None
    assert page.select("[style], style, script:not([src]), img[src^=data]") == []


def test_the_square_says_what_it_was_given() -> None:
    """Checked against the generator's own matrix: every dark module is drawn, and no other."""
    from qrcode.main import QRCode

    text = "otpauth://totp/max%40example.com?secret=ABC&issuer=PANTA%20OS"
    reference: Any = QRCode(border=4)
    reference.add_data(text)
    matrix = reference.get_matrix()
    drawn = {(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", qr_code(text).path)}
    assert drawn == {(x, y) for y, row in enumerate(matrix) for x, dark in enumerate(row) if dark}
    assert qr_code(text).size == len(matrix)


def test_secrets_are_sealed_in_the_database(max_: User) -> None:
    actor, secret = enrolled(max_)
    stored = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in stored
    assert not any(code in stored for code in shown_codes(actor))


# --- Signing in -----------------------------------------------------------------------------------------------------


def test_the_password_alone_opens_nothing(max_: User) -> None:
    enrolled(max_)
    actor, response = give_password(max_)
    assert response.headers["Location"] == SECOND_STEP
    assert not is_signed_in(actor)


def test_the_code_completes_sign_in_and_leads_where_one_was_going(max_: User, clock: time_machine.Traveller) -> None:
    _here, secret = enrolled(max_)
    clock.shift(timedelta(minutes=5))
    actor, _response = give_password(max_)
    response = actor.post(SECOND_STEP, {"code": f" {code_of(secret)[:3]} {code_of(secret)[3:]} "})
    assert response.headers["Location"] == "/profile/"
    assert is_signed_in(actor)


@pytest.mark.parametrize("seconds, is_taken", [(-60, False), (-30, True), (30, True), (60, False)])
def test_clocks_may_differ_by_half_a_minute(
    max_: User, clock: time_machine.Traveller, seconds: int, is_taken: bool
) -> None:
    _here, secret = enrolled(max_)
    clock.shift(timedelta(minutes=5))
    actor, _response = give_password(max_)
    actor.post(SECOND_STEP, {"code": code_of(secret, time.time() + seconds)})
    assert is_signed_in(actor) is is_taken


@pytest.mark.parametrize("seconds", [1, 29, 31, 45])
def test_a_code_opens_once_however_long_it_would_be_good(
    max_: User, clock: time_machine.Traveller, seconds: int
) -> None:
    _here, secret = enrolled(max_)
    clock.shift(timedelta(minutes=5))
    code = code_of(secret, time.time() + 30)
    first, _response = give_password(max_)
    first.post(SECOND_STEP, {"code": code})
    assert is_signed_in(first)
    clock.shift(timedelta(seconds=seconds))
    second, _response = give_password(max_)
    assert "was used already" in content(second.post(SECOND_STEP, {"code": code}))
    assert not is_signed_in(second)


def test_wrong_codes_run_out_and_then_the_right_one_is_refused_too(max_: User, clock: time_machine.Traveller) -> None:
    _here, secret = enrolled(max_)
    clock.shift(timedelta(minutes=10))
    actor, _response = give_password(max_)
    for _attempt in range(5):
        assert "This code is not right" in content(actor.post(SECOND_STEP, {"code": wrong(code_of(secret))}))
    assert "Too many failed attempts" in content(actor.post(SECOND_STEP, {"code": code_of(secret)}))
    fresh, _response = give_password(max_)
    assert "Too many failed attempts" in content(fresh.post(SECOND_STEP, {"code": code_of(secret)}))
    clock.shift(timedelta(minutes=6))
    later, _response = give_password(max_)
    later.post(SECOND_STEP, {"code": code_of(secret)})
    assert is_signed_in(later)


def test_the_second_step_is_not_there_without_the_first(max_: User) -> None:
    enrolled(max_)
    stranger = Actor()
    assert stranger.get(SECOND_STEP).headers["Location"] == "/accounts/login/"
    assert stranger.post(SECOND_STEP, {"code": "000000"}).headers["Location"] == "/accounts/login/"


def test_the_first_step_is_forgotten_after_a_quarter_of_an_hour(max_: User, clock: time_machine.Traveller) -> None:
    _here, secret = enrolled(max_)
    actor, _response = give_password(max_)
    clock.shift(timedelta(minutes=16))
    assert actor.post(SECOND_STEP, {"code": code_of(secret)}).headers["Location"] == "/accounts/login/"
    assert not is_signed_in(actor)


def test_starting_again_forgets_the_first_step(max_: User) -> None:
    enrolled(max_)
    actor, _response = give_password(max_)
    assert actor.get("/accounts/login/").headers["Location"] == SECOND_STEP
    assert actor.post("/accounts/second-step/cancel/").headers["Location"] == "/accounts/login/"
    assert actor.get("/accounts/login/").status_code == 200


def test_ending_sessions_ends_a_sign_in_between_its_steps(max_: User, clock: time_machine.Traveller) -> None:
    """As changing the password does: who knew the old one and waits at the second step must not get in."""
    _here, secret = enrolled(max_)
    clock.shift(timedelta(minutes=5))
    actor, _response = give_password(max_)
    end_sessions([max_.pk])
    assert actor.post(SECOND_STEP, {"code": code_of(secret)}).headers["Location"] == "/accounts/login/"
    assert not is_signed_in(actor)


def test_somebody_deactivated_between_the_steps_is_not_let_in(max_: User, clock: time_machine.Traveller) -> None:
    _here, secret = enrolled(max_)
    clock.shift(timedelta(minutes=5))
    actor, _response = give_password(max_)
    User.objects.filter(pk=max_.pk).update(status=Status.DEACTIVATED)
    actor.post(SECOND_STEP, {"code": code_of(secret)})
    assert not is_signed_in(actor)


def test_a_code_of_somebody_else_opens_nothing(max_: User, clock: time_machine.Traveller) -> None:
    enrolled(max_)
    _hers, secret = enrolled(with_password(create_administrator()))
    clock.shift(timedelta(minutes=5))
    actor, _response = give_password(max_)
    actor.post(SECOND_STEP, {"code": code_of(secret)})
    assert not is_signed_in(actor)


def test_another_secret_key_lets_nobody_in_and_breaks_nothing(
    max_: User, clock: time_machine.Traveller, settings: Any
) -> None:
    _here, secret = enrolled(max_)
    clock.shift(timedelta(minutes=5))
    settings.SECRET_KEY = "another" * 8
    actor, _response = give_password(max_)
    assert "This code is not right" in content(actor.post(SECOND_STEP, {"code": code_of(secret)}))
    assert not is_signed_in(actor)


# --- Recovery codes -------------------------------------------------------------------------------------------------


def test_a_recovery_code_opens_once(max_: User) -> None:
    here, _secret = enrolled(max_)
    codes = shown_codes(here)
    first, _response = give_password(max_)
    assert first.post(SECOND_STEP, {"code": codes[3]}).headers["Location"] == "/profile/"
    assert is_signed_in(first)
    second, _response = give_password(max_)
    second.post(SECOND_STEP, {"code": codes[3]})
    assert not is_signed_in(second)
    assert shown_codes(here) == codes[:3] + codes[4:]
    assert methods_of(max_).recovery_codes_left == 9


def test_new_recovery_codes_replace_the_old(max_: User) -> None:
    here, _secret = enrolled(max_)
    old = shown_codes(here)
    assert here.post(f"{CODES}new/").headers["Location"] == CODES
    assert set(shown_codes(here)).isdisjoint(old)
    actor, _response = give_password(max_)
    actor.post(SECOND_STEP, {"code": old[0]})
    assert not is_signed_in(actor)


def test_recovery_codes_can_be_taken_along_as_a_file(max_: User) -> None:
    here, _secret = enrolled(max_)
    response = here.get(f"{CODES}file/")
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert content(response).split() == shown_codes(here)


@pytest.mark.parametrize("path", [CODES, f"{CODES}new/", f"{CODES}file/", f"{APP}remove/"])
def test_secrets_and_changes_ask_for_the_password_again(max_: User, clock: time_machine.Traveller, path: str) -> None:
    here, _secret = enrolled(max_)
    clock.shift(timedelta(minutes=6))
    assert here.get(path).headers["Location"].startswith("/accounts/reauthenticate/")


def test_without_a_second_step_there_are_no_codes(max_: User) -> None:
    actor = signed_in(max_)
    confirm_password(actor)
    assert actor.get(CODES).status_code == 404
    assert actor.get(f"{CODES}file/").status_code == 404
    actor.post(f"{CODES}new/")
    assert not Authenticator.objects.exists()


# --- Taking away ----------------------------------------------------------------------------------------------------


def test_removing_the_app_ends_the_second_step_and_the_codes(max_: User) -> None:
    here, _secret = enrolled(max_)
    response = here.post(f"{APP}remove/", follow=True)
    assert "The authenticator app is removed." in content(response)
    assert not Authenticator.objects.exists()
    signed_in(max_)


def test_a_code_confirms_as_well_as_the_password(max_: User, clock: time_machine.Traveller) -> None:
    here, secret = enrolled(max_)
    clock.shift(timedelta(minutes=10))
    assert 'href="/accounts/reauthenticate/code/' in content(here.get(f"/accounts/reauthenticate/?next={CODES}"))
    response = here.post("/accounts/reauthenticate/code/", {"code": code_of(secret), "next": CODES})
    assert response.headers["Location"] == CODES
    assert here.get(CODES).status_code == 200


# --- Reset by an administrator --------------------------------------------------------------------------------------


@pytest.fixture
def ada() -> Actor:
    return signed_in(with_password(create_administrator()))


def reset_of(user: User) -> str:
    return f"/admin/users/{user.pk}/second-step/reset/"


def test_an_administrator_resets_the_second_step_of_who_lost_it(max_: User, ada: Actor) -> None:
    here, _secret = enrolled(max_)
    assert reset_of(max_) in content(ada.get(f"/admin/users/{max_.pk}/"))
    assert ada.post(reset_of(max_)).headers["Location"].startswith("/accounts/reauthenticate/")
    assert Authenticator.objects.filter(user=max_).exists()
    confirm_password(ada)
    assert "Two-step sign-in is reset." in content(ada.post(reset_of(max_), follow=True))
    assert not Authenticator.objects.filter(user=max_).exists()
    assert not is_signed_in(here)
    signed_in(max_)
    entry = AuditEntry.objects.get(person_id=max_.pk)
    assert (entry.before, entry.after) == ({"second_step": "on"}, {"second_step": "off"})
    adapter._mailer.submit(int).result()
    assert mail.outbox[-1].to == ["max@example.com"]
    assert reset_of(max_) not in content(ada.get(f"/admin/users/{max_.pk}/"))


def test_resetting_nothing_ends_no_session_and_leaves_no_trace(max_: User, ada: Actor) -> None:
    here = signed_in(max_)
    confirm_password(ada)
    ada.post(reset_of(max_))
    assert is_signed_in(here)
    assert not AuditEntry.objects.exists()
    adapter._mailer.submit(int).result()
    assert mail.outbox == []


def test_nobody_resets_their_own_or_a_strangers(max_: User, ada: Actor) -> None:
    confirm_password(ada)
    assert ada.user is not None
    assert ada.post(reset_of(ada.user)).headers["Location"] == "/profile/security/"
    assert ada.post("/admin/users/987654321/second-step/reset/").status_code == 404
    member, _secret = enrolled(max_)
    assert member.post(reset_of(max_)).status_code == 404
    assert Authenticator.objects.filter(user=max_).exists()


@pytest.mark.parametrize("step", ["rename", "remove"])
def test_nobody_reaches_another_persons_passkey(max_: User, ada: Actor, step: str) -> None:
    hers = Authenticator.objects.create(user=ada.user, type=Authenticator.Type.WEBAUTHN, data={"name": "Hers"})
    actor = signed_in(max_)
    confirm_password(actor)
    path = f"/profile/security/passkeys/{hers.pk}/{step}/"
    assert (actor.get(path).status_code, actor.post(path, {"name": "Mine"}).status_code) == (404, 404)
    hers.refresh_from_db()
    assert hers.data == {"name": "Hers"}
    assert not AuditEntry.objects.exists()
