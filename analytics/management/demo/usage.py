"""What people did: usage events in blocks, each a few days of everybody's work, drawn column by column.

In: a `Scale`, its `Seasons` and `World`. Out: `Block`s in the order of days, together exactly `scale.events` events,
none at or after `until`. Memory is bounded by one block, however many events there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analytics.management.demo import calls
from analytics.management.demo.scale import Scale
from analytics.management.demo.seasons import SCHEDULE, Floats, Ints, Seasons
from analytics.management.demo.world import Flags, Items, People, Story, World
from analytics.models import Kind

BLOCK_EVENTS = 10_000
BLOCK_CELLS = 2_000_000  # days × people weighed at a time
SCHEDULED_SHARE = 0.025  # runs that no person asked for
LATE_SHARE, LATE_MOST_US = 0.012, 21 * 86_400_000_000
OWN_TEAM_SHARE, FAVOURITE_SHARE = 0.3, 0.35
NOBODY_KINDS = (0.0, 1.0)  # chat taste, workflow taste


@dataclass(frozen=True, slots=True)
class Block:
    """Columns of equal length. People, teams and items by position, -1 for none; instants in microseconds."""

    person: Ints
    occurred_at: Ints
    received_at: Ints
    key: bytes  # 16 bytes an event
    source: Ints
    team: Ints
    kind: Ints
    assistant: Ints
    workflow: Ints
    calls: calls.Calls

    def __len__(self) -> int:
        return len(self.person)


@dataclass(frozen=True, slots=True)
class _Moment:
    """Who does something when: the frame that a block is filled into. `first` marks first successes."""

    person: Ints
    day: Ints
    occurred_at: Ints
    first: Flags


def draw(scale: Scale, seasons: Seasons, world: World) -> Iterator[Block]:
    """The blocks of this world, from the first day to `until`."""
    people = world.people
    firsts = np.flatnonzero(people.first_value_at > 0)
    first_days = seasons.local_day(people.zone[firsts], people.first_value_at[firsts])
    counts = _events_a_day(scale, seasons, people, scale.events - len(firsts))
    for number, (start, end) in enumerate(_spans(counts, scale.people)):
        rng = scale.chance(5, number)
        here = firsts[(first_days >= start) & (first_days < end)]
        moment = _moment(rng, scale, seasons, people, counts, (start, end), here)
        if len(moment.person):
            yield _block(rng, scale, world, moment)


# --- How much on which day ----------------------------------------------------------------------------------------


def _events_a_day(scale: Scale, seasons: Seasons, people: People, total: int) -> Ints:
    """How many of `total` events fall on each day: by who is there, the calendar and growth."""
    days = seasons.calm.shape[1]
    weight = np.zeros(days)
    for zone in range(SCHEDULE):
        theirs = people.zone == zone
        change = np.zeros(days + 1)
        power = (people.weight * people.presence)[theirs]
        end = np.maximum(people.end_day[theirs], people.first_day[theirs])
        np.add.at(change, people.first_day[theirs], power)
        np.add.at(change, end, -power)
        weight += np.cumsum(change)[:days].clip(0) * seasons.weight[zone]
    weight += weight.sum() / days * 1e-6 * seasons.weight[SCHEDULE]  # a day on which nobody works has scheduled runs
    return scale.chance(6).multinomial(total, weight / weight.sum())


def _spans(counts: Ints, people: int) -> Iterator[tuple[int, int]]:
    """Runs of days [start, end) that are small enough for one block."""
    start, events = 0, 0
    for day, count in enumerate(counts.tolist()):
        if day > start and (events + count > BLOCK_EVENTS or (day - start + 1) * (people + 1) > BLOCK_CELLS):
            yield start, day
            start, events = day, 0
        events += count
    yield start, len(counts)


# --- Who and when -------------------------------------------------------------------------------------------------


def _moment(
    rng: np.random.Generator,
    scale: Scale,
    seasons: Seasons,
    people: People,
    counts: Ints,
    span: tuple[int, int],
    firsts: Ints,
) -> _Moment:
    """Regular events of these days and the first ones of these people, by person and time as the index wants them."""
    start, end = span
    row = np.repeat(np.arange(end - start), counts[start:end])
    person = _choose(rng, _powers(scale, seasons, people, span), row)
    zone = np.append(people.zone, SCHEDULE)[person]
    occurred = seasons.instants(zone, start + row, rng.random(len(row)))
    person = np.concatenate([np.where(person == len(people.zone), -1, person), firsts])
    occurred = np.concatenate([np.minimum(occurred, scale.until_us - 1), people.first_value_at[firsts]])
    day = np.concatenate([start + row, np.full(len(firsts), end - 1)])
    order = np.lexsort((occurred, person))
    first = np.arange(len(person)) >= len(row)
    return _Moment(person[order], day[order], occurred[order], first[order])


def _powers(scale: Scale, seasons: Seasons, people: People, span: tuple[int, int]) -> Floats:
    """(days, people + 1): how much each does on each day; the last column is nobody: scheduled runs."""
    days = np.arange(*span)[:, None]
    here = (people.first_day <= days) & (days < people.end_day)
    power = np.where(here, people.weight * seasons.weight[people.zone, days], 0.0)
    there = power * _present(scale, seasons, people, span)
    power = np.where(there.sum(axis=1, keepdims=True) > 0, there, power)
    total = power.sum(axis=1, keepdims=True)
    nobody = total * SCHEDULED_SHARE / (1 - SCHEDULED_SHARE) + 1e-12
    return np.hstack([power, nobody])


def _present(scale: Scale, seasons: Seasons, people: People, span: tuple[int, int]) -> Flags:
    """Who shows up on which day: fewer on weekends, holidays and in quiet weeks, and not those on vacation."""
    calm = seasons.calm[people.zone, np.arange(*span)[:, None]]
    chance = people.presence * np.minimum(calm, 1.0) ** 0.8
    shown: Flags = scale.chance(7, span[0]).random(chance.shape, np.float32) < chance
    weeks = seasons.weeks[span[0] : span[1]]
    for week in np.unique(weeks).tolist():
        away = scale.chance(8, week).random(len(people.zone), np.float32) < _vacation(seasons, week)
        shown[weeks == week] &= ~away
    return shown


def _vacation(seasons: Seasons, week: int) -> float:
    """The share of people on vacation: more in weeks that the calendar already knows as quiet."""
    workdays = np.flatnonzero(seasons.weeks == week)[:5]
    quiet = 1.0 - float(seasons.calm[0, workdays].mean())
    return 0.04 + 0.4 * min(max(quiet, 0.0), 1.0)


def _choose(rng: np.random.Generator, power: Floats, row: Ints) -> Ints:
    """One column for each row number, in proportion to that row's powers (any scale; each row has some)."""
    width = power.shape[1]
    ladder = np.cumsum(power, axis=1)
    ladder = (ladder / ladder[:, -1:] + np.arange(len(power))[:, None]).ravel()
    index: Ints = np.searchsorted(ladder, row + rng.random(len(row)), side="right")
    column: Ints = np.minimum(index - row * width, width - 1)
    return column


