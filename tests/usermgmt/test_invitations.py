"""Invitations, from the form to the first sign-in: one link, for one person, once; and mails that are never lost."""

from __future__ import annotations

import datetime as dt
import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client

from tests.analytics import workspace
from tests.analytics.parallel import Threads
from tests.cast import NOW, Actor, create_administrator
from tests.usermgmt.people import administrator as another_administrator
from tests.usermgmt.people import browser, invited, log, person, row_of, team, token_of
from usermgmt import actions, invitations, outbox, tasks
from usermgmt.imports.people import import_people
from usermgmt.models import Invitation, Mail, Role, Status, User
from usermgmt.refusals import Refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]
ADD = "/admin/users/new/"
PASSWORD = "another purple window frame"


def link(user: User) -> str:
    return f"/invitation/{token_of(user)}/"


def accept(path: str, name: str = "Paul Pending", password: str = PASSWORD, client: Client | None = None) -> Any:
    said = {"name": name, "password1": password, "password2": password}
    return (client or Client()).post(path, said)


# --- Adding -------------------------------------------------------------------------------------------------------


def test_adding_somebody_stores_them_as_pending_with_a_mail_to_send(administrator: Actor) -> None:
    sales, legal = team("Sales"), team("Legal")
    said = {"email": " Paul@Example.COM", "name": "Paul", "role": "user", "primary_team": legal.pk, "teams": [sales.pk]}
    answer = administrator.post(ADD, said)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/users/?tab=pending")
    paul = User.objects.get(email="paul@example.com")
    assert (paul.name, paul.role, paul.status, paul.joined_at, paul.invited_at) == (
        "Paul",
        "user",
        "pending",
        None,
        NOW,
    )
    assert not paul.has_usable_password()
    assert [(m.team_id, m.is_primary) for m in paul.memberships.order_by("pk")] == [(legal.pk, True), (sales.pk, False)]
    invitation = paul.invitations.get()
    assert invitation.expires_at == NOW + dt.timedelta(days=7)
    assert invitation.invited_by == administrator.user
    assert Mail.objects.get().invitation == invitation
    assert log() == [("person.invited", "Paul")]


def test_another_can_be_added_at_once(administrator: Actor) -> None:
    answer = administrator.post(ADD, {"email": "a@example.com", "name": "A", "role": "user", "another": "1"})
    assert answer.headers["Location"] == ADD


@pytest.mark.parametrize(
    "said, message",
    [
        ({"email": ""}, "This field is required"),
        ({"email": "paul"}, "Enter a valid email address"),
        ({"email": "a" * 250 + "@example.com"}, "at most 254 characters"),
        ({"email": "pa\x00ul@example.com"}, "Null characters are not allowed"),
        ({"name": ""}, "This field is required"),
        ({"name": "x" * 201}, "at most 200 characters"),
        ({"name": "Paul\x07"}, "cannot be shown"),
        ({"role": "owner"}, "Select a valid choice"),
        ({"role": ""}, "This field is required"),
        ({"primary_team": "999999"}, "Select a valid choice"),
        ({"teams": ["x"]}, "Select a valid choice"),
    ],
)
def test_a_form_that_is_wrong_comes_back_with_the_reason(
    administrator: Actor, said: dict[str, Any], message: str
) -> None:
    team("Sales")
    answer = administrator.post(ADD, {"email": "paul@example.com", "name": "Paul", "role": "user"} | said)
    assert answer.status_code == 200
    assert message in answer.content.decode()
    assert not Invitation.objects.exists()
    assert log() == []


def test_other_teams_need_a_primary_one(administrator: Actor) -> None:
    said = {"email": "paul@example.com", "name": "Paul", "role": "user", "teams": [team("Sales").pk]}
    assert "Choose which of the teams is the primary one" in administrator.post(ADD, said).content.decode()


def test_archived_teams_are_no_choice(administrator: Actor) -> None:
    old = team("Old", archived_at=NOW)
    said = {"email": "paul@example.com", "name": "Paul", "role": "user", "primary_team": old.pk}
    assert "Select a valid choice" in administrator.post(ADD, said).content.decode()


