"""What administrators do to people, through the pages: what changes, what does not, who is refused, what is logged."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial
from itertools import combinations
from threading import Barrier
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from tests.analytics.parallel import PATIENCE_S, Threads
from tests.cast import NOW, Actor
from tests.usermgmt.people import (
    HASHED,
    administrator,
    browser,
    confirm,
    deleted,
    invited,
    log,
    never_end_a_session,
    person,
    row_of,
    team,
    token_of,
)
from usermgmt import actions, administrators, audit
from usermgmt.imports.people import import_people
from usermgmt.models import Action, AuditEntry, Membership, Role, Status, User
from usermgmt.refusals import Refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]
STEPS = "/admin/users/steps/"
NEW_PASSWORD = "another purple window frame"


@pytest.fixture
def boss() -> Actor:
    """An administrator who has just given the password again."""
    return browser(administrator("Boss"))


def take(actor: Actor, step: str, *people: User, **said: Any) -> Any:
    return actor.post(f"{STEPS}{step}/", {"person": [one.pk for one in people], **said})


def fresh(user: User) -> User:
    return User.objects.get(pk=user.pk)


def edit(actor: Actor, user: User, **said: Any) -> Any:
    """Sends the edit form as it was opened, but for what is `said`."""
    form = actor.get(f"/admin/users/{user.pk}/edit/").context["form"]
    values = {name: form.initial[name] for name in ("name", "role", "primary_team", "teams", "version")}
    return actor.post(f"/admin/users/{user.pk}/edit/", values | said)


def is_signed_in(actor: Actor) -> bool:
    return bool(actor.get("/").status_code == 200)


# --- Editing ------------------------------------------------------------------------------------------------------


def test_editing_writes_name_role_and_teams_and_logs_each(boss: Actor) -> None:
    sales, legal = team("Sales"), team("Legal")
    ann = person("Ann", teams=("Sales",))
    said = {"name": "Ann B.", "role": "admin", "primary_team": legal.pk, "teams": [sales.pk]}
    answer = edit(boss, ann, next="/admin/users/?q=a", **said)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/users/?q=a")
    changed = fresh(ann)
    assert (changed.name, changed.role) == ("Ann B.", "admin")
    primaries = dict(Membership.objects.filter(user=ann).values_list("team__name", "is_primary"))
    assert primaries == {"Legal": True, "Sales": False}
    entries = {entry.action: (entry.before, entry.after) for entry in AuditEntry.objects.all()}
    assert entries == {
        "person.edited": ({"name": "Ann"}, {"name": "Ann B."}),
        "person.role_changed": ({"role": "user"}, {"role": "admin"}),
        "person.teams_changed": ({"teams": ["Sales"]}, {"teams": ["Legal", "Sales"]}),
    }
    assert {entry.actor_name for entry in AuditEntry.objects.all()} == {"Boss"}


def test_an_edit_that_changes_nothing_is_no_event(boss: Actor) -> None:
    ann = person("Ann", teams=("Sales", "Legal", "Ops"))
    before = fresh(ann).updated_at
    assert edit(boss, ann).status_code == 302
    assert log() == []
    assert fresh(ann).updated_at == before


def test_the_second_editor_is_told_and_sees_the_new_values_and_loses_nothing(boss: Actor, frozen_now: Any) -> None:
    ann = person("Ann", teams=("Sales",))
    form = boss.get(f"/admin/users/{ann.pk}/edit/").context["form"]
    frozen_now.shift(dt.timedelta(seconds=1))
    other = browser(administrator("Other"))
    edit(other, ann, name="Ann of Other", primary_team="", teams=[])
    late = boss.post(
        f"/admin/users/{ann.pk}/edit/",
        {"name": "Ann of Boss", "role": "user", "primary_team": team("Sales").pk, "version": form.initial["version"]},
    )
    assert late.status_code == 409
    text = late.content.decode()
    assert "Somebody changed this person while you were editing" in text
    assert 'value="Ann of Other"' in text
    assert "Name: Ann of Boss" in text
    assert "Teams: Sales" in text
    assert fresh(ann).name == "Ann of Other"
    assert (
        boss.post(f"/admin/users/{ann.pk}/edit/", late.context["form"].initial | {"name": "Ann of both"}).status_code
        == 302
    )
    assert fresh(ann).name == "Ann of both"


def test_a_change_of_teams_elsewhere_counts_as_a_change(boss: Actor, frozen_now: Any) -> None:
    ann = person("Ann")
    version = actions.version(fresh(ann))
    frozen_now.shift(dt.timedelta(seconds=1))
    take(boss, "team", ann, team=team("Sales").pk)
    late = boss.post(f"/admin/users/{ann.pk}/edit/", {"name": "Ann", "role": "user", "version": version})
    assert late.status_code == 409
    assert Membership.objects.filter(user=ann).count() == 1


@pytest.mark.parametrize("said", [{"name": ""}, {"name": "a\x1bb"}, {"role": "owner"}, {"primary_team": "77"}])
def test_an_edit_that_makes_no_sense_writes_nothing(boss: Actor, said: dict[str, str]) -> None:
    ann = person("Ann", teams=("Sales",))
    assert edit(boss, ann, **said).status_code == 200
    assert (fresh(ann).name, log()) == ("Ann", [])


def test_a_person_in_an_archived_team_stays_in_it(boss: Actor) -> None:
    old = team("Old", archived_at=NOW)
    ann = person("Ann", teams=("Old",))
    edit(boss, ann, name="Ann B.")
    assert list(ann.teams.all()) == [old]


def test_nobody_changes_their_own_role(boss: Actor) -> None:
    assert boss.user is not None
    answer = edit(boss, boss.user, name="Big Boss", role="user")
    assert answer.status_code == 302
    assert (fresh(boss.user).name, fresh(boss.user).role) == ("Big Boss", "admin")


# --- Steps --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "step, said, logged",
    [
        ("role", {"role": "admin"}, "person.role_changed"),
        ("team", {}, "person.teams_changed"),
        ("deactivate", {}, "person.deactivated"),
        ("remove", {}, "person.removed"),
    ],
)
def test_a_step_is_asked_first_and_then_taken_with_all_who_were_chosen(
    boss: Actor, step: str, said: dict[str, str], logged: str
) -> None:
    ann, bob = person("Ann"), person("Bob")
    said = said or ({"team": str(team("Sales").pk)} if step == "team" else {})
    query = f"person={ann.pk}&person={bob.pk}&next=/admin/users/?q=x"
    page = boss.get(f"{STEPS}{step}/?{query}").content.decode()
    assert "Ann" in page
    assert "Bob" in page
    assert "2 people" in page
    assert log() == []
    answer = take(boss, step, ann, bob, next="/admin/users/?q=x", **said)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/users/?q=x")
    assert log() == [(logged, "Ann"), (logged, "Bob")]
    assert "2 people" in boss.get("/admin/users/").content.decode()


def test_deactivating_ends_sessions_at_once_and_reactivating_brings_sign_in_back(boss: Actor) -> None:
    ann = person("Ann", teams=("Sales",))
    phone, desk = browser(ann, confirmed=False), browser(ann, confirmed=False)
    assert is_signed_in(phone)
    take(boss, "deactivate", ann)
    assert (fresh(ann).status, fresh(ann).deactivated_at) == (Status.DEACTIVATED, NOW)
    assert not is_signed_in(phone)
    take(boss, "reactivate", ann)
    assert (fresh(ann).status, fresh(ann).deactivated_at) == (Status.ACTIVE, None)
    assert not is_signed_in(desk)  # ended, not merely suspended
    assert fresh(ann).password == HASHED
    assert list(ann.teams.values_list("name", flat=True)) == ["Sales"]


@pytest.mark.parametrize("way", ["step", "edit"])
def test_a_new_role_ends_that_persons_sessions_and_nobody_elses(boss: Actor, way: str) -> None:
    ann = person("Ann")
    hers, his = browser(ann, confirmed=False), browser(person("Bob"), confirmed=False)
    if way == "step":
        take(boss, "role", ann, role="admin")
    else:
        edit(boss, ann, role="admin")
    assert fresh(ann).role == Role.ADMINISTRATOR
    assert (is_signed_in(hers), is_signed_in(his), is_signed_in(boss)) == (False, True, True)


def test_removing_moves_to_recently_deleted_and_restoring_brings_everything_back(boss: Actor) -> None:
    ann = person("Ann", teams=("Sales",))
    hers = browser(ann, confirmed=False)
    take(boss, "remove", ann)
    assert (fresh(ann).status, fresh(ann).deleted_at) == (Status.DELETED, NOW)
    assert not is_signed_in(hers)
    assert [str(row.person) for row in boss.get("/admin/users/?tab=deleted").context["shown"].rows] == ["Ann"]
    take(boss, "restore", ann)
    back = fresh(ann)
    assert (back.status, back.deleted_at, back.role, back.password) == (Status.ACTIVE, None, "user", HASHED)
    assert list(ann.teams.values_list("name", flat=True)) == ["Sales"]
    assert log() == [("person.removed", "Ann"), ("person.restored", "Ann")]


@pytest.mark.parametrize("status", [Status.PENDING, Status.ACTIVE, Status.DEACTIVATED])
def test_restoring_gives_back_the_state_that_was_there(boss: Actor, status: Status) -> None:
    """Also of somebody who was invited, but was known by their usage or deactivated all the same."""
    ann = person("Ann", email="ann@example.com", status=status, password="!", joined_at=None, invited_at=NOW)
    for _time in range(2):
        take(boss, "remove", ann)
        take(boss, "restore", ann)
        assert fresh(ann).status == status
    assert fresh(ann).removed_from == ""
    assert ann.invitations.filter(revoked_at=None).count() == (status != Status.DEACTIVATED)


def test_giving_an_administrator_their_way_in_back_asks_for_the_password() -> None:
    unsure = browser(administrator("Boss"), confirmed=False)
    gone, off = deleted("Gone", role=Role.ADMINISTRATOR), administrator("Off", status=Status.DEACTIVATED)
    for step, whom in (("restore", gone), ("reactivate", off)):
        assert "reauthenticate" in take(unsure, step, whom).headers["Location"]
    assert log() == []


def test_who_was_deactivated_before_being_removed_is_deactivated_when_restored(boss: Actor) -> None:
    ann = person("Ann")
    take(boss, "deactivate", ann)
    take(boss, "remove", ann)
    take(boss, "restore", ann)
    assert fresh(ann).status == Status.DEACTIVATED


def test_the_primary_team_changes_and_other_teams_stay(boss: Actor) -> None:
    ann = person("Ann", teams=("Sales", "Legal"))
    bob = person("Bob", teams=("Legal",))
    take(boss, "team", ann, bob, team=team("Legal").pk)
    assert dict(Membership.objects.filter(user=ann).values_list("team__name", "is_primary")) == {
        "Legal": True,
        "Sales": False,
    }
    assert log() == [("person.teams_changed", "Ann")]  # Bob's was that already


@pytest.mark.parametrize("step, said", [("role", {"role": "admin"}), ("team", {"team": "1"})])
def test_the_removed_are_left_as_they_were(boss: Actor, step: str, said: dict[str, str]) -> None:
    gone = deleted("Gone")
    place = team("Sales")
    take(boss, step, gone, **(said if step == "role" else {"team": str(place.pk)}))
    assert (fresh(gone).role, gone.memberships.count(), log()) == ("user", 0, [])


@pytest.mark.parametrize("said", [{}, {"role": "owner"}, {"role": ""}])
def test_a_role_has_to_be_one(boss: Actor, said: dict[str, str]) -> None:
    ann = person("Ann")
    assert take(boss, "role", ann, **said).status_code == 200
    assert fresh(ann).role == Role.USER


@pytest.mark.parametrize("kind", ["unknown", "archived", "deleted", "nonsense"])
def test_a_primary_team_has_to_be_there(boss: Actor, kind: str) -> None:
    fields = {"archived": {"archived_at": NOW}, "deleted": {"deleted_at": NOW}}.get(kind, {})
    chosen = {"unknown": "99999", "nonsense": "x"}.get(kind) or str(team("Sales", **fields).pk)
    ann = person("Ann")
    assert take(boss, "team", ann, team=chosen).status_code == 200
    assert ann.memberships.count() == 0


def test_without_anybody_chosen_one_is_sent_back_with_a_word(boss: Actor) -> None:
    answer = boss.post(f"{STEPS}remove/", {"next": "/admin/users/?tab=pending"})
    assert answer.headers["Location"] == "/admin/users/?tab=pending"
    assert "Choose at least one person" in boss.get("/admin/users/").content.decode()


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_the_way_back_stays_on_this_host(boss: Actor, elsewhere: str) -> None:
    ann = person("Ann")
    assert take(boss, "deactivate", ann, next=elsewhere).headers["Location"] == "/admin/users/"
    assert edit(boss, ann, next=elsewhere).headers["Location"] == "/admin/users/"


# --- Nobody is locked out -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("step, said", [("role", {"role": "user"}), ("deactivate", {}), ("remove", {})])
def test_nobody_demotes_deactivates_or_removes_themselves_not_even_among_others(
    boss: Actor, step: str, said: dict[str, str]
) -> None:
    assert boss.user is not None
    administrator("Other")
    ann = person("Ann")
    answer = take(boss, step, ann, boss.user, **said)
    assert answer.status_code == 409
    assert "cannot remove, deactivate or demote yourself" in answer.content.decode()
    assert (fresh(ann).status, fresh(boss.user).role, fresh(boss.user).status) == ("active", "admin", "active")
    assert log() == []


Path = Callable[[User, User], object]


def _edit_to_user(actor: User, other: User) -> object:
    return actions.edit_person(actor, other.pk, actions.version(fresh(other)), other.name, Role.USER, [], NOW)


PATHS: dict[str, Path] = {
    "role": lambda actor, other: actions.set_role(actor, [other.pk], Role.USER, NOW),
    "edit": _edit_to_user,
    "deactivate": lambda actor, other: actions.deactivate(actor, [other.pk], NOW),
    "remove": lambda actor, other: actions.remove(actor, [other.pk], NOW),
}


@pytest.mark.parametrize("path", PATHS)
def test_the_last_administrator_who_can_sign_in_stays(path: str) -> None:
    """The actor's own way in is lost first: in the same instant, as it were."""
    last, actor = administrator("Last"), administrator("Actor", password="!")
    administrator("Waiting", status=Status.PENDING)
    administrator("Known from usage", password="!")
    administrator("Gone", status=Status.DEACTIVATED)
    with pytest.raises(Refused) as refused:
        PATHS[path](actor, last)
    assert refused.value.code == "last_administrator"
    assert fresh(last).is_administrator


