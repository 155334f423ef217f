"""Makes the stage's workspace: tables, static files, an administrator and a key, whose text it prints."""

from __future__ import annotations

import django


def main() -> None:
    django.setup()
    from django.core.management import call_command
    from django.utils import timezone

    from analytics import keys
    from analytics.models import Scope
    from tests.chaos.stage import ADMINISTRATOR, PASSWORD
    from usermgmt.models import Role, User

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    administrator = User.objects.create_person(
        ADMINISTRATOR, "Ada Admin", PASSWORD, role=Role.ADMINISTRATOR, joined_at=timezone.now()
    )
    print(keys.create(administrator, "Gateway", [Scope.INGEST])[1])


if __name__ == "__main__":
    main()