@pytest.mark.parametrize("spelling", ["max@example.com", "MAX@Example.com", "ｍａｘ@example.com", " max@example.com "])
@pytest.mark.parametrize(
    "fields, message",
    [
        ({}, "in the workspace already"),
        ({"status": Status.DEACTIVATED}, "in the workspace already"),
        ({"status": Status.DELETED, "deleted_at": NOW}, "Restore them under"),
        ({"status": Status.PENDING, "invited_at": NOW, "password": "!"}, "has an open invitation"),
    ],
)
def test_an_address_that_is_taken_is_said_so_in_whatever_spelling(
    administrator: Actor, fields: dict[str, Any], message: str, spelling: str
) -> None:
    person(email="max@example.com", **fields)
    answer = administrator.post(ADD, {"email": spelling, "name": "Max", "role": "user"})
    assert message in answer.content.decode()
    assert not Invitation.objects.exists()


def test_somebody_known_from_usage_is_invited_and_keeps_their_past(administrator: Actor) -> None:
    ulla = person("Ulla", email="ulla@example.com", password="!", external_id="u-1")
    administrator.post(ADD, {"email": "ulla@example.com", "name": "Ulla Usage", "role": "user"})
    accept(link(ulla), "Ulla Usage")
    before = ulla.joined_at
    ulla.refresh_from_db()
    assert (ulla.joined_at, ulla.accepted_at, ulla.external_id) == (before, NOW, "u-1")
    assert ulla.check_password(PASSWORD)


def test_a_new_administrator_asks_for_the_password(client: Client) -> None:
    boss = another_administrator("Boss")
    said = {"email": "paul@example.com", "name": "Paul", "role": "admin"}
    unsure = browser(boss, confirmed=False)
    assert unsure.post(ADD, said).headers["Location"].startswith("/accounts/reauthenticate/")
    assert not Invitation.objects.exists()
    browser(boss).post(ADD, said)
    assert Invitation.objects.get().role == Role.ADMINISTRATOR


@pytest.mark.django_db(transaction=True)
def test_two_who_invite_one_address_at_once_make_one_person() -> None:
    for number in range(10):
        email = f"paul{number}@example.com"
        with Threads(2) as threads:
            both = [threads.run(actions.invite, None, email, "Paul", Role.USER, [], NOW) for _ in range(2)]
        refusals = [future.exception() for future in both]
        assert [error.code for error in refusals if isinstance(error, Refused)] == ["already_invited"]
        assert refusals.count(None) == 1
        assert Invitation.objects.filter(email=email).count() == 1


# --- The link -----------------------------------------------------------------------------------------------------


def test_only_a_hash_of_the_link_is_stored() -> None:
    paul = invited("paul@example.com")
    secret = token_of(paul)
    assert re.fullmatch("[0-9a-f]{64}", secret)
    with connection.cursor() as cursor:
        for table in ("invitation", "mail", "person", "audit_entry"):
            cursor.execute(f"SELECT coalesce(string_agg(t::text, ''), '') FROM {table} t")  # noqa: S608
            assert secret not in cursor.fetchone()[0]


def test_the_link_stays_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    paul = invited("paul@example.com")
    Client().get(link(paul))
    assert "/invitation/" in caplog.text
    assert token_of(paul) not in caplog.text


def test_accepting_sets_name_and_password_completes_onboarding_and_signs_in() -> None:
    paul, client = invited("paul@example.com", role=Role.ADMINISTRATOR), Client()
    answer = accept(link(paul), "Paul Accepted", client=client)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    paul.refresh_from_db()
    assert (paul.name, paul.status, paul.accepted_at, paul.joined_at) == ("Paul Accepted", "active", NOW, NOW)
    assert paul.check_password(PASSWORD)
    assert client.get("/admin/users/").status_code == 200
    assert log()[-1] == ("invitation.accepted", "Paul Accepted")


def test_looking_never_uses_the_link_up() -> None:
    paul = invited("paul@example.com")
    for _ in range(3):
        assert Client().get(link(paul)).status_code == 200
        assert Client().head(link(paul)).status_code == 200
    assert Invitation.objects.get().accepted_at is None
    assert accept(link(paul)).status_code == 302


