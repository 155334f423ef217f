"""From Analytics to the people behind the Never bucket: the same people, the same count, the same range."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bs4 import BeautifulSoup
from django.utils import timezone

from tests.analytics.workspace import event, fold
from tests.cast import NOW, Actor
from tests.usermgmt.people import deleted, invited, person
from usermgmt.models import Status

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]
ANALYTICS = "/admin/analytics/"


def follow_up(administrator: Actor, query: str) -> tuple[str, int] | None:
    """Where the quick action of that range leads and how many people it promises; None where there is none."""
    page = administrator.get(f"{ANALYTICS}?{query}").content.decode()
    link = re.search(r'href="(/admin/users/\?[^"]+)"[^>]*>(?:(?!</a>).)*?Follow up with ([\d,]+) user', page, re.DOTALL)
    return (unescape(link[1]), int(link[2].replace(",", ""))) if link else None


def behind(administrator: Actor, address: str) -> tuple[int, list[str]]:
    shown = administrator.get(address).context["shown"]
    return shown.total, [str(row.person) for row in shown.rows]


def at(day: str, time: str = "12:00") -> dt.datetime:
    return dt.datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=ZoneInfo("UTC"))


@pytest.fixture
def newcomers() -> None:
    """Joined from 1 to 10 March; some reached value, some failed only, some are gone."""
    person("Early", joined_at=at("2026-02-28", "23:59"))
    person("First minute", joined_at=at("2026-03-01", "00:00"))
    person("Failed only", external_id="failed", joined_at=at("2026-03-03"))
    person("Reached", external_id="reached", joined_at=at("2026-03-03"))
    person("Deactivated", joined_at=at("2026-03-04"), status=Status.DEACTIVATED)
    deleted("Removed", joined_at=at("2026-03-05"))
    person("Last minute", joined_at=at("2026-03-10", "23:59"))
    person("Late", joined_at=at("2026-03-11", "00:00"))
    person("Unknown", joined_at=None)
    invited("pending@example.com")
    fold(event(2, user_id="failed", status="error"), event(2, user_id="reached"))


@pytest.mark.usefixtures("newcomers")
def test_the_link_leads_to_exactly_the_people_it_counts(administrator: Actor) -> None:
    link = follow_up(administrator, "from=2026-03-01&to=2026-03-10")
    assert link is not None
    address, count = link
    total, names = behind(administrator, address)
    assert count == total == 4
    assert names == ["Deactivated", "Failed only", "First minute", "Last minute"]


@pytest.mark.usefixtures("newcomers")
def test_it_is_the_never_bucket_but_for_who_was_removed(administrator: Actor) -> None:
    report = administrator.get(f"{ANALYTICS}?from=2026-03-01&to=2026-03-10").context["report"]
    assert report.first_value.buckets["Never"] == 5
    assert report.first_value.never_listed == 4


@pytest.mark.usefixtures("newcomers")
@pytest.mark.parametrize(
    "query", ["range=last_30_days", "range=this_month", "range=last_7_days", "from=2026-02-28&to=2026-02-28"]
)
def test_every_range_keeps_its_promise(administrator: Actor, query: str) -> None:
    link = follow_up(administrator, query)
    assert link is not None
    assert behind(administrator, link[0])[0] == link[1]


@pytest.mark.usefixtures("newcomers")
def test_removing_somebody_is_seen_on_both_sides_at_once(administrator: Actor, frozen_now: Any) -> None:
    days = "from=2026-03-01&to=2026-03-10"
    assert follow_up(administrator, days) is not None
    frozen_now.move_to(timezone.now() + dt.timedelta(days=3650))  # past the database's own clock, which made some rows
    later = Actor(administrator.user)
    link = follow_up(later, days)
    assert link is not None
    gone = later.get(f"{link[0]}&q=failed").context["shown"].rows[0].person
    later.post("/admin/users/steps/remove/", {"person": gone.pk})
    link = follow_up(later, days)
    assert link is not None
    assert (link[1], behind(later, link[0])[0]) == (3, 3)


def test_where_everybody_started_there_is_nothing_to_follow_up(administrator: Actor) -> None:
    assert follow_up(administrator, "range=last_7_days") is None


def test_manage_users_leads_to_the_list(administrator: Actor) -> None:
    page = BeautifulSoup(administrator.get(ANALYTICS).content, "html.parser")
    (link,) = (link for link in page.select("a") if "Manage users" in link.get_text())
    assert link["href"] == "/admin/users/"
    assert administrator.get(str(link["href"])).context["shown"].total > 0


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles", "Asia/Kolkata"])
def test_days_are_those_of_the_reporting_zone_on_both_sides(administrator: Actor, settings: Any, zone: str) -> None:
    settings.REPORTING_TIME_ZONE = zone
    midnight = dt.datetime(2026, 3, 10, tzinfo=ZoneInfo(zone))
    person("Before", joined_at=midnight - dt.timedelta(seconds=1))
    person("First", joined_at=midnight)
    person("Last", joined_at=midnight + dt.timedelta(hours=24, seconds=-1))
    person("After", joined_at=midnight + dt.timedelta(hours=24))
    link = follow_up(administrator, "from=2026-03-10&to=2026-03-10")
    assert link is not None
    assert behind(administrator, link[0]) == (2, ["First", "Last"])
    assert link[1] == 2


def test_now_is_a_day_with_newcomers_too(administrator: Actor) -> None:
    person("Just now", joined_at=NOW)
    link = follow_up(administrator, "range=today")
    assert link is not None
    assert behind(administrator, link[0]) == (1, ["Just now"])
