#!/usr/bin/env python
"""Django's command line. Without DATABASE_URL or REDIS_URL it starts (or joins) the embedded servers first."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panta_admin.settings")
    if not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        from panta_admin.local import environment

        environment.complete()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
