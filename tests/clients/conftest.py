"""What all clients meet: one panel, started once, a key to it for each test, and models that answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.clients.model_server import ModelServer, model_server

if TYPE_CHECKING:
    from tests.clients.panel import Panel
    from tests.webserver import WebServer


@pytest.fixture(scope="package")
def server(django_db_setup: None) -> Iterator[WebServer]:
    """One worker process of four threads, as the image runs two of."""
    from tests import webserver

    with webserver.serving() as running:
        yield running


@pytest.fixture
def panel(server: WebServer, transactional_db: None) -> Panel:
    from analytics.models import Scope
    from tests.analytics.api.client import make_key
    from tests.clients.panel import Panel

    return Panel(server.port, make_key(Scope.INGEST)[1])


@pytest.fixture
def models() -> Iterator[ModelServer]:
    with model_server() as running:
        yield running
