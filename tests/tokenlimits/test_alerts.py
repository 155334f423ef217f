"""Alerts: every threshold once for each limit and period, whoever looks and however often; and the mail about it."""

from __future__ import annotations

import datetime as dt
import re
import signal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.core import mail as outgoing
from django.db import connection, transaction
from pytest_django import DjangoAssertNumQueries, Settings

from analytics.models.rollups import RollupState
from analytics.rollups.fold import fold_pending
from analytics.rollups.rebuild import rebuild_all
from tests.analytics import parallel, workspace
from tests.analytics.parallel import Threads
from tests.cast import NOW
from tests.tokenlimits.limits import TODAY, ann, everybody, limit, override, sales, use
from tests.usermgmt import people
from tokenlimits import actions, alerts
from tokenlimits.actions import Rules
from tokenlimits.models import LimitAlert, TokenLimit
from usermgmt import outbox
from usermgmt.models import Mail, Status, User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

MINUTE = dt.timedelta(minutes=1)


@pytest.fixture(autouse=True)
def ada() -> User:
    return people.administrator("Ada", email="ada@example.com")


def told(now: dt.datetime = NOW) -> list[int]:
    """The thresholds told by one look, ascending."""
    before = set(LimitAlert.objects.values_list("pk", flat=True))
    count = alerts.tell_due(now)
    new = LimitAlert.objects.exclude(pk__in=before)
    assert len(new) == count
    return sorted(alert.threshold for alert in new)


def sent(now: dt.datetime = NOW) -> list[outgoing.EmailMessage]:
    outgoing.outbox.clear()
    outbox.send_due(now)
    return list(outgoing.outbox)


# --- Once ---------------------------------------------------------------------------------------------------------


def test_each_threshold_is_told_when_it_is_reached_and_never_again() -> None:
    limit(100)
    use(49)
    assert told() == []
    use(1)
    assert told() == [50]  # exactly at it
    assert told() == []
    use(29)
    assert told() == []
    use(1)
    assert told() == [80]
    use(500)
    assert told() == [100]
    assert told() == []


def test_of_several_reached_at_once_all_are_noted_and_the_highest_is_mailed() -> None:
    limit(100)
    use(100)
    assert told() == [50, 80, 100]
    assert list(LimitAlert.objects.filter(told=True).values_list("threshold", flat=True)) == [100]
    assert Mail.objects.count() == 1
    assert [alert.threshold for alert in alerts.latest()] == [100]


def test_what_is_told_is_what_stood_then() -> None:
    person = ann()
    limit(100, person=person)
    use(85, user_id="ann")
    told()
    alert = LimitAlert.objects.get(threshold=80)
    assert (alert.used, alert.tokens, alert.reached_at) == (85, 100, NOW)
    assert (alert.period_start, alert.period_end) == (dt.date(2026, 3, 1), dt.date(2026, 4, 1))
    assert alert.elapsed == pytest.approx((14 + 10.5 / 24) / 31)
    assert alert.projected == round(85 / alert.elapsed)
    assert alert.as_of is not None


def test_a_limit_without_thresholds_tells_nothing() -> None:
    limit(100, thresholds=[])
    use(500)
    assert told() == []


def test_removed_limits_tell_nothing() -> None:
    limit(100, removed_at=NOW)
    use(500)
    assert told() == []


def test_every_administrator_who_can_be_reached_gets_one_mail() -> None:
    people.administrator("Berta")
    people.administrator("Gone", status=Status.DEACTIVATED)
    people.administrator("Silent", email=None, external_id="silent")
    people.person("Member")
    limit(100)
    use(60)
    told()
    told()
    assert sorted(str(mail.recipient) for mail in Mail.objects.all()) == ["Ada", "Berta"]