@pytest.mark.parametrize(
    "said, message",
    [
        ({"password1": "short", "password2": "short"}, "too short"),
        ({"password1": "password123", "password2": "password123"}, "too common"),
        ({"password1": "12345678901", "password2": "12345678901"}, "entirely numeric"),
        ({"password1": "paul@example.com", "password2": "paul@example.com"}, "too similar"),
        ({"password1": "Paul Pendingx", "password2": "Paul Pendingx"}, "too similar"),
        ({"password2": "something else entirely"}, "not the same password"),
        ({"name": ""}, "This field is required"),
        ({"name": "  "}, "This field is required"),
    ],
)
def test_a_weak_or_mistyped_password_uses_nothing_up(said: dict[str, str], message: str) -> None:
    paul = invited("paul@example.com")
    whole = {"name": "Paul Pending", "password1": PASSWORD, "password2": PASSWORD} | said
    answer = Client().post(link(paul), whole)
    assert message in answer.content.decode()
    assert accept(link(paul)).status_code == 302


def test_a_used_link_is_over_for_everybody_and_keeps_the_first_password() -> None:
    paul = invited("paul@example.com")
    path = link(paul)
    accept(path)
    again = accept(path, "Eve", "a completely different one")
    assert again.status_code == 410
    assert "no longer valid" in again.content.decode()
    paul.refresh_from_db()
    assert paul.check_password(PASSWORD)
    assert paul.name == "Paul Pending"


def test_a_link_ends_after_seven_days(frozen_now: Any) -> None:
    paul = invited("paul@example.com")
    path = link(paul)
    frozen_now.shift(dt.timedelta(days=7, seconds=-1))
    assert Client().get(path).status_code == 200
    frozen_now.shift(dt.timedelta(seconds=1))
    assert Client().get(path).status_code == 410
    assert accept(path).status_code == 410


@pytest.mark.parametrize("secret", ["x", "0" * 64, "ÿ", "a" * 5000, "%00"])
def test_a_made_up_link_opens_nothing(secret: str) -> None:
    assert Client().get(f"/invitation/{secret}/").status_code == 410


@pytest.mark.parametrize("change", [{"role": Role.ADMINISTRATOR}, {"email": "eve@example.com"}])
def test_a_link_is_bound_to_the_address_and_the_role_it_was_sent_for(change: dict[str, Any]) -> None:
    paul = invited("paul@example.com")
    User.objects.filter(pk=paul.pk).update(**change)
    assert accept(link(paul)).status_code == 410


def confirmed_boss() -> Actor:
    return browser(another_administrator("Boss"))


@pytest.mark.parametrize("way", ["step", "edit", "import"])
def test_a_link_that_was_mailed_for_one_role_never_gives_another(way: str) -> None:
    """Whoever came by the mail to a user would be an administrator else. The new role comes with a mail of its own."""
    boss, paul = confirmed_boss(), invited("paul@example.com")
    assert boss.user is not None
    old = link(paul)
    tasks.send_mails()
    match way:
        case "step":
            actions.set_role(boss.user, [paul.pk], Role.ADMINISTRATOR, NOW)
        case "edit":
            version = actions.version(User.objects.get(pk=paul.pk))
            actions.edit_person(boss.user, paul.pk, version, "Paul", Role.ADMINISTRATOR, [], NOW)
        case "import":
            assert import_people([row_of("paul@example.com", role="admin")], NOW).updated == 1
    assert accept(old).status_code == 410
    tasks.send_mails()
    assert link(paul) in str(mail.outbox[-1].body)
    assert len(mail.outbox) == 2
    assert accept(link(paul)).status_code == 302
    assert User.objects.get(pk=paul.pk).is_administrator


def test_a_link_that_ran_out_is_not_sent_again_by_a_new_role(frozen_now: Any) -> None:
    boss, paul = confirmed_boss(), invited("paul@example.com")
    assert boss.user is not None
    actions.set_role(boss.user, [paul.pk], Role.ADMINISTRATOR, NOW + invitations.LIFETIME)
    assert Invitation.objects.count() == 1


@pytest.mark.parametrize("status", [Status.DEACTIVATED, Status.DELETED])
def test_a_link_opens_nothing_for_who_was_sent_away_meanwhile(status: Status) -> None:
    paul = invited("paul@example.com")
    User.objects.filter(pk=paul.pk).update(status=status)
    assert accept(link(paul)).status_code == 410


