"""Sign-on by OpenID Connect against a provider that runs as a process of its own: who gets in, and who never does."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from bs4 import BeautifulSoup
from django.core import mail
from django.http.response import HttpResponseBase

from tests.cast import Actor, create_administrator, create_member
from usermgmt import adapter
from usermgmt.models import Status, User

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("oidc")]  # one provider
PASSWORD = "correct horse battery staple"
BASE_URL = "http://localhost:8000"
SECURITY = "/profile/security/"
CONNECT = f"{SECURITY}sign-on/connect/"
DISCONNECT = f"{SECURITY}sign-on/disconnect/"
START = "/accounts/sign-on/"
CALLBACK = "/accounts/sign-on/callback/"


# --- The provider ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A provider's address. It knows its clients: secret and callback address are checked."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-registration", "true"]
    process = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://localhost:{port}"
    try:
        wait_for(f"{address}/.well-known/openid-configuration")
        yield address
    finally:
        process.terminate()
        process.wait(timeout=10)


def wait_for(url: str) -> None:
    for _attempt in range(300):
        try:
            if requests.get(url, timeout=1).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise TimeoutError(url)


@pytest.fixture
def sign_on(issuer: str, settings: Any) -> str:
    """Sign-on switched on as the environment would; the provider's address."""
    client = requests.post(
        f"{issuer}/oauth2/clients",
        json={"redirect_uris": [BASE_URL + CALLBACK], "token_endpoint_auth_method": "client_secret_post"},
        timeout=5,
    ).json()
    configure(settings, issuer, client["client_id"], client["client_secret"])
    return issuer


def configure(settings: Any, issuer: str, client_id: str, secret: str) -> None:
    settings.BASE_URL = BASE_URL
    app = {
        "provider_id": issuer,
        "name": "Acme ID",
        "client_id": client_id,
        "secret": secret,
        "settings": {"server_url": issuer, "fetch_userinfo": False},
    }
    settings.SOCIALACCOUNT_PROVIDERS = {"sign_on": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}


def at_the_provider(page: HttpResponseBase, sub: str, **claims: Any) -> str:
    """Follows our page to the provider, signs in there as `sub`; the path by which the provider sends one back."""
    issuer_page = way_out(page)
    issuer = "{0.scheme}://{0.netloc}".format(urlsplit(issuer_page))
    requests.put(f"{issuer}/users/{sub}", json=claims, timeout=5).raise_for_status()
    answer = requests.post(issuer_page, data={"sub": sub}, allow_redirects=False, timeout=5)
    back = answer.headers["Location"]
    assert back.startswith(BASE_URL + CALLBACK)
    return back.removeprefix(BASE_URL)


def way_out(page: HttpResponseBase) -> str:
    """Where our page sends a browser by itself; its link says the same."""
    soup = BeautifulSoup(content(page), "html.parser")
    refresh = soup.select_one("meta[http-equiv=refresh]")
    assert refresh is not None
    url = str(refresh["content"]).removeprefix("0; url=")
    assert [link["href"] for link in soup.select("a.button")] == [url]
    return url


# --- People ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def max_() -> User:
    return with_password(create_member())


def with_password(user: User) -> User:
    user.set_password(PASSWORD)
    user.save()
    return user


def content(response: HttpResponseBase) -> str:
    return bytes(getattr(response, "content", b"")).decode()


def signed_in(user: User) -> Actor:
    actor = Actor()
    actor.user = user
    assert actor.post("/accounts/login/", {"login": user.email, "password": PASSWORD}).status_code == 302
    return actor


def connected(user: User, sub: str, **claims: Any) -> Actor:
    """Somebody whose account `sub` is connected, still signed in with their password."""
    actor = signed_in(user)
    actor.post("/accounts/reauthenticate/", {"password": PASSWORD})
    response = actor.get(at_the_provider(actor.post(CONNECT), sub, **claims), follow=True)
    assert "The account is connected." in content(response)
    return actor


def sign_in_as(sub: str, next_page: str = "", **claims: Any) -> tuple[Actor, HttpResponseBase]:
    actor = Actor()
    page = actor.post(START, {"next": next_page} if next_page else {})
    return actor, actor.get(at_the_provider(page, sub, **claims))


def is_signed_in(actor: Actor) -> bool:
    return actor.get("/profile/").status_code == 200


# --- Signing in -----------------------------------------------------------------------------------------------------


