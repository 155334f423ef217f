"""The check by HTTP: the platform asks before it runs a request, with a key of the scope `limits`.

In: who, for which team, with which model, for how many tokens. Out: the decision, the limit that binds, and all others
that apply. Everything is said in the code's language: a program asks.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from msgspec import Meta
from ninja import Query, Router, Schema
from pydantic import Field

from analytics.api import describe
from analytics.api.auth import Key
from analytics.api.problems import InvalidParameters, invalid
from analytics.models.keys import Scope
from tokenlimits import models
from tokenlimits.applying import Question
from tokenlimits.check import Answer, Decision, Verdict, check
from tokenlimits.models import MOST_TOKENS, Enforcement
from tokenlimits.periods import Period

PATH = "/api/v1/limits/check"
_PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]*$"

router = Router(tags=["Limits"])


# --- What is answered ---------------------------------------------------------------------------------------------

Tokens = Annotated[int, Meta(ge=0)]
Instant = Annotated[dt.datetime, Meta(tz=True)]


class LimitVerdict(msgspec.Struct, kw_only=True):
    """One limit that applies to the request, and what it says."""

    id: int
    scope: Annotated[models.Scope, Meta(description="`everybody` counts each person apart.")]
    name: Annotated[str, Meta(description="Whose tokens it counts.", examples=["Workspace", "Marketing"])]
    period: Period
    enforcement: Annotated[Enforcement, Meta(description="`hard` limits block, `soft` ones warn.")]
    decision: Decision
    reason: str
    tokens: Annotated[Tokens, Meta(description="The limit, or what an override allows instead.")]
    override_until: Annotated[dt.date | None, Meta(description="Last day of the override that counts, if one does.")]
    used: Annotated[Tokens, Meta(description="Since the period began, up to `as_of`.")]
    remaining: Annotated[Tokens, Meta(description="Until it is reached.")]
    threshold: Annotated[int | None, Meta(description="The highest of its thresholds that is reached, in percent.")]
    resets_at: Annotated[Instant, Meta(description="When its period ends: midnight of the reporting time zone.")]


class LimitCheck(msgspec.Struct, kw_only=True):
    """May the request run?"""

    decision: Annotated[
        Decision,
        Meta(
            description="`blocked`: a hard limit is reached, or the request would pass it. `warn`: a soft one is, or "
            "a threshold of any. Else `allowed`."
        ),
    ]
    reason: str
    limit: Annotated[LimitVerdict | None, Meta(description="The one that binds; null where none applies.")]
    remaining: Annotated[Tokens | None, Meta(description="Of the limit that binds.")]
    resets_at: Annotated[Instant | None, Meta(description="Of the limit that binds.")]
    limits: Annotated[list[LimitVerdict], Meta(description="All that apply, the tightest first.")]
    unknown: Annotated[
        list[str], Meta(description="Which of the parameters name nobody and nothing known. What else fits applies.")
    ]
    as_of: Annotated[
        Instant | None, Meta(description="Everything accepted before this instant is counted; null: nothing is yet.")
    ]


# --- What is asked ------------------------------------------------------------------------------------------------


class Asked(Schema):
    user: str = Field(
        "", max_length=254, pattern=_PRINTABLE, description="The person, by the platform's id or by email."
    )
    team: str = Field(
        "", max_length=200, pattern=_PRINTABLE, description="The team as usage names it; else the person's primary one."
    )
    model: str = Field("", max_length=200, pattern=_PRINTABLE, description="The model as usage names it.")
    tokens: int = Field(0, ge=0, le=MOST_TOKENS, description="How many tokens the request is expected to use.")


@router.api_operation(
    ["GET", "HEAD"],
    PATH,
    auth=Key(Scope.LIMITS),
    operation_id="check_limits",
    summary="Check limits before a request",
    openapi_extra={
        "responses": {
            200: describe.answer("The decision.", describe.reference(LimitCheck)),
            400: describe.problem("The request is malformed."),
            422: describe.problem("A parameter does not fit.", InvalidParameters),
        }
    },
)
def check_limits(request: HttpRequest, asked: Query[Asked]) -> HttpResponse:
    """Whether a request may run, by the same sums as the Token limits tab shows. Asking uses nothing up.

    The answer counts everything up to `as_of`, which is a few seconds ago. Names that nobody knows are no error: a
    person who is new has used nothing yet.
    """
    if unknown := set(request.GET) - Asked.model_fields.keys():
        known = ", ".join(Asked.model_fields)
        raise invalid({name[:40]: f"There is no such parameter, only {known}." for name in unknown})
    answer = check(Question(asked.user, asked.team, asked.model, asked.tokens), timezone.now())
    return HttpResponse(msgspec.json.encode(_told(answer, asked.tokens)), content_type="application/json")


def _told(answer: Answer, wanted: int) -> LimitCheck:
    limits = [_limit(verdict, wanted) for verdict in answer.verdicts]
    binding = limits[0] if limits else None
    return LimitCheck(
        decision=answer.decision,
        reason=binding.reason if binding else "No limit applies.",
        limit=binding,
        remaining=binding.remaining if binding else None,
        resets_at=binding.resets_at if binding else None,
        limits=limits,
        unknown=list(answer.unknown),
        as_of=answer.as_of,
    )


def _limit(verdict: Verdict, wanted: int) -> LimitVerdict:
    limit = verdict.limit
    return LimitVerdict(
        id=limit.id,
        scope=limit.scope,
        name=limit.name,
        period=limit.period,
        enforcement=limit.enforcement,
        decision=verdict.decision,
        reason=_reason(verdict, wanted),
        tokens=verdict.allowed,
        override_until=verdict.override_until,
        used=verdict.used,
        remaining=verdict.remaining,
        threshold=verdict.threshold,
        resets_at=verdict.resets_at,
    )


def _reason(verdict: Verdict, wanted: int) -> str:
    whose = f"{verdict.limit.name}: {verdict.used:,} of {verdict.allowed:,} tokens used this {verdict.limit.period}"
    if verdict.is_reached:
        return f"{whose}; the limit is reached."
    if verdict.used + wanted > verdict.allowed:
        return f"{whose}; {wanted:,} more would pass the limit."
    return f"{whose}; {verdict.threshold} % is reached." if verdict.threshold else f"{whose}."
