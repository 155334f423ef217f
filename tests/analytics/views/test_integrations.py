"""The Integrations tab: the list of keys, and a key's page, which waits for its first event."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from bs4 import BeautifulSoup
from pytest_django import DjangoAssertNumQueries

from analytics import keys
from analytics.models import ApiKey, Delivery, RejectedEvent, Scope
from analytics.rollups import deliveries
from tests.analytics.api.client import Program, make_key
from tests.analytics.ingest.drafts import fields
from tests.cast import NOW, Actor
from usermgmt.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

LIST = "/admin/integrations/"
HTMX = {"HX-Request": "true"}
DAY = dt.timedelta(days=1)


def soup(client: Actor, url: str = LIST, **headers: str) -> BeautifulSoup:
    response: Any = client.get(url, headers=headers)
    assert response.status_code == 200
    return BeautifulSoup(response.content, "html.parser")


def words(element: Any) -> str:
    return " ".join(element.get_text(" ").split())


def page_of(key: ApiKey) -> str:
    return f"{LIST}keys/{key.pk}/"


def note(key: ApiKey, at: dt.datetime = NOW, accepted: int = 0, duplicate: int = 0, rejected: int = 0) -> None:
    Delivery.objects.create(
        key_id=key.pk, endpoint="api", received_at=at, accepted=accepted, duplicate=duplicate, rejected=rejected
    )


def cells(page: BeautifulSoup) -> list[list[str]]:
    """Of each row what stands behind the name: last used, accepted, duplicate, rejected, status."""
    return [[words(cell) for cell in row.find_all("td")][1:] for row in page.select(".keys tbody tr")]


# --- The list -----------------------------------------------------------------------------------------------------


def test_without_a_key_the_page_says_what_one_is_for_and_offers_the_first(administrator: Actor) -> None:
    page = soup(administrator)
    assert "Nothing reports usage yet" in words(page)
    assert page.select_one(".empty a.button")["href"] == f"{LIST}keys/new/"  # type: ignore[index]
    assert page.select(".keys") == []


def test_each_key_tells_what_it_did_today(administrator: Actor) -> None:
    live, text = make_key(Scope.INGEST, name="A live")
    failing, _ = make_key(Scope.INGEST, name="B failing")
    make_key(Scope.INGEST, name="C new")
    make_key(Scope.READ, name="D reads")
    note(live, NOW - DAY, accepted=70)
    deliveries.fold()
    Program(text).deliver("/api/v1/events", [fields(event_id=str(n)) for n in range(3)] + [None])
    note(live, accepted=1_200, duplicate=7)
    note(failing, rejected=2)
    assert cells(soup(administrator)) == [
        ["Today, 10:30", "1,203", "7", "1", "Live"],
        ["Never", "0", "0", "2", "Nothing counted"],
        ["Never", "0", "0", "0", "Waiting"],
        ["Never", "–", "–", "–", "Unused"],
    ]


def test_a_key_tells_who_made_it_and_what_it_may_do(administrator: Actor) -> None:
    key, text = make_key(Scope.INGEST, Scope.LIMITS, name="Gateway")
    row = soup(administrator).select_one(".keys tbody th")
    assert words(row).startswith(f"Gateway {text[:12]}… created by Ada Admin · ")
    assert [badge.text for badge in row.select(".badge")] == ["Report usage", "Check token limits"]  # type: ignore[union-attr]
    assert row.a["href"] == page_of(key)  # type: ignore[union-attr,index]


def test_revoked_keys_are_folded_away(administrator: Actor) -> None:
    key, _ = make_key(name="Old gateway")
    keys.revoke(User.objects.get(), key, NOW - DAY)
    make_key(name="New gateway")
    page = soup(administrator)
    assert [words(name) for name in page.select(".keys__name")] == ["New gateway"]
    gone = page.select_one("details.keys__revoked")
    assert not gone.has_attr("open")  # type: ignore[union-attr]
    assert words(gone.summary) == "1 revoked key"  # type: ignore[union-attr]
    assert "Old gateway" in words(gone)
    assert "Yesterday, 10:30" in words(gone)


def test_where_all_are_revoked_the_next_first_key_is_offered(administrator: Actor) -> None:
    key, _ = make_key()
    keys.revoke(User.objects.get(), key, NOW)
    page = soup(administrator)
    assert "Nothing reports usage yet" in words(page)
    assert "1 revoked key" in words(page)


def test_numbers_that_are_behind_say_so(administrator: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    from analytics.metrics import keys as metrics

    key, _ = make_key()
    note(key)
    assert "Counting is behind" not in words(soup(administrator))
    monkeypatch.setattr(metrics, "_USE", metrics._USE.replace(str(metrics.MOST_WAITING), "1"))
    assert "Counting is behind" in words(soup(administrator))
    assert "Counting is behind" in words(soup(administrator, page_of(key)))


def test_the_address_of_the_panel_is_filled_in_and_no_key(administrator: Actor, settings: Any) -> None:
    settings.BASE_URL = "https://panel.example.com"
    text = words(soup(administrator).select_one("#setup-title").find_parent("section"))  # type: ignore[union-attr]
    assert "https://panel.example.com/api/v1/litellm" in text
    assert "Bearer YOUR_KEY" in text


@pytest.mark.parametrize("number", [0, 12])
def test_the_list_asks_two_questions(
    administrator: Actor, number: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for each in range(number):
        note(make_key(name=str(each))[0])
    with django_assert_num_queries(2 + 2):  # sign-in's two
        administrator.get(LIST)


# --- A key's page -------------------------------------------------------------------------------------------------


def progress(page: BeautifulSoup) -> str:
    return words(page.select_one("#key-progress"))


def poll(page: BeautifulSoup) -> str:
    """The address that the page goes on asking; "" where it does not."""
    asking = page.select_one("[hx-get]")
    assert asking is None or asking["hx-trigger"] == "every 2s"
    return str(asking["hx-get"]) if asking else ""


def test_a_new_key_is_waited_for(administrator: Actor) -> None:
    key, _ = make_key(Scope.INGEST)
    page = soup(administrator, page_of(key))
    assert progress(page).startswith("Waiting for your first event…")
    assert poll(page) == f"{page_of(key)}?seen=waiting"
    region = page.select_one("#key-progress")
    assert region["aria-live"] == "polite"  # type: ignore[index]
    assert page.select("#days-title, #rejected-title") == []


def test_while_nothing_has_come_nothing_is_answered(
    administrator: Actor, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    key, _ = make_key(Scope.INGEST)
    address = poll(soup(administrator, page_of(key)))
    with django_assert_num_queries(2 + 2):
        response = administrator.get(address, headers=HTMX)
    assert (response.status_code, response.content) == (204, b"")


def test_the_first_event_turns_the_page_live(administrator: Actor) -> None:
    key, text = make_key(Scope.INGEST)
    address = poll(soup(administrator, page_of(key)))
    Program(text).deliver("/api/v1/events", [fields()])
    news = soup(administrator, address, **HTMX)
    assert news.html is None  # a fragment
    assert "First events are in" in words(news)
    assert poll(news) == ""
    assert {part["id"] for part in news.select("[hx-swap-oob=true]")} == {"key-figures", "key-facts"}
    assert "Today: 1 accepted, 0 duplicate, 0 rejected" in words(news)
    assert "Last used Today, 10:30" in words(news.select_one("#key-facts"))
    page = soup(administrator, page_of(key))
    assert progress(page) == "Usage is coming in Last delivery: Today, 10:30"
    assert poll(page) == ""
    assert page.select("[hx-swap-oob]") == []


def test_an_event_that_was_rejected_is_told_with_its_reason_and_waiting_goes_on(administrator: Actor) -> None:
    key, text = make_key(Scope.INGEST)
    address = poll(soup(administrator, page_of(key)))
    Program(text).deliver("/api/v1/events", [{"event_id": "a"}])
    news = soup(administrator, address, **HTMX)
    assert "Something arrived, but nothing could be counted" in words(news)
    assert "Today, 10:30: Object missing required field occurred_at" in words(news)
    again = poll(news)
    assert administrator.get(again, headers=HTMX).status_code == 204
    Program(text).deliver("/api/v1/events", [fields()])
    assert "First events are in" in words(soup(administrator, again, **HTMX))


@pytest.mark.parametrize(
    ("path", "body", "kind", "why"),
    [
        ("/api/v1/events", b"[{]", "application/json", "the body is not JSON"),
        ("/api/v1/litellm", b"[" + b"{}," * 10_000 + b"{}]", "application/json", "more than 10,000 events"),
        ("/v1/traces", b"x", "text/plain", "Content-Type 'text/plain' is not understood"),
    ],
)
def test_a_request_that_cannot_be_read_is_told_to_who_waits(
    administrator: Actor, path: str, body: bytes, kind: str, why: str
) -> None:
    key, text = make_key(Scope.INGEST)
    address = poll(soup(administrator, page_of(key)))
    Program(text).deliver(path, body, content_type=kind)
    news = soup(administrator, address, **HTMX)
    assert "Something arrived, but nothing could be counted" in words(news)
    assert why in words(news.select_one(".progress__words"))
    assert "whole request" in words(news.select_one("#key-figures .rejected"))


def test_another_rejected_event_is_news(administrator: Actor, frozen_now: Any) -> None:
    key, text = make_key(Scope.INGEST)
    Program(text).deliver("/api/v1/events", [{"event_id": "a"}])
    address = poll(soup(administrator, page_of(key)))
    frozen_now.shift(1)
    Program(text).deliver("/api/v1/events", [{"event_id": "a", "occurred_at": "yesterday"}])
    assert "occurred_at: " in words(soup(administrator, address, **HTMX))


def test_a_delivery_without_events_is_explained(administrator: Actor) -> None:
    """An application whose traces come in, but hold no model call."""
    key, text = make_key(Scope.INGEST)
    Program(text).deliver("/v1/traces", {"resourceSpans": []})
    assert "The requests held no events." in progress(soup(administrator, page_of(key)))


def test_a_key_revoked_elsewhere_is_waited_for_no_longer(administrator: Actor) -> None:
    key, _ = make_key(Scope.INGEST)
    address = poll(soup(administrator, page_of(key)))
    keys.revoke(User.objects.get(), key, NOW)
    news = soup(administrator, address, **HTMX)
    assert "Refused since: Today, 10:30" in words(news)
    assert poll(news) == ""


def test_a_key_that_reads_is_not_waited_for(administrator: Actor) -> None:
    key, text = make_key(Scope.READ)
    page = soup(administrator, page_of(key))
    assert progress(page) == "Not used yet This key reports no usage; it asks for numbers."
    assert poll(page) == ""
    assert "/api/v1/usage" in words(page)
    assert "callback_type" not in words(page)
    Program(text).get("/api/v1/usage")
    assert progress(soup(administrator, page_of(key))) == "In use Last request: Today, 10:30"


def test_the_last_fourteen_days_are_drawn_and_told_in_a_table(administrator: Actor) -> None:
    key, _ = make_key(Scope.INGEST)
    note(key, NOW - 14 * DAY, accepted=999)
    note(key, NOW - 13 * DAY, accepted=1_500, duplicate=2)
    note(key, NOW, rejected=1)
    page = soup(administrator, page_of(key))
    rows = [[words(cell) for cell in row.find_all(["th", "td"])] for row in page.select(".days__table tbody tr")]
    assert len(rows) == 14
    assert rows[0] == ["Sun 15 Mar 2026", "1", "0", "0", "1"]
    assert rows[-1] == ["Mon 2 Mar 2026", "1", "1,500", "2", "0"]
    assert len(page.select(".days__box rect")) == 3


def test_rejected_events_are_listed_with_their_reasons(administrator: Actor) -> None:
    key, _ = make_key(Scope.INGEST)
    note(key, rejected=25)
    for number in range(25):
        RejectedEvent.objects.create(
            key_id=key.pk, endpoint="litellm", received_at=NOW, index=number, reason=f"`startTime` {number} is no time"
        )
    page = soup(administrator, page_of(key))
    rows = [[words(cell) for cell in row.select("td")] for row in page.select(".rejected tbody tr")]
    assert len(rows) == 20
    assert rows[0] == ["24", "LiteLLM", "Today, 10:30"]
    assert words(page.select_one(".rejected tbody p")) == "startTime 24 is no time"
    assert page.select_one(".rejected tbody code").text == "startTime"  # type: ignore[union-attr]


def test_a_reason_is_text(administrator: Actor) -> None:
    key, _ = make_key(Scope.INGEST)
    note(key, rejected=1)
    hostile = "model `<b hx-get=/x>`: <img src=x onerror=alert(1)>"
    RejectedEvent.objects.create(key_id=key.pk, endpoint="api", received_at=NOW, index=0, reason=hostile)
    page = soup(administrator, page_of(key))
    assert page.select("img[onerror], [hx-get='/x']") == []
    assert words(page.select_one(".rejected tbody p")) == "model <b hx-get=/x> : <img src=x onerror=alert(1)>"


def test_a_keys_page_asks_four_questions(
    administrator: Actor, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    key, _ = make_key(Scope.INGEST)
    note(key, accepted=3, rejected=2)
    with django_assert_num_queries(2 + 4):
        administrator.get(page_of(key))


def test_a_member_sees_none_of_it(member: Actor) -> None:
    key, _ = make_key()
    for url in (LIST, page_of(key), f"{page_of(key)}?seen="):
        for headers in ({}, HTMX):
            assert member.get(url, headers=headers).status_code == 404
