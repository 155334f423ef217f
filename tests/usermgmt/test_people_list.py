"""The list of people: who is on it, in which order, on how many pages, and what its CSV holds."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.rollups.recent import begin_with
from tests.analytics.workspace import event, fold
from tests.cast import NOW, Actor
from tests.usermgmt.people import administrator as another_administrator
from tests.usermgmt.people import deleted, invited, person, team
from usermgmt import people_list
from usermgmt.models import Mail, Status, User
from usermgmt.people_list import recent_since

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]
URL = "/admin/users/"


def listed(administrator: Actor, query: str = "") -> list[str]:
    """Names on the page, in its order."""
    page = administrator.get(f"{URL}?{query}")
    assert page.status_code == 200
    return [str(row.person) for row in page.context["shown"].rows]


def exported(administrator: Actor, query: str = "") -> list[dict[str, str]]:
    answer = administrator.get(f"{URL}export/?{query}")
    assert answer.status_code == 200
    text = answer.getvalue().decode()
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:], newline="")))


@pytest.fixture
def cast_of_all_kinds() -> None:
    person("Anna Active", teams=("Sales", "Legal"), external_id="anna")
    person("Ben Busy", teams=("Legal",), external_id="ben", joined_at=NOW - dt.timedelta(days=10))
    person("Cleo Quiet", external_id="cleo")
    person("Dora Deactivated", status=Status.DEACTIVATED, deactivated_at=NOW)
    person("Nora Never", external_id="nora", joined_at=NOW - dt.timedelta(days=3))
    invited("paul@example.com")
    deleted("Rita Removed")
    deleted("Erased person", days_ago=31, erased_at=NOW, email=None)
    fold(
        event(1, user_id="anna", tokens=300),
        event(2, user_id="ben", tokens=30),
        event(3, user_id="ben", tokens=30),
        event(29.2, user_id="ben", tokens=15),
        event(40, user_id="ben", tokens=15_000),
        event(45, user_id="cleo", tokens=15),
        event(1, user_id="nora", status="error", tokens=3),
    )


# --- Tabs, filters, search ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("cast_of_all_kinds")
def test_each_tab_holds_its_people_and_says_how_many(administrator: Actor) -> None:
    everybody = ["Ada Admin", "Anna Active", "Ben Busy", "Cleo Quiet", "Dora Deactivated", "Nora Never"]
    assert listed(administrator) == everybody
    assert listed(administrator, "tab=pending") == ["Paul"]
    assert listed(administrator, "tab=deleted") == ["Rita Removed"]
    tabs = administrator.get(URL).context["tabs"]
    assert [(tab.label, tab.count) for tab in tabs] == [
        ("Active users", 6),
        ("Pending invitations", 1),
        ("Recently deleted", 1),
    ]


@pytest.mark.usefixtures("cast_of_all_kinds")
@pytest.mark.parametrize(
    "query, names",
    [
        ("role=admin", ["Ada Admin"]),
        ("role=user&q=b", ["Ben Busy"]),
        ("activity=active", ["Anna Active", "Ben Busy", "Nora Never"]),
        ("activity=inactive", ["Ada Admin", "Cleo Quiet", "Dora Deactivated"]),
        ("activity=never_started", ["Ada Admin", "Dora Deactivated", "Nora Never"]),
        ("activity=never_started&joined_from=2026-03-12&joined_to=2026-03-12", ["Nora Never"]),
        ("joined_from=2026-03-05", ["Ben Busy", "Nora Never"]),
        ("joined_to=2026-03-05&joined_from=2026-03-05", ["Ben Busy"]),
        ("joined_from=2026-03-06", ["Nora Never"]),
        ("team=none&q=quiet", ["Cleo Quiet"]),
    ],
)
def test_filters_narrow_the_list(administrator: Actor, query: str, names: list[str]) -> None:
    assert listed(administrator, query) == names
    assert [row["name"] for row in exported(administrator, query)] == names


@pytest.mark.usefixtures("cast_of_all_kinds")
def test_a_team_is_found_with_everybody_in_it(administrator: Actor) -> None:
    assert listed(administrator, f"team={team('Legal').pk}") == ["Anna Active", "Ben Busy"]
    assert listed(administrator, f"team={team('Sales').pk}") == ["Anna Active"]


@pytest.mark.parametrize(
    "text", ["müller", "MÜL", "jö mül", "jörg.mueller@ex", "mueller", "ＭＵＥＬＬＥＲ", "example.org", "x-77"]
)
def test_search_finds_words_by_their_beginning(administrator: Actor, text: str) -> None:
    person("Jörg Müller", email="jörg.mueller@example.org", external_id="X-77")
    person("Somebody Else")
    assert listed(administrator, f"q={text}") == ["Jörg Müller"]


@pytest.mark.parametrize("text", ["!", "'", "a' | 'b", "& |", "\\", ":*", "%", "\U0001f600", "a:*b", "<->", "x" * 200])
def test_search_takes_any_text_for_text(administrator: Actor, text: str) -> None:
    page = administrator.get(URL, {"q": text})
    assert page.status_code == 200
    assert page.context["shown"].total == 0
    assert "Nobody matches" in page.content.decode()


@pytest.mark.parametrize(
    "query, message",
    [
        ("role=owner", "Role: "),
        ("team=999999", "Team: "),
        ("team=x", "Team: "),
        ("activity=sleepy", "Activity: "),
        ("joined_from=yesterday", "Joined from: "),
        ("joined_from=0001-01-01", "Joined from: "),
        ("joined_to=9999-12-31", "Joined to: "),
        ("joined_from=2026-03-02&joined_to=2026-03-01", "The last day is before the first one"),
        ("tab=everything", "tab: "),
        ("page=many", "page: "),
        ("q=" + "x" * 201, "Search: "),
        ("q=%00", "Search: "),
    ],
)
def test_a_filter_that_makes_no_sense_is_said_on_the_page_and_refused_as_csv(
    administrator: Actor, query: str, message: str
) -> None:
    page = administrator.get(f"{URL}?{query}")
    assert page.status_code == 200
    assert message in page.content.decode()
    assert page.context["shown"].total == 1
    assert administrator.get(f"{URL}export/?{query}").status_code == 400


def test_an_unknown_order_is_the_tabs_own(administrator: Actor) -> None:
    for sort in ("password", "-password", "--name", "name; drop", ""):
        assert administrator.get(URL, {"sort": sort}).context["state"].sort.value == "name"


# --- Order and pages ----------------------------------------------------------------------------------------------


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(people_list, "ROWS_A_PAGE", 4)
    return 4


@pytest.fixture(params=[True, False], ids=["sums stand", "sums do not stand"])
def sums(request: pytest.FixtureRequest) -> bool:
    """Whether the sums of the last 30 days stand, or begin with another day than the list asks for."""
    stand: bool = request.param
    assert begin_with(recent_since(NOW) - dt.timedelta(days=0 if stand else 1))
    return stand


@pytest.mark.usefixtures("small_pages", "sums")
@pytest.mark.parametrize("direction", ["", "-"])
@pytest.mark.parametrize("sort", ["name", "email", "role", "joined", "last_active", "tokens", "requests"])
def test_pages_repeat_and_skip_nobody_whatever_the_order(administrator: Actor, sort: str, direction: str) -> None:
    for number in range(9):
        person("Same Name", joined_at=None if number % 3 else NOW, external_id=f"p{number}")
    fold(*(event(number % 2, user_id=f"p{number}") for number in range(0, 9, 2)))
    pages = [administrator.get(URL, {"sort": direction + sort, "page": page}) for page in (1, 2, 3)]
    ids = [row.person.pk for page in pages for row in page.context["shown"].rows]
    assert len(ids) == len(set(ids)) == 10


@pytest.mark.usefixtures("sums", "cast_of_all_kinds")
@pytest.mark.parametrize(
    "sort, names",
    [
        ("-tokens", ["Anna Active", "Ben Busy", "Nora Never"]),  # 300, 75, 3
        ("-requests", ["Ben Busy", "Nora Never", "Anna Active"]),  # 3, 1, 1: the later one first
        ("tokens", ["Nora Never", "Ben Busy", "Anna Active"]),
        ("requests", ["Anna Active", "Nora Never", "Ben Busy"]),
        ("-last_active", ["Nora Never", "Anna Active", "Ben Busy", "Cleo Quiet"]),  # 1, 1, 2 and 45 days ago
        ("last_active", ["Cleo Quiet", "Ben Busy", "Anna Active", "Nora Never"]),
    ],
)
def test_people_without_usage_follow_or_precede_those_with_it_over_all_pages(
    administrator: Actor, sort: str, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages of three: who has usage fills one, ends in the midst of one, or follows those without."""
    monkeypatch.setattr(people_list, "ROWS_A_PAGE", 3)
    person("Gone", status=Status.DELETED, deleted_at=NOW, external_id="gone")
    fold(event(0, user_id="gone", tokens=9_000))
    fold(event(0, user_id="zero", tokens=0, request=False))
    without = {"Ada Admin", "Dora Deactivated", "zero"} | ({"Cleo Quiet"} - set(names))
    pages = [listed(administrator, f"sort={sort}&page={page}") for page in (1, 2, 3)]
    everybody = [name for page in pages for name in page]
    rest = everybody[: len(without)] if sort in ("tokens", "requests") else everybody[-len(without) :]
    assert set(rest) == without
    assert [name for name in everybody if name not in without] == names
    rows = exported(administrator, f"sort={sort}")
    assert [row["name"] or row["external_id"] for row in rows] == everybody


