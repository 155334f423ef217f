"""The Teams tab: what its pages show and cost, that each step works as a plain form, and what hostile input does."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup, Tag
from django.http.response import HttpResponseBase
from pytest_django import DjangoAssertNumQueries

from tests.cast import NOW, Actor
from usermgmt import team_actions
from usermgmt.models import AuditEntry, Membership, Status, Team, User
from usermgmt.team_forms import TeamColor
from usermgmt.team_lists import MEMBERS_A_PAGE

pytestmark = pytest.mark.django_db
TEAMS = "/admin/teams/"
HTML = "<img src=x onerror=alert(1)>"


def soup(response: HttpResponseBase) -> BeautifulSoup:
    assert response.status_code == 200
    return BeautifulSoup(bytes(getattr(response, "content", b"")), "html.parser")


def text(tag: Tag | None) -> str:
    return " ".join(tag.get_text(" ").split()) if tag else ""


def messages(response: HttpResponseBase) -> str:
    return text(soup(response).select_one(".messages"))


@pytest.fixture
def team(administrator: Actor) -> Team:
    return Team.objects.create(key="Sales", name="Sales", description="Sells", color="#3b82f6")


def people(count: int, team: Team | None = None, *, primary: bool = True) -> list[User]:
    made = [
        User.objects.create_person(f"person{number:03}@example.com", f"Person {number:03}") for number in range(count)
    ]
    if team:
        Membership.objects.bulk_create(Membership(user=user, team=team, is_primary=primary) for user in made)
    return made


# --- Cards --------------------------------------------------------------------------------------------------------


def test_cards_tell_name_description_members_and_primaries_with_archived_ones_apart(
    administrator: Actor, team: Team
) -> None:
    first, second, _third = people(3, team)
    Membership.objects.filter(user=first).update(is_primary=False)
    User.objects.filter(pk=second.pk).update(status=Status.DELETED)
    Team.objects.create(key="Old", name="Old", archived_at=NOW)
    Team.objects.create(key="Gone", name="Gone", deleted_at=NOW)
    page = soup(administrator.get(TEAMS))
    assert [text(card) for card in page.select("section[aria-labelledby=in-use-title] .team-card")] == [
        "Sales Sells 2 members primary team of 1"
    ]
    assert [text(card) for card in page.select("section[aria-labelledby=archived-title] .team-card")] == [
        "Old No description 0 members primary team of 0"
    ]
    assert page.select(".team-mark circle")[0]["fill"] == "#3b82f6"
    assert [text(tab) for tab in page.select(".tabs__tab[aria-current]")] == ["Teams"]


def test_without_teams_the_page_says_what_to_do(administrator: Actor) -> None:
    assert "No teams yet" in text(soup(administrator.get(TEAMS)).select_one(".empty"))


@pytest.mark.parametrize("path", [TEAMS, TEAMS + "{}/", TEAMS + "{}/?q=person&find=ada", TEAMS + "{}/edit/"])
def test_a_page_costs_at_most_eight_queries_however_much_it_shows(
    administrator: Actor, team: Team, path: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    people(MEMBERS_A_PAGE + 5, team)
    for number in range(30):
        Team.objects.create(key=f"t{number}", name=f"Team {number}")
    with django_assert_max_num_queries(8):
        assert administrator.get(path.format(team.pk)).status_code == 200


# --- A team's page --------------------------------------------------------------------------------------------------


def names(response: HttpResponseBase) -> list[str]:
    return [text(name) for name in soup(response).select("#members .who__name, form[data-selection] .who__name")]


def test_members_come_in_pages_by_name(administrator: Actor, team: Team) -> None:
    people(MEMBERS_A_PAGE + 2, team)
    path = f"{TEAMS}{team.pk}/"
    assert names(administrator.get(path)) == [f"Person {number:03}" for number in range(MEMBERS_A_PAGE)]
    assert names(administrator.get(path, {"page": 2})) == ["Person 050", "Person 051"]
    for bad in ("0", "-1", "3", "999999999999", "x", "²"):
        assert len(names(administrator.get(path, {"page": bad}))) in (2, MEMBERS_A_PAGE)
    assert "Page 1 of 2" in text(soup(administrator.get(path)).select_one(".pager"))


def test_members_are_searched_also_by_htmx(administrator: Actor, team: Team) -> None:
    people(12, team)
    path = f"{TEAMS}{team.pk}/"
    assert names(administrator.get(path, {"q": "person 01"})) == ["Person 010", "Person 011"]
    fragment = administrator.get(path, {"q": "person010"}, headers={"HX-Request": "true", "HX-Target": "members"})
    assert names(fragment) == ["Person 010"]
    assert soup(fragment).select_one("html") is None
    assert "Nobody matches" in text(soup(administrator.get(path, {"q": "zzz' & |"})).select_one("#members"))


def test_only_people_outside_are_offered_and_removed_ones_never(administrator: Actor, team: Team) -> None:
    inside, outside, gone = people(3)
    Membership.objects.create(user=inside, team=team)
    User.objects.filter(pk=gone.pk).update(status=Status.DELETED)
    found = soup(administrator.get(f"{TEAMS}{team.pk}/", {"find": "person"})).select_one("#candidates")
    assert found is not None
    assert [button["value"] for button in found.select("button[name=person]")] == [str(outside.pk)]
    by_htmx = administrator.get(
        f"{TEAMS}{team.pk}/", {"find": "person"}, headers={"HX-Request": "true", "HX-Target": "candidates"}
    )
    assert len(soup(by_htmx).select("button[name=person]")) == 1
    assert soup(by_htmx).select_one("h1") is None


def test_people_are_added_and_removed_by_plain_forms(administrator: Actor, team: Team) -> None:
    first, second = people(2)
    path = f"{TEAMS}{team.pk}/"
    added = administrator.post(f"{path}members/add/", {"person": [first.pk, second.pk]}, follow=True)
    assert "2 people are added." in messages(added)
    assert text(soup(added).select_one("#members-title")) == "2 members"
    gone = administrator.post(f"{path}members/remove/", {"person": [first.pk]}, follow=True)
    assert "1 person has left the team." in messages(gone)
    assert list(team.members.values_list("pk", flat=True)) == [second.pk]


@pytest.mark.parametrize("chosen", [[], ["x"], ["-1"], ["9" * 30], [""]])
def test_a_choice_of_nobody_is_told_and_changes_nothing(administrator: Actor, team: Team, chosen: list[str]) -> None:
    for step in ("add", "remove"):
        answer = administrator.post(f"{TEAMS}{team.pk}/members/{step}/", {"person": chosen}, follow=True)
        assert "Choose somebody first." in messages(answer)
    assert not AuditEntry.objects.exists()


def test_an_id_that_is_nobodys_is_404_and_changes_nothing(administrator: Actor, team: Team) -> None:
    inside = people(1)[0]
    Membership.objects.create(user=inside, team=team)
    for step in ("add", "remove"):
        chosen = {"person": [inside.pk, 987654321]}
        assert administrator.post(f"{TEAMS}{team.pk}/members/{step}/", chosen).status_code == 404
    assert list(team.members.all()) == [inside]
    assert not AuditEntry.objects.exists()


def test_archiving_and_bringing_back(administrator: Actor, team: Team) -> None:
    path = f"{TEAMS}{team.pk}/"
    archived = administrator.post(f"{path}archive/", follow=True)
    assert "The team is archived." in messages(archived)
    assert soup(archived).select_one("#candidates") is None
    max_ = people(1)[0]
    refused = administrator.post(f"{path}members/add/", {"person": max_.pk}, follow=True)
    assert "This team is archived." in messages(refused)
    assert "The team is back." in messages(administrator.post(f"{path}unarchive/", follow=True))
    assert Team.objects.get().archived_at is None


# --- The form -------------------------------------------------------------------------------------------------------


def test_a_team_is_created(administrator: Actor) -> None:
    answer = administrator.post(
        f"{TEAMS}new/", {"name": " Legal ", "description": "Reads\n what others sign", "color": TeamColor.RED}
    )
    team = Team.objects.get()
    assert answer.headers["Location"] == f"{TEAMS}{team.pk}/"
    assert (team.key, team.name, team.color) == ("Legal", "Legal", "#ef4444")
    assert team.description == "Reads what others sign"


def test_only_what_the_form_names_is_written(administrator: Actor, team: Team) -> None:
    hostile = {"key": "x", "archived_at": "2026-01-01", "deleted_at": "2026-01-01", "members": "1", "id": "7"}
    administrator.post(f"{TEAMS}{team.pk}/edit/", {"name": "Growth", "description": "", "color": "", **hostile})
    now = Team.objects.get()
    assert (now.pk, now.key, now.name, now.archived_at, now.deleted_at) == (team.pk, "Sales", "Growth", None, None)


@pytest.mark.parametrize(
    "values, sentence",
    [
        ({"name": ""}, "This field is required."),
        ({"name": "x" * 201}, "at most 200 characters"),
        ({"name": "a\x07b"}, "characters that cannot be shown"),
        ({"name": "Sales"}, "There is a team with this name already."),
        ({"color": "red; } body {"}, "not one of the available choices"),
        ({"description": "x" * 501}, "at most 500 characters"),
    ],
)
def test_a_bad_answer_comes_back_with_the_reason(
    administrator: Actor, team: Team, values: dict[str, str], sentence: str
) -> None:
    answer = administrator.post(f"{TEAMS}new/", {"name": "Legal", "description": "", "color": "", **values})
    assert sentence in text(soup(answer).select_one("form.form"))
    assert Team.objects.count() == 1


def test_a_colour_that_is_in_no_palette_can_be_kept(administrator: Actor, team: Team) -> None:
    Team.objects.update(color="#123456")
    form = soup(administrator.get(f"{TEAMS}{team.pk}/edit/"))
    assert [box["value"] for box in form.select("input[name=color][checked]")] == ["#123456"]
    administrator.post(f"{TEAMS}{team.pk}/edit/", {"name": "Sales", "description": "", "color": "#123456"})
    assert Team.objects.get().color == "#123456"


def test_names_are_text_everywhere(administrator: Actor) -> None:
    team = team_actions.create_team(User.objects.get(), HTML, HTML, "")
    User.objects.create_person("evil@example.com", HTML)
    for path in (TEAMS, f"{TEAMS}{team.pk}/?find=evil&q={HTML}", f"{TEAMS}{team.pk}/edit/"):
        page = soup(administrator.get(path))
        assert page.select("img[onerror]") == []
        assert HTML in text(page) or HTML in str(page.select_one("input[value]"))


def test_a_deleted_team_answers_404_everywhere(administrator: Actor, team: Team) -> None:
    Team.objects.update(deleted_at=NOW)
    max_ = people(1)[0]
    path = f"{TEAMS}{team.pk}/"
    assert administrator.get(path).status_code == 404
    assert administrator.get(f"{path}edit/").status_code == 404
    for step in ("edit/", "archive/", "unarchive/", "members/add/", "members/remove/"):
        assert administrator.post(path + step, {"person": max_.pk, "name": "x"}).status_code == 404
    assert administrator.get(f"{TEAMS}{10**30}/").status_code == 404
    assert not AuditEntry.objects.exists()


def test_members_may_do_nothing_to_a_team_that_exists(member: Actor) -> None:
    team = Team.objects.create(key="Sales", name="Sales")
    assert member.user is not None
    for step in ("", "edit/"):
        assert member.get(f"{TEAMS}{team.pk}/{step}").status_code == 404
    for step in ("edit/", "archive/", "members/add/", "members/remove/"):
        values = {"person": member.user.pk, "name": "Mine"}
        assert member.post(f"{TEAMS}{team.pk}/{step}", values).status_code == 404
    team.refresh_from_db()
    assert (team.name, team.archived_at, team.memberships.count()) == ("Sales", None, 0)