def test_a_connected_account_signs_its_person_in(sign_on: str, max_: User) -> None:
    connected(max_, "sub-max")
    actor, response = sign_in_as("sub-max", next_page="/profile/security/")
    assert response.headers["Location"] == "/profile/security/"
    assert actor.session["_auth_user_id"] == str(max_.pk)


def test_the_request_carries_state_a_challenge_and_our_own_address(sign_on: str) -> None:
    query = parse_qs(urlsplit(way_out(Actor().post(START, headers={"Host": "localhost"}))).query)
    assert query["redirect_uri"] == [BASE_URL + CALLBACK]
    assert query["code_challenge_method"] == ["S256"]
    assert len(query["state"][0]) >= 16
    assert set(query["scope"][0].split()) == {"openid", "profile", "email"}


def test_nothing_in_the_request_can_be_chosen_from_outside(sign_on: str) -> None:
    page = Actor().post(f"{START}?scope=admin&auth_params=redirect_uri%3Dhttp://evil.example&process=connect")
    query = parse_qs(urlsplit(way_out(page)).query)
    assert query["redirect_uri"] == [BASE_URL + CALLBACK]
    assert "admin" not in query["scope"][0]


def test_an_unknown_account_opens_nothing_and_signs_nobody_up(sign_on: str, max_: User) -> None:
    people = User.objects.count()
    actor, response = sign_in_as("sub-eve")
    assert response.headers["Location"] == "/accounts/login/"
    assert "not connected to anybody here" in content(actor.get("/accounts/login/"))
    assert not is_signed_in(actor)
    assert User.objects.count() == people
    assert not SocialAccount.objects.exists()


def test_an_address_links_nobody_however_verified(sign_on: str, max_: User) -> None:
    actor, _response = sign_in_as("sub-eve", email="max@example.com", email_verified=True)
    assert not is_signed_in(actor)
    assert not SocialAccount.objects.exists()


def test_another_address_at_the_provider_changes_nothing(sign_on: str, max_: User) -> None:
    create_administrator()
    connected(max_, "sub-max", email="max@example.com")
    actor, _response = sign_in_as("sub-max", email="ada@example.com", email_verified=True)
    assert actor.session["_auth_user_id"] == str(max_.pk)


def test_the_same_sub_at_another_provider_is_somebody_else(sign_on: str, max_: User) -> None:
    connected(max_, "sub-max")
    SocialAccount.objects.update(provider="https://former.example")
    actor, _response = sign_in_as("sub-max")
    assert not is_signed_in(actor)


@pytest.mark.parametrize("status", [Status.DEACTIVATED, Status.DELETED])
def test_who_may_not_sign_in_may_not_with_an_account_either(sign_on: str, max_: User, status: Status) -> None:
    connected(max_, "sub-max")
    User.objects.filter(pk=max_.pk).update(status=status)
    actor, response = sign_in_as("sub-max")
    assert response.headers["Location"] == "/accounts/inactive/"
    assert not is_signed_in(actor)