@pytest.mark.usefixtures("cast_of_all_kinds")
@pytest.mark.parametrize(
    "sort, first",
    [
        ("name", "Ada Admin"),
        ("-name", "Nora Never"),
        ("role", "Ada Admin"),
        ("-joined", "Nora Never"),
        ("-last_active", "Nora Never"),
        ("-tokens", "Anna Active"),
        ("-requests", "Ben Busy"),
    ],
)
def test_orders_say_what_comes_first(administrator: Actor, sort: str, first: str) -> None:
    assert listed(administrator, f"sort={sort}")[0] == first


@pytest.mark.usefixtures("cast_of_all_kinds")
def test_unknown_values_come_last_both_ways(administrator: Actor) -> None:
    User.objects.filter(name="Cleo Quiet").update(joined_at=None)
    assert listed(administrator, "sort=joined")[-1] == listed(administrator, "sort=-joined")[-1] == "Cleo Quiet"


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("asked", [{}, {"q": "lisa"}, {"role": "user"}, {"team": "none"}])
@pytest.mark.parametrize("page, shown", [(0, 1), (-3, 1), (1, 1), (2, 2), (3, 2), (10**9, 2)])
def test_behind_the_last_page_stands_the_last_page(
    administrator: Actor, page: int, shown: int, asked: dict[str, str]
) -> None:
    for _number in range(6):
        person("Lisa Linked")
    answer = administrator.get(URL, {"page": str(page), **asked})
    assert answer.context["state"].page == shown
    assert f"Page {shown} of 2" in answer.content.decode()


