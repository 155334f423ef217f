"""Where benchmarks happen: embedded servers with a folder of their own, settings as in production, one database a size.

In: the folder. Out: a set-up Django whose default connection `use` points at one database or another, all kept open.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg import Connection

from panta_admin.local import environment

HOST = "localhost"


def set_up(folder: Path) -> None:
    """Starts the servers in `folder` and sets Django up on them. They end with this process."""
    addresses = environment.join(folder, ["postgres", "valkey"])
    os.environ |= {
        "DATABASE_URL": addresses["postgres"],
        "REDIS_URL": addresses["valkey"],
        "SECRET_KEY": "only-for-benchmarks-" + "x" * 32,
        "ALLOWED_HOSTS": HOST,
        "DEBUG": "false",
        "LOG_LEVEL": "WARNING",
        "REPORTING_TIME_ZONE": "UTC",
        "STATIC_ROOT": str(folder / "static"),
        "DJANGO_SETTINGS_MODULE": "panta_admin.settings",
    }
    import django

    django.setup()
    from panta_admin.local.static import collect_if_changed

    collect_if_changed(folder / "static.fingerprint")


def leave() -> None:
    """Closes every connection and gives up the servers."""
    for database in list(_open):
        _close(database)
    environment.leave()


_open: dict[str, object] = {}


def use(database: str) -> None:
    """Points Django at `database`. Its connection stays open while another one is used, as warm as it was left."""
    from django.db import connections

    if database not in _open:
        connection = connections.create_connection("default")
        connection.settings_dict = {**connection.settings_dict, "NAME": database}
        _open[database] = connection
    connections["default"] = _open[database]  # type: ignore[assignment]


def names() -> set[str]:
    """The databases that exist."""
    with _server() as server:
        return {name for (name,) in server.execute("SELECT datname FROM pg_database")}


def create(database: str, template: str = "template1") -> None:
    """A new database, a copy of `template`. One of that name is dropped first."""
    drop(database)
    _close(template)
    with _server() as server:
        server.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}" STRATEGY FILE_COPY')


def rename(database: str, name: str) -> None:
    _close(database)
    with _server() as server:
        server.execute(f'ALTER DATABASE "{database}" RENAME TO "{name}"')


def drop(database: str) -> None:
    _close(database)
    with _server() as server:
        server.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')


@contextmanager
def scratch_copy(database: str) -> Iterator[str]:
    """The name of a copy to write into, dropped afterwards."""
    name = f"{database}_copy"
    create(name, database)
    try:
        yield name
    finally:
        drop(name)


def connect(database: str) -> Connection:
    """A connection without Django, for baselines."""
    return Connection.connect(os.environ["DATABASE_URL"], dbname=database, autocommit=True)


def copy_out(database: str, sql: str, options: str, file: Path) -> None:
    """The rows of a query as a file of COPY's."""
    with connect(database) as source, file.open("wb") as sink:
        source.execute("SET timezone = 'UTC'")
        with source.cursor().copy(f"COPY ({sql}) TO STDOUT {options}") as copy:
            for piece in copy:
                sink.write(piece)


def _server() -> Connection:
    return connect("postgres")


def _close(database: str) -> None:
    connection = _open.pop(database, None)
    if connection is not None:
        connection.close()  # type: ignore[attr-defined]