@pytest.mark.parametrize("path", PATHS)
def test_who_lost_the_role_meanwhile_is_refused(path: str) -> None:
    actor, other = administrator("Actor"), administrator("Other")
    User.objects.filter(pk=actor.pk).update(role=Role.USER)
    with pytest.raises(Refused) as refused:
        PATHS[path](actor, other)
    assert refused.value.code == "not_administrator"


def _import_as_user(_actor: User, other: User) -> object:
    if rejected := import_people([row_of(other.email, role="user")], NOW).rejected:
        raise Refused("last_administrator", rejected[0].reason)
    return None


ALL_PATHS = PATHS | {"import": _import_as_user}
RUNS = 20
# The same way from both sides twenty times; every two ways against each other as often as is soon done.
RACES = [(one, one, RUNS) for one in ALL_PATHS] + [(one, two, 4) for one, two in combinations(ALL_PATHS, 2)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("one, two, runs", RACES)
def test_two_who_take_the_role_from_each_other_at_once_never_leave_none(one: str, two: str, runs: int) -> None:
    ada, bea = administrator("Ada"), administrator("Bea")
    start = Barrier(2)

    def both_at_once(path: str, actor: User, other: User) -> None:
        start.wait(timeout=PATIENCE_S)
        ALL_PATHS[path](actor, other)

    for _run in range(runs):
        User.objects.filter(pk__in=[ada.pk, bea.pk]).update(
            role=Role.ADMINISTRATOR, status=Status.ACTIVE, deleted_at=None, deactivated_at=None
        )
        with Threads(2) as threads:
            both = [threads.run(both_at_once, one, ada, bea), threads.run(both_at_once, two, bea, ada)]
        refusals = [future.exception() for future in both if future.exception()]
        assert [type(error) for error in refusals] == [Refused]
        assert {error.code for error in refusals if isinstance(error, Refused)} <= {
            "not_administrator",
            "last_administrator",
        }
        assert administrators.any_beside([])


@pytest.mark.django_db(transaction=True)
def test_removing_everybody_but_oneself_from_two_sides_leaves_one(frozen_now: Any) -> None:
    crowd = [administrator(f"Admin {number}") for number in range(4)]
    for _run in range(RUNS):
        User.objects.update(role=Role.ADMINISTRATOR, status=Status.ACTIVE, deleted_at=None)
        with Threads(4) as threads:
            for actor in crowd:
                others = [other.pk for other in crowd if other != actor]
                threads.run(partial(actions.remove, actor, others, NOW))
        assert User.objects.filter(status=Status.ACTIVE, role=Role.ADMINISTRATOR).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_who_save_the_same_form_at_once_one_is_told_and_nothing_is_mixed() -> None:
    ada, bea, ann = administrator("Ada"), administrator("Bea"), person("Ann")
    sales, start = team("Sales"), Barrier(2)

    def save(actor: User, name: str, seen: str, teams: list[int]) -> None:
        start.wait(timeout=PATIENCE_S)
        actions.edit_person(actor, ann.pk, seen, name, Role.USER, teams, NOW)

    for run in range(RUNS):
        User.objects.filter(pk=ann.pk).update(name="Ann", updated_at=NOW - dt.timedelta(hours=1))
        ann.memberships.all().delete()
        seen, wanted = actions.version(fresh(ann)), {f"Ada's {run}": [sales.pk], f"Bea's {run}": []}
        with Threads(2) as threads:
            both = [
                threads.run(save, actor, name, seen, teams)
                for actor, (name, teams) in zip((ada, bea), wanted.items(), strict=True)
            ]
        (refused,) = (error for future in both if (error := future.exception()))
        assert isinstance(refused, Refused)
        assert refused.code == "changed_meanwhile"
        assert wanted[fresh(ann).name] == list(ann.memberships.values_list("team_id", flat=True))


# --- One transaction ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
def test_what_takes_a_way_in_away_and_the_end_of_its_sessions_happen_together_or_not_at_all(path: str) -> None:
    actor, other = administrator("Actor"), administrator("Other")
    hers = browser(other, confirmed=False)
    never_end_a_session()
    with pytest.raises(DatabaseError):
        PATHS[path](actor, other)
    assert fresh(other).is_administrator
    assert is_signed_in(hers)
    assert log() == []


# --- The password again -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step, said", [("role", {"role": "admin"}), ("remove", {})])
def test_risky_steps_ask_for_the_password_and_go_on_after_it(step: str, said: dict[str, str]) -> None:
    unsure = browser(administrator("Boss"), confirmed=False)
    ann = person("Ann")
    answer = take(unsure, step, ann, **said)
    assert answer.headers["Location"].startswith("/accounts/reauthenticate/?next=")
    assert log() == []
    wrong = unsure.post(answer.headers["Location"], {"password": "wrong"})
    assert (wrong.status_code, log()) == (200, [])
    unsure.post(answer.headers["Location"], {"password": "correct horse battery staple"})
    assert [name for _action, name in log()] == ["Ann"]


def test_editing_asks_only_where_the_role_changes() -> None:
    unsure = browser(administrator("Boss"), confirmed=False)
    ann = person("Ann")
    assert edit(unsure, ann, name="Ann B.").headers["Location"] == "/admin/users/"
    assert edit(unsure, ann, role="admin").headers["Location"].startswith("/accounts/reauthenticate/")
    assert fresh(ann).role == Role.USER


def test_the_password_counts_for_five_minutes(boss: Actor, frozen_now: Any) -> None:
    frozen_now.shift(dt.timedelta(seconds=299))
    assert take(boss, "remove", person()).headers["Location"] == "/admin/users/"
    frozen_now.shift(dt.timedelta(seconds=2))
    assert "reauthenticate" in take(boss, "remove", person()).headers["Location"]


def test_who_loses_the_role_while_being_asked_does_not_go_on() -> None:
    actor = administrator("Actor")
    administrator("Other")
    unsure, ann = browser(actor, confirmed=False), person("Ann")
    asked = take(unsure, "remove", ann).headers["Location"]
    User.objects.filter(pk=actor.pk).update(role=Role.USER)
    answer = unsure.post(asked, {"password": "correct horse battery staple"})
    assert answer.status_code == 404
    assert fresh(ann).status == Status.ACTIVE


# --- Nothing else can be written ----------------------------------------------------------------------------------


def every_field() -> dict[str, str]:
    """A hostile value for every column there is."""
    stolen = {field.name: "1" for field in User._meta.concrete_fields}
    return stolen | {
        "id": "1",
        "password": "stolen",
        "email": "stolen@example.com",
        "external_id": "stolen",
        "status": "deleted",
        "is_active": "false",
        "joined_at": "2001-01-01",
        "accepted_at": "2001-01-01",
        "deleted_at": "2001-01-01",
        "erased_at": "2001-01-01",
        "language": "de",
        "theme": "dark",
        "last_login": "2001-01-01",
    }


def columns(user: User) -> dict[str, object]:
    return dict(User.objects.filter(pk=user.pk).values().get())


def changed(before: dict[str, object], after: dict[str, object]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


ALWAYS = {"updated_at", "search", "display_name"}


@pytest.mark.parametrize(
    "path, said, allowed",
    [
        ("edit", {"name": "New", "role": "user"}, {"name"}),
        ("steps/role", {"role": "admin"}, {"role"}),
        ("steps/deactivate", {}, {"status", "is_active", "deactivated_at"}),
        ("steps/remove", {}, {"status", "is_active", "deleted_at", "removed_from"}),
    ],
)
def test_posting_every_column_changes_only_those_of_the_form(
    boss: Actor, frozen_now: Any, path: str, said: dict[str, str], allowed: set[str]
) -> None:
    ann = person("Ann")
    before = columns(ann)
    version = actions.version(fresh(ann))
    frozen_now.shift(dt.timedelta(seconds=1))
    url = f"/admin/users/{ann.pk}/edit/" if path == "edit" else f"/admin/users/{path}/"
    answer = boss.post(url, every_field() | {"person": str(ann.pk), "version": version} | said)
    assert answer.status_code == 302
    assert changed(before, columns(ann)) - ALWAYS == allowed


SIGN_OFF = {"status", "is_active"}


@pytest.mark.parametrize(
    "step, fields, allowed",
    [
        ("team", {}, set()),
        ("reactivate", {"status": Status.DEACTIVATED, "deactivated_at": NOW}, SIGN_OFF | {"deactivated_at"}),
        ("restore", {"status": Status.DELETED, "deleted_at": NOW}, SIGN_OFF | {"deleted_at"}),
        ("resend", {"invited_at": NOW}, set()),
        ("revoke", {"invited_at": NOW}, {"invited_at"}),
    ],
)
def test_posting_every_column_to_a_step_changes_only_what_it_is_about(
    boss: Actor, step: str, fields: dict[str, Any], allowed: set[str]
) -> None:
    ann = person("Ann", **fields)
    before = columns(ann)
    said = every_field() | {"person": str(ann.pk), "team": str(team("Sales").pk), "role": "admin"}
    assert boss.post(f"{STEPS}{step}/", said).status_code == 302
    assert changed(before, columns(ann)) - ALWAYS == allowed


def test_posting_every_column_while_accepting_an_invitation_gives_no_role_and_no_other_address() -> None:
    paul = invited("paul@example.com")
    before = columns(paul)
    said = every_field() | {"name": "Paul P.", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "role": "admin"}
    assert Client().post(f"/invitation/{token_of(paul)}/", said).status_code == 302
    allowed = {"name", "status", "is_active", "password", "accepted_at", "joined_at"}
    assert changed(before, columns(paul)) - ALWAYS == allowed
    assert (fresh(paul).joined_at, fresh(paul).accepted_at) == (NOW, NOW)


def test_posting_every_column_while_inviting_makes_an_ordinary_pending_person(boss: Actor) -> None:
    said = every_field() | {"email": "new@example.com", "name": "New", "role": "user"}
    assert boss.post("/admin/users/new/", said).status_code == 302
    made = User.objects.get(email="new@example.com")
    assert (made.status, made.external_id, made.joined_at, made.accepted_at, made.deleted_at) == (
        "pending", None, None, None, None,
    )  # fmt: skip
    assert not made.has_usable_password()
    assert (made.language, made.theme) == ("", "system")


# --- Foreign ids --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["role", "team", "deactivate", "reactivate", "remove", "restore", "resend", "revoke"])
@pytest.mark.parametrize("foreign", ["999999", "0", "-1", "x", "1.5", "", str(2**63), str(2**200), "1 OR 1=1"])
def test_an_id_that_is_nobodys_is_404_for_the_whole_step(boss: Actor, step: str, foreign: str) -> None:
    ann = person("Ann")
    said: dict[str, Any] = {"person": [str(ann.pk), foreign], "role": "admin", "team": team("Sales").pk}
    assert boss.post(f"{STEPS}{step}/", said).status_code == 404
    assert boss.get(f"{STEPS}{step}/", said).status_code == 404
    assert (fresh(ann).status, fresh(ann).role, log()) == ("active", "user", [])


def test_more_people_than_a_page_ever_holds_are_refused(boss: Actor) -> None:
    assert boss.post(f"{STEPS}remove/", {"person": range(1, 502)}).status_code == 404


def test_steps_and_edits_of_what_is_not_there_are_404(boss: Actor) -> None:
    gone = deleted("Gone")
    for path in (f"/admin/users/{gone.pk}/edit/", "/admin/users/999999/edit/", f"{STEPS}promote/?person={gone.pk}"):
        assert boss.get(path).status_code == 404
        assert boss.post(path, {"person": gone.pk}).status_code == 404
    assert boss.get(f"/admin/users/{2**70}/edit/").status_code == 404
    assert log() == []


def test_removing_between_opening_and_saving_an_edit_is_404(boss: Actor) -> None:
    ann = person("Ann")
    form = boss.get(f"/admin/users/{ann.pk}/edit/").context["form"]
    take(boss, "remove", ann)
    assert boss.post(f"/admin/users/{ann.pk}/edit/", form.initial | {"name": "X"}).status_code == 404


# --- The log ------------------------------------------------------------------------------------------------------


def test_the_log_cannot_be_changed_or_shortened() -> None:
    audit.record(None, Action.EDITED, person=person("Ann"))
    for sql in ("UPDATE audit_entry SET target_name = 'x'", "DELETE FROM audit_entry"):
        with pytest.raises(Exception, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
    assert log() == [("person.edited", "Ann")]


def test_a_refused_action_leaves_no_entry(boss: Actor) -> None:
    waiting, member = invited("paul@example.com"), person("Ann")
    entries = AuditEntry.objects.count()
    assert take(boss, "revoke", waiting, member).status_code == 409
    assert AuditEntry.objects.count() == entries
    assert fresh(waiting).status == Status.PENDING


def test_what_an_entry_tells(boss: Actor) -> None:
    confirm(boss)
    ann = person("Ann")
    take(boss, "role", ann, role="admin")
    entry = AuditEntry.objects.get()
    assert boss.user is not None
    assert (entry.actor_id, entry.actor_name, entry.person_id, entry.target_name) == (
        boss.user.pk,
        "Boss",
        ann.pk,
        "Ann",
    )
    assert (entry.before, entry.after) == ({"role": "user"}, {"role": "admin"})