def test_behind_the_last_page_of_nobody_stands_the_first(administrator: Actor) -> None:
    answer = administrator.get(URL, {"page": "7", "q": "nobody at all"})
    assert (answer.context["state"].page, answer.context["shown"].total) == (1, 0)


def test_every_link_of_the_page_leads_back_to_what_is_shown(administrator: Actor, small_pages: int) -> None:
    for _number in range(9):
        person("Lisa Linked")
    query = "q=lisa&role=user&joined_from=2026-01-01&sort=-tokens&page=2"
    page = administrator.get(f"{URL}?{query}")
    again = administrator.get(page.context["here"])
    assert again.context["state"] == page.context["state"]
    assert administrator.get(page.context["next_url"]).context["state"].page == 3
    assert administrator.get(page.context["previous_url"]).context["state"].page == 1
    assert not administrator.get(page.context["unfiltered_url"]).context["state"].is_filtered


def test_a_search_for_any_number_leaves_the_links_of_rows_whole(administrator: Actor) -> None:
    """Rows are made from a pattern with an id in it; the address that leads back holds what was searched."""
    wanted = person("Someone 1234567890")
    answer = administrator.get(URL, {"q": "1234567890"})
    (row,) = answer.context["rows"]
    assert row.url == f"{URL}{wanted.pk}/"
    assert f'href="{URL}{wanted.pk}/edit/?next=%2Fadmin%2Fusers%2F%3Fq%3D1234567890"' in row.menu
    assert f'href="{URL}steps/remove/?person={wanted.pk}&amp;next=' in row.menu