@pytest.mark.django_db(transaction=True)
def test_however_many_fold_and_look_while_usage_comes_in_each_threshold_is_told_once(ada: User) -> None:
    """Four at once, each with a connection of its own, 120 tokens between them: all thresholds pass in the rush."""
    limit(100)
    everybody(110, "week", thresholds=[50])

    def work() -> int:
        told_here = 0
        for _ in range(6):
            workspace.store(workspace.event(tokens=5, user_id="ann"))
            fold_pending(wait_s=5)
            told_here += alerts.tell_due(NOW)
        return told_here

    with Threads(4) as threads:
        counts = [threads.run(work) for _ in range(4)]
    assert sum(count.result() for count in counts) + alerts.tell_due(NOW) == 4
    stand = LimitAlert.objects.order_by("limit", "threshold").values_list("limit__scope", "threshold", "used")
    assert [(scope, threshold) for scope, threshold, _used in stand] == [
        ("workspace", 50), ("workspace", 80), ("workspace", 100), ("everybody", 50),
    ]  # fmt: skip
    assert all(used >= threshold for _scope, threshold, used in stand)
    assert Mail.objects.count() == LimitAlert.objects.filter(told=True).count()
    assert set(Mail.objects.values_list("subject_id")) == set(LimitAlert.objects.filter(told=True).values_list("pk"))


@pytest.mark.django_db(transaction=True)
def test_many_who_look_at_once_tell_once(ada: User) -> None:
    for number in range(6):
        limit(100, model=f"model {number}")
        use(90, model=f"model {number}")
    with Threads(5) as threads:
        counts = [threads.run(alerts.tell_due, NOW) for _ in range(5)]
    assert sum(count.result() for count in counts) == 12
    assert LimitAlert.objects.count() == 12
    assert Mail.objects.count() == 6


