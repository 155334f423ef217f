"""Two questions of whoever runs us: does the process answer (live), and can it serve a page (ready).

Redis is reported but never fatal: losing it costs freshness only.
"""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from analytics import cache


@require_safe
@never_cache
def live(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """200 while the database answers, else 503; the body says what each part does."""
    database = _database_answers()
    parts = {"database": _word(database), "redis": _word(cache.answers())}
    return JsonResponse({"status": _word(database), **parts}, status=200 if database else 503)


def _word(answers: bool) -> str:
    return "ok" if answers else "down"


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        connection.close()
        return False
    return True