def test_the_second_step_is_asked_for_after_sign_on_too(sign_on: str, max_: User) -> None:
    connected(max_, "sub-max")
    from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value

    secret = generate_totp_secret()
    TOTP.activate(max_, secret)
    actor, response = sign_in_as("sub-max")
    assert response.headers["Location"] == "/accounts/second-step/"
    assert not is_signed_in(actor)
    actor.post("/accounts/second-step/", {"code": format_hotp_value(hotp_value(secret, int(time.time()) // 30))})
    assert is_signed_in(actor)


# --- What comes back ------------------------------------------------------------------------------------------------


def test_an_answer_is_good_once(sign_on: str, max_: User) -> None:
    connected(max_, "sub-max")
    actor = Actor()
    back = at_the_provider(actor.post(START), "sub-max")
    actor.get(back)
    actor.post("/accounts/logout/")
    assert actor.get(back).headers["Location"] == "/accounts/login/"
    assert not is_signed_in(actor)


def test_an_answer_to_somebody_else_is_refused(sign_on: str, max_: User) -> None:
    """Who lures another into opening the answer to their own sign-in signs nobody in."""
    connected(max_, "sub-max")
    back = at_the_provider(Actor().post(START), "sub-max")
    victim = Actor()
    victim.get(back)
    assert not is_signed_in(victim)


@pytest.mark.parametrize("query", ["", "?code=x", "?state=x&code=x", "?error=access_denied", "?state=%00&code=%00"])
def test_a_made_up_answer_is_refused_with_a_sentence(sign_on: str, query: str) -> None:
    actor = Actor()
    assert actor.get(CALLBACK + query).headers["Location"] == "/accounts/login/"
    assert "Acme ID did not let you in. Try again." in content(actor.get("/accounts/login/"))


def test_giving_up_at_the_provider_leads_back(sign_on: str) -> None:
    actor = Actor()
    answer = requests.post(way_out(actor.post(START)), data={"action": "deny"}, allow_redirects=False, timeout=5)
    back = answer.headers["Location"].removeprefix(BASE_URL)
    assert actor.get(back).headers["Location"] == "/accounts/login/"


def test_a_wrong_client_secret_lets_nobody_in(sign_on: str, max_: User, settings: Any) -> None:
    connected(max_, "sub-max")
    actor = Actor()
    back = at_the_provider(actor.post(START), "sub-max")
    settings.SOCIALACCOUNT_PROVIDERS["sign_on"]["APPS"][0]["secret"] = "wrong"
    assert actor.get(back).headers["Location"] == "/accounts/login/"
    assert not is_signed_in(actor)


def test_a_provider_that_is_away_is_said(settings: Any) -> None:
    configure(settings, "http://localhost:9", "client", "secret")
    actor = Actor()
    assert actor.post(START).headers["Location"] == "/accounts/login/"
    assert "Acme ID did not let you in. Try again." in content(actor.get("/accounts/login/"))


# --- Connecting -----------------------------------------------------------------------------------------------------


def test_connecting_asks_for_the_password_and_tells_the_owner(sign_on: str, max_: User) -> None:
    actor = signed_in(max_)
    assert actor.post(CONNECT).headers["Location"].startswith("/accounts/reauthenticate/")
    actor.post("/accounts/reauthenticate/", {"password": PASSWORD})
    actor.get(at_the_provider(actor.post(CONNECT), "sub-max", email="m.meier@acme.example"))
    page = content(actor.get(SECURITY))
    assert "Connected as m.meier@acme.example" in page
    adapter._mailer.submit(int).result()
    assert [message.subject for message in mail.outbox] == ["Acme ID now signs you in to PANTA OS"]


def test_only_one_word_about_the_account_is_stored(sign_on: str, max_: User) -> None:
    connected(max_, "sub-max", email="m.meier@acme.example", name="Max Meier", phone_number="+49 30 123")
    account = SocialAccount.objects.get()
    assert (account.provider, account.uid) == (sign_on, "sub-max")
    assert account.extra_data == {"label": "m.meier@acme.example"}


def test_an_account_of_somebody_else_is_not_taken_over(sign_on: str, max_: User) -> None:
    connected(max_, "sub-max")
    ada = signed_in(with_password(create_administrator()))
    ada.post("/accounts/reauthenticate/", {"password": PASSWORD})
    ada.get(at_the_provider(ada.post(CONNECT), "sub-max"))
    assert "connected to somebody else" in content(ada.get(SECURITY))
    assert SocialAccount.objects.get().user_id == max_.pk


def test_connecting_another_account_replaces_the_first(sign_on: str, max_: User) -> None:
    connected(max_, "sub-old")
    connected(max_, "sub-new")
    assert [account.uid for account in SocialAccount.objects.all()] == ["sub-new"]


def test_disconnecting_ends_it(sign_on: str, max_: User) -> None:
    actor = connected(max_, "sub-max")
    assert "The account is disconnected." in content(actor.post(DISCONNECT, follow=True))
    stranger, _response = sign_in_as("sub-max")
    assert not is_signed_in(stranger)


def test_nobody_disconnects_their_only_way_in(sign_on: str, max_: User) -> None:
    connected(max_, "sub-max")
    max_.set_unusable_password()
    max_.save()
    actor, _response = sign_in_as("sub-max")
    assert "Disconnect" not in content(actor.get(SECURITY))
    assert "your only way to sign in" in content(actor.post(DISCONNECT, follow=True))
    assert SocialAccount.objects.exists()


# --- Not configured -------------------------------------------------------------------------------------------------


def test_without_a_provider_nothing_is_shown(max_: User) -> None:
    assert "/accounts/sign-on/" not in content(Actor().get("/accounts/login/"))
    assert "sign-on" not in content(signed_in(max_).get(SECURITY))
    assert Actor().get(CALLBACK).status_code == 404


def test_with_a_provider_sign_in_offers_it(sign_on: str) -> None:
    assert "Sign in with Acme ID" in content(Actor().get("/accounts/login/"))
