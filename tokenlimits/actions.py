"""Everything that changes limits: checked, all or nothing, in the audit log with before and after.

A raised limit is armed again: alerts of thresholds that are not reached any more under it may be told anew. So is the
one for every person when whoever had reached it gets a limit of their own.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override as language

from analytics.rollups import state
from tokenlimits import labels, meter
from tokenlimits.meter import Reading, reaches
from tokenlimits.models import LimitAlert, LimitOverride, Scope, TokenLimit
from tokenlimits.periods import Period
from usermgmt import audit
from usermgmt.models import Action, User
from usermgmt.refusals import Refused

SENTENCES: dict[str, Promise] = {
    "limit_exists": _("There is a limit for the same tokens over the same period already. Edit that one instead."),
    "limit_changed": _("Somebody changed this limit while you were editing. Look at the new values and try again."),
    "limit_removed": _("This limit was removed meanwhile."),
    "override_open": _("This limit is raised for a time already. End that first."),
    "override_not_higher": _("Raise it to more than the limit allows now."),
    "override_over": _("The last day has passed already."),
}


def refused(code: str) -> Refused:
    return Refused(code, str(SENTENCES[code]))


@dataclass(frozen=True, slots=True)
class Rules:
    """What of a limit can be edited."""

    tokens: int
    enforcement: str
    thresholds: tuple[int, ...]


def version(limit: TokenLimit) -> str:
    """What an edit was begun from: another one stands as soon as somebody saved the limit."""
    return limit.updated_at.isoformat()


def create(actor: User, limit: TokenLimit, now: dt.datetime) -> TokenLimit:
    """Stores a limit that is not stored yet. Refused: limit_exists."""
    with transaction.atomic():
        try:
            with transaction.atomic():
                limit.save(force_insert=True)
        except IntegrityError as error:
            if "token_limit_once" not in str(error):
                raise
            raise refused("limit_exists") from error
        _record(actor, Action.LIMIT_CREATED, limit, after=_values(limit))
        if limit.scope == Scope.PERSON:
            _rearm_everybody(limit.period, now)
    return limit


@transaction.atomic
def edit(actor: User, limit_id: int, begun_from: str, rules: Rules, now: dt.datetime) -> TokenLimit:
    """Writes the rules of a limit. Raises TokenLimit.DoesNotExist. Refused: limit_changed, limit_removed."""
    limit = _locked(limit_id)
    if version(limit) != begun_from:
        raise refused("limit_changed")
    before = _values(limit)
    limit.tokens, limit.enforcement, limit.thresholds = rules.tokens, rules.enforcement, list(rules.thresholds)
    if _values(limit) != before:
        limit.save()
        _rearm(limit, now)
        _record(actor, Action.LIMIT_CHANGED, limit, before=before, after=_values(limit))
    return limit


@transaction.atomic
def remove(actor: User, limit_id: int, now: dt.datetime) -> None:
    """Ends a limit and what raised it; its alerts stay. Raises TokenLimit.DoesNotExist. Refused: limit_removed."""
    limit = _locked(limit_id)
    limit.removed_at = now
    limit.save()
    _open_overrides(limit, now).update(ended_at=now)
    _record(actor, Action.LIMIT_REMOVED, limit, before=_values(limit))


@transaction.atomic
def raise_until(
    actor: User, limit_id: int, tokens: int, ends_on: dt.date, reason: str, now: dt.datetime
) -> LimitOverride:
    """Allows more until the end of a day; in place of an override that the limit has outgrown.

    Raises TokenLimit.DoesNotExist.

    Refused: limit_removed, override_open, override_not_higher, override_over.
    """
    limit = _locked(limit_id)
    opened = _open_overrides(limit, now).first()
    if opened and opened.tokens > limit.tokens:
        raise refused("override_open")
    if tokens <= limit.tokens:
        raise refused("override_not_higher")
    if ends_on < _today(now):
        raise refused("override_over")
    if opened:
        _end(opened, limit, actor, now)
    override = LimitOverride.objects.create(
        limit=limit, tokens=tokens, starts_at=now, ends_on=ends_on, reason=reason, created_by=actor
    )
    _rearm(limit, now)
    _record(actor, Action.OVERRIDE_CREATED, limit, after=_override_values(override))
    return override


@transaction.atomic
def end_override(actor: User, limit_id: int, now: dt.datetime) -> bool:
    """Ends what raises the limit, before its time; whether there was anything. Raises TokenLimit.DoesNotExist."""
    limit = _locked(limit_id)
    override = _open_overrides(limit, now).first()
    if override is None:
        return False
    _end(override, limit, actor, now)
    return True


def _end(override: LimitOverride, limit: TokenLimit, actor: User, now: dt.datetime) -> None:
    override.ended_at = now
    override.save()
    _record(actor, Action.OVERRIDE_ENDED, limit, before=_override_values(override))


# --- Alerts armed again ---------------------------------------------------------------------------------------------


def _rearm(limit: TokenLimit, now: dt.datetime, *, raised: bool = True) -> None:
    """Of this period's alerts, those that a raise, or another reason, has put out of reach again."""
    start = Period(limit.period).around(_today(now)).start
    told = list(LimitAlert.objects.filter(limit=limit, period_start=start, rearmed_at__isnull=True))
    if not told:
        return
    reading = reading_of(limit, now)
    out_of_reach = [
        alert.pk
        for alert in told
        if (reading.allowed > alert.tokens or not raised)
        and not reaches(reading.used, alert.threshold, reading.allowed)
    ]
    LimitAlert.objects.filter(pk__in=out_of_reach).update(rearmed_at=now)


