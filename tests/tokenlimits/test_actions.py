"""Everything that changes limits: what is refused, what is written, what the audit log says."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from tests.analytics.parallel import Threads
from tests.cast import NOW
from tests.tokenlimits.limits import ann, everybody, limit, override, sales, use
from tests.usermgmt import people
from tokenlimits import actions
from tokenlimits.actions import Rules
from tokenlimits.models import LimitAlert, LimitOverride, Scope, TokenLimit
from usermgmt.models import AuditEntry, User
from usermgmt.refusals import Refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

TODAY = NOW.date()
THIS_MONTH = TODAY.replace(day=1)
SOON = TODAY + dt.timedelta(days=5)


@pytest.fixture
def ada() -> User:
    return people.administrator("Ada")


def unsaved(tokens: int = 100, period: str = "month", scope: Scope = Scope.WORKSPACE, **fields: Any) -> TokenLimit:
    return TokenLimit(scope=scope, period=period, tokens=tokens, enforcement="hard", **fields)


def rules(tokens: int = 200, enforcement: str = "hard", thresholds: tuple[int, ...] = (50, 80, 100)) -> Rules:
    return Rules(tokens, enforcement, thresholds)


def edit(ada: User, made: TokenLimit, new: Rules) -> TokenLimit:
    made.refresh_from_db()
    return actions.edit(ada, made.pk, actions.version(made), new, NOW)


def alert(of: TokenLimit, threshold: int, period_start: dt.date = THIS_MONTH) -> LimitAlert:
    return LimitAlert.objects.create(
        limit=of, period_start=period_start, period_end=dt.date(2026, 4, 1), threshold=threshold,
        used=of.tokens, tokens=of.tokens, elapsed=0.5, reached_at=NOW, told=True,
    )  # fmt: skip


def entry() -> tuple[str, str, dict[str, Any], dict[str, Any]]:
    """The newest entry of the audit log: action, target, before, after."""
    newest = AuditEntry.objects.latest("pk")
    return newest.action, newest.target_name, newest.before, newest.after


# --- Making -------------------------------------------------------------------------------------------------------


def test_a_new_limit_is_stored_and_told_in_the_log(ada: User) -> None:
    made = actions.create(ada, unsaved(100, scope=Scope.TEAM, team=sales()), NOW)
    assert TokenLimit.objects.get() == made
    values = {"tokens": 100, "period": "month", "enforcement": "hard", "thresholds": [50, 80, 100]}
    assert entry() == ("limit.created", "Sales, per month", {}, values)
    assert AuditEntry.objects.latest("pk").team_id == sales().pk


def test_a_persons_limit_stands_on_their_page_in_the_log(ada: User) -> None:
    person = ann()
    actions.create(ada, unsaved(scope=Scope.PERSON, person=person), NOW)
    assert AuditEntry.objects.latest("pk").person_id == person.pk


@pytest.mark.parametrize("scope", list(Scope))
def test_a_second_limit_for_the_same_tokens_and_period_is_refused_and_leaves_nothing(ada: User, scope: Scope) -> None:
    targets: dict[Scope, dict[str, Any]] = {
        Scope.TEAM: {"team": sales()},
        Scope.PERSON: {"person": ann()},
        Scope.MODEL: {"model": "gpt-5"},
    }
    target = targets.get(scope, {})
    first = actions.create(ada, unsaved(scope=scope, **target), NOW)
    before = AuditEntry.objects.count()
    with pytest.raises(Refused) as refused:
        actions.create(ada, unsaved(900, scope=scope, **target), NOW)
    assert refused.value.code == "limit_exists"
    assert AuditEntry.objects.count() == before
    actions.create(ada, unsaved(period="week", scope=scope, **target), NOW)
    actions.remove(ada, first.pk, NOW)
    actions.create(ada, unsaved(scope=scope, **target), NOW)


@pytest.mark.parametrize(
    "wrong",
    [
        {"tokens": 0},
        {"tokens": -1},
        {"tokens": 10**15 + 1},
        {"period": "year"},
        {"scope": "team"},
        {"scope": "person"},
        {"scope": "model"},
        {"scope": "workspace", "model": "gpt-5"},
        {"scope": "everybody", "model": "gpt-5"},
    ],
)
def test_the_database_itself_takes_no_limit_that_makes_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        limit(**({"tokens": 5} | wrong))


@pytest.mark.django_db(transaction=True)
def test_of_two_administrators_who_make_the_same_limit_at_once_one_is_refused(ada: User) -> None:
    def make() -> str:
        try:
            actions.create(ada, unsaved(), NOW)
        except Refused as refused:
            return refused.code
        return "made"

    with Threads(4) as threads:
        outcomes = [threads.run(make) for _ in range(4)]
    assert sorted(outcome.result() for outcome in outcomes) == ["limit_exists"] * 3 + ["made"]
    assert TokenLimit.objects.count() == 1


# --- Editing ------------------------------------------------------------------------------------------------------


def test_an_edit_is_told_with_what_changed_alone(ada: User) -> None:
    made = limit(100)
    edit(ada, made, rules(200, "soft"))
    made.refresh_from_db()
    assert (made.tokens, made.enforcement) == (200, "soft")
    assert entry() == (
        "limit.changed",
        "Workspace, per month",
        {"tokens": 100, "enforcement": "hard"},
        {"tokens": 200, "enforcement": "soft"},
    )


def test_an_edit_that_changes_nothing_is_not_told(ada: User) -> None:
    made = limit(100)
    edit(ada, made, rules(100))
    assert not AuditEntry.objects.exists()


def test_who_edits_what_somebody_else_has_changed_is_refused(ada: User) -> None:
    made = limit(100)
    begun = actions.version(made)
    with connection.cursor() as cursor:  # the clock stands still here
        cursor.execute("UPDATE token_limit SET updated_at = updated_at + interval '1 second', tokens = 150")
    with pytest.raises(Refused) as refused:
        actions.edit(ada, made.pk, begun, rules(), NOW)
    assert refused.value.code == "limit_changed"
    made.refresh_from_db()
    assert made.tokens == 150


def test_a_removed_limit_cannot_be_changed_in_any_way(ada: User) -> None:
    made = limit(100, removed_at=NOW)
    for act in (
        lambda: edit(ada, made, rules()),
        lambda: actions.remove(ada, made.pk, NOW),
        lambda: actions.raise_until(ada, made.pk, 500, SOON, "Why", NOW),
        lambda: actions.end_override(ada, made.pk, NOW),
    ):
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.code == "limit_removed"
    assert not AuditEntry.objects.exists()


def test_a_limit_that_never_was_is_not_found(ada: User) -> None:
    with pytest.raises(TokenLimit.DoesNotExist):
        actions.remove(ada, 987654321, NOW)


# --- Removing -----------------------------------------------------------------------------------------------------


def test_removing_ends_the_limit_and_what_raises_it_and_keeps_its_alerts(ada: User) -> None:
    made = limit(100)
    override(made, 500, ends_on=SOON)
    alert(made, 50)
    actions.remove(ada, made.pk, NOW)
    assert TokenLimit.objects.get().removed_at == NOW
    assert LimitOverride.objects.get().ended_at == NOW
    assert LimitAlert.objects.count() == 1
    action, target, before, after = entry()
    assert (action, target, before["tokens"], after) == ("limit.removed", "Workspace, per month", 100, {})


# --- Raising for a time -------------------------------------------------------------------------------------------


def test_raising_for_a_time_is_stored_and_told(ada: User) -> None:
    made = limit(100)
    actions.raise_until(ada, made.pk, 500, SOON, "Workshop", NOW)
    stored = LimitOverride.objects.get()
    assert (stored.tokens, stored.ends_on, stored.reason, stored.created_by) == (500, SOON, "Workshop", ada)
    values = {"tokens": 500, "ends_on": "2026-03-20", "reason": "Workshop"}
    assert entry() == ("override.created", "Workspace, per month", {}, values)


@pytest.mark.parametrize(
    "tokens, ends_on, code",
    [
        (100, SOON, "override_not_higher"),
        (99, SOON, "override_not_higher"),
        (500, TODAY - dt.timedelta(days=1), "override_over"),
    ],
)
def test_what_raises_nothing_is_refused(ada: User, tokens: int, ends_on: dt.date, code: str) -> None:
    made = limit(100)
    with pytest.raises(Refused) as refused:
        actions.raise_until(ada, made.pk, tokens, ends_on, "Why", NOW)
    assert refused.value.code == code
    assert not LimitOverride.objects.exists()


def test_one_override_at_a_time(ada: User) -> None:
    made = limit(100)
    override(made, 300, ends_on=TODAY - dt.timedelta(days=1))  # over
    override(made, 300, ended_at=NOW)
    actions.raise_until(ada, made.pk, 500, TODAY, "Why", NOW)
    with pytest.raises(Refused) as refused:
        actions.raise_until(ada, made.pk, 900, SOON, "Why", NOW)
    assert refused.value.code == "override_open"


def test_an_override_that_the_limit_has_outgrown_gives_way_to_another(ada: User) -> None:
    made = limit(100)
    actions.raise_until(ada, made.pk, 500, SOON, "Why", NOW)
    edit(ada, made, rules(500))
    actions.raise_until(ada, made.pk, 900, SOON, "More", NOW)
    assert list(LimitOverride.objects.order_by("pk").values_list("tokens", "ended_at")) == [(500, NOW), (900, None)]
    log = AuditEntry.objects.order_by("-pk").values_list("action", flat=True)
    assert list(log[:2]) == ["override.created", "override.ended"]


def test_an_override_can_be_ended_before_its_time_once(ada: User) -> None:
    made = limit(100)
    override(made, 500, ends_on=SOON)
    assert actions.end_override(ada, made.pk, NOW)
    assert not actions.end_override(ada, made.pk, NOW)
    values = {"tokens": 500, "ends_on": "2026-03-20", "reason": "Fair"}
    assert entry() == ("override.ended", "Workspace, per month", values, {})
    assert AuditEntry.objects.count() == 1


# --- Alerts armed again -------------------------------------------------------------------------------------------


def armed_again() -> list[int]:
    return sorted(LimitAlert.objects.filter(rearmed_at=NOW).values_list("threshold", flat=True))


def test_raising_a_limit_arms_the_thresholds_that_are_not_reached_any_more(ada: User) -> None:
    made = limit(100)
    use(100)
    for threshold in (50, 80, 100):
        alert(made, threshold)
    edit(ada, made, rules(125))
    assert armed_again() == [100]  # 100 of 125 is 80 % exactly, which is reached
    edit(ada, made, rules(126))
    assert armed_again() == [80, 100]


def test_an_override_arms_them_too(ada: User) -> None:
    made = limit(100)
    use(100)
    alert(made, 80)
    alert(made, 50)
    actions.raise_until(ada, made.pk, 200, SOON, "Why", NOW)
    assert armed_again() == [80]


def test_lowering_a_limit_arms_nothing(ada: User) -> None:
    made = limit(100)
    use(10)
    alert(made, 50)
    edit(ada, made, rules(90))
    assert armed_again() == []


def test_the_alerts_of_earlier_periods_stay_as_they_are(ada: User) -> None:
    made = limit(100)
    use(100)
    alert(made, 100, period_start=dt.date(2026, 2, 1))
    edit(ada, made, rules(1000))
    assert armed_again() == []


def test_of_a_limit_for_everybody_who_has_an_own_one_does_not_hold_it_reached(ada: User) -> None:
    person = ann()
    made = everybody(100)
    limit(1000, person=person)
    use(150, user_id="ann")
    use(10, user_id="bob")
    alert(made, 50)
    edit(ada, made, rules(120))
    assert armed_again() == [50]
