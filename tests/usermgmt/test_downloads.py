"""Every file that carries data away is in the audit log: which one, of what, and who has it."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.analytics import workspace
from tests.cast import NOW, Actor
from tests.usermgmt.people import person, team
from usermgmt import actions, audit_words, bulk_add
from usermgmt.models import Action, AuditEntry, User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

EVERY_FILTER = "q=ann&role=user&team=none&activity=never_started&joined_from=2026-01-01&joined_to=2026-03-01"
REFUSED = (
    "/admin/users/export/?role=owner",
    "/admin/audit/export/?since=x",
    "/admin/analytics/export/usage/?from=x",
)


def exported() -> list[tuple[int | None, str, str, dict[str, Any]]]:
    """Who exported what into which file, oldest first."""
    entries = AuditEntry.objects.filter(action=Action.EXPORTED).order_by("pk")
    said = [(entry, dict(entry.after)) for entry in entries]
    return [(entry.actor_id, after.pop("export"), entry.target_name, after) for entry, after in said]


def upload(administrator: Actor) -> int:
    assert administrator.user is not None
    row = {"line": 2, "said": {"email": "new@example.com"}, "wrong": ""}
    return bulk_add.store(administrator.user, "people.csv", [row], NOW, create_teams=False).pk  # type: ignore[list-item]


@pytest.mark.parametrize(
    "address, export, filename, said",
    [
        (
            "/admin/analytics/export/usage/?range=last_7_days",
            "usage",
            "panta-analytics_2026-03-09_2026-03-15.csv",
            {"from": "2026-03-09", "until": "2026-03-15"},
        ),
        (
            "/admin/analytics/export/users/?from=2026-02-01&to=2026-02-28",
            "users",
            "panta-analytics-users_2026-02-01_2026-02-28.csv",
            {"from": "2026-02-01", "until": "2026-02-28"},
        ),
        (
            "/admin/analytics/export/summary/?range=today",
            "summary",
            "panta-analytics-summary_2026-03-15_2026-03-15.csv",
            {"from": "2026-03-15", "until": "2026-03-15"},
        ),
        ("/admin/users/export/", "people", "panta-people-active_2026-03-15.csv", {"tab": "active"}),
        (
            f"/admin/users/export/?{EVERY_FILTER}&sort=-tokens&page=3",
            "people",
            "panta-people-active_2026-03-15.csv",
            {
                "tab": "active",
                "search": "ann",
                "role": "user",
                "teams": [],
                "activity": "never_started",
                "joined_from": "2026-01-01",
                "joined_to": "2026-03-01",
            },
        ),
        ("/admin/users/export/?tab=deleted", "people", "panta-people-deleted_2026-03-15.csv", {"tab": "deleted"}),
        ("/admin/audit/export/", "audit_log", "panta-audit-log_2026-03-15.csv", {}),
        (
            "/admin/audit/export/?action=person.edited&actor=ada&target=%2312&since=2026-03-01&until=2026-03-02",
            "audit_log",
            "panta-audit-log_2026-03-15.csv",
            {"action": "person.edited", "actor": "ada", "target": "#12", "from": "2026-03-01", "until": "2026-03-02"},
        ),
    ],
)
def test_a_download_is_noted_with_its_range_or_filter(
    administrator: Actor, address: str, export: str, filename: str, said: dict[str, Any]
) -> None:
    workspace.fill()
    answer = administrator.get(address)
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{filename}"'
    assert answer.getvalue().startswith(b"\xef\xbb\xbf")
    assert administrator.user is not None
    assert exported() == [(administrator.user.pk, export, filename, said)]


def test_the_list_of_a_team_is_noted_with_the_teams_name(administrator: Actor) -> None:
    administrator.get(f"/admin/users/export/?team={team('Legal').pk}")
    assert exported()[0][3] == {"tab": "active", "teams": ["Legal"]}


def test_the_result_of_an_import_is_noted(administrator: Actor) -> None:
    number = upload(administrator)
    answer = administrator.get(f"/admin/users/import/{number}/result/")
    assert len(list(csv.reader(io.StringIO(answer.getvalue().decode("utf-8-sig"), newline="")))) == 2
    assert [entry[1:] for entry in exported()] == [("import_result", f"panta-people-result-{number}.csv", {})]


def test_an_export_of_the_log_is_in_it(administrator: Actor) -> None:
    rows = list(csv.DictReader(io.StringIO(administrator.get("/admin/audit/export/").getvalue().decode("utf-8-sig"))))
    assert [row["action"] for row in rows] == ["data.exported"]


def test_only_a_download_is_noted(administrator: Actor, member: Actor, stranger: Actor) -> None:
    """Not a question for its headers, not what was refused, not who was; and the empty template holds no data."""
    number = upload(administrator)
    addresses = ["/admin/users/export/", "/admin/audit/export/", f"/admin/users/import/{number}/result/"]
    addresses += [f"/admin/analytics/export/{variant}/" for variant in ("usage", "users", "summary")]
    for address in addresses:
        assert administrator.head(address).status_code == 200
        assert administrator.post(address).status_code == 405
        assert member.get(address).status_code == 404
        assert stranger.get(address).status_code == 302
    for address in REFUSED:
        assert administrator.get(address).status_code == 400
    assert administrator.get("/admin/users/import/template/").status_code == 200
    assert exported() == []


def test_the_page_says_it_in_words(administrator: Actor) -> None:
    administrator.get("/admin/users/export/?tab=deleted&q=ann")
    (entry,) = AuditEntry.objects.filter(action=Action.EXPORTED)
    said = [(change.label, change.after) for change in audit_words.changes(entry)]
    assert said == [("Export", "List of people"), ("List", "Recently deleted"), ("Search", "ann")]
    page = administrator.get("/admin/audit/?action=data.exported").content.decode()
    assert "Exported data" in page
    assert "panta-people-deleted_2026-03-15.csv" in page


def test_whom_somebody_searched_for_is_forgotten_with_them(administrator: Actor) -> None:
    """Also where the log was asked about them; what may mean anybody stays."""
    gone = person("Lena Leaver", email="lena.leaver@example.com", external_id="ll-7", deleted_at=NOW)
    searched = ("LENA", "leaver, max", "lena.leaver@example.com", "ll-7", "len", "max@example.com", "sales")
    for text in searched:
        administrator.get("/admin/users/export/", {"q": text})
    administrator.get("/admin/audit/export/", {"actor": "max", "target": "Lena"})
    User.objects.filter(pk=gone.pk).update(status="deleted", deleted_at=NOW - actions.RESTORABLE)
    assert actions.erase_due(NOW) == 1
    filters = [said for _actor, _export, _file, said in exported()]
    erased = "Erased person"
    assert [said.get("search") for said in filters[:-1]] == [erased] * 4 + ["len", "max@example.com", "sales"]
    assert filters[-1] == {"actor": "max", "target": erased}
