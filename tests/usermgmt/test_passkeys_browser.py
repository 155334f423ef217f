"""Passkeys with a real browser and its virtual authenticator: adding, signing in with and without a password, and the
Security page in both themes.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from allauth.mfa.models import Authenticator
from playwright.sync_api import CDPSession, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.cast import create_member
from tests.inspection import too_wide_at, violations

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "correct horse battery staple"
SECURITY = "/profile/security/"


@pytest.fixture
def site(live_server: LiveServer) -> str:
    member = create_member()
    member.set_password(PASSWORD)
    member.save()
    return str(live_server.url)


@pytest.fixture
def authenticator(page: Page) -> CDPSession:
    """A phone's fingerprint reader that always says yes."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    return session


@pytest.fixture(autouse=True)
def complaints(page: Page) -> Iterator[list[str]]:
    """Everything the console and the policy complain about; the test fails if it is anything."""
    found: list[str] = []
    page.add_init_script(
        "addEventListener('securitypolicyviolation', event => console.error(event.violatedDirective, event.blockedURI))"
    )
    page.on("console", lambda message: found.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    yield found
    assert found == []


def give_password(page: Page, site: str, path: str = SECURITY) -> None:
    page.goto(site + path)
    page.get_by_label("Email").fill("max@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def add_passkey(page: Page, name: str, *, stands_alone: bool = True) -> None:
    """From the Security page to a stored passkey; the password is confirmed on the way."""
    page.get_by_role("link", name="Add a passkey").click()
    if "reauthenticate" in page.url:
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Sign in with this passkey alone").set_checked(stands_alone)
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_text("The passkey is added.")).to_be_visible()


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Max Member").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()


def test_a_passkey_is_added_and_signs_in_without_a_password(page: Page, site: str, authenticator: CDPSession) -> None:
    give_password(page, site)
    add_passkey(page, "Max's <b>phone</b>")
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_text("Max's <b>phone</b>", exact=True).first).to_be_visible()
    sign_out(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, Max Member")


def test_a_passkey_leads_to_the_page_asked_for(page: Page, site: str, authenticator: CDPSession) -> None:
    give_password(page, site)
    add_passkey(page, "Phone")
    sign_out(page)
    page.goto(site + SECURITY)
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(site + SECURITY)


def test_after_the_password_a_passkey_is_the_second_step(page: Page, site: str, authenticator: CDPSession) -> None:
    give_password(page, site)
    add_passkey(page, "Key", stands_alone=False)
    page.goto(site + SECURITY)
    expect(page.get_by_text("Second step only")).to_be_visible()
    sign_out(page)
    give_password(page, site)
    expect(page.get_by_role("heading", level=1)).to_have_text("Second step")
    assert violations(page) == []
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(site + SECURITY)


def test_without_the_right_passkey_nobody_gets_in(page: Page, site: str, authenticator: CDPSession) -> None:
    give_password(page, site)
    add_passkey(page, "Phone")
    sign_out(page)
    Authenticator.objects.all().delete()  # removed from elsewhere: the phone still has it
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("This code is not right, or was used already.")).to_be_visible()
    page.goto(site + SECURITY)
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_browser_without_a_passkey_says_so(page: Page, site: str, authenticator: CDPSession) -> None:
    page.goto(site + "/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("No passkey came from your browser.")).to_be_visible()
    assert violations(page) == []


def test_a_passkey_is_renamed_and_removed(page: Page, site: str, authenticator: CDPSession) -> None:
    give_password(page, site)
    add_passkey(page, "Phone")
    page.goto(site + SECURITY)
    page.get_by_role("link", name="Rename Phone").click()
    page.get_by_role("textbox", name="Name").fill("Laptop")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Remove Laptop").click()
    page.get_by_role("button", name="Remove the passkey").click()
    expect(page.get_by_text("The passkey is removed.")).to_be_visible()
    assert not Authenticator.objects.exists()


def test_tools_find_nothing_on_the_own_pages(page: Page, site: str, authenticator: CDPSession) -> None:
    give_password(page, site)
    add_passkey(page, "Phone")
    assert violations(page) == []  # the recovery codes
    passkey = Authenticator.objects.get(type=Authenticator.Type.WEBAUTHN).pk
    paths = [f"profile/{path}" for path in ("", "security/", "security/password/", "security/authenticator/")]
    paths += [f"profile/security/passkeys/{path}/" for path in ("add", f"{passkey}/rename", f"{passkey}/remove")]
    for path in [*paths, "profile/security/recovery-codes/", "accounts/logout/"]:
        page.goto(f"{site}/{path}")
        assert (path, violations(page), too_wide_at(page, 360, 390, 1440)) == (path, [], [])