def _rearm_everybody(period: str, now: dt.datetime) -> None:
    """Of the limit for every person, after somebody got one of their own: they may be who had reached it."""
    everybody = TokenLimit.objects.filter(scope=Scope.EVERYBODY, period=period, removed_at__isnull=True)
    for limit in everybody.select_for_update(of=["self"]):
        _rearm(limit, now, raised=False)


def reading_of(limit: TokenLimit, now: dt.datetime) -> Reading:
    """The reading of one limit as it stands in the database now."""
    zone = _zone()
    fresh = meter.limits_in_force(now.astimezone(zone).date()).filter(pk=limit.pk)
    own = meter.own_limits_of(limit.period) if limit.scope == Scope.EVERYBODY else {}
    (reading,) = meter.read(list(fresh), now, zone, own)
    return reading


# --- Rows and words -------------------------------------------------------------------------------------------------


def _locked(limit_id: int) -> TokenLimit:
    limit = TokenLimit.objects.select_for_update(of=["self"]).get(pk=limit_id)
    if limit.removed_at is not None:
        raise refused("limit_removed")
    return limit


def _open_overrides(limit: TokenLimit, now: dt.datetime) -> Any:
    return LimitOverride.objects.filter(limit=limit, ended_at__isnull=True, ends_on__gte=_today(now))


def _zone() -> ZoneInfo:
    return state.read().time_zone


def _today(now: dt.datetime) -> dt.date:
    return now.astimezone(_zone()).date()


def _record(actor: User, action: Action, limit: TokenLimit, **values: dict[str, Any]) -> None:
    with language("en"):
        target = labels.title(limit)
    audit.record(actor, action, person=limit.person, team=limit.team, target=target, **values)


def _values(limit: TokenLimit) -> dict[str, Any]:
    return {
        "tokens": limit.tokens,
        "period": limit.period,
        "enforcement": limit.enforcement,
        "thresholds": list(limit.thresholds),
    }


def _override_values(override: LimitOverride) -> dict[str, Any]:
    return {"tokens": override.tokens, "ends_on": override.ends_on.isoformat(), "reason": override.reason}
