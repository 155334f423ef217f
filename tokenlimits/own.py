"""The limits that one person meets: their own for everybody to see themselves, and shared ones that are reached.

In: a person, an instant, the zone of the days. Out: `OwnLimits`. How much others used is nobody's business here: of
shared limits it is only told that they are reached, and until when.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.db.models import Q

from tokenlimits import meter
from tokenlimits.meter import Reading
from tokenlimits.models import Scope
from usermgmt.models import Membership, User

_OWN = (Scope.PERSON, Scope.EVERYBODY)


@dataclass(frozen=True, slots=True)
class OwnLimits:
    """`own`: of the person's own tokens, the fullest first. `reached`: shared limits that are used up."""

    own: tuple[Reading, ...] = ()
    reached: tuple[Reading, ...] = ()


def limits_of(person: User, now: dt.datetime, zone: ZoneInfo) -> OwnLimits:
    """`zone`: of the rollups. One query where no limit applies to the person, three where some do."""
    primary = Membership.objects.filter(user=person, is_primary=True, team__deleted_at__isnull=True).values("team")
    applying = Q(scope__in=[Scope.WORKSPACE, Scope.EVERYBODY]) | Q(person=person) | Q(team__in=primary)
    limits = list(meter.limits_in_force(now.astimezone(zone).date()).filter(applying))
    with_own = {limit.period for limit in limits if limit.person_id}
    limits = [limit for limit in limits if limit.scope != Scope.EVERYBODY or limit.period not in with_own]
    readings = meter.read_for(person.pk, limits, now, zone)
    own = [reading for reading in readings if reading.limit.scope in _OWN]
    return OwnLimits(
        own=tuple(sorted(own, key=lambda reading: (-reading.share, reading.limit.pk))),
        reached=tuple(reading for reading in readings if reading.is_reached and reading.limit.scope not in _OWN),
    )
