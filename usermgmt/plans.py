"""What PostgreSQL remembers of how to look something up, where a transaction has changed what is best."""

from __future__ import annotations

from django.db import connection


def forget() -> None:
    """Call it where many rows have been added, before the transaction ends.

    Foreign keys are checked at its end, row by row, by plans that a connection keeps. One made while the table held
    next to nothing reads all of it, each time: ten thousand people in a new workspace took half a minute to commit.
    """
    with connection.cursor() as cursor:
        cursor.execute("DISCARD PLANS")
