"""The list of people: the whole HTTP response in a workspace of 200,000, against the same page in one of 20.

The people are made by SQL (their events would take minutes, and the list reads rollups alone); the databases are kept.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median

from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from analytics.rollups.recent import begin_with
from tests.benchmarks import stage, tables
from tests.benchmarks.page import Visitor
from tests.benchmarks.timing import in_turns
from tests.benchmarks.workspaces import Size, Workspace
from usermgmt.models import Role, User
from usermgmt.people_list import recent_since

FEW, MANY = 20, 200_000
QUESTIONS = {
    "first page": "",
    "last page": "page=1000000",
    "search": "q=anna",
    "search, two words": "q=anna+fis",
    "search, one person": "q=person4711",
    "administrators": "role=admin",
    "one team": "team=1",
    "never started, joined in 30 days": "activity=never_started&joined_from={month_ago}",
    "by last active": "sort=-last_active",
    "by tokens": "sort=-tokens",
    "by requests": "sort=-requests",
    "by tokens, fewest first": "sort=tokens",
    "pending": "tab=pending",
    "recently deleted": "tab=deleted",
}
# Of each hundred: two pending, two removed, one deactivated; a third was invited, a quarter never started.
_FILL = """
INSERT INTO team (key, name, updated_at) SELECT n, 'Team ' || n, now() FROM generate_series(1, 60) n;
INSERT INTO person (email, name, role, status, password, joined_at, invited_at, accepted_at, deleted_at, updated_at)
SELECT 'person' || n || '@example.com',
    (array['Anna','Ben','Cleo','Dora','Emil','Fritz','Greta'])[1 + n % 7] || ' '
        || (array['Müller','Schmidt','Weber','Fischer','Meyer'])[1 + n % 5] || ' ' || md5(n::text),
    CASE WHEN n % 500 = 1 THEN 'admin' ELSE 'user' END, status, '!', CASE WHEN status <> 'pending' THEN since END,
    CASE WHEN n % 3 = 0 OR status = 'pending' THEN since END,
    CASE WHEN n % 3 = 0 AND status <> 'pending' THEN since END, CASE WHEN status = 'deleted' THEN now() END, now()
FROM (
    SELECT n, now() - (n % 900) * interval '1 day' AS since,
        CASE n % 100 WHEN 10 THEN 'pending' WHEN 20 THEN 'pending' WHEN 30 THEN 'deleted' WHEN 40 THEN 'deleted'
            WHEN 50 THEN 'deactivated' ELSE 'active' END AS status
    FROM generate_series(1, %(people)s) n
) made;
INSERT INTO membership (user_id, team_id, is_primary) SELECT id, 1 + id % 60, true FROM person;
INSERT INTO person_activity (user_id, first_value_at, last_active_at, last_active_day)
SELECT id, joined_at, now() - (id % 60) * interval '1 day', current_date - (id % 60)::int
FROM person WHERE id % 4 > 0;
INSERT INTO daily_user (user_id, day, requests, failed_requests, input_tokens, output_tokens, calls_without_usage)
SELECT id, current_date - days, 3, 0, 1000 + id % 977, 100, 0 FROM person, generate_series(0, 28, 4) days
WHERE id % 4 > 0;
"""


def compare(workspaces: Sequence[Workspace], rounds: int) -> None:
    """Prints for each question the median of both workspaces and their ratio. Needs none of `workspaces`."""
    visitors = {people: Visitor(prepared(people)) for people in (FEW, MANY)}
    month_ago = timezone.now().date() - dt.timedelta(days=30)
    rows = []
    for name, question in QUESTIONS.items():
        query = question.format(month_ago=month_ago)
        runs = {str(people): partial(_open, visitor, query) for people, visitor in visitors.items()}
        samples = in_turns(runs, rounds)
        few, many = (median(samples[str(people)].seconds) for people in (FEW, MANY))
        rows.append((name, few * 1_000, many * 1_000, tables.times(many, few)))
    columns = ("list", f"{FEW} people, p50 ms", f"{MANY:,} people, p50 ms", "many ÷ few")
    tables.show("The list of people, the whole page", columns, rows)


def _open(visitor: Visitor, query: str) -> int:
    return sum(map(len, visitor.get("/admin/users/", query)))


def prepared(people: int) -> Workspace:
    """A workspace of that many people without events, made where it is not there yet."""
    database = f"people_{people}"
    if database not in stage.names():
        stage.create(f"{database}_new")
        stage.use(f"{database}_new")
        call_command("migrate", verbosity=0)
        call_command("createcachetable", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute(_FILL.replace("%(people)s", str(people)))
        stage.rename(f"{database}_new", database)
    stage.use(database)
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")  # as autovacuum does in time, also after a migration
    begin_with(recent_since(timezone.now()))
    User.objects.update_or_create(
        email="benchmark@example.com", defaults={"name": "Benchmark", "role": Role.ADMINISTRATOR, "joined_at": None}
    )
    return Workspace(Size(events=0, people=people, months=0, seed=0), database, Path())
