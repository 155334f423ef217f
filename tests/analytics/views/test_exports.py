"""The export over HTTP: its name, its encoding, its range, and that its sums are those of the page."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.urls import reverse

from tests.analytics import workspace
from tests.cast import Actor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]


def download(client: Actor, variant: str, **query: str) -> Any:
    response = client.get(reverse("analytics-export", args=[variant]), query)
    assert response.streaming
    return response


def parsed(response: Any) -> list[dict[str, str]]:
    body = response.getvalue()
    assert body.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize(
    ("variant", "filename"),
    [
        ("usage", "panta-analytics_2026-03-09_2026-03-15.csv"),
        ("users", "panta-analytics-users_2026-03-09_2026-03-15.csv"),
        ("summary", "panta-analytics-summary_2026-03-09_2026-03-15.csv"),
    ],
)
def test_every_variant_is_a_download_named_after_its_days(administrator: Actor, variant: str, filename: str) -> None:
    workspace.fill()
    response = download(administrator, variant, range="last_7_days")
    assert response.headers["Content-Disposition"] == f'attachment; filename="{filename}"'
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "no-store" in response.headers["Cache-Control"]
    assert parsed(response)


@pytest.mark.parametrize("variant", ["usage", "users"])
def test_sums_are_those_of_the_cards(administrator: Actor, variant: str) -> None:
    workspace.fill()
    rows = parsed(download(administrator, variant))
    assert sum(int(row["requests"]) for row in rows) == 7
    assert sum(int(row["total_tokens"]) for row in rows) == 1_000_115
    assert sum(int(row["failed_requests"]) for row in rows) == 1


@pytest.mark.parametrize("query", [{"range": "soon"}, {"from": "2026-03-09", "to": "2026-03-01"}, {"from": "x"}])
def test_a_bad_range_is_refused_and_explained(administrator: Actor, query: dict[str, str]) -> None:
    response = administrator.get(reverse("analytics-export", args=["usage"]), query)
    assert (response.status_code, response.headers["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert response.content.decode().endswith(".")


def test_other_variants_do_not_exist(administrator: Actor) -> None:
    assert administrator.get(reverse("analytics-export", args=["everything"])).status_code == 404
