"""What the list asks is answered by an index, in a workspace where reading everybody would be felt."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet

from analytics.rollups.recent import begin_with
from tests.cast import NOW
from usermgmt import queries, team_lists
from usermgmt.models import Team
from usermgmt.people_list import SORTS, recent_since
from usermgmt.queries import PeopleFilter, Sort, Tab

PEOPLE = 20_000
SINCE = recent_since(NOW)
EVERYBODY = PeopleFilter(Tab.ACTIVE, SINCE, has_sums=True)

# Of each hundred: two pending, two removed; a quarter never started.
_FILL = """
INSERT INTO person (email, name, role, status, password, joined_at, invited_at, accepted_at, deleted_at, updated_at)
SELECT 'person' || n || '@example.com', 'Person ' || md5(n::text), CASE WHEN n %% 500 = 1 THEN 'admin' ELSE 'user' END,
    status, '!', CASE WHEN status <> 'pending' THEN now() END,
    CASE WHEN n %% 3 = 0 OR status = 'pending' THEN now() END,
    CASE WHEN n %% 3 = 0 AND status <> 'pending' THEN now() END, CASE WHEN status = 'deleted' THEN now() END, now()
FROM (
    SELECT n, CASE n %% 100 WHEN 10 THEN 'pending' WHEN 20 THEN 'pending' WHEN 30 THEN 'deleted' WHEN 40 THEN 'deleted'
        ELSE 'active' END AS status
    FROM generate_series(1, %s) n
) made;
INSERT INTO person_activity (user_id, first_value_at, last_active_at, last_active_day)
SELECT id, joined_at, now() - id * interval '1 minute', current_date FROM person WHERE id %% 4 > 0;
INSERT INTO daily_user (user_id, day, requests, failed_requests, input_tokens, output_tokens, calls_without_usage)
SELECT id, %s, 1 + id %% 9, 0, id, id %% 7, 0 FROM person WHERE id %% 4 > 0;
ANALYZE person, person_activity, daily_user;
"""


def first_page(wanted: PeopleFilter, sort: Sort, *, descending: bool = False) -> QuerySet[Any, Any]:
    """Of five rows: to the planner what fifty are among ten times as many people."""
    between = queries.few_between if wanted.picks_few else queries.ids_between
    return between(queries.people(wanted), sort, wanted, descending=descending, first=0, end=5)


QUESTIONS = {
    "everybody": (first_page(EVERYBODY, Sort.NAME), "person_by_name"),
    "by last activity": (first_page(EVERYBODY, Sort.LAST_ACTIVE, descending=True), "person_activity_last"),
    "by tokens": (first_page(EVERYBODY, Sort.TOKENS, descending=True), "person_recent_tokens"),
    "by requests": (first_page(EVERYBODY, Sort.REQUESTS, descending=True), "person_recent_requests"),
    "administrators": (first_page(replace(EVERYBODY, role="admin"), Sort.NAME), "person_administrators"),
    **{
        f"searched, by {sort}": (
            first_page(replace(EVERYBODY, search="person77"), sort, descending=True),
            "person_search",
        )
        for sort in SORTS[Tab.ACTIVE]
    },
    "searched by two words": (first_page(replace(EVERYBODY, search="pers abc"), Sort.NAME), "person_search"),
    "counted as found": (queries.people(replace(EVERYBODY, search="person77")), "person_search"),
    "found for a team": (team_lists.candidate_rows(Team(pk=1), "person77"), "person_search"),
    "pending": (first_page(PeopleFilter(Tab.PENDING, SINCE), Sort.INVITED, descending=True), "person_pending"),
}
# Indexes in whose order everybody would be walked through to find the few that are searched.
ORDERS = r"\b(person_by_name|person_activity_last|person_recent_tokens|person_recent_requests)\b"


@pytest.mark.django_db
def test_each_question_reads_the_index_that_is_there_for_it() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_FILL, [PEOPLE, SINCE])
        assert begin_with(SINCE)
        # What autovacuum does in time; what tests before this took back stands in the indexes still.
        cursor.execute("REINDEX TABLE person; ANALYZE person, person_recent")
    plans = {name: question.explain() for name, (question, _index) in QUESTIONS.items()}
    without = [name for name, (_question, index) in QUESTIONS.items() if not re.search(rf"\b{index}\b", plans[name])]
    assert not without, [plans[name] for name in without]
    walked = [name for name in plans if name.startswith("searched") and re.search(ORDERS, plans[name])]
    assert not walked, [plans[name] for name in walked]