# --- Rows ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("cast_of_all_kinds")
def test_a_row_says_who_with_which_role_in_which_teams_and_how_much(administrator: Actor) -> None:
    rows = {str(row.person): row for row in administrator.get(URL).context["shown"].rows}
    ben, anna = rows["Ben Busy"], rows["Anna Active"]
    assert (ben.usage.requests, ben.usage.tokens) == (3, 75)  # the 29 days before today count, the 40th does not
    assert ben.last_active_at == NOW - dt.timedelta(days=2)
    assert anna.teams == ("Sales", "Legal")
    assert anna.primary_team == "Sales"
    text = administrator.get(URL).content.decode()
    assert "Deactivated" in text
    assert "Yesterday" in text


def test_who_is_known_from_usage_alone_is_marked(administrator: Actor) -> None:
    person("Ulla Usage", password="!")
    page = administrator.get(URL, {"q": "ulla"}).content.decode()
    assert "No sign-in" in page
    assert "/admin/users/new/?email=person" in page


def test_a_pending_row_tells_how_its_invitation_fares(administrator: Actor) -> None:
    invited("paul@example.com", by=administrator.user)

    def words() -> str:
        text = administrator.get(URL, {"tab": "pending"}).content.decode()
        return re.sub(r"\s+", " ", text.partition("<tbody>")[2])

    assert "Being sent" in words()
    assert "by Ada Admin" in words()
    Mail.objects.update(attempts=1)
    assert "Mail server does not answer" in words()
    Mail.objects.update(sent_at=NOW)
    assert "Sent: Today" in words()
    assert "expires in 7\xa0days" in words() or "expires in 7 days" in words()
    Mail.objects.update(sent_at=None, given_up_at=NOW)
    assert "Not delivered" in words()


def test_an_invitation_that_ran_out_says_so(administrator: Actor, frozen_now: Any) -> None:
    invited("paul@example.com")
    frozen_now.shift(dt.timedelta(days=7))
    client = Actor(administrator.user)
    assert "Expired" in client.get(URL, {"tab": "pending"}).content.decode()


def test_names_are_text(administrator: Actor) -> None:
    person("<script>alert(1)</script>", teams=('"><img src=x onerror=alert(1)>',))
    page = administrator.get(URL).content.decode()
    assert "<script>alert" not in page
    assert "<img src=x" not in page


# --- The figures --------------------------------------------------------------------------------------------------


def test_the_four_figures_count_people_who_were_invited(administrator: Actor) -> None:
    onboarding = administrator.get(URL).context["shown"].overview.onboarding
    assert (onboarding.invited, onboarding.completed, onboarding.pending, onboarding.share) == (0, 0, 0, 0.0)
    for number in range(4):
        invited(f"p{number}@example.com")
    User.objects.filter(email="p0@example.com").update(status=Status.ACTIVE, accepted_at=NOW, joined_at=NOW)
    User.objects.filter(email="p1@example.com").update(status=Status.DELETED, deleted_at=NOW)
    page = administrator.get(URL)
    onboarding = page.context["shown"].overview.onboarding
    assert (onboarding.invited, onboarding.completed, onboarding.pending) == (3, 1, 2)
    assert "1 of 3 invited" in page.content.decode()


