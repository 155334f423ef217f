"""Thresholds that are reached, told once for each limit, period and threshold, whoever looks and however often.

In: an instant. Out: `LimitAlert` rows and, in the same transaction, a mail to every administrator in the outbox. A
period that is over is looked at once more, when all that came in until its end is folded; then it is closed: late usage
never opens it again.
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import QuerySet

from analytics.metrics import spending
from analytics.periods import DayRange, local_midnight
from analytics.rollups import state
from analytics.rollups.state import State
from tokenlimits import meter, pace
from tokenlimits.meter import Reading, allowed_by, meter_of, override_of, reaches
from tokenlimits.models import LimitAlert, LimitLook, TokenLimit
from tokenlimits.pace import Pace
from tokenlimits.periods import Period
from usermgmt import administrators
from usermgmt.languages import for_mail
from usermgmt.models import Mail, MailKind

DAY = dt.timedelta(days=1)
MOST_ENDS = dt.timedelta(days=31)  # after a longer outage nobody wants to be told of what ended before


def tell_due(now: dt.datetime) -> int:
    """Tells what is reached and was not told; how many alerts that were. Six queries where nothing is."""
    at = state.read()
    told_of_ended = _close_ended(now, at)
    return told_of_ended + _look(list(meter.limits_in_force(now.astimezone(at.time_zone).date())), now, at)


def _close_ended(now: dt.datetime, at: State) -> int:
    """Looks a last time at the periods that ended since the last look; how many alerts. One query where none did.

    Those whose end is not folded yet wait. Without an earlier look only the present periods count.
    """
    if at.as_of is None:
        return 0
    today = min(now, at.as_of).astimezone(at.time_zone).date()
    closed_on = LimitLook.objects.values_list("closed_on", flat=True).first()
    if closed_on is None:
        LimitLook.objects.bulk_create([LimitLook(closed_on=today)], ignore_conflicts=True)
    return _close(today, at) if closed_on and closed_on < today else 0


@transaction.atomic
def _close(today: dt.date, at: State) -> int:
    """Tells of every period that ended on a day after the last one closed, up to `today`; how many alerts.

    Under a lock: who looks at the same time must not find usage that arrived after the period was closed.
    """
    look = LimitLook.objects.select_for_update().get()
    if look.closed_on >= today:
        return 0
    first = max(look.closed_on, today - MOST_ENDS) + DAY
    told = sum(_look_back(end, at) for end in DayRange(first, today + DAY))
    LimitLook.objects.update(closed_on=today)
    return told


def _look_back(end: dt.date, at: State) -> int:
    """The look at the periods that end with the first moment of `end`, as of their last moment."""
    over_at = local_midnight(end, at.time_zone)
    last_day = end - DAY
    limits = meter.limits_in_force(last_day).filter(
        created_at__lt=over_at, period__in=[period for period in Period if period.around(last_day).end == end]
    )
    return _look(list(limits), over_at - dt.timedelta.resolution, at)


def _look(limits: list[TokenLimit], now: dt.datetime, at: State) -> int:
    """Tells what of these limits is reached in the period that holds `now`; how many alerts.

    What was told is read first: adding up what every person used takes longer, and nothing is left to be told often.
    """
    today = now.astimezone(at.time_zone).date()
    told = _told([limit.pk for limit in limits], {period.around(today).start for period in Period})
    open_ = [limit for limit in limits if _left(limit, Period(limit.period).around(today), told)]
    readings = meter.read(open_, now, at.time_zone, meter.own_limits(limits)) if open_ else ()
    return sum(_tell(reading, now, at) for reading in readings if _untold(reading, told))


_Told = set[tuple[int, dt.date, int]]


def _told(limits: list[int], starts: set[dt.date]) -> _Told:
    alerts = LimitAlert.objects.filter(limit__in=limits, period_start__in=starts, rearmed_at__isnull=True)
    return set(alerts.values_list("limit_id", "period_start", "threshold"))


def _left(limit: TokenLimit, days: DayRange, told: _Told) -> list[int]:
    """The thresholds that were not told in this period, ascending."""
    return [threshold for threshold in sorted(limit.thresholds) if (limit.pk, days.start, threshold) not in told]


def _untold(reading: Reading, told: _Told) -> list[int]:
    """Those of them that are reached."""
    left = _left(reading.limit, reading.days, told)
    return [threshold for threshold in left if reaches(reading.used, threshold, reading.allowed)]


@transaction.atomic
def _tell(seen: Reading, now: dt.datetime, at: State) -> int:
    """Stores the alerts and mails of one limit; how many alerts. Nobody else tells of it, or changes it, meanwhile."""
    TokenLimit.objects.select_for_update(of=["self"]).get(pk=seen.limit.pk)
    limit = meter.limits_in_force(now.astimezone(at.time_zone).date()).filter(pk=seen.limit.pk).first()
    if limit is None:
        return 0
    override = override_of(limit)
    reading = Reading(
        limit, seen.days, seen.resets_at, seen.used, allowed_by(limit, override), override, seen.everybody
    )
    thresholds = _untold(reading, _told([limit.pk], {reading.days.start}))
    if not thresholds:
        return 0
    person_id = reading.everybody.highest_id if reading.everybody else None
    at_pace = pace_of(reading, now, at.time_zone)
    alerts = [_alert(reading, threshold, person_id, at_pace, now, at) for threshold in thresholds]
    alerts[-1].told = True  # of several at once the highest says it all
    *_lower, highest = LimitAlert.objects.bulk_create(alerts)
    _write_mails(highest, now)
    return len(alerts)


def pace_of(reading: Reading, now: dt.datetime, zone: ZoneInfo) -> Pace:
    """The pace of what is read. One query."""
    history = pace.history_of(reading.days)
    person_id = reading.everybody.highest_id if reading.everybody else 0
    by_day = spending.tokens_by_day(meter_of(reading.limit, history, person_id))
    days = dict(zip(history, by_day, strict=True))
    return pace.pace(reading.days, now, zone, reading.used, reading.allowed, days, reading.fall)


def _alert(
    reading: Reading, threshold: int, person_id: int | None, at_pace: Pace, now: dt.datetime, at: State
) -> LimitAlert:
    return LimitAlert(
        limit=reading.limit,
        period_start=reading.days.start,
        period_end=reading.days.end,
        threshold=threshold,
        used=reading.used,
        tokens=reading.allowed,
        person_id=person_id,
        elapsed=at_pace.elapsed,
        projected=at_pace.projected,
        runs_out=at_pace.runs_out,
        as_of=at.as_of,
        reached_at=now,
    )


def latest() -> QuerySet[LimitAlert]:
    """What administrators were told of, the newest first. One query, by the index limit_alert_newest."""
    alerts = (
        LimitAlert.objects.filter(told=True)
        .select_related("limit__team", "limit__person", "person")
        .order_by("-reached_at", "-pk")
    )
    return alerts.defer("limit__person__search", "person__search")


def _write_mails(alert: LimitAlert, now: dt.datetime) -> None:
    Mail.objects.bulk_create(
        Mail(
            kind=MailKind.LIMIT_ALERT,
            subject_id=alert.pk,
            recipient=administrator,
            language=for_mail(administrator),
            next_attempt_at=now,
        )
        for administrator in administrators.to_tell()
    )
