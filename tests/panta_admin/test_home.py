"""Home: one's own figures of 30 days of the reporting zone, and nobody else's."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine
from bs4 import BeautifulSoup
from pytest_django import DjangoAssertNumQueries

from analytics.models import DailyTotal, DailyUser
from tests.cast import NOW, Actor

pytestmark = pytest.mark.django_db
TODAY = NOW.date()


def used(actor: Actor, day: dt.date, requests: int, **measures: int) -> None:
    assert actor.user is not None
    DailyUser.objects.create(user_id=actor.user.pk, day=day, requests=requests, **measures)


def cards(client: Actor) -> dict[str, tuple[str, str]]:
    page = BeautifulSoup(client.get("/").content, "html.parser")
    return {
        card.select_one(".figure-card__label").get_text(strip=True): (  # type: ignore[union-attr]
            card.select_one(".figure-card__value").get_text(strip=True),  # type: ignore[union-attr]
            card.select_one(".figure-card__note").get_text(strip=True),  # type: ignore[union-attr]
        )
        for card in page.select(".figure-card")
    }


def test_my_usage_is_mine_and_of_the_last_30_days_including_today(
    member: Actor, administrator: Actor, frozen_now: time_machine.Traveller
) -> None:
    used(member, TODAY - dt.timedelta(days=30), 1_000, input_tokens=1_000_000)  # the day before the first
    used(member, TODAY - dt.timedelta(days=29), 3, input_tokens=40, output_tokens=2)
    used(member, TODAY, 5, failed_requests=1, input_tokens=1_000, output_tokens=300, calls_without_usage=2)
    used(administrator, TODAY, 70, input_tokens=7)
    assert cards(member) == {
        "Tokens used": ("1,342", "1,040 input · 302 output"),
        "Requests": ("8", "1 failed"),
    }
    assert "2 model calls came without a token count" in member.get("/").content.decode()


def test_large_figures_are_short_and_exact_on_hover(member: Actor, frozen_now: time_machine.Traveller) -> None:
    used(member, TODAY, 1, input_tokens=3_200_000_000_000, output_tokens=1)
    page = BeautifulSoup(member.get("/").content, "html.parser")
    figure = page.select_one(".figure-card__value data")
    assert figure is not None
    assert (figure.get_text(), figure["title"]) == ("3.2\N{NO-BREAK SPACE}T", "3,200,000,000,001")


def test_today_is_the_reporting_zones_day(member: Actor, settings: Any) -> None:
    used(member, dt.date(2026, 3, 16), 4)
    settings.REPORTING_TIME_ZONE = "Asia/Tokyo"
    with time_machine.travel("2026-03-15T14:59:59Z", tick=False):
        assert cards(member) == {}
    with time_machine.travel("2026-03-15T15:00:00Z", tick=False):
        assert cards(member)["Requests"][0] == "4"


def test_without_usage_it_says_what_will_be_here(member: Actor) -> None:
    assert "No usage in the last 30 days" in member.get("/").content.decode()


def test_where_nobody_has_usage_yet_administrators_are_led_to_integrations(member: Actor, administrator: Actor) -> None:
    said = [client.get("/").content.decode() for client in (administrator, member)]
    assert ["/admin/integrations/" in page for page in said] == [True, False]
    DailyTotal.objects.create(day=TODAY, requests=1)
    assert "/admin/integrations/" not in administrator.get("/").content.decode()


def test_a_name_is_text(member: Actor) -> None:
    assert member.user is not None
    member.user.name = "<img src=x onerror=alert(1)> {{ 7|add:7 }}"
    member.user.save()
    page = member.get("/").content.decode()
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt; {{ 7|add:7 }}" in page


def test_home_takes_five_queries(member: Actor, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(5):  # the session, the person, their usage; the days' zone, limits
        member.get("/")
