"""Used, allowed, remaining and state of every kind of limit, at every edge of its period."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from pytest_django import DjangoAssertNumQueries

from analytics.periods import DayRange
from analytics.rollups.rebuild import rebuild_all
from tests.cast import NOW
from tests.tokenlimits.limits import ann, everybody, limit, override, sales, use
from tests.usermgmt import people
from tokenlimits import meter
from tokenlimits.meter import Level, Reading
from tokenlimits.models import Scope, TokenLimit

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

UTC = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")


def read(now: dt.datetime = NOW, zone: ZoneInfo = UTC) -> list[Reading]:
    """Of all limits in force, in the order in which they were made."""
    limits = list(meter.limits_in_force(now.astimezone(zone).date()).order_by("pk"))
    return list(meter.read(limits, now, zone))


def used(now: dt.datetime = NOW, zone: ZoneInfo = UTC) -> list[int]:
    return [reading.used for reading in read(now, zone)]


# --- Whose tokens -------------------------------------------------------------------------------------------------


def test_each_kind_of_limit_counts_its_own_tokens() -> None:
    person = ann()
    people.person("Bob", external_id="bob", teams=("Legal",))
    limit(1000)
    limit(1000, team=sales())
    limit(1000, person=person)
    limit(1000, model="gpt-5")
    everybody(1000)
    use(1, user_id="ann", model="gpt-5")
    use(10, user_id="ann", team="Legal")
    use(100, user_id="bob", model="gpt-5-mini")
    use(500, model="gpt-5")
    assert used() == [611, 1, 11, 501, 100]  # of every person: Bob's, because Ann has a limit of her own


def test_a_limit_for_every_person_says_who_used_the_most_and_how_many_reached_it() -> None:
    bob = people.person("Bob", external_id="bob")
    ann()
    everybody(100)
    use(100, user_id="ann")
    use(150, user_id="bob")
    use(99, user_id="cid")
    use(1000)
    (reading,) = read()
    assert reading.everybody is not None
    assert (reading.used, reading.everybody.highest_id) == (150, bob.pk)
    assert (reading.everybody.people, reading.everybody.reached) == (3, 2)


def test_a_persons_own_limit_stands_in_place_of_the_one_for_everybody_over_the_same_period_alone() -> None:
    person = ann()
    limit(10, "day", person=person)
    everybody(1000, "month")
    use(40, user_id="ann")
    assert used() == [40, 40]


def test_removed_limits_are_not_read() -> None:
    limit(10, removed_at=NOW)
    assert read() == []


@pytest.mark.parametrize("what", ["team", "person"])
def test_a_limit_of_what_is_deleted_goes_on_counting(what: str) -> None:
    person, team = ann(), sales()
    use(30, user_id="ann")
    limit(100, person=person) if what == "person" else limit(100, team=team)
    team.deleted_at, person.status = NOW, "deleted"
    team.save()
    person.save()
    use(5, user_id="ann", team="Sales")
    assert used() == [35]


# --- When ---------------------------------------------------------------------------------------------------------


def test_a_limit_made_in_mid_period_counts_what_was_used_since_the_period_began() -> None:
    """Sunday 15 March 2026: the month began fourteen days ago, the week on Monday the 9th."""
    use(1, days_ago=0)
    use(10, days_ago=6)
    use(100, days_ago=14)
    use(1000, days_ago=15)
    limit(9999, "day")
    limit(9999, "week")
    limit(9999, "month")
    assert used() == [1, 11, 111]


def test_a_period_ends_at_local_midnight() -> None:
    rebuild_all(BERLIN)
    limit(100, "day")
    before = dt.datetime(2026, 3, 14, 22, 59, 59, tzinfo=dt.UTC)  # 23:59:59 on Saturday
    after = dt.datetime(2026, 3, 14, 23, 0, tzinfo=dt.UTC)
    use(60, now=before)
    use(7, now=after)
    (saturday,), (sunday,) = read(before, BERLIN), read(after, BERLIN)
    assert (saturday.used, saturday.resets_at) == (60, after)
    assert (sunday.used, sunday.days.start) == (7, dt.date(2026, 3, 15))


@pytest.mark.parametrize("day, hours", [("2025-10-26", 25), ("2025-03-30", 23)], ids=["25 hours", "23 hours"])
def test_days_on_which_clocks_change_are_counted_whole(day: str, hours: int) -> None:
    rebuild_all(BERLIN)
    limit(100, "day")
    days = DayRange(dt.date.fromisoformat(day), dt.date.fromisoformat(day) + dt.timedelta(days=1))
    start, end = days.bounds(BERLIN)
    tick = dt.timedelta(microseconds=1)
    for tokens, instant in ((1, start - tick), (10, start), (20, end - tick), (1000, end)):
        use(tokens, now=instant)
    (reading,) = read(start + dt.timedelta(hours=3), BERLIN)
    assert (reading.used, reading.resets_at) == (30, end)
    assert reading.resets_at - start == dt.timedelta(hours=hours)


# --- How full -----------------------------------------------------------------------------------------------------


def reading(tokens: int, of: int, *, hard: bool = True) -> Reading:
    made = TokenLimit(scope=Scope.WORKSPACE, tokens=of, period="month", enforcement="hard" if hard else "soft")
    return Reading(made, DayRange(dt.date(2026, 3, 1), dt.date(2026, 4, 1)), NOW, tokens, of)


@pytest.mark.parametrize(
    "tokens, level, threshold",
    [
        (0, Level.CALM, None),
        (499, Level.CALM, None),
        (500, Level.CALM, 50),
        (749, Level.CALM, 50),
        (750, Level.AMBER, 50),
        (800, Level.AMBER, 80),
        (899, Level.AMBER, 80),
        (900, Level.RED, 80),
        (999, Level.RED, 80),
        (1000, Level.REACHED, 100),
        (5000, Level.REACHED, 100),
    ],
)
def test_exactly_at_an_edge_is_over_it(tokens: int, level: Level, threshold: int | None) -> None:
    found = reading(tokens, 1000)
    assert (found.level, found.threshold) == (level, threshold)
    assert found.is_reached == found.blocks == (tokens >= 1000)
    assert found.remaining == max(0, 1000 - tokens)


def test_a_share_of_what_cannot_be_divided_is_not_rounded_up() -> None:
    """75 % of a quadrillion and one lies between two whole numbers."""
    most = 10**15 - 1
    three_quarters = 749_999_999_999_999
    assert reading(three_quarters, most).level is Level.CALM
    assert reading(three_quarters + 1, most).level is Level.AMBER


def test_a_soft_limit_never_blocks() -> None:
    assert not reading(10, 10, hard=False).blocks


def test_a_limit_lowered_below_its_use_is_reached() -> None:
    made = limit(1000)
    use(600)
    made.tokens = 500
    made.save()
    (found,) = read()
    assert (found.is_reached, found.remaining, found.share) == (True, 0, 1.2)


# --- Overrides ----------------------------------------------------------------------------------------------------


def test_an_override_counts_to_the_end_of_its_last_day_in_the_reporting_zone() -> None:
    override(limit(100), 500, ends_on=NOW.date())
    midnight = dt.datetime(2026, 3, 15, 23, tzinfo=dt.UTC)  # the 16th begins in Berlin
    (last,), (over,) = read(midnight - dt.timedelta(seconds=1), BERLIN), read(midnight, BERLIN)
    assert (last.allowed, over.allowed) == (500, 100)
    assert last.override is not None
    assert over.override is None


def test_an_override_that_was_ended_does_not_count() -> None:
    override(limit(100), 500, ended_at=NOW)
    assert [found.allowed for found in read()] == [100]


def test_a_limit_raised_beyond_its_override_counts_as_it_is() -> None:
    override(limit(900), 500)
    assert [found.allowed for found in read()] == [900]


# --- Cost ---------------------------------------------------------------------------------------------------------


def test_however_many_limits_they_are_read_by_four_queries(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for number in range(12):
        override(limit(100, model=f"model {number}"), 200)
        limit(100, person=people.person())
    everybody(100)
    with django_assert_num_queries(4):  # limits, overrides, sums, everybody's
        assert len(read()) == 25
