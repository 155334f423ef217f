"""The way in as a whole: a verdict for each event, one bad event never drops its batch, a replay changes nothing."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.ingest.draft import FIELDS, EventDraft, Rejected, draft
from analytics.ingest.intake import Stored, Verdict, ingest
from analytics.models import PendingEvent, UsageEvent
from analytics.rollups.fold import fold_pending
from tests.analytics.ingest.drafts import AN_HOUR_AGO, fields, good
from tests.analytics.parallel import Threads
from tests.analytics.streams import examples
from tests.cast import NOW
from usermgmt.models import Membership, Team, User

pytestmark = pytest.mark.django_db

ACCEPTED, DUPLICATE = Stored.ACCEPTED, Stored.DUPLICATE
BAD = Rejected("told so by the draft")


def verdicts(*drafts: EventDraft | Rejected, source: str = "test") -> list[Verdict]:
    return ingest(drafts, source, NOW)


def event_keys() -> set[UUID]:
    return set(UsageEvent.objects.values_list("event_key", flat=True))


def test_each_event_has_its_verdict_in_order() -> None:
    verdicts(good(event_id="old"))
    batch: list[EventDraft | Rejected] = [
        good(event_id="a"),
        BAD,
        good(event_id="old"),
        good(event_id="b"),
        good(event_id="a"),
        BAD,
    ]
    assert verdicts(*batch) == [ACCEPTED, BAD, DUPLICATE, ACCEPTED, DUPLICATE, BAD]
    assert UsageEvent.objects.count() == 3


def test_a_batch_of_nothing_good_is_answered_too() -> None:
    assert verdicts() == []
    assert verdicts(BAD, BAD) == [BAD, BAD]
    assert not UsageEvent.objects.exists()


@pytest.mark.parametrize(
    "other",
    [{"user_id": "u-2"}, {"occurred_at": (AN_HOUR_AGO - dt.timedelta(days=40)).isoformat()}, {"input_tokens": 5}],
)
def test_one_event_id_in_a_batch_is_one_event_whatever_else_the_second_says(other: dict[str, Any]) -> None:
    first, second = good(user_id="u-1", input_tokens=3), good(**{"user_id": "u-1", "input_tokens": 3} | other)
    assert verdicts(first, second) == [ACCEPTED, DUPLICATE]
    assert UsageEvent.objects.get().input_tokens == 3
    assert PendingEvent.objects.count() == 1


def test_the_same_id_from_two_sources_is_two_events() -> None:
    assert verdicts(good(), source="a") == [ACCEPTED]
    assert verdicts(good(), source="b") == [ACCEPTED]
    assert verdicts(good(), source="a") == [DUPLICATE]


def test_a_replay_is_a_duplicate_also_after_the_fold() -> None:
    verdicts(good(user_id="u-1"))
    fold_pending()
    assert verdicts(good(user_id="u-1")) == [DUPLICATE]
    assert not PendingEvent.objects.exists()


def test_a_replay_is_a_duplicate_also_when_more_is_known_of_the_person() -> None:
    """Who an event belongs to must not depend on what was learned since."""
    batch = [
        good(event_id="1", email="ada@example.com"),
        good(event_id="2", user_id="u-1", email="ada@example.com"),
        good(event_id="3", user_id="u-1"),
        good(event_id="4", user_id="u-2"),
        good(event_id="5", user_id="u-2", email="b@c"),
    ]
    for event in batch:
        assert verdicts(event) == [ACCEPTED]
    assert verdicts(*batch) == [DUPLICATE] * 5


def test_a_retry_tells_what_the_first_answer_would_have() -> None:
    """The line was cut after the commit; half of the retry is new."""
    verdicts(good(event_id="1"), good(event_id="2"))
    assert verdicts(good(event_id="2"), good(event_id="3")) == [DUPLICATE, ACCEPTED]


def test_the_team_is_that_of_the_moment_of_arrival() -> None:
    """Neither a later move, nor a new name, nor a deletion, nor a replay changes it."""
    sales, legal = (Team.objects.create(key=key, name=key.title()) for key in ("sales", "legal"))
    ada = User.objects.create_person("ada@example.com", "Ada", external_id="u-1")
    place = Membership.objects.create(user=ada, team=sales, is_primary=True)
    verdicts(good(event_id="1", user_id="u-1"))
    place.team = legal
    place.save()
    Team.objects.filter(pk=sales.pk).update(name="Revenue", deleted_at=NOW)
    assert verdicts(good(event_id="1", user_id="u-1"), good(event_id="2", user_id="u-1")) == [DUPLICATE, ACCEPTED]
    assert sorted(UsageEvent.objects.values_list("team_id", flat=True)) == [sales.pk, legal.pk]


def test_when_an_event_came_in_is_known() -> None:
    earlier = NOW - dt.timedelta(minutes=30)
    verdicts(good(event_id="1"), good(event_id="2", received_at=earlier.isoformat()))
    assert sorted(UsageEvent.objects.values_list("received_at", flat=True)) == [earlier, NOW]


@pytest.mark.django_db(transaction=True)
def test_several_senders_of_the_same_batch_of_new_names_store_each_event_once() -> None:
    batch = [
        good(event_id=str(n), user_id=f"u{n % 40}", email=f"p{n % 40}@example.com", team=f"t{n % 9}", workflow=f"w{n}")
        for n in range(200)
    ]
    with Threads(4) as pool:
        done = [pool.run(ingest, batch[start:] + batch[:start], "test", NOW) for start in (0, 60, 110, 170)]
        answers = [future.result() for future in done]
    assert sum(answer.count(ACCEPTED) for answer in answers) == 200
    assert UsageEvent.objects.count() == PendingEvent.objects.count() == 200
    assert User.objects.count() == 40


# --- Anything at all ----------------------------------------------------------------------------------------------
texts = st.text(st.characters(exclude_categories=[]), max_size=12)  # lone surrogates and control characters too
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | texts
    | st.sampled_from(["", "chat", "workflow", "success", "a@b", "ﷺ@b", "2024-02-29T00:00:00Z", "x" * 201])
)  # fmt: skip
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
events = st.dictionaries(st.sampled_from(FIELDS) | texts, anything, max_size=6)
batches = st.lists(anything | events | events.map(lambda said: fields(event_id="e") | said), max_size=6)


@given(batches)
@examples(60)
def test_whatever_is_sent_every_event_has_a_verdict_and_what_is_accepted_can_be_read(sent: list[Any]) -> None:
    before = event_keys()
    neighbour = good(event_id=f"neighbour {len(before)}", user_id="u-1")
    drafts = [draft(said, NOW) for said in sent]
    answers = verdicts(*drafts, neighbour)
    assert answers[-1] is ACCEPTED
    for said, answer in zip(drafts, answers, strict=False):
        assert (answer == said) if isinstance(said, Rejected) else isinstance(answer, Stored)
    assert len(event_keys()) - len(before) == answers.count(ACCEPTED)
    assert set(verdicts(*drafts, neighbour)) <= {DUPLICATE, *(said for said in drafts if isinstance(said, Rejected))}
    for event in UsageEvent.objects.all():
        assert event.occurred_at >= dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
    for person in User.objects.all():
        assert str(person).encode()


@given(anything, st.sampled_from(FIELDS))
@examples(150)
def test_any_json_in_any_field_is_accepted_or_rejected_with_a_reason(value: Any, field: str) -> None:
    event = draft(fields(**{field: value}), NOW)
    assert isinstance(event, EventDraft) or event.reason.encode()


@given(st.dictionaries(st.sampled_from(FIELDS), texts))
@examples(150)
def test_any_text_in_any_field_of_a_file_is_accepted_or_rejected_with_a_reason(said: dict[str, str]) -> None:
    event = draft(fields() | said, NOW, from_text=True)
    assert isinstance(event, EventDraft) or event.reason.encode()