@pytest.mark.django_db(transaction=True)
def test_of_parallel_accepts_one_wins() -> None:
    for number in range(10):
        paul = invited(f"paul{number}@example.com")
        secret = token_of(paul)
        with Threads(3) as threads:
            all_three = [
                threads.run(actions.accept_invitation, secret, f"Paul {n}", f"password number {n}", NOW)
                for n in range(3)
            ]
        won = [future.result() for future in all_three if future.exception() is None]
        assert [future.exception().code for future in all_three if future.exception()] == ["invitation_over"] * 2  # type: ignore[union-attr]
        paul.refresh_from_db()
        assert [winner.name for winner in won] == [paul.name]
    assert User.objects.count() == 10


@pytest.mark.django_db(transaction=True)
def test_accepting_and_removing_at_once_end_in_one_of_both_and_in_no_deadlock() -> None:
    boss = create_administrator()
    for number in range(10):
        paul = invited(f"paul{number}@example.com")
        secret = token_of(paul)
        with Threads(2) as threads:
            accepted = threads.run(actions.accept_invitation, secret, "Paul", PASSWORD, NOW)
            removed = threads.run(actions.remove, boss, [paul.pk], NOW)
        assert removed.result() == 1
        assert accepted.exception() is None or isinstance(accepted.exception(), Refused)
        paul.refresh_from_db()
        assert paul.status == Status.DELETED


# --- Sending again, taking back -----------------------------------------------------------------------------------


def test_sending_again_makes_a_new_link_and_ends_the_old_one(administrator: Actor) -> None:
    paul = invited("paul@example.com")
    old = link(paul)
    answer = administrator.post("/admin/users/steps/resend/", {"person": paul.pk, "next": "/admin/users/?tab=pending"})
    assert answer.headers["Location"] == "/admin/users/?tab=pending"
    assert link(paul) != old
    assert Client().get(old).status_code == 410
    assert Client().get(link(paul)).status_code == 200
    tasks.send_mails()
    assert [message.to for message in mail.outbox] == [["paul@example.com"]]  # the first mail was not sent any more
    assert link(paul) in str(mail.outbox[0].body)
    assert log()[-1] == ("invitation.resent", "Paul")


def test_taking_back_ends_the_link_and_forgets_who_was_never_here() -> None:
    administrator = confirmed_boss()
    paul = invited("paul@example.com")
    old = link(paul)
    administrator.post("/admin/users/steps/revoke/", {"person": paul.pk})
    assert accept(old).status_code == 410
    paul.refresh_from_db()
    assert (paul.email, paul.status, paul.name) == (None, "deleted", "Erased person")
    page = administrator.get("/admin/users/?tab=deleted")
    assert page.context["shown"].total == 0
    assert page.context["shown"].overview.onboarding.invited == 0
    tasks.send_mails()
    assert mail.outbox == []


def test_taking_back_keeps_who_is_known_from_usage_but_not_the_promised_role() -> None:
    administrator = confirmed_boss()
    ulla = person("Ulla", email="ulla@example.com", password="!")
    actions.invite(None, "ulla@example.com", "Ulla", Role.ADMINISTRATOR, [], NOW)
    administrator.post("/admin/users/steps/revoke/", {"person": ulla.pk})
    ulla.refresh_from_db()
    assert (ulla.email, ulla.status, ulla.role, ulla.invited_at) == ("ulla@example.com", "active", "user", None)


def test_taking_back_forgets_nobody_who_has_used_the_workspace_meanwhile() -> None:
    boss, paul, paula = confirmed_boss(), invited("paul@example.com"), invited("paula@example.com")
    workspace.fold(workspace.event(0, user_id=None, email="paul@example.com", tokens=9))
    User.objects.filter(pk=paula.pk).update(external_id="paula")
    boss.post("/admin/users/steps/revoke/", {"person": [paul.pk, paula.pk]})
    for who in (paul, paula):
        who.refresh_from_db()
        assert (who.status, who.erased_at, who.invited_at) == ("active", None, None)
    assert paul.email == "paul@example.com"


