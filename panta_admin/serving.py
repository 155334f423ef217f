"""How gunicorn serves the project: `gunicorn --config=python:panta_admin.serving panta_admin.wsgi`.

Read in gunicorn's own process, before there is a worker. Without it everything works too, but `/metrics` then tells
the durations of the one worker process that happens to be asked.
"""

from __future__ import annotations

import gc
import os
from importlib import import_module
from typing import Any

from panta_admin import worker_files

worker_class = "panta_admin.web_worker.WebWorker"
_made = worker_files.make()


def post_worker_init(worker: Any) -> None:
    """What the application itself is made of is never rubbish: looking through it took a third of a second, in which
    no request went on. All of it, so the first request does not wait for the pages to be imported either.
    """
    from django.conf import settings

    import_module(settings.ROOT_URLCONF)
    gc.collect()
    gc.freeze()


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
