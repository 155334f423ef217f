"""The platform's check before a request, at 200,000 people and 1,000 limits, against looking one person up by key.

The whole HTTP answer with its key, in this process, for people drawn at random; every answer is checked for the number
of limits that apply. The database is made from that of `people` and kept.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlencode
from wsgiref.util import setup_testing_defaults

from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from analytics import keys
from analytics.models.keys import Scope
from analytics.rollups import state
from tests.benchmarks import limit_pages, people, stage, tables
from tests.benchmarks.page import require_ok
from tests.benchmarks.timing import seconds
from tests.benchmarks.workspaces import Workspace
from tokenlimits.applying import Question
from tokenlimits.check import check
from tokenlimits.models import TokenLimit
from usermgmt.models import User

PEOPLE, LIMITS = people.MANY, 1_000
CHECKS = 1_000
WARM_UP = 20
DATABASE = f"limits_{PEOPLE}"
MODELS = 40
# A month of every team and model, and limits: the workspace, every person, all teams and models, the rest people.
_FILL = f"""
INSERT INTO daily_total (day, requests, failed_requests, input_tokens, output_tokens, calls_without_usage,
    chat_requests, assistant_requests, workflow_requests)
SELECT current_date - n, 1, 0, 1000000, 100000, 0, 1, 0, 0 FROM generate_series(0, 400) n;
INSERT INTO daily_team (day, team_id, requests, failed_requests, input_tokens, output_tokens, calls_without_usage)
SELECT current_date - n, team.id, 1, 0, 10000, 1000, 0 FROM generate_series(0, 400) n, team;
INSERT INTO daily_model (day, model, requests, failed_requests, input_tokens, output_tokens, calls_without_usage)
SELECT current_date - n, 'model-' || m, 1, 0, 10000, 1000, 0
FROM generate_series(0, 400) n, generate_series(1, {MODELS}) m;
INSERT INTO token_limit (scope, period, tokens, enforcement, thresholds, model, updated_at, team_id, person_id)
SELECT scope, period, 100000000, 'hard', '{{50,80,100}}', model, now(), team_id, person_id FROM (
    SELECT 1 AS rank, scope, period, '' AS model, NULL::bigint AS team_id, NULL::bigint AS person_id
    FROM unnest(array['workspace', 'everybody']) scope, unnest(array['day', 'week', 'month']) period
    UNION ALL SELECT 1, 'team', period, '', id, NULL FROM team, unnest(array['day', 'week', 'month']) period
    UNION ALL SELECT 1, 'model', period, 'model-' || m, NULL, NULL
        FROM generate_series(1, {MODELS}) m, unnest(array['day', 'week', 'month']) period
    UNION ALL SELECT 2, 'person', 'month', '', NULL, id FROM person WHERE id % 250 = 7
) made ORDER BY rank, person_id LIMIT {LIMITS};
"""


def compare(workspaces: Sequence[Workspace], rounds: int) -> None:
    """Prints the median and the 99th percentile of each, and how many look-ups they are worth. Needs no workspace."""
    key = _prepare()
    chance = random.Random(1)
    asked = [_question(chance) for _ in range(CHECKS)]
    ids = [chance.randrange(1, PEOPLE) for _ in range(CHECKS)]
    with stage.connect(DATABASE) as baseline:
        runs: dict[str, Callable[[int], object]] = {
            "a person by primary key": lambda n: baseline.execute(
                "SELECT id, email FROM person WHERE id = %s", [ids[n]]
            ).fetchone(),
            "a person by primary key, with the ORM": lambda n: (
                User.objects.filter(pk=ids[n]).values_list("email").get()
            ),
            "the check, as a function": lambda n: check(asked[n], timezone.now()),
            "the check by HTTP, with its key": lambda n: _ask(key, asked[n]),
        }
        for n in range(20):
            _require_all_limits(json.loads(_ask(key, asked[n])))
        taken: dict[str, list[float]] = {name: [] for name in runs}
        for n in range(-WARM_UP, CHECKS):
            for name, run in runs.items():
                spent = seconds(partial(run, n))
                if n >= 0:
                    taken[name].append(spent)
    bare = median(taken["a person by primary key"])
    rows = [
        (name, median(spent) * 1_000, quantiles(spent, n=100)[98] * 1_000, tables.times(median(spent), bare))
        for name, spent in taken.items()
    ]
    columns = ("question", "p50 ms", "p99 ms", "p50 ÷ look-up")
    tables.show(f"The check at {PEOPLE:,} people and {LIMITS:,} limits, {CHECKS:,} times", columns, rows)
    limit_pages.compare(DATABASE, PEOPLE, rounds)


def _question(chance: random.Random) -> Question:
    user = f"person{chance.randrange(1, PEOPLE)}@example.com"
    return Question(user, "", f"model-{chance.randrange(1, MODELS + 1)}", chance.randrange(10_000))


def _ask(key: str, question: Question) -> bytes:
    from panta_admin.wsgi import application

    asked = {"user": question.user, "model": question.model, "tokens": question.tokens}
    environ: dict[str, Any] = {"HTTP_AUTHORIZATION": f"Bearer {key}", "HTTP_HOST": stage.HOST}
    environ |= {"PATH_INFO": "/api/v1/limits/check", "QUERY_STRING": urlencode(asked)}
    setup_testing_defaults(environ)
    return b"".join(application(environ, require_ok))


def _require_all_limits(answer: dict[str, Any]) -> None:
    """Three of the workspace, of a team, of a model, and of each person; an own one stands in place of one of those."""
    if len(answer["limits"]) != 12:
        raise RuntimeError(f"{len(answer['limits'])} limits apply, not 12")


def _prepare() -> str:
    """Points Django at the database, made where it is not there yet; returns a key with the scope of the check."""
    if DATABASE not in stage.names():
        source = people.prepared(PEOPLE).database
        stage.create(f"{DATABASE}_new", source)
        stage.use(f"{DATABASE}_new")
        call_command("migrate", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute(_FILL)
            cursor.execute("VACUUM ANALYZE")
        state.write(state.read().time_zone, timezone.now(), changed=True)
        stage.rename(f"{DATABASE}_new", DATABASE)
    stage.use(DATABASE)
    call_command("migrate", verbosity=0)
    if TokenLimit.objects.count() != LIMITS:
        raise RuntimeError(f"{DATABASE} holds {TokenLimit.objects.count():,} limits")
    _key, text = keys.create(User.objects.get(email="benchmark@example.com"), "Benchmark", [Scope.LIMITS])
    return text