# --- On what ------------------------------------------------------------------------------------------------------


def _block(rng: np.random.Generator, scale: Scale, world: World, moment: _Moment) -> Block:
    count = len(moment.person)
    team = _team(rng, world.people, moment)
    kind = _kind(rng, world.people, moment)
    assistant = _item(rng, world.assistants, moment, kind == Kind.ASSISTANT, team)
    workflow = _item(rng, world.workflows, moment, kind == Kind.WORKFLOW, team)
    team = np.where(moment.person < 0, world.workflows.owner[workflow], team)
    progress = moment.day / scale.days
    drawn = calls.draw(rng, kind, progress, _habits(world.people, moment), moment.first, moment.person < 0)
    return Block(
        person=moment.person,
        occurred_at=moment.occurred_at,
        received_at=_received(rng, scale, moment.occurred_at, drawn.latency_ms),
        key=rng.bytes(16 * count),
        source=np.where(moment.person < 0, 0, rng.choice(3, size=count, p=(0.82, 0.12, 0.06))),
        team=team,
        kind=kind,
        assistant=assistant,
        workflow=workflow,
        calls=drawn,
    )


def _team(rng: np.random.Generator, people: People, moment: _Moment) -> Ints:
    """The team that the person was in at that time, or one that the event itself named. Runs of nobody come later."""
    who = moment.person
    team = np.where(moment.occurred_at < people.moved_at[who], people.team[who], people.next_team[who])
    second = people.second_team[who]
    return np.where((second >= 0) & (rng.random(len(who)) < OWN_TEAM_SHARE), second, team)


def _kind(rng: np.random.Generator, people: People, moment: _Moment) -> Ints:
    chat = np.where(moment.person < 0, NOBODY_KINDS[0], people.chat_taste[moment.person])
    workflow = np.where(moment.person < 0, NOBODY_KINDS[1], people.workflow_taste[moment.person])
    asked = rng.random(len(moment.person))
    rest = np.where(asked < workflow + (1 - workflow) * chat, Kind.CHAT, Kind.ASSISTANT)
    return np.where(asked < workflow, Kind.WORKFLOW, rest)


def _item(rng: np.random.Generator, items: Items, moment: _Moment, wanted: Flags, team: Ints) -> Ints:
    """The item of each wanted event, -1 for the others: one that is in use that day, now and then a team favourite."""
    item = np.full(len(wanted), -1)
    day = moment.day[wanted]
    if not len(day):
        return item
    days = np.arange(day.min(), day.max() + 1)[:, None]
    power = np.where((items.first_day <= days) & (days < items.end_day), items.popularity, 0.0)
    chosen = _choose(rng, power, day - day.min())
    favourite = (team[wanted] * 7 + rng.integers(0, 3, len(day)) * 3) % len(items.names)
    usable = (items.first_day[favourite] <= day) & (day < items.end_day[favourite]) & (items.popularity[favourite] > 0)
    item[wanted] = np.where(usable & (rng.random(len(day)) < FAVOURITE_SHARE), favourite, chosen)
    return item


def _habits(people: People, moment: _Moment) -> calls.Habits:
    only_failures = people.story[moment.person] == Story.ONLY_FAILURES
    return calls.Habits(
        verbosity=np.where(moment.person < 0, 1.0, people.weight[moment.person].clip(0.3, 8) ** 0.25),
        always_fails=only_failures & (moment.person >= 0),
    )


def _received(rng: np.random.Generator, scale: Scale, occurred_at: Ints, latency_ms: Ints) -> Ints:
    """Right after the answer; for a few, hours to three weeks late (a laptop offline, a queue that stood)."""
    count = len(occurred_at)
    prompt = latency_ms.clip(0) * 1000 + rng.integers(40_000, 3_000_000, count)
    late = (rng.lognormal(np.log(20 * 3.6e9), 1.4, count)).clip(3.6e9, LATE_MOST_US).astype(np.int64)
    received = occurred_at + np.where(rng.random(count) < LATE_SHARE, late, prompt)
    return np.minimum(received, scale.until_us)
