"""The ground every test stands on: real PostgreSQL, real Valkey, real Chromium, one date, and the cast.

One embedded pair of servers per run, shared by the xdist workers: each has a database (pytest-django's suffix) and a
Valkey database of its own. DATABASE_URL and REDIS_URL, where set, are used instead.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from panta_admin.local import environment

SERVERS_FOLDER = "PANTA_TEST_SERVERS"


def pytest_configure(config: pytest.Config) -> None:
    """Runs before pytest-django's own (trylast), so the environment is complete when settings are read."""
    _complete_environment()
    from django.conf import settings

    assert settings.DATABASES  # settings load here, with these variables


def pytest_unconfigure(config: pytest.Config) -> None:
    environment.leave()
    if not hasattr(config, "workerinput") and (folder := os.environ.pop(SERVERS_FOLDER, None)):
        shutil.rmtree(folder, ignore_errors=True)


def _complete_environment() -> None:
    if not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        _start_servers()
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        os.environ["REDIS_URL"] = os.environ["REDIS_URL"].replace("db=0", f"db={int(worker.removeprefix('gw')) + 1}")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panta_admin.settings")
    os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "x" * 32)
    os.environ.setdefault("ALLOWED_HOSTS", "localhost,127.0.0.1,testserver")
    os.environ.setdefault("DEBUG", "true")  # static files by their plain names, found without collectstatic


def _start_servers() -> None:
    folder = os.environ.setdefault(SERVERS_FOLDER, tempfile.mkdtemp(prefix="panta-tests-"))
    addresses = environment.join(Path(folder), ["postgres", "valkey"], durable=False)
    os.environ.setdefault("DATABASE_URL", addresses["postgres"])
    os.environ.setdefault("REDIS_URL", addresses["valkey"])
