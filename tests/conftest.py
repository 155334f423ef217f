"""The ground every test stands on: real PostgreSQL, real Valkey, real Chromium, one date, and the cast.

One embedded pair of servers per run, shared by the xdist workers: each has a database (pytest-django's suffix) and a
Valkey database of its own. DATABASE_URL and REDIS_URL, where set, are used instead.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

from panta_admin.local import environment
from panta_admin.local.place import Place
from panta_admin.local.servers import Valkey

if TYPE_CHECKING:
    import pytest_django

    from tests.cast import Actor

SERVERS_FOLDER = "PANTA_TEST_SERVERS"
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# --- Servers and settings -----------------------------------------------------------------------------------------
def pytest_configure(config: pytest.Config) -> None:
    """Completes the environment; where tests run, settings are read after that (pytest-django's hook is the last)."""
    _complete_environment(getattr(config, "workerinput", {}).get("workerid", ""))
    if config.getoption("dist", "no") != "no":
        return  # the xdist controller: a settings module in its environment would be read by workers too early
    os.environ["DJANGO_SETTINGS_MODULE"] = "panta_admin.settings"
    from django.conf import settings
    from django.contrib.auth.hashers import Argon2PasswordHasher

    assert settings.DATABASES
    # The product's hash, at the least it can cost: as dear as it should be, it was half the time of tests that sign in.
    Argon2PasswordHasher.time_cost, Argon2PasswordHasher.memory_cost, Argon2PasswordHasher.parallelism = 1, 8, 1


def pytest_unconfigure(config: pytest.Config) -> None:
    environment.leave()
    if not hasattr(config, "workerinput") and (folder := os.environ.pop(SERVERS_FOLDER, None)):
        shutil.rmtree(folder, ignore_errors=True)


def _complete_environment(worker: str) -> None:
    if not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        _start_servers()
    if worker:
        os.environ["REDIS_URL"] = os.environ["REDIS_URL"].replace("db=0", f"db={1 + int(worker.removeprefix('gw'))}")
    os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "x" * 32)
    os.environ.setdefault("ALLOWED_HOSTS", "localhost,127.0.0.1,testserver")
    os.environ.setdefault("DEBUG", "true")  # static files by their plain names, found without collectstatic
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")  # it would ask the world while it is imported
    # Playwright's event loop runs in the test's thread; the ORM would refuse to work beside it.
    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


def _start_servers() -> None:
    folder = os.environ.setdefault(SERVERS_FOLDER, tempfile.mkdtemp(prefix="panta-tests-"))
    addresses = environment.join(Path(folder), ["postgres", "valkey"], durable=False)
    os.environ.setdefault("DATABASE_URL", addresses["postgres"])
    os.environ.setdefault("REDIS_URL", addresses["valkey"])


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> None:
    """Lets Django empty the tables between tests, the audit log too, which refuses that everywhere else: there is no
    setting that would allow it, so its trigger is off in the database of the tests.
    """
    from django.db import connection

    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_is_not_truncated")


@pytest.fixture(autouse=True)
def _empty_report_cache() -> None:
    """A report of an earlier test's database must not answer for this one's."""
    from analytics import cache

    cache.clear()


@pytest.fixture(autouse=True)
def _language_of_the_tests() -> Iterator[None]:
    """A page asked for in another language leaves that language behind in its thread."""
    from django.conf import settings
    from django.utils import translation

    yield
    translation.activate(settings.LANGUAGE_CODE)


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A Valkey of the test's own, to stop, hang or fill: its process and its REDIS_URL. Who lets the cache use it tells
    the cache so (`cache.forget_server`).
    """
    from analytics import cache

    place = Place.make(tmp_path, durable=False)
    server = Valkey(place)
    process = server.start()
    yield process, server.address
    process.kill()  # also where it hangs
    process.wait()
    place.clear()
    cache.forget_server()


# --- Time and people ----------------------------------------------------------------------------------------------
@pytest.fixture
def frozen_now() -> Iterator[time_machine.Traveller]:
    """The clock stands at `tests.cast.NOW`; `frozen_now.shift(…)` moves it."""
    from tests.cast import NOW

    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def administrator(db: None) -> Actor:
    from tests import cast

    return cast.Actor(cast.create_administrator())


@pytest.fixture
def member(db: None) -> Actor:
    from tests import cast

    return cast.Actor(cast.create_member())


@pytest.fixture
def stranger(db: None) -> Actor:
    from tests import cast

    return cast.Actor()


# --- Browser ------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def chromium() -> str:
    """The program to drive: CHROMIUM, else one on the PATH, else Playwright's own; skips where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    found = found or next(map(str, _playwright_browsers()), None)
    if found is None:
        pytest.skip(
            "No Chromium: set CHROMIUM, or install one (`apt install chromium`, `playwright install chromium`)."
        )
    return found


def _playwright_browsers() -> list[Path]:
    folder = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    return sorted(folder.glob("chromium-*/chrome-linux*/chrome"), reverse=True)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any], chromium: str) -> dict[str, Any]:
    return {**browser_type_launch_args, "executable_path": chromium, "args": CHROMIUM_FLAGS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "locale": "en-US", "timezone_id": "UTC", "viewport": {"width": 1440, "height": 900}}