# --- CSV ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_pages")
def test_the_csv_holds_all_rows_not_the_page(administrator: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people_list, "ROWS_A_CHUNK", 3)
    people = [person("Same Name", teams=("Sales",), external_id=f"p{number}") for number in range(10)]
    fold(*(event(1, user_id=f"p{number}", tokens=30) for number in range(10)))
    rows = exported(administrator, "q=same&page=2")
    assert [int(row["user_id"]) for row in rows] == [one.pk for one in people]
    assert {(row["requests_last_30_days"], row["tokens_last_30_days"], row["teams"]) for row in rows} == {
        ("1", "30", "Sales")
    }


def test_the_csv_is_disarmed_and_parses_back(administrator: Actor) -> None:
    one = person('=HYPERLINK("http://x")\n', teams=("+1", "Ünï, “quoted”"), email="-1@example.com")
    (row,) = exported(administrator, f"q={one.email}")
    assert row["name"] == "'" + one.name
    assert row["email"] == "'-1@example.com"
    assert row["primary_team"] == "'+1"
    assert row["teams"] == "'+1; Ünï, “quoted”"
    assert row["joined"] == (NOW - dt.timedelta(days=60)).isoformat()


def test_the_csv_is_named_after_what_is_listed(administrator: Actor) -> None:
    disposition = administrator.get(f"{URL}export/?tab=deleted").headers["Content-Disposition"]
    assert disposition == 'attachment; filename="panta-people-deleted_2026-03-15.csv"'


# --- Queries, fragments, access -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("sums")
@pytest.mark.parametrize(
    "query",
    [
        "",
        "tab=pending&q=i",
        "tab=deleted&role=user",
        "q=person&role=user&activity=active&sort=-tokens",
        "q=person&sort=-last_active",
        "q=person&team=none&sort=requests",
        "role=user&activity=active&sort=-tokens",
    ],
)
def test_eight_queries_are_enough_however_many_rows_there_are(administrator: Actor, query: str) -> None:
    counts = []
    for number in (2, 10):
        some_of_each(number)
        with CaptureQueriesContext(connection) as captured:
            assert len(listed(administrator, query)) >= number
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 8


def some_of_each(number: int) -> None:
    base = User.objects.count()
    for n in range(base, base + number):
        person(teams=(f"Team {n % 3}",), external_id=f"many{n}")
        person(external_id=f"teamless{n}")
        invited(f"invited{n}@example.com")
        deleted()
    fold(*(event(1, user_id=f"many{n}") for n in range(base, base + number)))


def test_htmx_gets_the_results_alone_and_the_address_to_show(administrator: Actor) -> None:
    person("Only One")
    answer = administrator.get(f"{URL}?q=only&role=&team=&sort=", headers={"HX-Request": "true"})
    text = answer.content.decode()
    assert "Only One" in text
    assert "<html" not in text
    assert "Completion rate" not in text
    assert answer.headers["HX-Push-Url"] == "/admin/users/?q=only"
    assert "HX-Request" in answer.headers["Vary"]
    whole = administrator.get(URL, headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})
    assert "<html" in whole.content.decode()


@pytest.mark.parametrize("path", [URL, f"{URL}export/", f"{URL}new/", f"{URL}1/edit/", f"{URL}steps/remove/"])
def test_a_member_finds_nothing_here(member: Actor, path: str) -> None:
    assert member.get(path).status_code == 404
    assert member.post(path).status_code == 404


def test_nothing_is_written_by_looking(administrator: Actor) -> None:
    administrator.get(URL)
    with CaptureQueriesContext(connection) as captured:
        administrator.get(URL)
        administrator.get(URL, headers={"HX-Request": "true"})
        administrator.head(f"{URL}export/")
    assert not [
        query["sql"] for query in captured if re.match(r"\s*(INSERT|UPDATE|DELETE)", query["sql"], re.IGNORECASE)
    ]


def test_the_tab_leads_here(administrator: Actor) -> None:
    another_administrator()
    page = administrator.get(URL).content.decode()
    assert re.search(r'href="/admin/users/"\s+aria-current="page">User management', page)
