"""Every table of this app, so that Django finds them in one place."""

from analytics.models.catalog import Assistant, Workflow
from analytics.models.events import Kind, PendingEvent, Status, UsageEvent
from analytics.models.keys import ApiKey, DailyKey, Delivery, Endpoint, RejectedEvent, Scope
from analytics.models.rollups import (
    ActiveTransition,
    DailyAssistant,
    DailyModel,
    DailyTeam,
    DailyTotal,
    DailyUsage,
    DailyUser,
    DailyWorkflow,
    MonthlyAssistant,
    MonthlyTeam,
    MonthlyWorkflow,
    PersonActivity,
    PersonRecent,
    RollupState,
)

__all__ = [
    "ActiveTransition",
    "ApiKey",
    "Assistant",
    "DailyAssistant",
    "DailyKey",
    "DailyModel",
    "DailyTeam",
    "DailyTotal",
    "DailyUsage",
    "DailyUser",
    "DailyWorkflow",
    "Delivery",
    "Endpoint",
    "Kind",
    "MonthlyAssistant",
    "MonthlyTeam",
    "MonthlyWorkflow",
    "PendingEvent",
    "PersonActivity",
    "PersonRecent",
    "RejectedEvent",
    "RollupState",
    "Scope",
    "Status",
    "UsageEvent",
    "Workflow",
]
