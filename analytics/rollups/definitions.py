"""What each rollup sums, said once: the fold, the rebuild and the reconciliation all write from these definitions.

A source is any relation with the columns of the outbox and `day`.
"""

from __future__ import annotations

from dataclasses import dataclass

from analytics.models.events import Kind, Status

MEASURES: dict[str, str] = {
    "requests": "sum(requests)",
    "failed_requests": f"sum(requests) FILTER (WHERE status = {Status.ERROR.value})",
    "input_tokens": "sum(input_tokens)",
    "output_tokens": "sum(output_tokens)",
    "calls_without_usage": "count(*) FILTER (WHERE NOT usage_known)",
}
_SPLIT = {f"{kind.label}_requests": f"sum(requests) FILTER (WHERE kind = {kind.value})" for kind in Kind}
_MILESTONES = {
    "first_value_at": f"min(occurred_at) FILTER (WHERE requests = 1 AND status = {Status.SUCCESS.value})",
    "last_active_at": "max(occurred_at) FILTER (WHERE requests = 1)",
}
_MERGE = {"first_value_at": "LEAST", "last_active_at": "GREATEST"}


@dataclass(frozen=True)
class Rollup:
    """`keys`: column → expression over the source. `where` picks the events that belong."""

    table: str
    keys: dict[str, str]
    sums: dict[str, str]
    where: str = "true"
    milestones: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.keys, *self.sums, *self.milestones)

    def select(self, source: str) -> str:
        """The rollup's rows for all events of `source`, in key order."""
        sums = [f"coalesce({expression}, 0) AS {name}" for name, expression in self.sums.items()]
        milestones = [f"{_MILESTONES[name]} AS {name}" for name in self.milestones]
        keys = [f"{expression} AS {name}" for name, expression in self.keys.items()]
        grouping = ", ".join(str(n) for n in range(1, len(keys) + 1))
        return (
            f"SELECT {', '.join([*keys, *sums, *milestones])} FROM {source} "
            f"WHERE {self.where} GROUP BY {grouping} ORDER BY {grouping}"
        )

    def add(self, source: str) -> str:
        """An upsert that adds the sums of `source` to what stands, in key order: two writers cannot deadlock."""
        updates = [f"{name} = {self.table}.{name} + EXCLUDED.{name}" for name in self.sums]
        updates += [f"{name} = {_MERGE[name]}({self.table}.{name}, EXCLUDED.{name})" for name in self.milestones]
        return f"{self.insert(source)} ON CONFLICT ({', '.join(self.keys)}) DO UPDATE SET {', '.join(updates)}"

    def insert(self, source: str) -> str:
        return f"INSERT INTO {self.table} ({', '.join(self.columns)}) {self.select(source)}"


_MONTH = "date_trunc('month', day)::date"
_IS_ASSISTANT, _IS_WORKFLOW = (
    f"kind = {Kind.ASSISTANT.value}",
    f"kind = {Kind.WORKFLOW.value}",
)
_ITEM = f"CASE WHEN {_IS_ASSISTANT} THEN assistant_id WHEN {_IS_WORKFLOW} THEN workflow_id ELSE 0 END"

TOTAL = Rollup("daily_total", {"day": "day"}, MEASURES | _SPLIT)
USER = Rollup(
    "daily_user",
    {"user_id": "user_id", "day": "day"},
    MEASURES,
    "user_id <> 0",
    ("first_value_at", "last_active_at"),
)
DAILY = (
    TOTAL,
    Rollup("daily_team", {"day": "day", "team_id": "team_id"}, MEASURES),
    Rollup(
        "daily_assistant",
        {"day": "day", "assistant_id": "assistant_id"},
        MEASURES,
        _IS_ASSISTANT,
    ),
    Rollup(
        "daily_workflow",
        {"day": "day", "workflow_id": "workflow_id"},
        MEASURES,
        _IS_WORKFLOW,
    ),
    Rollup("daily_model", {"day": "day", "model": "model"}, MEASURES),
    Rollup(
        "daily_usage",
        {"day": "day", "team_id": "team_id", "kind": "kind", "item_id": _ITEM},
        MEASURES,
    ),
    USER,
)
MONTHLY = (
    Rollup("monthly_team", {"month": _MONTH, "team_id": "team_id"}, MEASURES),
    Rollup(
        "monthly_assistant",
        {"month": _MONTH, "assistant_id": "assistant_id"},
        MEASURES,
        _IS_ASSISTANT,
    ),
    Rollup(
        "monthly_workflow",
        {"month": _MONTH, "workflow_id": "workflow_id"},
        MEASURES,
        _IS_WORKFLOW,
    ),
)
RECENT = Rollup(
    "person_recent",
    {"user_id": "user_id"},
    {"requests": "sum(requests)", "tokens": "sum(input_tokens + output_tokens)"},
    "user_id <> 0 AND day >= (SELECT recent_since FROM rollup_state)",
)
