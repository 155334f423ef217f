"""`import_people`: people with ids, names, teams, join times and roles, out of CSV and Excel."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import time_machine
from django.core.management import CommandError, call_command
from pytest_django import Settings

from tests.cast import NOW, Actor
from usermgmt.models import Action, AuditEntry, Membership, Role, Status, Team, User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

SAMPLE = Path(__file__).parents[3] / "shared" / "data" / "users.csv.gz"
Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def _current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rejected rows go there."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def table(tmp_path: Path) -> Write:
    """Writes lines as a CSV file and gives its path."""

    def write(*lines: str, name: str = "people.csv") -> Path:
        path = tmp_path / name
        text = "".join(f"{line}\n" for line in lines).encode()
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
        return path

    return write


@pytest.fixture
def workbook(tmp_path: Path) -> Write:
    """Writes rows as an Excel file and gives its path."""

    def write(*rows: list[Any]) -> Path:
        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        for row in rows:
            sheet.append(row)
        book.save(path := tmp_path / "people.xlsx")
        return path

    return write


def run(path: Path, *options: str) -> str:
    """What the command prints."""
    output = StringIO()
    call_command("import_people", str(path), *options, stdout=output)
    return output.getvalue()


def rejected(path: Path, *options: str) -> dict[int, str]:
    """Line → reason, of an import that rejects something."""
    with pytest.raises(CommandError, match="rejected") as stopped:
        run(path, *options)
    assert stopped.value.returncode == 1
    with path.with_name("people.rejected.csv").open(encoding="utf-8-sig", newline="") as file:
        return {int(row["line"]): row["reason"] for row in csv.DictReader(file)}


def figure(output: str, name: str) -> int:
    return int(next(line.split()[-1] for line in output.splitlines() if line.strip().startswith(name)).replace(",", ""))


def teams_of(user: User) -> list[str]:
    """The primary one first."""
    members = Membership.objects.filter(user=user).order_by("-is_primary", "team__name")
    assert [member.is_primary for member in members] == [place == 0 for place in range(len(members))]
    return [member.team.name for member in members]


# --- What comes in ------------------------------------------------------------------------------------------------
def test_a_person_comes_with_everything_the_row_gives(table: Write) -> None:
    path = table(
        "user_id,email,name,teams,joined_at,role,salary",
        "u-1,Ada@Example.com,Ada Lovelace,Sales;Legal,2026-01-31T09:00:00+01:00,administrator,1000",
    )
    output = run(path)
    ada = User.objects.get()
    assert (ada.external_id, ada.email, ada.name) == ("u-1", "ada@example.com", "Ada Lovelace")
    assert (ada.role, ada.status) == (Role.ADMINISTRATOR, Status.ACTIVE)
    assert ada.joined_at == dt.datetime(2026, 1, 31, 8, tzinfo=dt.UTC)
    assert teams_of(ada) == ["Sales", "Legal"]
    assert not ada.has_usable_password()
    assert figure(output, "created") == 1
    assert figure(output, "new teams") == 2
    assert "salary" in output
    assert not path.with_name("people.rejected.csv").exists()


def test_an_id_or_an_email_is_enough(table: Write) -> None:
    run(table("external_id,email", "u-1,", ",bob@example.com"))
    assert set(User.objects.values_list("external_id", "email")) == {("u-1", None), (None, "bob@example.com")}
    assert set(User.objects.values_list("joined_at", flat=True)) == {None}


@pytest.mark.parametrize("separator", [";", "|", " ; "])
def test_teams_are_separated_by_semicolon_or_bar(table: Write, separator: str) -> None:
    run(table("user_id,teams", f"u-1,{separator.join(['B team', 'A team', 'B team', ''])}"))
    assert teams_of(User.objects.get()) == ["B team", "A team"]


@pytest.mark.parametrize(
    ("zone", "cell", "instant"),
    [
        ("UTC", "2026-01-31", "2026-01-31T00:00:00+00:00"),
        ("Europe/Berlin", "2026-01-31", "2026-01-30T23:00:00+00:00"),
        ("Europe/Berlin", "2025-07-01", "2025-06-30T22:00:00+00:00"),
        ("Asia/Kathmandu", "2026-01-31", "2026-01-30T18:15:00+00:00"),
        ("Africa/Cairo", "2025-04-25", "2025-04-24T22:00:00+00:00"),  # its clocks skip midnight itself
        ("Europe/Berlin", "2026-01-31 09:00", "2026-01-31T08:00:00+00:00"),
        ("Europe/Berlin", "2026-01-31T09:00:00Z", "2026-01-31T09:00:00+00:00"),
    ],
)
def test_dates_and_naive_times_are_of_the_reporting_zone(
    table: Write, settings: Settings, zone: str, cell: str, instant: str
) -> None:
    settings.REPORTING_TIME_ZONE = zone
    run(table("user_id,joined_at", f"u-1,{cell}"))
    assert User.objects.get().joined_at == dt.datetime.fromisoformat(instant)


def test_columns_of_other_names_are_mapped(table: Write) -> None:
    run(
        table("id;mail;group", "u-1;a@b.example;Sales"),
        "--map",
        "external_id=id",
        "--map",
        "email=mail",
        "--map",
        "teams=group",
    )
    ada = User.objects.get()
    assert (ada.external_id, ada.email, teams_of(ada)) == ("u-1", "a@b.example", ["Sales"])


def test_names_are_kept_in_one_unicode_form_and_formulas_are_text(table: Write) -> None:
    run(table("user_id,name,teams", "u-1,Zoe\u0308,Zu\u0308rich", 'u-2,"=HYPERLINK(""http://x"")",Z\u00fcrich'))
    assert set(User.objects.values_list("name", flat=True)) == {"Zo\u00eb", '=HYPERLINK("http://x")'}
    assert Team.objects.get().name == "Z\u00fcrich"


@pytest.mark.skipif(not SAMPLE.exists(), reason="The real sample is not beside this clone.")
def test_the_real_sample(settings: Settings, frozen_now: time_machine.Traveller) -> None:
    frozen_now.move_to(dt.datetime(2026, 9, 1, tzinfo=dt.UTC))
    settings.REPORTING_TIME_ZONE = "America/New_York"
    output = run(SAMPLE, "--map", "teams=team", "--map", "joined_at=first_seen", "--dry-run")
    assert figure(output, "created") == 975
    assert not User.objects.exists()
    run(SAMPLE, "--map", "teams=team", "--map", "joined_at=first_seen")
    assert (User.objects.count(), Team.objects.count(), Membership.objects.filter(is_primary=True).count()) == (
        975,
        37,
        975,
    )
    first = User.objects.get(external_id="u_00038674a6")
    assert first.joined_at == dt.datetime(2023, 3, 27, 4, tzinfo=dt.UTC)
    again = run(SAMPLE, "--map", "teams=team", "--map", "joined_at=first_seen")
    assert (figure(again, "created"), figure(again, "updated"), figure(again, "unchanged")) == (0, 0, 975)


# --- Who is here already ------------------------------------------------------------------------------------------
def test_only_what_the_row_gives_is_changed(table: Write) -> None:
    ada = User.objects.create_person("ada@example.com", "Ada", "secret word", external_id="u-1", joined_at=NOW)
    Membership.objects.create(user=ada, team=Team.objects.create(key="sales", name="Sales"), is_primary=True)
    output = run(table("user_id,email,name,teams,joined_at,role", "u-1,,Ada Lovelace,,,"))
    changed = User.objects.get()
    assert (changed.email, changed.name, changed.joined_at, changed.role) == (
        "ada@example.com",
        "Ada Lovelace",
        NOW,
        Role.USER,
    )
    assert changed.check_password("secret word")
    assert teams_of(changed) == ["Sales"]
    assert (figure(output, "created"), figure(output, "updated")) == (0, 1)


@pytest.mark.parametrize("spelling", ["ADA@EXAMPLE.COM", "ａｄａ@example.com", " ada@example.com "])
def test_an_email_in_another_spelling_is_the_same_person(table: Write, spelling: str) -> None:
    User.objects.create_person("ada@example.com", "Ada")
    run(table("user_id,email", f"u-1,{spelling}"))
    assert User.objects.get().external_id == "u-1"


def test_given_teams_are_all_the_teams(table: Write) -> None:
    run(table("user_id,teams", "u-1,A;B;C"))
    run(table("user_id,teams", "u-1,C;A"))
    assert teams_of(User.objects.get()) == ["C", "A"]


def test_a_team_is_found_by_the_name_usage_gives_it_and_by_the_name_it_carries(table: Write) -> None:
    Team.objects.create(key="sales", name="Revenue")
    run(table("user_id,teams", "u-1,sales", "u-2,Revenue"))
    assert Team.objects.count() == 1
    assert Membership.objects.count() == 2


def test_the_same_file_again_changes_nothing(table: Write) -> None:
    path = table("user_id,email,name,teams,joined_at,role", "u-1,a@b.example,Ada,A;B,2026-01-31,admin", "u-2,,Bob,B,,")
    run(path)
    before = list(User.objects.order_by("pk").values())
    output = run(path)
    assert figure(output, "unchanged") == 2
    assert list(User.objects.order_by("pk").values()) == before


# --- What is refused ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("row", "said"),
    [
        (",,Ada,,,", "neither user_id nor email"),
        ("u-1,ada,,,,", "not an email"),
        ("u-1,a b@c,,,,", "not an email"),
        (f"u-1,{'ﷺ' * 20}@b.cd,,,,", "email is longer"),
        (f"{'u' * 201},,,,,", "user_id is longer"),
        (f"u-1,,{'x' * 201},,,", "name is longer"),
        ("u-1,,a\x1bb,,,", "control characters"),
        (f"u-1,,,A;{'x' * 201},,", "teams is longer"),
        ("u-1,,,,31.01.2026,", "joined_at"),
        ("u-1,,,,yesterday,", "joined_at"),
        ("u-1,,,,1999-12-31,", "joined_at"),
        ("u-1,,,,2026-03-16,", "joined_at"),  # tomorrow
        ("u-1,,,,,owner", "role"),
        ("u-1,,,", "4 cells"),
    ],
)
def test_a_bad_row_is_said_and_its_neighbours_come_in(table: Write, row: str, said: str) -> None:
    reasons = rejected(table("user_id,email,name,teams,joined_at,role", "good-1,,,,,", row, "good-2,,,,,"))
    assert list(reasons) == [3]
    assert said in reasons[3]
    assert set(User.objects.values_list("external_id", flat=True)) == {"good-1", "good-2"}


def test_duplicates_inside_the_file_are_said_with_the_line_they_repeat(table: Write) -> None:
    User.objects.create_person("eve@example.com", "Eve", external_id="u-5")
    reasons = rejected(
        table(
            "user_id,email",
            "u-1,ada@example.com",
            "u-1,",
            ",ADA@example.com",
            "u-2,bob@example.com",
            "u-5,",
            ",eve@example.com",
            "u-6,eve@example.com",
            "u-1,bob@example.com",
        )
    )
    assert {line: reason for line, reason in reasons.items() if line != 9} == {
        3: "the same person as in line 2",
        4: "the same person as in line 2",
        7: "the same person as in line 6",
        8: "eve@example.com is the person with user_id u-5",
    }
    assert "two different people" in reasons[9]
    assert User.objects.count() == 3


def test_an_id_and_an_email_of_two_people_are_not_mixed(table: Write) -> None:
    User.objects.create_person("ada@example.com", "Ada")
    User.objects.create_person(None, "Bob", external_id="u-2")
    assert "two different people" in rejected(table("user_id,email", "u-2,ada@example.com"))[2]


def test_who_was_removed_stays_removed(table: Write) -> None:
    User.objects.create_person(None, "Ada", external_id="u-1", status=Status.DELETED)
    assert "removed" in rejected(table("user_id,name", "u-1,Ada"))[2]


def test_an_invitation_is_not_accepted_by_import(table: Write) -> None:
    User.objects.create_person("ada@example.com", "Ada", status=Status.PENDING)
    assert "pending invitation" in rejected(table("email,joined_at", "ada@example.com,2026-01-31"))[2]
    run(table("email,name", "ada@example.com,Ada Lovelace"))
    assert User.objects.get().name == "Ada Lovelace"


def test_nobody_is_put_into_a_deleted_or_an_ambiguous_team(table: Write) -> None:
    Team.objects.create(key="gone", name="Gone", deleted_at=NOW)
    Team.objects.create(key="t-1", name="Sales")
    Team.objects.create(key="t-2", name="Sales")
    reasons = rejected(table("user_id,teams", "u-1,gone", "u-2,Sales", "u-3,t-2"))
    assert (reasons[2], reasons[3]) == ("team gone was deleted", "several teams are called Sales")
    assert set(User.objects.values_list("external_id", flat=True)) == {"u-3"}


# --- Roles --------------------------------------------------------------------------------------------------------
def test_without_a_role_column_nobody_changes_role(table: Write, administrator: Actor) -> None:
    run(table("email,name", "ada@example.com,Ada"))
    assert User.objects.get().is_administrator


def test_the_last_administrator_stays_one(table: Write, administrator: Actor) -> None:
    reasons = rejected(table("email,role", "ada@example.com,user", "bob@example.com,administrator"))
    assert "without an administrator" in reasons[2]
    assert User.objects.get(email="ada@example.com").is_administrator
    assert User.objects.get(email="bob@example.com").is_administrator


def test_all_administrators_at_once_do_not_lose_the_role(table: Write, administrator: Actor) -> None:
    User.objects.create_person("second@example.com", "Second", role=Role.ADMINISTRATOR)
    reasons = rejected(table("email,role", "ada@example.com,user", "second@example.com,user"))
    assert set(reasons) == {2, 3}
    assert User.objects.filter(role=Role.ADMINISTRATOR).count() == 2


def test_a_deactivated_administrator_does_not_count(table: Write, administrator: Actor) -> None:
    User.objects.create_person("off@example.com", "Off", role=Role.ADMINISTRATOR, status=Status.DEACTIVATED)
    assert set(rejected(table("email,role", "ada@example.com,user"))) == {2}


def test_who_cannot_sign_in_cannot_stand_in(table: Write, administrator: Actor) -> None:
    User.objects.create_person("known@example.com", "Known from usage alone")
    reasons = rejected(table("email,role", "ada@example.com,user", "known@example.com,admin"))
    assert set(reasons) == {2}


def test_who_can_sign_in_takes_over_in_the_same_file(table: Write, administrator: Actor) -> None:
    User.objects.create_person("bob@example.com", "Bob", "secret word")
    run(table("email,role", "ada@example.com,user", "bob@example.com,admin"))
    assert [user.email for user in User.objects.filter(role=Role.ADMINISTRATOR)] == ["bob@example.com"]


def test_who_is_refused_for_another_reason_cannot_stand_in(table: Write, administrator: Actor) -> None:
    User.objects.create_person("bob@example.com", "Bob", "secret word")
    Team.objects.create(key="gone", name="Gone", deleted_at=NOW)
    reasons = rejected(table("email,role,teams", "ada@example.com,user,", "bob@example.com,admin,gone"))
    assert set(reasons) == {2, 3}
    assert User.objects.get(email="ada@example.com").is_administrator


def test_a_role_changes_openly(table: Write, administrator: Actor) -> None:
    """It is printed, it is in the audit log, and the person signs in again."""
    User.objects.create_person("second@example.com", "Second", "secret word", role=Role.ADMINISTRATOR)
    assert administrator.get("/").status_code == 200
    output = run(table("email,role", "ada@example.com,user", "new@example.com,administrator"))
    assert "line 2: Ada Admin becomes User" in output
    assert "line 3: new@example.com becomes Administrator" in output
    assert figure(output, "role changes") == 2
    assert administrator.get("/").status_code == 302
    assert AuditEntry.objects.filter(action=Action.ROLE_CHANGED).count() == 2


def test_the_import_is_in_the_audit_log(table: Write) -> None:
    path = table("user_id", "u-1", "u-2")
    run(path, "--dry-run")
    assert not AuditEntry.objects.exists()
    run(path)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_id, entry.after) == (Action.IMPORTED, None, {"created": 2, "updated": 0})


# --- Excel --------------------------------------------------------------------------------------------------------
def test_a_workbook_is_read_as_a_person_reads_it(workbook: Write) -> None:
    run(
        workbook(
            ["user_id", "name", "teams", "joined_at", "role"],
            [42, " Ada ", "Sales", dt.datetime(2026, 1, 31, 9, 30), "Administrator"],  # noqa: DTZ001
            [43.0, "=1+1", None, dt.date(2026, 2, 1), None],
            [None, None, None, None, None],
            ["0044", "Cid", "Legal;Sales", "2026-02-02", "user"],
        )
    )
    people = {user.external_id: user for user in User.objects.all()}
    assert set(people) == {"42", "43", "0044"}
    assert (people["42"].name, people["42"].joined_at) == ("Ada", dt.datetime(2026, 1, 31, 9, 30, tzinfo=dt.UTC))
    assert people["43"].joined_at == dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
    assert people["43"].name == ""  # a formula that was never calculated says nothing
    assert teams_of(people["0044"]) == ["Legal", "Sales"]


def test_a_number_is_no_date(workbook: Write) -> None:
    assert "joined_at" in rejected(workbook(["user_id", "joined_at"], ["u-1", 46053]))[2]


# --- Files that are none ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("people.csv", b"", "is empty"),
        ("people.csv", b"\n\n", "column names"),
        ("people.csv", b"name,age\nAda,36\n", "no column gives user_id or email"),
        ("people.csv", b"user_id,user_id\nu-1,u-2\n", "several columns"),
        ("people.csv", b"\x89PNG\r\n\x1a\n\x00\x00", "binary"),
        ("people.csv", "user_id\nJosé\n".encode("latin-1"), "UTF-8"),
        ("people.csv", "user_id\nu-1\n".encode("utf-16"), "UTF-16"),
        ("people.csv.gz", gzip.compress(b"user_id\nu-1\n" * 5000)[:-20], "truncated"),
        ("people.xlsx", b"user_id\nu-1\n", "Excel"),
        ("people.xlsx", b"PK\x03\x04 not a workbook", "Excel"),
        ("people.pdf", b"%PDF", "only .csv"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_so_and_nothing_is_written(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CommandError, match=said) as stopped:
        run(path)
    assert "Nothing was imported." in str(stopped.value)
    assert not User.objects.exists()


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="does not exist"):
        run(tmp_path / "people.csv")


def test_an_unknown_field_or_column_is_said_before_anything_is_read(table: Write) -> None:
    path = table("user_id", "u-1")
    with pytest.raises(CommandError, match="no field salary"):
        run(path, "--map", "salary=user_id")
    with pytest.raises(CommandError, match="no column mail"):
        run(path, "--map", "email=mail")


def test_a_dry_run_says_all_and_stores_nothing(table: Write) -> None:
    path = table("user_id,email,teams", "u-1,a@b.example,A", "u-2,nobody,B")
    assert "not an email" in rejected(path, "--dry-run")[3]
    assert not any(model._default_manager.exists() for model in (User, Team))
