"""The answer before a request: allowed, warn or blocked, by which limit, and what it leaves."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from pytest_django import DjangoAssertNumQueries

from analytics.rollups import state
from analytics.rollups.rebuild import rebuild_all
from tests.analytics import workspace
from tests.cast import NOW
from tests.tokenlimits.limits import ann, everybody, limit, override, sales, use
from tests.usermgmt import people
from tokenlimits.applying import Question
from tokenlimits.check import Answer, Decision, Verdict, check
from tokenlimits.models import TokenLimit
from usermgmt.models import Membership

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]


def ask(user: str = "", team: str = "", model: str = "", tokens: int = 0, now: dt.datetime = NOW) -> Answer:
    return check(Question(user, team, model, tokens), now)


def decide(**question: object) -> Decision:
    return ask(**question).decision  # type: ignore[arg-type]


def binding(answer: Answer) -> Verdict:
    assert answer.binding is not None
    return answer.binding


def applying(answer: Answer) -> set[int]:
    return {verdict.limit.id for verdict in answer.verdicts}


# --- What is decided ----------------------------------------------------------------------------------------------


def test_without_limits_everything_is_allowed() -> None:
    answer = ask(user="whoever")
    assert (answer.decision, answer.binding, answer.verdicts) == (Decision.ALLOWED, None, ())


@pytest.mark.parametrize(
    "used, wanted, hard, soft",
    [
        (0, 0, Decision.ALLOWED, Decision.ALLOWED),
        (49, 0, Decision.ALLOWED, Decision.ALLOWED),
        (50, 0, Decision.WARN, Decision.WARN),  # the first threshold
        (99, 0, Decision.WARN, Decision.WARN),
        (99, 1, Decision.WARN, Decision.WARN),  # what still fits
        (99, 2, Decision.BLOCKED, Decision.WARN),
        (100, 0, Decision.BLOCKED, Decision.WARN),  # exactly at it is reached
        (101, 0, Decision.BLOCKED, Decision.WARN),
        (10, 90, Decision.ALLOWED, Decision.ALLOWED),
        (10, 91, Decision.BLOCKED, Decision.WARN),
    ],
)
def test_the_decision_at_every_edge(used: int, wanted: int, hard: Decision, soft: Decision) -> None:
    made = limit(100)
    use(used)
    assert decide(tokens=wanted) is hard
    TokenLimit.objects.filter(pk=made.pk).update(enforcement="soft")
    assert decide(tokens=wanted) is soft


def test_without_thresholds_nothing_warns_before_the_limit() -> None:
    limit(100, thresholds=[])
    use(99)
    assert decide() is Decision.ALLOWED


def test_it_says_what_is_left_and_until_when() -> None:
    limit(100, "week")
    use(60)
    found = binding(ask())
    assert (found.limit.name, found.used, found.allowed) == ("Workspace", 60, 100)
    assert (found.remaining, found.threshold) == (40, 50)
    assert found.resets_at == dt.datetime(2026, 3, 16, tzinfo=dt.UTC)


def test_it_is_as_fresh_as_the_last_fold_and_says_so() -> None:
    limit(100)
    assert ask().as_of is None
    use(10)
    workspace.store(workspace.event(tokens=90))
    answer = ask()
    assert (answer.decision, answer.as_of) == (Decision.ALLOWED, state.read().as_of)
    assert answer.as_of is not None
    use(0)
    assert decide() is Decision.BLOCKED


def test_the_new_period_begins_at_local_midnight() -> None:
    rebuild_all(ZoneInfo("America/New_York"))
    limit(100, "day")
    midnight = dt.datetime(2026, 3, 15, 4, tzinfo=dt.UTC)
    use(100, now=midnight - dt.timedelta(minutes=1))
    before, after = ask(now=midnight - dt.timedelta(seconds=1)), ask(now=midnight)
    assert (before.decision, after.decision) == (Decision.BLOCKED, Decision.ALLOWED)
    assert binding(before).resets_at == midnight
    assert binding(after).resets_at == midnight + dt.timedelta(hours=24)


# --- Which limits apply -------------------------------------------------------------------------------------------


def test_all_limits_that_fit_are_named_and_the_others_are_not() -> None:
    person = ann()
    fitting = {limit(10).pk, limit(10, team=sales()).pk, limit(10, person=person).pk, limit(10, model="gpt-5").pk}
    limit(10, team=people.team("Legal"))
    limit(10, person=people.person())
    limit(10, model="gpt-5-mini")
    limit(10, "day", removed_at=NOW)
    assert applying(ask(user="ann", model="gpt-5")) == fitting


def test_a_person_is_known_by_the_platforms_id_and_by_address_however_it_is_spelt() -> None:
    made = limit(10, person=ann())
    for name in ("ann", "ann@example.com", " Ann@Example.COM "):
        assert applying(ask(user=name)) == {made.pk}, name
    assert applying(ask(user="Ann")) == set()


def test_an_id_that_is_somebody_elses_address_means_the_id() -> None:
    by_address = people.person("Address", email="x@example.com")
    by_id = people.person("Id", external_id="x@example.com", email="other@example.com")
    limit(10, person=by_address)
    made = limit(10, person=by_id)
    assert applying(ask(user="x@example.com")) == {made.pk}


def test_the_team_is_the_one_named_else_the_persons_primary_one() -> None:
    person = ann()
    legal = people.team("Legal")
    Membership.objects.create(user=person, team=legal)
    of_sales, of_legal = limit(10, team=sales()), limit(10, team=legal)
    assert applying(ask(user="ann")) == {of_sales.pk}
    assert applying(ask(user="ann", team="Legal")) == {of_legal.pk}
    assert applying(ask(user="ann", team="Nobody's")) == set()
    assert applying(ask(team="Sales")) == {of_sales.pk}


def test_a_renamed_team_is_found_by_the_name_that_usage_goes_on_using() -> None:
    team = sales()
    team.name = "Revenue"
    team.save()
    made = limit(10, team=team)
    assert applying(ask(team="Sales")) == {made.pk}
    assert ask(team="Revenue").unknown == ("team",)


def test_a_deleted_team_is_nobodys_primary_one_but_counts_where_it_is_named() -> None:
    ann()
    made = limit(10, team=sales())
    team = sales()
    team.deleted_at = NOW
    team.save()
    assert applying(ask(user="ann")) == set()
    assert applying(ask(user="ann", team="Sales")) == {made.pk}


def test_a_deleted_person_stays_limited() -> None:
    person = ann(status="deleted", deleted_at=NOW)
    limit(10, person=person)
    use(10, user_id="ann")
    assert decide(user="ann") is Decision.BLOCKED


def test_a_limit_for_every_person_counts_each_apart_and_knows_the_unknown() -> None:
    ann()
    made = everybody(10)
    use(10, user_id="ann")
    use(5, user_id="bob")
    assert (decide(user="ann"), decide(user="bob"), decide(user="new")) == (
        Decision.BLOCKED,
        Decision.WARN,
        Decision.ALLOWED,
    )
    assert applying(ask(user="new")) == {made.pk}
    assert decide(user="new", tokens=11) is Decision.BLOCKED
    assert applying(ask()) == set()


def test_a_persons_own_limit_stands_in_place_of_the_one_for_everybody_while_it_is_there() -> None:
    person = ann()
    month, day = everybody(10), everybody(10, "day")
    own = limit(100, person=person)
    use(10, user_id="ann", days_ago=1)
    assert applying(ask(user="ann")) == {own.pk, day.pk}
    TokenLimit.objects.filter(pk=own.pk).update(removed_at=NOW)
    assert applying(ask(user="ann")) == {month.pk, day.pk}
    assert decide(user="ann") is Decision.BLOCKED


# --- The tightest binds -------------------------------------------------------------------------------------------


def test_the_worst_decision_binds_whatever_else_is_left() -> None:
    ann()
    soft = limit(50, "day", hard=False)
    hard = limit(100)
    limit(51, team=sales())
    use(100, team="Legal")
    answer = ask(user="ann")
    assert answer.decision is Decision.BLOCKED
    assert [verdict.limit.id for verdict in answer.verdicts[:2]] == [hard.pk, soft.pk]


def test_of_equal_decisions_the_one_with_the_fewest_tokens_left_binds() -> None:
    limit(1000)
    tightest = limit(200, "week")
    use(100)
    assert binding(ask()).limit.id == tightest.pk


def test_of_two_that_block_the_one_that_lasts_longer_binds() -> None:
    limit(100, "day")
    longer = limit(100, "month")
    limit(100, "week")
    use(100)
    answer = ask()
    assert binding(answer).limit.id == longer.pk
    assert [verdict.limit.period for verdict in answer.verdicts] == ["month", "day", "week"]


# --- Overrides ----------------------------------------------------------------------------------------------------


def test_an_override_allows_more_until_its_last_day_is_over() -> None:
    override(limit(100), 200, ends_on=NOW.date())
    use(150)
    midnight = dt.datetime(2026, 3, 16, tzinfo=dt.UTC)
    during, after = ask(now=midnight - dt.timedelta(seconds=1)), ask(now=midnight)
    assert (during.decision, binding(during).allowed, binding(during).override_until) == (
        Decision.WARN,
        200,
        NOW.date(),
    )
    assert (after.decision, binding(after).allowed, binding(after).override_until) == (Decision.BLOCKED, 100, None)


def test_days_of_23_and_of_25_hours_are_whole() -> None:
    """Berlin's clocks go forward on 29 March 2026 and back on 25 October."""
    rebuild_all(ZoneInfo("Europe/Berlin"))
    limit(100, "day")
    for start, hours in (("2026-03-28T23:00Z", 23), ("2026-10-24T22:00Z", 25)):
        first = dt.datetime.fromisoformat(start)
        next_day = first + dt.timedelta(hours=hours)
        moment = dt.timedelta(seconds=1)
        use(50, now=first)
        use(50, now=next_day - moment)
        at_start, at_end, after = (ask(now=now) for now in (first, next_day - moment, next_day))
        assert [binding(each).used for each in (at_start, at_end, after)] == [100, 100, 0]
        assert binding(at_start).resets_at == binding(at_end).resets_at == next_day
        assert binding(ask(now=first - moment)).resets_at == first
        assert (at_end.decision, after.decision) == (Decision.BLOCKED, Decision.ALLOWED)


# --- Unknown names ------------------------------------------------------------------------------------------------


def test_unknown_names_are_told_and_what_applies_without_them_still_does() -> None:
    made = limit(10)
    answer = ask(user="nobody", team="nowhere", model="nothing")
    assert answer.unknown == ("user", "team", "model")
    assert applying(answer) == {made.pk}


def test_a_model_is_known_by_its_limit_or_by_its_use() -> None:
    limit(10, model="limited")
    use(5, model="used", days_ago=80)
    assert ask(model="limited").unknown == ask(model="used").unknown == ()
    assert ask(model="Used").unknown == ("model",)


# --- Cost ---------------------------------------------------------------------------------------------------------


def test_it_takes_two_queries_however_many_limits_there_are(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    person = ann()
    for period in ("day", "week", "month"):
        limit(10, period)
        override(limit(10, period, person=person), 20)
        limit(10, period, team=sales())
        limit(10, period, model="gpt-5")
        for number in range(10):
            limit(10, period, model=f"model {number}")
    with django_assert_num_queries(2):
        assert len(ask(user="ann", model="gpt-5").verdicts) == 12
