"""Many people by one file: verdicts first, nothing written until confirmed, then everybody at once and only once."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import random
import re
import zipfile
from tempfile import gettempdir
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from openpyxl import Workbook

from tests.analytics.parallel import Threads
from tests.cast import NOW, Actor
from tests.usermgmt.people import administrator as another_administrator
from tests.usermgmt.people import browser, deleted, invited, log, person, team
from usermgmt import bulk_add, tasks
from usermgmt.models import AuditEntry, Invitation, Mail, PeopleUpload, Status, Team, User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]
PAGE = "/admin/users/import/"
OPEN = "This address has an open invitation. Send it again from “Pending invitations”."


def upload(actor: Actor, content: str | bytes, name: str = "people.csv", **more: str) -> Any:
    content = content.encode() if isinstance(content, str) else content
    return actor.post(PAGE, {"file": SimpleUploadedFile(name, content), **more})


def accepted(actor: Actor, content: str | bytes, name: str = "people.csv", **more: str) -> str:
    """The address of the preview."""
    answer = upload(actor, content, name, **more)
    assert answer.status_code == 302, errors(answer)
    return str(answer.headers["Location"])


def errors(answer: Any) -> str:
    return " ".join(str(answer.context["form"].errors).split())


def result(actor: Actor, place: str) -> list[dict[str, str]]:
    answer: Any = actor.get(f"{place}result/")
    content = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(content)))


def verdicts(actor: Actor, place: str) -> list[tuple[str, str]]:
    return [(row["email"], row["reason"] or row["verdict"]) for row in result(actor, place)]


def workbook(*rows: tuple[Any, ...]) -> bytes:
    book, file = Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    book.save(file)
    return file.getvalue()


# --- From the file to the invitations -----------------------------------------------------------------------------


def test_nothing_is_written_until_it_is_confirmed(administrator: Actor) -> None:
    place = accepted(administrator, "email,name\nann@example.com,Ann\n")
    page = administrator.get(place)
    assert "ann@example.com" in page.content.decode()
    assert not User.objects.filter(email="ann@example.com").exists()
    assert (Invitation.objects.count(), Mail.objects.count(), log()) == (0, 0, [])


def test_confirming_invites_everybody_as_the_form_would(administrator: Actor) -> None:
    sales = team("Sales")
    known = person("Known", email="known@example.com", password="!", teams=("Legal",))
    place = accepted(
        administrator,
        "Email;Name;Role;Teams\n Ann@Example.COM ;Ann;user;sales|Legal\n"
        "known@example.com;;;\nbob@example.com;Bob;member;\n",
    )
    answer = administrator.post(place)
    assert (answer.status_code, answer.headers["Location"]) == (302, place)
    ann = User.objects.get(email="ann@example.com")
    assert (ann.name, ann.role, ann.status, ann.joined_at, ann.invited_at) == ("Ann", "user", "pending", None, NOW)
    assert not ann.has_usable_password()
    assert [(m.team.name, m.is_primary) for m in ann.memberships.order_by("pk")] == [("Sales", True), ("Legal", False)]
    assert ann.memberships.first().team == sales  # type: ignore[union-attr]
    known.refresh_from_db()
    assert (known.name, known.status, known.invited_at) == ("Known", Status.ACTIVE, NOW)
    assert [m.team.name for m in known.memberships.all()] == ["Legal"]
    assert Invitation.objects.filter(invited_by=administrator.user, expires_at=NOW + dt.timedelta(days=7)).count() == 3
    assert set(Mail.objects.values_list("invitation__email", flat=True)) == {
        "ann@example.com",
        "bob@example.com",
        "known@example.com",
    }
    assert sorted(log()) == [
        ("people.imported", ""),
        ("person.invited", "Ann"),
        ("person.invited", "Bob"),
        ("person.invited", "Known"),
    ]
    assert AuditEntry.objects.get(action="people.imported").after == {"created": 2, "updated": 1, "left_out": 0}
    entry = AuditEntry.objects.get(person_id=ann.pk)
    assert entry.after == {"name": "Ann", "email": ann.email, "role": "user", "teams": ["Sales", "Legal"]}


def test_the_mailed_links_work(administrator: Actor, mailoutbox: list[Any]) -> None:
    administrator.post(accepted(administrator, "email\nann@example.com\n"))
    tasks.send_mails()
    link = re.search(r"/invitation/\w+/", mailoutbox[0].body)
    assert link
    assert Actor().get(link[0]).status_code == 200


def test_confirming_twice_writes_once(administrator: Actor) -> None:
    place = accepted(administrator, "email\nann@example.com\n")
    administrator.post(place)
    again = administrator.post(place)
    assert again.status_code == 302
    assert (Invitation.objects.count(), Mail.objects.count()) == (1, 1)
    assert verdicts(administrator, place) == [("ann@example.com", "invited")]
    assert "1 person</strong> was invited" in administrator.get(place).content.decode()


@pytest.mark.django_db(transaction=True)
def test_two_who_confirm_at_once_write_once(administrator: Actor) -> None:
    assert administrator.user
    user = administrator.user
    rows = "email\n" + "".join(f"p{n}@example.com\n" for n in range(20))
    mine, other = (PeopleUpload.objects.get(pk=int(accepted(administrator, rows).split("/")[-2])) for _ in range(2))
    with Threads(3) as threads:
        done = [threads.run(bulk_add.confirm, user, kept.pk, NOW) for kept in (mine, mine, other)]
    assert all(one.result().consumed_at == NOW for one in done)
    assert (User.objects.filter(status="pending").count(), Invitation.objects.count(), Mail.objects.count()) == (
        20,
    ) * 3


def test_who_came_in_since_the_preview_is_left_out(administrator: Actor) -> None:
    place = accepted(administrator, "email\nann@example.com\nbob@example.com\n")
    invited("ann@example.com")
    administrator.post(place)
    assert [verdict for _email, verdict in verdicts(administrator, place)] == [
        OPEN,
        "invited",
    ]
    assert Invitation.objects.count() == 2


def test_excel_is_read_like_csv(administrator: Actor) -> None:
    book = workbook(
        ("Email", "Name", "Note"), ("ann@example.com", "Ann", 3.0), (None, None, None), ("bob@example.com",)
    )
    place = accepted(administrator, book, "people.xlsx")
    assert verdicts(administrator, place) == [
        ("ann@example.com", "will be invited"),
        ("bob@example.com", "will be invited"),
    ]


def test_the_template_can_be_uploaded(administrator: Actor) -> None:
    template = b"".join(administrator.get(f"{PAGE}template/").streaming_content)  # type: ignore[attr-defined]
    place = accepted(administrator, template, create_teams="on")
    assert [verdict for _email, verdict in verdicts(administrator, place)] == ["will be invited"] * 2


# --- Verdicts -----------------------------------------------------------------------------------------------------


def test_each_row_has_its_verdict(administrator: Actor) -> None:
    person(email="member@example.com")
    invited("waiting@example.com")
    deleted(email="gone@example.com")
    team("Old", archived_at=NOW)
    rows = [
        ("new@example.com", "user", "", "will be invited"),
        ("NEW@example.com", "user", "", "The same address as in line 2."),
        ("ｎｅｗ@example.com", "user", "", "The same address as in line 2."),
        ("Member@Example.com", "user", "", "This address belongs to somebody who is in the workspace already."),
        ("waiting@example.com", "user", "", OPEN),
        ("gone@example.com", "user", "", "This person was removed. Restore them under “Recently deleted” instead."),
        ("a@example.com", "owner", "", "role 'owner' is neither administrator nor user"),
        ("b@example.com", "user", "Nowhere", "There is no team called “Nowhere”."),
        ("c@example.com", "user", "Old", "This team is archived. Bring it back before adding people."),
        ("nobody", "user", "", "'nobody' is not an email address"),
        ("a@b", "user", "", "“a@b” is not an email address."),
        ("", "user", "", "There is no email address."),
        ("a" * 260 + "@example.com", "user", "", "email is longer than 254 characters"),
    ]  # fmt: skip
    text = "email,role,teams\n" + "".join(f"{email},{role},{teams}\n" for email, role, teams, _verdict in rows)
    place = accepted(administrator, "\ufeff" + text)
    assert [verdict for _email, verdict in verdicts(administrator, place)] == [row[-1] for row in rows]
    page = administrator.get(f"{place}?show=left-out").content.decode()
    assert "nobody" in page
    assert "new@example.com" in page.lower()
    administrator.post(place)
    assert [verdict for _email, verdict in verdicts(administrator, place)] == [
        "invited",
        *(row[-1] for row in rows[1:]),
    ]
    assert User.objects.filter(invited_at=NOW).exclude(email="waiting@example.com").count() == 1


def test_a_damaged_line_is_a_verdict(administrator: Actor) -> None:
    place = accepted(administrator, "email,name\nann@example.com,Ann\nbob@example.com\n")
    assert verdicts(administrator, place) == [
        ("ann@example.com", "will be invited"),
        ("", "1 cell where the first line has 2"),
    ]


def test_unknown_teams_are_created_only_where_it_is_ticked(administrator: Actor) -> None:
    rows = "email,teams\nann@example.com,Nowhere;Elsewhere\nbob@example.com,NOWHERE\n"
    place = accepted(administrator, rows)
    administrator.post(place)
    assert (Team.objects.count(), Invitation.objects.count()) == (0, 0)
    administrator.post(accepted(administrator, rows, create_teams="on"))
    assert sorted(Team.objects.values_list("key", "name")) == [("Elsewhere", "Elsewhere"), ("Nowhere", "Nowhere")]
    assert User.objects.get(email="bob@example.com").teams.get().name == "Nowhere"
    assert ("team.created", "Nowhere") in log()


def test_nothing_is_written_where_a_team_goes_away_meanwhile(
    administrator: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sales = team("Sales")
    place = accepted(administrator, "email,teams\nann@example.com,Sales\nbob@example.com,\n")
    assess = bulk_add._assess
    looked: list[Any] = []

    def archived_after(*args: Any) -> Any:
        found = assess(*args)
        looked.append(found)
        if len(looked) == 2:  # first by the view, then with the rows in hand
            Team.objects.filter(pk=sales.pk).update(archived_at=NOW)
        return found

    monkeypatch.setattr(bulk_add, "_assess", archived_after)
    answer = administrator.post(place)
    assert answer.status_code == 409
    assert "One of the teams does not exist any more" in answer.content.decode()
    assert not Invitation.objects.exists()
    assert PeopleUpload.objects.get().consumed_at is None


def test_formulas_are_text_and_disarmed_in_the_result(administrator: Actor) -> None:
    formula = '=HYPERLINK("http://example.com","x")'
    book = workbook(("email", "name"), ("ann@example.com", "@SUM(1)"), ("bob@example.com", formula))
    place = accepted(administrator, book, "people.xlsx")
    assert [row["name"] for row in result(administrator, place)] == ["'@SUM(1)", ""]
    place = accepted(administrator, f'email,name\nann@example.com,"{formula.replace(chr(34), chr(34) * 2)}"\n')
    assert result(administrator, place)[0]["name"] == f"'{formula}"
    assert "=HYPERLINK(&quot;" in administrator.get(place).content.decode()


def test_names_are_shown_as_text(administrator: Actor) -> None:
    place = accepted(administrator, "email,name\nann@example.com,<script>alert(1)</script>\n", "<img>.csv")
    page = administrator.get(place).content.decode()
    assert "<script>alert" not in page
    assert "<img>" not in page


# --- Files that cannot be read ------------------------------------------------------------------------------------


def bomb(size: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b" " * size)
    return file.getvalue()


def far_cells() -> bytes:
    """A workbook whose second row names a cell beyond any sheet."""
    file, out = io.BytesIO(workbook(("email",), ("ann@example.com",))), io.BytesIO()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            if name.endswith("sheet1.xml"):
                text = text.replace(b'<row r="2"', b'<row r="900000000"').replace(b'"A2"', b'"ZZZ900000000"')
            new.writestr(name, text)
    return out.getvalue()


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "The file is empty."),
        (b"name\nAnn\n", "No column is called “email”. The columns are: name"),
        (b"email\n", "no rows below them"),
        (b"email\n\n\n", "no rows below them"),
        (b"email,email\na,b\n", "several columns named email"),
        ("email\nann@example.com\n".encode("utf-16"), "is UTF-16"),
        (b"email,name\na@example.com,J\xf6rg\n", "is not UTF-8"),
        (b"email\n\x00\n", "binary file"),
        (gzip.compress(b"email\na@example.com\n"), "Unpack it first"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600, "old Excel file"),
        (b"PK\x03\x04 not really", "not a readable Excel workbook"),
        (bomb(80 * 1024 * 1024), "unpacks to more than 64 MiB"),
        (far_cells(), "more than 1,048,576 rows"),
        (b"email\n" + b"a@example.com\n" * 10_001, "more than 10,000 rows"),
        (b"x" * (5 * 1024 * 1024 + 1), "larger than 5.0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_cannot_be_read_is_refused_with_a_sentence(
    administrator: Actor, content: bytes, message: str
) -> None:
    answer = upload(administrator, content)
    assert answer.status_code == 200
    assert message in errors(answer).replace("\xa0", " ")
    assert gettempdir() not in errors(answer)
    assert not PeopleUpload.objects.exists()


@pytest.mark.parametrize("seed", range(20))
def test_random_bytes_never_break_it(administrator: Actor, seed: int) -> None:
    dice = random.Random(seed)
    book = bytearray(workbook(("email", "name"), ("ann@example.com", "Ann")))
    for _ in range(dice.randint(1, 60)):
        book[dice.randrange(len(book))] = dice.randrange(256)
    beginnings = (b"", b"PK\x03\x04", b"email,name\n", b'email\n"', bytes(book))
    content = dice.choice(beginnings) + dice.randbytes(dice.randint(0, 400))
    answer = upload(administrator, content, "\x00\u202e;.xlsx")
    assert answer.status_code in (200, 302)
    if answer.status_code == 302:
        assert administrator.get(answer.headers["Location"]).status_code == 200
        assert administrator.post(answer.headers["Location"]).status_code == 302


def test_control_characters_are_a_verdict(administrator: Actor) -> None:
    place = accepted(administrator, b"email,name\nann@example.com," + b"x" * 5000 + b"\nbob@example.com,B\x07\n")
    assert [verdict for _email, verdict in verdicts(administrator, place)] == [
        "name is longer than 200 characters",
        "name contains control characters",
    ]
    assert administrator.get(place).status_code == 200


# --- Whose it is, and how long ------------------------------------------------------------------------------------


def test_another_administrator_cannot_see_or_confirm_it(administrator: Actor) -> None:
    place = accepted(administrator, "email\nann@example.com\n")
    other = browser(another_administrator())
    answers = [other.get(place), other.post(place), other.get(f"{place}result/")]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert not Invitation.objects.exists()


def test_an_upload_is_gone_after_a_day(administrator: Actor) -> None:
    place = accepted(administrator, "email\nann@example.com\n")
    PeopleUpload.objects.update(created_at=NOW - dt.timedelta(days=1))
    assert [administrator.get(place).status_code, administrator.post(place).status_code] == [404, 404]
    accepted(administrator, "email\nbob@example.com\n")
    tasks.purge_uploads()
    assert PeopleUpload.objects.get().created_at == NOW


def test_administrators_in_the_file_ask_for_the_password(administrator: Actor) -> None:
    assert administrator.user
    fresh = browser(another_administrator(), confirmed=False)
    place = accepted(fresh, "email,role\nann@example.com,admin\n")
    answer = fresh.post(place)
    assert "/accounts/reauthenticate/" in answer.headers["Location"]
    assert not Invitation.objects.exists()
    confirmed = browser(another_administrator())
    confirmed.post(accepted(confirmed, "email,role\nann@example.com,admin\n"))
    assert Invitation.objects.get().role == "admin"


# --- Size ---------------------------------------------------------------------------------------------------------


def test_ten_thousand_rows_are_confirmed_within_the_web_timeout(administrator: Actor) -> None:
    rows = "".join(f"p{n}@example.com,Person {n},Team {n % 50};Team {(n + 1) % 50}\n" for n in range(10_000))
    place = accepted(administrator, "email,name,teams\n" + rows, create_teams="on")
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '15s'")  # as the web role has it
    with CaptureQueriesContext(connection) as queries:
        assert administrator.post(place).status_code == 302
    assert len(queries) < 500
    assert Invitation.objects.count() == Mail.objects.count() == 10_000
    assert AuditEntry.objects.filter(action="person.invited").count() == 10_000
    assert "Page 1 of 100" in administrator.get(place).content.decode()


def test_the_page_that_adds_one_person_leads_to_the_file(administrator: Actor) -> None:
    assert f'href="{reverse("people-import")}"' in administrator.get(reverse("person-add")).content.decode()
