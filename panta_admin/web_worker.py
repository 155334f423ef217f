"""The process that answers requests: gunicorn's with threads, and fewer ways for whoever sends request after request.

gunicorn gives a connection back to its main thread after each answer, to be polled and handed to a thread again. That
was a tenth of what one event costs.
"""

from __future__ import annotations

import select
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

NEXT_REQUEST_MS = 2


class WebWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn says no types
    """Keeps a thread with its connection while the next request follows at once and nobody waits for a thread."""

    def handle(self, conn: TConn) -> Any:
        kept = super().handle(conn)
        while kept is True and self.alive and self.tpool._work_queue.empty() and _follows(conn):
            kept = super().handle(conn)
        return kept


def _follows(conn: TConn) -> bool:
    if conn.parser.unreader.buf.getvalue():  # read already, with the one before it
        return True
    line = select.poll()
    line.register(conn.sock, select.POLLIN)
    return bool(line.poll(NEXT_REQUEST_MS))
