"""`manage.py demo`: the demo workspace of analytics, with limits on what it uses."""

from __future__ import annotations

from django.utils import timezone

from analytics.management.commands import demo
from analytics.management.demo.settle import Mark
from tokenlimits.demo import fill
from tokenlimits.models import TokenLimit
from usermgmt.models import Role, Status, User


class Command(demo.Command):
    def settle_beside(self, mark: Mark) -> None:
        """Limits are of the whole workspace: a second demo beside the first brings none."""
        administrator = User.objects.filter(role=Role.ADMINISTRATOR, status=Status.ACTIVE).order_by("pk").first()
        if administrator and not TokenLimit.objects.exists():
            fill(administrator, timezone.now())