def test_who_is_deactivated_while_waiting_gets_a_new_link_when_reactivated() -> None:
    boss, ulla = confirmed_boss(), person("Ulla", email="ulla@example.com", password="!")
    assert boss.user is not None
    actions.invite(None, "ulla@example.com", "Ulla", Role.USER, [], NOW)
    old = link(ulla)
    actions.deactivate(boss.user, [ulla.pk], NOW)
    assert ulla.invitations.filter(revoked_at=None).count() == 0
    refused = boss.post("/admin/users/steps/resend/", {"person": ulla.pk})
    assert refused.status_code == 409
    assert "Reactivate them" in refused.content.decode()
    assert "Send invitation again" not in boss.get("/admin/users/?tab=pending").content.decode().split("<tbody")[1]
    actions.reactivate(boss.user, [ulla.pk], NOW)
    assert accept(old).status_code == 410
    assert accept(link(ulla)).status_code == 302


def test_the_completion_rate_is_right_under_every_path(frozen_now: Any) -> None:
    boss = confirmed_boss()
    admin = boss.user
    assert admin is not None

    def told() -> tuple[int, int, int, float]:
        onboarding = boss.get("/admin/users/").context["shown"].overview.onboarding
        return onboarding.invited, onboarding.completed, onboarding.pending, onboarding.share

    assert told() == (0, 0, 0, 0)
    ann, bob, cay, dan = (invited(f"{name}@example.com") for name in ("ann", "bob", "cay", "dan"))
    assert told() == (4, 0, 4, 0)
    for who in (ann, bob):
        assert accept(link(who)).status_code == 302
    assert told() == (4, 2, 2, 0.5)
    actions.resend_invitation(admin, cay.pk, NOW)
    frozen_now.shift(invitations.LIFETIME)  # the links run out: still invited, still waiting
    assert told() == (4, 2, 2, 0.5)
    actions.revoke_invitation(admin, dan.pk, NOW)
    assert told() == (3, 2, 1, 2 / 3)
    actions.deactivate(admin, [ann.pk], NOW)  # went through it all the same
    assert told() == (3, 2, 1, 2 / 3)
    actions.remove(admin, [bob.pk, cay.pk], NOW)
    assert told() == (1, 1, 0, 1)
    actions.restore(admin, [cay.pk], NOW)
    assert told() == (2, 1, 1, 0.5)
    actions.erase_due(NOW + actions.RESTORABLE)
    assert told() == (2, 1, 1, 0.5)
    invited("bob@example.com")  # erased: somebody new
    assert told() == (3, 1, 2, 1 / 3)
    import_people([row_of("cay@example.com", name="Cay C.")], NOW)  # changes a name, accepts nothing
    assert told() == (3, 1, 2, 1 / 3)


@pytest.mark.parametrize("step", ["resend", "revoke"])
def test_who_has_no_open_invitation_gets_none_sent_or_taken(step: str) -> None:
    administrator = confirmed_boss()
    waiting, member = invited("paul@example.com"), person()
    answer = administrator.post(f"/admin/users/steps/{step}/", {"person": [waiting.pk, member.pk]})
    assert answer.status_code == 409
    assert "no open invitation" in answer.content.decode()
    assert [action for action, _name in log()] == ["person.invited"]  # all or nothing


def test_inviting_again_after_taking_back_makes_a_new_person() -> None:
    administrator = confirmed_boss()
    first = invited("paul@example.com")
    administrator.post("/admin/users/steps/revoke/", {"person": first.pk})
    assert invited("paul@example.com").pk != first.pk


def test_removing_ends_the_link_and_restoring_sends_a_new_one(administrator: Actor) -> None:
    paul = invited("paul@example.com")
    old = link(paul)
    actions.remove(administrator.user, [paul.pk], NOW)  # type: ignore[arg-type]
    assert accept(old).status_code == 410
    administrator.post("/admin/users/steps/restore/", {"person": paul.pk})
    paul.refresh_from_db()
    assert paul.status == Status.PENDING
    assert accept(old).status_code == 410
    assert accept(link(paul)).status_code == 302


# --- Mails --------------------------------------------------------------------------------------------------------


def test_the_mail_says_who_invites_whither_in_text_and_html(settings: Any) -> None:
    settings.WORKSPACE_NAME = "Acme <& Söhne>"
    paul = invited("paul@example.com", by=another_administrator("Ann <b>O'Neil</b>"))
    tasks.send_mails()
    (message,) = mail.outbox
    assert message.subject == "Ann <b>O'Neil</b> invites you to Acme <& Söhne>"
    assert f"http://localhost:8000{link(paul)}" in message.body
    assert "until 22\xa0Mar\xa02026" in message.body
    assert "Acme <& Söhne>" in message.body
    html, kind = message.alternatives[0]  # type: ignore[attr-defined]
    assert kind == "text/html"
    assert f'href="http://localhost:8000{link(paul)}"' in html
    assert "Acme &lt;&amp; Söhne&gt;" in html
    assert "<b>O" not in html


