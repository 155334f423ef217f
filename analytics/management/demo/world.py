"""Who and what the demo workspace consists of, as columns: people with their joining and leaving, teams, items.

In: a `Scale` and its `Seasons`. Out: a `World`, drawn but not stored. Instants are microseconds since 1970 (0 = never),
people and items are told by their position, -1 is "none".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from analytics.management.demo import vocabulary
from analytics.management.demo.scale import Scale
from analytics.management.demo.seasons import DAY_US, SCHEDULE, ZONE_SHARES, Floats, Ints, Seasons
from analytics.management.demo.starts import first_values, joins

Flags = npt.NDArray[np.bool_]
ADMINISTRATOR, MEMBER = 0, 1  # the two people who can sign in


class Story(IntEnum):
    """What became of a person."""

    REGULAR = 0
    ONLY_FAILURES = 1  # tries, and never gets an answer: active, without first value
    JOIN_UNKNOWN = 2  # known only because events named them
    PENDING = 3
    DEACTIVATED = 4
    DELETED = 5


class Fate(IntEnum):
    """What became of an assistant or a workflow."""

    LIVE = 0
    NEW = 1
    UNUSED = 2
    ABANDONED = 3  # used once, not for weeks
    ARCHIVED = 4
    DELETED = 5


@dataclass(frozen=True, slots=True)
class Teams:
    names: list[str]
    deleted_at: Ints


@dataclass(frozen=True, slots=True)
class Items:
    """Assistants or workflows. Usage falls on days in [first_day, end_day), in proportion to `popularity`."""

    names: list[str]
    fate: Ints
    created_at: Ints
    gone_at: Ints  # archived or deleted, by fate
    popularity: Floats
    first_day: Ints
    end_day: Ints
    owner: Ints  # the team that answers for its scheduled runs; the first one belongs to no team


@dataclass(frozen=True, slots=True)
class People:
    """One position per person. They use the workspace on local days in [first_day, end_day)."""

    names: list[str]
    mail_names: list[str]
    story: Ints
    zone: Ints
    created_at: Ints
    joined_at: Ints
    left_at: Ints
    first_value_at: Ints
    first_day: Ints
    end_day: Ints
    weight: Floats  # how much a person does on a day they are there: a heavy tail
    presence: Floats  # on which share of working days they are there
    chat_taste: Floats
    workflow_taste: Floats
    team: Ints
    next_team: Ints  # the team after `moved_at`; the same if they never moved
    moved_at: Ints
    second_team: Ints
    administrators: Flags


@dataclass(frozen=True, slots=True)
class World:
    people: People
    teams: Teams
    assistants: Items
    workflows: Items


def draw(scale: Scale, seasons: Seasons) -> World:
    """The world of this scale."""
    teams = _teams(scale)
    return World(
        _people(scale, seasons, teams),
        teams,
        _items(scale, seasons, vocabulary.ASSISTANTS, scale.assistants, 3),
        _items(scale, seasons, vocabulary.WORKFLOWS, scale.workflows, 4),
    )


# --- Teams --------------------------------------------------------------------------------------------------------


def _teams(scale: Scale) -> Teams:
    """The last of three or more teams was dissolved half-way: its past stays."""
    deleted_at = np.zeros(scale.teams, np.int64)
    if scale.teams >= 3:
        deleted_at[-1] = scale.opened_us + int((scale.until_us - scale.opened_us) * 0.55)
    return Teams(vocabulary.numbered(vocabulary.TEAMS, scale.teams), deleted_at)


def _live_teams(rng: np.random.Generator, teams: Teams, count: int) -> Ints:
    live = np.flatnonzero(teams.deleted_at == 0)
    weight = 1.0 / (np.arange(len(live)) + 1.5) ** 0.7
    return rng.choice(live, size=count, p=weight / weight.sum())


# --- People -------------------------------------------------------------------------------------------------------

# (story, share of all, at least)
_STORIES = (
    (Story.DELETED, 0.03, 2),
    (Story.DEACTIVATED, 0.03, 1),
    (Story.ONLY_FAILURES, 0.01, 1),
    (Story.JOIN_UNKNOWN, 0.04, 1),
)
_LEAVERS = (Story.DELETED, Story.DEACTIVATED)


def _people(scale: Scale, seasons: Seasons, teams: Teams) -> People:
    rng = scale.chance(1)
    count = scale.people
    story = _stories(rng, count)
    zone = rng.choice(len(ZONE_SHARES), size=count, p=ZONE_SHARES)
    zone[[ADMINISTRATOR, MEMBER]] = 0
    joined_at = _joined(rng, scale, seasons, story, zone)
    first_value_at = first_values(rng, scale, seasons, zone, joined_at)
    began_at = _began(rng, scale, story, joined_at, first_value_at)
    left_at = _left(rng, scale, story, np.maximum(joined_at, began_at))
    first_day = _days_after(seasons, zone, began_at)
    team, next_team, moved_at = _team_moves(rng, scale, teams, began_at)
    names = vocabulary.people(zone, rng)
    return People(
        names=[name for name, _ in names],
        mail_names=[mail for _, mail in names],
        story=story,
        zone=zone,
        created_at=_created(rng, scale, joined_at, began_at),
        joined_at=joined_at,
        left_at=left_at,
        first_value_at=np.where(story == Story.ONLY_FAILURES, 0, began_at),
        first_day=first_day,
        end_day=_end_day(rng, seasons, zone, story, began_at, left_at, first_day),
        weight=rng.lognormal(0.0, 1.15, count),
        presence=rng.beta(2.4, 1.5, count).clip(0.04, 0.98),
        chat_taste=rng.beta(4, 4, count),
        workflow_taste=rng.beta(1.4, 6, count),
        team=team,
        next_team=next_team,
        moved_at=moved_at,
        second_team=_second_team(rng, teams, team, next_team),
        administrators=_administrators(rng, story),
    )


def _stories(rng: np.random.Generator, count: int) -> Ints:
    """Invitations are the newest; those who left came in the first half."""
    story = np.zeros(count, np.int64)
    pending = max(2, round(count * 0.05))
    story[count - pending :] = Story.PENDING
    early = rng.permutation(np.arange(2, count // 2))
    late = rng.permutation(np.arange(count // 2, count - pending))
    for kind, share, least in _STORIES:
        wanted = max(least, round(count * share))
        pool = early if kind in _LEAVERS else late
        story[pool[:wanted]] = kind
        early, late = (early[wanted:], late) if kind in _LEAVERS else (early, late[wanted:])
    return story


def _joined(rng: np.random.Generator, scale: Scale, seasons: Seasons, story: Ints, zone: Ints) -> Ints:
    joined_at = np.zeros(scale.people, np.int64)
    known = ~np.isin(story, (Story.PENDING, Story.JOIN_UNKNOWN))
    joined_at[known] = joins(rng, scale, seasons, zone[known])
    return joined_at


def _began(rng: np.random.Generator, scale: Scale, story: Ints, joined_at: Ints, first_value_at: Ints) -> Ints:
    """The first event of each person, 0 where there is none."""
    span = scale.until_us - scale.opened_us
    anywhere = scale.opened_us + (rng.uniform(0.05, 0.9, len(story)) * span).astype(np.int64)
    soon = joined_at + (rng.uniform(0.02, 0.3, len(story)) * (scale.until_us - joined_at)).astype(np.int64)
    began = np.where(story == Story.JOIN_UNKNOWN, anywhere, first_value_at)
    began = np.where(story == Story.ONLY_FAILURES, soon, began)
    return np.where(story == Story.PENDING, 0, began)


def _left(rng: np.random.Generator, scale: Scale, story: Ints, since: Ints) -> Ints:
    """When people were deactivated or deleted. Every other deleted one left lately and can still be restored."""
    stayed = (rng.uniform(0.35, 0.9, len(story)) * (scale.until_us - since)).astype(np.int64)
    left = np.where(np.isin(story, _LEAVERS), since + stayed, 0)
    restorable = np.flatnonzero(story == Story.DELETED)[::2]
    lately = scale.until_us - rng.integers(DAY_US, 25 * DAY_US, len(restorable))
    left[restorable] = np.maximum(lately, left[restorable])
    return left


def _days_after(seasons: Seasons, zone: Ints, began_at: Ints) -> Ints:
    """The day after the first event; past the end where there is none."""
    return np.where(began_at > 0, seasons.local_day(zone, began_at) + 1, seasons.calm.shape[1])


def _end_day(
    rng: np.random.Generator, seasons: Seasons, zone: Ints, story: Ints, began_at: Ints, left_at: Ints, first_day: Ints
) -> Ints:
    """Leaving ends usage; so does losing interest, silently, for one in twelve."""
    days = seasons.calm.shape[1]
    end = np.where(left_at > 0, seasons.local_day(zone, left_at), days)
    lost = (rng.random(len(story)) < 0.08) & (story == Story.REGULAR) & (began_at > 0)
    lost[[ADMINISTRATOR, MEMBER]] = False
    stays = (rng.uniform(0.05, 0.7, len(story)) * (days - first_day)).astype(np.int64)
    return np.where(lost, np.minimum(end, first_day + stays), end)


def _team_moves(rng: np.random.Generator, scale: Scale, teams: Teams, began_at: Ints) -> tuple[Ints, Ints, Ints]:
    """(team, next team, moved at): some change teams; all of a dissolved team do, when it is dissolved."""
    count = scale.people
    team = _live_teams(rng, teams, count)
    next_team = np.where(rng.random(count) < 0.1, _live_teams(rng, teams, count), team)
    since = np.maximum(began_at, scale.opened_us)
    moved_at = since + (rng.uniform(0.1, 0.9, count) * (scale.until_us - since)).astype(np.int64)
    dissolved = np.flatnonzero(teams.deleted_at)
    if len(dissolved):
        ends = int(teams.deleted_at[dissolved[0]])
        theirs = (rng.random(count) < 0.8 / scale.teams) & (began_at > 0) & (began_at < ends)
        theirs[2 + int(np.argmax(theirs[2:]))] = True
        team, moved_at = np.where(theirs, dissolved[0], team), np.where(theirs, ends, moved_at)
    nobody = rng.random(count) < 0.04
    nobody[[ADMINISTRATOR, MEMBER]] = False
    return np.where(nobody, -1, team), np.where(nobody, -1, next_team), moved_at


def _second_team(rng: np.random.Generator, teams: Teams, team: Ints, next_team: Ints) -> Ints:
    second = _live_teams(rng, teams, len(team))
    both = (rng.random(len(team)) < 0.14) & (team >= 0) & (second != team) & (second != next_team)
    return np.where(both, second, -1)


def _created(rng: np.random.Generator, scale: Scale, joined_at: Ints, began_at: Ints) -> Ints:
    """Invited some days before joining; whom only events know, with the first; the pending in the last weeks."""
    waited = rng.integers(DAY_US // 24, 6 * DAY_US, len(joined_at))
    invited = np.where(joined_at > 0, joined_at - waited, scale.until_us - 2 * waited)
    return np.where((joined_at == 0) & (began_at > 0), began_at, invited)


def _administrators(rng: np.random.Generator, story: Ints) -> Flags:
    chosen: Flags = (rng.random(len(story)) < 0.02) & (story == Story.REGULAR)
    chosen[ADMINISTRATOR], chosen[MEMBER] = True, False
    return chosen


# --- Assistants and workflows -------------------------------------------------------------------------------------

# (fate, share of all, at least); the rest are live
_FATES = (
    (Fate.NEW, 0.07, 1),
    (Fate.UNUSED, 0.14, 1),
    (Fate.ABANDONED, 0.07, 1),
    (Fate.ARCHIVED, 0.1, 1),
    (Fate.DELETED, 0.03, 1),
)


def _items(scale: Scale, seasons: Seasons, words: tuple[str, ...], count: int, purpose: int) -> Items:
    """The first item is there from the start to the end, so that on every day there is one to use."""
    rng = scale.chance(purpose)
    fate = _fates(rng, count)
    opened, span = scale.opened_us, scale.until_us - scale.opened_us
    created_at = opened + (rng.uniform(-0.5, 0.85, count).clip(-0.01) * span).astype(np.int64)
    created_at = np.where(fate == Fate.LIVE, created_at, opened - rng.integers(DAY_US, 20 * DAY_US, count))
    created_at = np.where(fate == Fate.NEW, scale.until_us - rng.integers(3 * DAY_US, 25 * DAY_US, count), created_at)
    created_at = np.where(fate == Fate.UNUSED, np.minimum(created_at, scale.until_us - 45 * DAY_US), created_at)
    created_at[0] = opened - 20 * DAY_US
    ended_at = _ended(rng, scale, fate, span)
    popularity: Floats = np.power(rng.permutation(count) + 1.0, -0.85)
    popularity[fate == Fate.UNUSED] = 0.0
    utc = np.full(count, SCHEDULE)
    return Items(
        names=vocabulary.numbered(words, count),
        fate=fate,
        created_at=created_at,
        gone_at=np.where((fate == Fate.ARCHIVED) | (fate == Fate.DELETED), ended_at, 0),
        popularity=popularity,
        first_day=np.where(created_at < opened, 0, seasons.local_day(utc, created_at) + 1),
        end_day=np.where(ended_at > 0, seasons.local_day(utc, ended_at), seasons.calm.shape[1]),
        owner=np.append(-1, rng.integers(0, max(1, scale.teams - 1), count - 1)),
    )


def _fates(rng: np.random.Generator, count: int) -> Ints:
    pool = rng.permutation(np.arange(1, count))
    fate = np.zeros(count, np.int64)
    for kind, share, least in _FATES:
        wanted = max(least, round(count * share))
        fate[pool[:wanted]], pool = kind, pool[wanted:]
    return fate


def _ended(rng: np.random.Generator, scale: Scale, fate: Ints, span: int) -> Ints:
    """When usage of an item ended, 0 while it goes on."""
    abandoned = scale.until_us - rng.integers(40 * DAY_US, 160 * DAY_US, len(fate))
    gone = scale.until_us - (rng.uniform(0.05, 0.5, len(fate)) * span).astype(np.int64)
    ended = np.where(fate == Fate.ABANDONED, abandoned, gone)
    return np.where(np.isin(fate, (Fate.ABANDONED, Fate.ARCHIVED, Fate.DELETED)), ended, 0)