def look_and_break_off(monkeypatch: pytest.MonkeyPatch, now: dt.datetime) -> None:
    """A look whose process ends when it has begun to write."""

    def break_off(*_arguments: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(alerts, "_write_mails", break_off)
        with pytest.raises(SystemExit):
            alerts.tell_due(now)


def test_a_look_that_breaks_off_has_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(100)
    use(100)
    look_and_break_off(monkeypatch, NOW)
    assert not LimitAlert.objects.exists()
    assert told() == [50, 80, 100]
    assert Mail.objects.count() == 1


# --- Periods ------------------------------------------------------------------------------------------------------


def test_a_new_period_tells_anew() -> None:
    limit(100, "day")
    use(60)
    assert told() == [50]
    tomorrow = NOW + dt.timedelta(days=1)
    assert told(tomorrow) == []
    use(60, now=tomorrow)
    assert told(tomorrow) == [50]


def test_late_usage_of_the_last_period_never_opens_it_again() -> None:
    limit(100, "day")
    use(1)
    use(500, days_ago=1)
    assert told() == []


def test_the_period_is_over_at_local_midnight() -> None:
    rebuild_all(ZoneInfo("Europe/Berlin"))
    limit(100, "day")
    midnight = dt.datetime(2026, 3, 14, 23, tzinfo=dt.UTC)
    use(80, now=midnight - MINUTE)
    assert told(midnight - MINUTE) == [50, 80]
    assert told(midnight) == []
    use(60, now=midnight)
    assert told(midnight) == [50]


# --- The last look at a period that is over -----------------------------------------------------------------------

MIDNIGHT = dt.datetime(2026, 3, 16, tzinfo=dt.UTC)  # Sunday to Monday: a day and a week end
SECOND = dt.timedelta(seconds=1)
LAST_YEAR = NOW - dt.timedelta(days=365)


def folded_until(instant: dt.datetime) -> None:
    RollupState.objects.update(as_of=instant)


def test_what_is_reached_just_before_midnight_is_told_just_after_it() -> None:
    limit(100, "day", created_at=LAST_YEAR)
    use(1)
    assert told(MIDNIGHT - 40 * SECOND) == []
    use(99, now=MIDNIGHT - 10 * SECOND)
    assert told(MIDNIGHT + 20 * SECOND) == [50, 80, 100]
    alert = LimitAlert.objects.get(threshold=100)
    assert (alert.period_start, alert.used) == (TODAY, 100)
    assert alert.elapsed == pytest.approx(1)
    assert alert.reached_at < MIDNIGHT
    assert told(MIDNIGHT + 50 * SECOND) == []
    assert Mail.objects.count() == 1


def test_an_outage_over_nights_loses_no_period_that_ended_in_it() -> None:
    for period in ("day", "week", "month"):
        limit(100, period, thresholds=[100], created_at=LAST_YEAR)
    use(1, days_ago=3)
    assert told(NOW - dt.timedelta(days=3)) == []
    use(100, days_ago=2)
    use(100, days_ago=1)
    use(1, now=MIDNIGHT + MINUTE)
    assert told(MIDNIGHT + 90 * MINUTE) == [100] * 4
    stand = LimitAlert.objects.order_by("period_start", "limit").values_list("limit__period", "period_start", "used")
    assert list(stand) == [
        ("month", dt.date(2026, 3, 1), 202),
        ("week", dt.date(2026, 3, 9), 201),
        ("day", dt.date(2026, 3, 13), 100),
        ("day", dt.date(2026, 3, 14), 100),
    ]


def test_an_event_that_arrives_after_the_last_look_tells_nothing() -> None:
    limit(100, "day", created_at=LAST_YEAR)
    use(1)
    assert told() == []
    assert told(MIDNIGHT + MINUTE) == []
    use(500)
    assert told(MIDNIGHT + 2 * MINUTE) == []


def test_the_last_look_waits_until_the_end_of_the_period_is_folded() -> None:
    limit(100, "day", created_at=LAST_YEAR)
    use(1)
    assert told() == []
    folded_until(MIDNIGHT - SECOND)
    assert told(MIDNIGHT + MINUTE) == []
    use(100, now=MIDNIGHT - SECOND)
    folded_until(MIDNIGHT)
    assert told(MIDNIGHT + 2 * MINUTE) == [50, 80, 100]


def test_a_limit_made_after_the_end_of_a_period_is_not_held_against_it() -> None:
    use(100)
    assert told() == []
    limit(100, "day", created_at=MIDNIGHT)
    assert told(MIDNIGHT + MINUTE) == []


def test_without_an_earlier_look_only_the_present_period_is_looked_at() -> None:
    limit(100, "day", created_at=LAST_YEAR)
    use(100)
    assert told(MIDNIGHT + MINUTE) == []


def test_a_last_look_that_breaks_off_is_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(100, "day", created_at=LAST_YEAR)
    use(1)
    assert told() == []
    use(99)
    look_and_break_off(monkeypatch, MIDNIGHT + MINUTE)
    assert told(MIDNIGHT + MINUTE) == [50, 80, 100]


@pytest.mark.django_db(transaction=True)
def test_many_who_look_back_at_once_tell_once(ada: User) -> None:
    limit(100, "day", created_at=LAST_YEAR)
    use(1)
    assert told() == []
    use(99)
    with Threads(5) as threads:
        counts = [threads.run(alerts.tell_due, MIDNIGHT + MINUTE) for _ in range(5)]
    assert sorted(count.result() for count in counts) == [0, 0, 0, 0, 3]
    assert Mail.objects.count() == 1


# --- Changed limits -----------------------------------------------------------------------------------------------


def edit(made: TokenLimit, tokens: int, ada: User) -> None:
    made.refresh_from_db()
    actions.edit(ada, made.pk, actions.version(made), Rules(tokens, "hard", (50, 80, 100)), NOW)


def test_a_raised_limit_tells_its_thresholds_again_when_they_are_reached_again(ada: User) -> None:
    made = limit(100)
    use(85)
    assert told() == [50, 80]
    edit(made, 200, ada)
    assert told() == []
    use(15)  # 100 of 200
    assert told() == [50]
    use(60)
    assert told() == [80]


def test_a_raise_that_changes_nothing_about_a_threshold_does_not_tell_it_again(ada: User) -> None:
    made = limit(100)
    use(85)
    assert told() == [50, 80]
    edit(made, 101, ada)
    assert told() == []


def test_a_limit_lowered_below_its_use_tells_at_once_what_is_new(ada: User) -> None:
    made = limit(100)
    use(60)
    assert told() == [50]
    edit(made, 60, ada)
    assert told() == [80, 100]


def test_when_an_override_is_over_what_is_reached_without_it_is_told_again(ada: User) -> None:
    made = limit(100)
    use(100)
    told()
    actions.raise_until(ada, made.pk, 1000, NOW.date(), "Why", NOW)
    assert told() == []
    assert told(NOW + dt.timedelta(days=1)) == [50, 80, 100]


def test_an_override_counts_while_it_is_open() -> None:
    override(limit(100), 1000)
    use(100)
    assert told() == []


def _somebody_waits_for_a_row() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")
        return cursor.fetchone() is not None


@pytest.mark.django_db(transaction=True)
def test_a_limit_that_is_raised_while_somebody_looks_tells_nothing(ada: User) -> None:
    made = limit(100)
    use(100)
    with Threads(1) as threads:
        with transaction.atomic():
            edit(made, 1000, ada)
            looked = threads.run(alerts.tell_due, NOW)  # reads the limit as it was, and waits for its row
            parallel.until(_somebody_waits_for_a_row, "the look comes to the limit")
        assert looked.result() == 0
    assert not LimitAlert.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_limit_that_is_raised_while_it_is_told_is_armed_again(ada: User) -> None:
    made = limit(100)
    use(85)
    with Threads(2) as threads:
        with parallel.locked("limit_alert"):
            looked = threads.run(alerts.tell_due, NOW)  # has the limit's row, and waits to write
            parallel.until_somebody_waits_for("limit_alert")
            edited = threads.run(edit, made, 1000, ada)
            parallel.until(_somebody_waits_for_a_row, "the edit comes to the limit")
        assert looked.result() == 2
        edited.result()
    assert LimitAlert.objects.filter(rearmed_at__isnull=True).count() == 0
    use(415)
    assert told() == [50]


# --- Every person -------------------------------------------------------------------------------------------------


def test_a_limit_for_every_person_is_told_once_with_whoever_was_first() -> None:
    person = ann()
    everybody(100)
    use(60, user_id="ann")
    assert told() == [50]
    use(70, user_id="bob")
    assert told() == []
    use(30, user_id="ann")
    assert told() == [80]
    assert {alert.person for alert in LimitAlert.objects.all()} == {person}


def test_who_reached_it_and_gets_a_limit_of_their_own_frees_it_for_the_others(ada: User) -> None:
    person = ann()
    everybody(100)
    use(100, user_id="ann")
    use(55, user_id="bob")
    assert told() == [50, 80, 100]
    own = TokenLimit(scope="person", person=person, period="month", tokens=500, enforcement="soft", thresholds=[])
    actions.create(ada, own, NOW)
    assert told() == []  # Bob is beyond the half still
    use(30, user_id="bob")
    assert told() == [80]
    newest = LimitAlert.objects.latest("pk")
    assert (newest.person and newest.person.external_id, newest.used) == ("bob", 85)


# --- The mail -----------------------------------------------------------------------------------------------------


def test_the_mail_says_which_limit_how_much_the_pace_and_until_when(settings: Settings) -> None:
    settings.BASE_URL = "https://panta.example"
    limit(100, team=sales())
    use(85, team="Sales")
    told()
    (message,) = sent()
    assert message.subject == "80 % of a token limit used: Sales, per month"
    assert message.to == ["ada@example.com"]
    for said in (
        "Used: 85 tokens (85\N{NO-BREAK SPACE}%)",
        "Limit: 100 tokens",
        "Pace: 47\N{NO-BREAK SPACE}% of the period has passed, 183 tokens at its end",
        "Runs out: about 17\N{NO-BREAK SPACE}Mar\N{NO-BREAK SPACE}2026",
        "Begins anew: 1\N{NO-BREAK SPACE}Apr\N{NO-BREAK SPACE}2026 (UTC)",
        "block requests",
        "https://panta.example/admin/limits/",
    ):
        assert said in message.body, message.body
    html = message.alternatives[0][0]  # type: ignore[attr-defined]
    assert "85" in html
    assert "https://panta.example/admin/limits/" in html


_DIES_WHEN_THE_SERVER_HAS_TAKEN_IT = """
import os, signal, sys
import django
django.setup()
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone
from tokenlimits import alerts
from usermgmt import outbox

def taken(message):
    with open(sys.argv[1], "w") as file:
        file.write(message.extra_headers["Message-ID"])
    os.kill(os.getpid(), signal.SIGKILL)

EmailMultiAlternatives.send = taken
now = timezone.datetime.fromisoformat(sys.argv[2])
assert alerts.tell_due(now) == 3
outbox.send_due(now)
"""


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_after_the_server_took_the_mail_leads_to_the_same_mail_again(tmp_path: Path) -> None:
    """Told by one process and sent by another: one alert, one row in the outbox, one Message-ID."""
    limit(100)
    use(100)
    note = tmp_path / "message-id"
    worker = parallel.python("-c", _DIES_WHEN_THE_SERVER_HAS_TAKEN_IT, str(note), NOW.isoformat())
    assert worker.wait(parallel.PATIENCE_S) == -signal.SIGKILL
    assert told() == []
    parallel.until(lambda: bool(sent()), "the mail is free again")
    (message,) = outgoing.outbox
    assert message.message()["Message-ID"] == note.read_text() != ""
    assert sent() == []
    assert (LimitAlert.objects.count(), Mail.objects.count()) == (3, 1)


def test_each_mail_has_an_id_of_its_own(settings: Settings) -> None:
    settings.BASE_URL = "https://panta.example:8443/"
    people.administrator("Berta", email="berta@example.com")
    limit(100)
    use(100)
    told()
    ids = {message.message()["Message-ID"] for message in sent()}
    assert len(ids) == 2
    assert all(re.fullmatch(r"<limit-alert\.[0-9.]+@panta\.example>", one) for one in ids)


def test_a_name_in_the_mail_is_text() -> None:
    limit(10, team=people.team("<b>Sales</b>"))
    use(10, team="<b>Sales</b>")
    told()
    (message,) = sent()
    assert "<b>" not in message.alternatives[0][0]  # type: ignore[attr-defined]
    assert "<b>Sales</b>" in message.subject


def test_a_reached_soft_limit_says_that_requests_go_on() -> None:
    limit(100, hard=False)
    use(100)
    told()
    (message,) = sent()
    assert message.subject == "Token limit reached: Workspace, per month"
    assert "Requests go on" in message.body


def test_who_is_no_administrator_any_more_gets_none(ada: User) -> None:
    people.administrator("Berta", email="berta@example.com")
    limit(100)
    use(100)
    told()
    User.objects.filter(pk=ada.pk).update(role="user")
    assert [message.to for message in sent()] == [["berta@example.com"]]


def test_a_removed_limit_is_not_mailed_about() -> None:
    made = limit(100)
    use(100)
    told()
    TokenLimit.objects.filter(pk=made.pk).update(removed_at=NOW)
    assert sent() == []


def test_with_the_mail_server_down_the_alert_stands_and_its_mail_goes_out_later(settings: Settings) -> None:
    limit(100)
    use(100)
    told()
    working = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert sent() == []
    assert Mail.objects.get().attempts == 1
    settings.EMAIL_BACKEND = working
    assert len(sent(NOW + dt.timedelta(hours=1))) == 1
    assert sent(NOW + dt.timedelta(hours=2)) == []


def test_it_is_written_in_the_language_of_who_gets_it(ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(language="de")
    limit(100)
    use(100)
    told()
    assert Mail.objects.get().language == "de"


# --- Cost ---------------------------------------------------------------------------------------------------------


def test_a_look_that_finds_nothing_new_takes_six_queries(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for number in range(5):
        limit(100, model=f"model {number}")
        use(60, model=f"model {number}")
    assert told() == [50] * 5
    with django_assert_num_queries(6):
        assert alerts.tell_due(NOW) == 0
