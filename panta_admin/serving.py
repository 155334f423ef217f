"""How gunicorn serves the project: `gunicorn --config=python:panta_admin.serving panta_admin.wsgi`.

Read in gunicorn's own process, before there is a worker. Without it everything works too, but `/metrics` then tells
the durations of the one worker process that happens to be asked.
"""

from __future__ import annotations

import os
from typing import Any

from panta_admin import worker_files

worker_class = "gthread"
_made = worker_files.make()


def post_fork(server: Any, worker: Any) -> None:
    worker_files.reserve(os.getpid())


def child_exit(server: Any, worker: Any) -> None:
    try:
        worker_files.retire()
    except (OSError, ValueError, RuntimeError) as error:  # numbers; the server goes on without them
        server.log.warning("What worker %s observed is lost: %s", worker.pid, error)


def on_exit(server: Any) -> None:
    if _made is not None:
        worker_files.remove(_made)