def test_a_mail_server_that_is_down_loses_nothing(settings: Any, frozen_now: Any, administrator: Actor) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", closed_port()
    said = {"email": "paul@example.com", "name": "Paul", "role": "user"}
    assert administrator.post(ADD, said).status_code == 302
    invited("quinn@example.com")
    tasks.send_mails()
    tried = Mail.objects.order_by("pk")
    assert [(one.attempts, one.sent_at) for one in tried] == [(1, None), (0, None)]  # one attempt shows it is down
    assert "refused" in tried[0].last_error
    assert tried[0].next_attempt_at == NOW + dt.timedelta(minutes=1)

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    tasks.send_mails()
    assert [message.to for message in mail.outbox] == [["quinn@example.com"]]
    frozen_now.shift(dt.timedelta(minutes=1))
    tasks.send_mails()
    tasks.send_mails()
    assert [message.to for message in mail.outbox] == [["quinn@example.com"], ["paul@example.com"]]


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_after_two_days_of_failures_a_mail_is_given_up(settings: Any, frozen_now: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", closed_port()
    invited("paul@example.com")
    waits = []
    for _ in range(outbox.GIVE_UP_AFTER):
        tasks.send_mails()
        waited = Mail.objects.get()
        waits.append(waited.next_attempt_at - dt.datetime.now(dt.UTC))
        frozen_now.move_to(waited.next_attempt_at)
    assert waits[:4] == [dt.timedelta(minutes=minutes) for minutes in (1, 2, 4, 8)]
    assert max(waits) == dt.timedelta(hours=6)
    assert waited.given_up_at is not None
    tasks.send_mails()
    assert Mail.objects.get().attempts == outbox.GIVE_UP_AFTER


class RefusingServer(socketserver.BaseRequestHandler):
    """A mail server that knows nobody called nobody@."""

    def handle(self) -> None:
        self.request.sendall(b"220 test\r\n")
        lines = self.request.makefile("rb")
        in_data = False
        for line in lines:
            if in_data and line != b".\r\n":
                continue
            word = line.split(b" ")[0].strip().upper()
            answer = b"550 unknown" if b"nobody@" in line else {b"DATA": b"354 go on", b"QUIT": b"221 bye"}.get(word)
            in_data = word == b"DATA"
            self.request.sendall((answer or b"250 ok") + b"\r\n")


@pytest.fixture
def mail_server(settings: Any) -> Iterator[None]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), RefusingServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address[:2]
        yield
        server.shutdown()


@pytest.mark.usefixtures("mail_server")
def test_an_address_that_the_server_refuses_does_not_hold_up_the_others() -> None:
    invited("nobody@example.com")
    invited("paul@example.com")
    assert outbox.send_due(NOW) == 1
    sent = {one.invitation.email: one.sent_at for one in Mail.objects.select_related("invitation")}  # type: ignore[union-attr]
    assert sent == {"nobody@example.com": None, "paul@example.com": NOW}
    assert "unknown" in Mail.objects.get(sent_at=None).last_error


def test_a_link_that_ran_out_while_waiting_is_not_mailed(frozen_now: Any) -> None:
    invited("paul@example.com")
    frozen_now.shift(dt.timedelta(days=7))
    tasks.send_mails()
    assert mail.outbox == []
    assert Mail.objects.get().given_up_at is not None


@pytest.mark.django_db(transaction=True)
def test_two_senders_share_the_work_and_send_nothing_twice() -> None:
    for number in range(12):
        invited(f"p{number}@example.com")
    with Threads(2) as threads:
        sent = [threads.run(outbox.send_due, NOW) for _ in range(2)]
    assert sum(future.result() for future in sent) == 12
    assert len({message.to[0] for message in mail.outbox}) == len(mail.outbox) == 12


def test_find_open_knows_the_secret_alone() -> None:
    paul = invited("paul@example.com")
    found = invitations.find_open(token_of(paul), NOW)
    assert found is not None
    assert found.user == paul
    assert invitations.find_open(found.token_hash, NOW) is None
