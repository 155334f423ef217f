"""`fold`, `rebuild_rollups` and `reconcile` from the command line."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from pytest_django import Settings

from analytics.models import DailyTotal, PendingEvent
from analytics.models.locks import Lock, hold
from analytics.rollups import state
from tests.analytics import workspace
from tests.analytics.parallel import Threads

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]


def run(*arguments: str) -> str:
    """What the command prints."""
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


def test_fold_folds_what_is_pending_and_says_how_much() -> None:
    workspace.store(workspace.event(1), workspace.event(2))
    assert run("fold").startswith("2 events folded")
    assert not PendingEvent.objects.exists()
    assert DailyTotal.objects.count() == 2
    assert run("fold").startswith("0 events folded")


@pytest.mark.django_db(transaction=True)
def test_fold_gives_up_where_another_process_goes_on_folding() -> None:
    with Threads(1) as pool, transaction.atomic():
        hold(Lock.FOLD)
        stopped = pool.run(_message, "fold", "--wait", "0.1").result()
    assert "Another process is folding" in stopped


def _message(*arguments: str) -> str:
    with pytest.raises(CommandError) as error:
        call_command(*arguments, stdout=StringIO())
    return str(error.value)


def test_a_rebuild_moves_the_days_to_the_reporting_zone(settings: Settings) -> None:
    """10:30 UTC is the next day in Kiritimati."""
    workspace.fold(workspace.event(1))
    before = DailyTotal.objects.get().day
    settings.REPORTING_TIME_ZONE = "Pacific/Kiritimati"
    output = run("rebuild_rollups")
    assert "1 events, days of Pacific/Kiritimati" in output
    assert state.read().time_zone.key == "Pacific/Kiritimati"
    assert (DailyTotal.objects.get().day - before).days == 1


def test_reconcile_is_content_where_nothing_differs() -> None:
    workspace.fold(workspace.event(1), workspace.event(40))
    assert "2026-03-09 to 2026-03-15: the rollups agree" in run("reconcile")


def test_reconcile_repairs_and_says_so_within_its_days_only() -> None:
    workspace.fold(workspace.event(1), workspace.event(40))
    DailyTotal.objects.update(requests=99)
    assert "they are repaired" in _message("reconcile", "--from", "2026-03-10", "--to", "2026-03-15")
    assert sorted(DailyTotal.objects.values_list("requests", flat=True)) == [1, 99]
    _message("reconcile", "--days", "60")
    assert list(DailyTotal.objects.values_list("requests", flat=True)) == [1, 1]
    assert "agree" in run("reconcile", "--days", "60")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--days", "0"], "number from 1"),
        (["--days", "x"], "number from 1"),
        (["--from", "31.01.2026"], "not a date"),
        (["--from", "2026-03-02", "--to", "2026-03-01"], "is after"),
    ],
)
def test_bad_days_are_said(arguments: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        run("reconcile", *arguments)
