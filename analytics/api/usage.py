"""Numbers out: what the Analytics tab shows, as JSON, of the same report.

In: a range and what the rows shall be. Out: the range as it was understood, its totals, and a row for each day, team,
assistant, workflow or person.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from msgspec import Meta, field
from ninja import Query, Router, Schema
from pydantic import Field

from analytics import periods, report
from analytics.api import describe
from analytics.api.auth import Key
from analytics.api.describe import english
from analytics.api.problems import InvalidParameters, Problem, invalid
from analytics.definitions import DEFINITIONS
from analytics.labels import range_problem
from analytics.metrics.figures import Measures, Named, PeriodTotals, PersonFigures
from analytics.models.keys import Scope
from analytics.periods import DEFAULT_PRESET, Preset, Selection
from analytics.report import AnalyticsReport, PeoplePage

PATH = "/api/v1/usage"
MAX_LIMIT = 10_000
MAX_ID = 2**63 - 1

router = Router(tags=["Numbers"])


ItemNoun = Literal["team", "assistant", "workflow"]
By = Literal["day", "team", "assistant", "workflow", "user"]


# --- What is answered ---------------------------------------------------------------------------------------------

Count = Annotated[int, Meta(ge=0)]
_TOKENS = english(DEFINITIONS["tokens"])


class Sums(msgspec.Struct, kw_only=True):
    requests: Annotated[Count, Meta(description=english(DEFINITIONS["requests"]))]
    failed_requests: Annotated[Count, Meta(description="Those of them whose status is `error`.")]
    input_tokens: Annotated[Count, Meta(description="With cached ones.")]
    output_tokens: Annotated[Count, Meta(description="With reasoning.")]
    total_tokens: Annotated[Count, Meta(description=f"`input_tokens` + `output_tokens`. {_TOKENS}")]
    calls_without_usage: Annotated[Count, Meta(description="Model calls whose provider reported no usage.")]


class PeriodSums(Sums, kw_only=True):
    """What only a whole day or a whole range has: people are distinct over it and cannot be added up."""

    active_users: Annotated[Count, Meta(description=english(DEFINITIONS["active_users"]))]
    chat_requests: Annotated[Count, Meta(description="The three kinds are disjoint and add up to `requests`.")]
    assistant_requests: Count
    workflow_requests: Count


class DayRow(PeriodSums, kw_only=True):
    date: Annotated[dt.date, Meta(description=english(DEFINITIONS["days"]))]
    incomplete: Annotated[bool, Meta(description="Today: still going on.")]


class ItemRow(Sums, kw_only=True):
    """A team, an assistant or a workflow."""

    id: Annotated[int | None, Meta(description="Null: usage without a team, or of an item that nobody named.")]
    name: Annotated[str | None, Meta(description="Its last name, also after it was deleted.")]
    archived: bool
    deleted: bool


class UserRow(Sums, kw_only=True):
    """A person; the row without an id, on the last page, is usage without a person."""

    id: int | None
    name: Annotated[str | None, Meta(description="Null where nobody told it, and once the person was erased.")]
    email: str | None
    external_id: Annotated[str | None, Meta(description="The id by which the platform knows the person.")]
    deleted: bool


class Range(msgspec.Struct, kw_only=True):
    """The days that were meant, both included; what reaches past today is cut."""

    preset: Annotated[Preset | None, Meta(description="Null for a range of two dates.")]
    first: dt.date = field(name="from")
    last: dt.date = field(name="to")
    days: Annotated[int, Meta(ge=1, le=periods.MAX_DAYS)]


class Now(msgspec.Struct, kw_only=True):
    """What exists now, whatever the range."""

    total_users: Annotated[Count, Meta(description=english(DEFINITIONS["total_users"]))]
    assistants: Annotated[Count, Meta(description=english(DEFINITIONS["assistants"]))]
    workflows: Annotated[Count, Meta(description=english(DEFINITIONS["workflows"]))]


class Usage(msgspec.Struct, kw_only=True):
    range: Range
    time_zone: Annotated[str, Meta(description="Whose calendar days the days are.", examples=["Europe/Berlin"])]
    as_of: Annotated[
        Annotated[dt.datetime, Meta(tz=True)] | None,
        Meta(description="Everything accepted before this instant is counted. Null: nothing has been counted yet."),
    ]
    totals: PeriodSums
    now: Now


class UsageByDay(Usage, kw_only=True):
    by: Literal["day"]
    rows: Annotated[list[DayRow], Meta(description="Every day of the range in order, also those without usage.")]


class UsageByItem(Usage, kw_only=True):
    by: ItemNoun
    rows: Annotated[
        list[ItemRow],
        Meta(
            description="All with usage in the range, in the order of the page: teams and assistants by tokens, "
            "workflows by requests. Teams add up to `totals`; so do assistants, workflows and chat together."
        ),
    ]


class UsageByUser(Usage, kw_only=True):
    by: Literal["user"]
    rows: Annotated[
        list[UserRow],
        Meta(
            description="People with usage in the range, by id, and with the last page usage without a person. "
            "The rows of all pages add up to `totals` if nothing came in between."
        ),
    ]
    next: Annotated[str | None, Meta(description="The address of the next page; null with the last one.")]


# --- What is asked ------------------------------------------------------------------------------------------------


class Asked(Schema):
    by: By = Field("day", description="What the rows are.")
    preset: Preset = Field(
        DEFAULT_PRESET,
        alias="range",
        description="Days counted from today. “Last n days” includes today.",
    )
    first: str = Field(
        "",
        alias="from",
        description="The first day, instead of `range`; not before 2000-01-01.",
        json_schema_extra={"format": "date"},
    )
    last: str = Field(
        "",
        alias="to",
        description="The last day, included. A range has at most ten years.",
        json_schema_extra={"format": "date"},
    )
    limit: int = Field(1_000, ge=1, le=MAX_LIMIT, description="With `by=user`: how many people a page has at most.")
    after: int = Field(
        0, ge=0, le=MAX_ID, description="With `by=user`: the last id of the page before. Better follow `next`."
    )


_ANSWERS = {
    "day": UsageByDay,
    "team": UsageByItem,
    "assistant": UsageByItem,
    "workflow": UsageByItem,
    "user": UsageByUser,
}
_NAMES = {info.alias or name for name, info in Asked.model_fields.items()}
_PAGED = {"limit", "after"}
_AT_FAULT = {"unknown_preset": "range", "reversed": "to"}  # else it is `from`


@router.api_operation(
    ["GET", "HEAD"],
    PATH,
    auth=Key(Scope.READ),
    operation_id="read_usage",
    summary="Read usage",
    openapi_extra={
        "responses": {
            200: describe.answer("The numbers.", describe.one_of("by", _ANSWERS)),
            400: describe.problem("The request is malformed."),
            422: describe.problem("A parameter does not fit.", InvalidParameters),
        }
    },
)
def usage(request: HttpRequest, asked: Query[Asked]) -> HttpResponse:
    """The numbers of the Analytics tab for a range of days: the same report, so they cannot disagree.

    Give `range`, or `from` and `to`, or none of them for the last 30 days. People come in pages; everything else comes
    whole. The numbers hold no prompt and no answer, because the panel has none.
    """
    now = timezone.now()
    at = report.read_state()
    selection = _selection(request, asked, now.astimezone(at.time_zone).date())
    if asked.by == "user":
        shown, page = report.load_people(selection.days, now, at, after=asked.after, limit=asked.limit)
        return _answer(_by_user(shown, selection, page, asked.limit))
    shown = report.load(selection.days, now, at)
    return _answer(_by_day(shown, selection) if asked.by == "day" else _by_item(shown, selection, asked.by))


def _answer(told: Usage) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(told), content_type="application/json")


def _selection(request: HttpRequest, asked: Asked, today: dt.date) -> Selection:
    """The days that were asked for. Raises Problem with the names of the parameters that do not fit."""
    given = set(request.GET)
    if unknown := given - _NAMES:
        known = ", ".join(sorted(_NAMES))
        raise invalid({name[:40]: f"There is no such parameter, only {known}." for name in unknown})
    if "range" in given and given & {"from", "to"}:
        raise invalid({"range": "Give either range, or from and to."})
    if asked.by != "user" and given & _PAGED:
        raise invalid(dict.fromkeys(given & _PAGED, "Only by=user comes in pages."))
    preset = "custom" if given & {"from", "to"} else asked.preset.value
    selection = periods.select(preset, asked.first, asked.last, today)
    if selection.problem is not None:
        raise _range_problem(selection, selection.problem)
    return selection


def _range_problem(selection: Selection, problem: periods.Problem) -> Problem:
    match problem.code:
        case "missing_date":
            name = "to" if selection.asked_from else "from"
        case "bad_date":
            name = "from" if problem.value == selection.asked_from else "to"
        case code:
            name = _AT_FAULT.get(code, "from")
    with translation.override(None):  # as everything here, in the language of the code
        return invalid({name: range_problem(problem)})


# --- From the report ----------------------------------------------------------------------------------------------


def _by_day(shown: AnalyticsReport, selection: Selection) -> UsageByDay:
    rows = [DayRow(date=day.day, incomplete=day.incomplete, **_period_sums(day)) for day in shown.days]
    return UsageByDay(by="day", rows=rows, **_frame(shown, selection))


def _by_item(shown: AnalyticsReport, selection: Selection, by: ItemNoun) -> UsageByItem:
    items = {"team": shown.teams, "assistant": shown.assistants, "workflow": shown.workflows}[by]
    return UsageByItem(by=by, rows=[_item(item) for item in items], **_frame(shown, selection))


def _by_user(shown: AnalyticsReport, selection: Selection, page: PeoplePage, limit: int) -> UsageByUser:
    rows = [_person(person) for person in page.people]
    if page.nobody is not None:
        rows.append(_person(page.nobody))
    days = selection.days  # by their dates: tomorrow the second page shall be of the same days as the first
    following = {"by": "user", "from": days.start, "to": days.last, "limit": limit}
    next_page = f"{PATH}?{urlencode({**following, 'after': page.people[-1].id})}" if page.more else None
    return UsageByUser(by="user", rows=rows, next=next_page, **_frame(shown, selection))


def _frame(shown: AnalyticsReport, selection: Selection) -> dict[str, Any]:
    days = selection.days
    return {
        "range": Range(preset=selection.preset, first=days.start, last=days.last, days=days.days),
        "time_zone": shown.time_zone,
        "as_of": shown.as_of,
        "totals": PeriodSums(**_period_sums(shown.totals)),
        "now": Now(
            total_users=shown.workspace.total_users,
            assistants=shown.workspace.assistants,
            workflows=shown.workspace.workflows,
        ),
    }


def _item(item: Named) -> ItemRow:
    return ItemRow(
        id=item.id or None,
        name=item.name if item.id else None,
        archived=item.archived,
        deleted=item.deleted,
        **_sums(item),
    )


def _person(person: PersonFigures) -> UserRow:
    return UserRow(
        id=person.id or None,
        name=person.name or None,
        email=person.email or None,
        external_id=person.external_id or None,
        deleted=person.deleted,
        **_sums(person),
    )


def _period_sums(totals: PeriodTotals) -> dict[str, int]:
    return {
        "active_users": totals.active_users,
        "chat_requests": totals.chat_requests,
        "assistant_requests": totals.assistant_requests,
        "workflow_requests": totals.workflow_requests,
        **_sums(totals),
    }


def _sums(sums: Measures) -> dict[str, int]:
    return {
        "requests": sums.requests,
        "failed_requests": sums.failed_requests,
        "input_tokens": sums.input_tokens,
        "output_tokens": sums.output_tokens,
        "total_tokens": sums.tokens,
        "calls_without_usage": sums.calls_without_usage,
    }
