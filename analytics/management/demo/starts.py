"""How people come in: when they join, and how long each takes to the first successful request.

Joining comes in waves (a pilot, steady growth, a recent wave); the times to first value are dealt out like cards, so
that every bucket of the chart is filled in the whole history and among those who joined in the last 30 days.
"""

from __future__ import annotations

import numpy as np

from analytics.management.demo.scale import Scale
from analytics.management.demo.seasons import DAY_US, Floats, Ints, Seasons

HOUR_US = DAY_US // 24
NEVER = 6
# Bounds of the time to first value in hours, half-open, by card; the last card is "never".
_BOUNDS = np.array([[0.05, 1], [1, 6], [6, 24], [24, 72], [72, 168], [168, 600]]) * HOUR_US
_DECK = np.array([0, 1, 2, 3, 4, 5, NEVER, 0, 1, 0, 2, 0, 3, 1, 0, NEVER])
# Among the newest a slow start is only possible for those who joined first.
_SLOW_FIRST = np.argsort([5, 4, 3, 2, 1, 0, 2.5]).argsort()
_RECENT_US = 30 * DAY_US
_TRIES = 8


def joins(rng: np.random.Generator, scale: Scale, seasons: Seasons, zone: Ints) -> Ints:
    """Join instants, day by day in ascending order, on working days in working hours."""
    count = len(zone)
    days = scale.days - 2
    pilot, recent = round(count * 0.18), round(count * 0.17)
    position = np.concatenate(
        [
            rng.uniform(0, min(15, days / 3), pilot),
            np.sqrt(rng.random(count - pilot - recent)) * days,
            days - rng.uniform(0.2, min(29, days / 2), recent),
        ]
    )
    day = _to_working_day(seasons, zone, np.sort(position).astype(np.int64))
    share = rng.uniform(0.08, 0.8, count)
    joined = seasons.instants(zone, day, share)
    return np.minimum(joined, scale.until_us - rng.integers(HOUR_US // 6, HOUR_US, count))


def _to_working_day(seasons: Seasons, zone: Ints, day: Ints) -> Ints:
    """The day itself if people work on it, else the next one on which they do; the day itself if there is none."""
    last = seasons.calm.shape[1] - 3  # yesterday, everywhere
    found = day.clip(0, last)
    for _ in range(7):
        idle = seasons.calm[zone, found] < 0.2
        found = np.where(idle, (found + 1).clip(0, last), found)
    return found


def first_values(rng: np.random.Generator, scale: Scale, seasons: Seasons, zone: Ints, joined_at: Ints) -> Ints:
    """The instant of each first success, 0 where there was none yet. Those without a join time have none here."""
    reached = np.zeros(len(joined_at), np.int64)
    joined = np.flatnonzero(joined_at > 0)
    card = _deal(rng, joined_at[joined], scale.until_us)
    started = joined[card < NEVER]
    at = _pick(rng, scale, seasons, zone[started], joined_at[started], _BOUNDS[card[card < NEVER]])
    reached[started] = np.where(at < scale.until_us, at, 0)
    return reached


def _deal(rng: np.random.Generator, joined_at: Ints, until_us: int) -> Ints:
    """A card for each. The first two, who set the workspace up, start at once."""
    recent = np.flatnonzero(joined_at >= until_us - _RECENT_US)
    rounds = -(-len(joined_at) // len(_DECK))
    card = rng.permuted(np.tile(_DECK, (rounds, 1)), axis=1).ravel()[: len(joined_at)]
    newest = np.resize(_DECK, len(recent))
    card[recent[np.argsort(joined_at[recent])]] = newest[np.argsort(_SLOW_FIRST[newest], kind="stable")]
    card[:2] = 0
    return card


def _pick(
    rng: np.random.Generator, scale: Scale, seasons: Seasons, zone: Ints, joined_at: Ints, bounds: Floats
) -> Ints:
    """An instant within each one's bounds, likelier in working hours: the best of a few tries."""
    low, high = bounds[:, :1], bounds[:, 1:]
    room = (scale.until_us - joined_at)[:, None] * 0.95
    high = np.where(room > low, np.minimum(high, room), high)
    waits = low * (high / low) ** rng.random((len(zone), _TRIES))
    tries = joined_at[:, None] + waits.astype(np.int64)
    score = seasons.bustle(np.repeat(zone, _TRIES), tries.ravel()).reshape(tries.shape) + 0.01
    best = (score * rng.random(tries.shape)).argmax(axis=1)
    picked: Ints = tries[np.arange(len(zone)), best]
    return picked
