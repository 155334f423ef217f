"""Django's PostgreSQL for requests that take a millisecond: what each connection can do once, it does once.

It listens on an idle connection instead of asking whether it is there. A server that restarts, or ends a connection,
closes its socket: then there is something to read. Django asks `SELECT 1` before the first statement of every request,
which was a twentieth of what one event or one check costs. Of a host that died without closing anything, the first
statement tells, as an error.
"""

from __future__ import annotations

import select
from typing import Any

from django.db.backends.postgresql import base
from psycopg import Cursor
from psycopg.pq import ConnStatus, TransactionStatus


class DatabaseWrapper(base.DatabaseWrapper):
    _bound: Cursor[Any] | None = None

    def bound_cursor(self) -> Cursor[Any]:
        """The open connection's cursor whose parameters the server binds; see `analytics.models.statements`."""
        if self._bound is None or self._bound.connection is not self.connection:
            self._bound = Cursor(self.connection)
        return self._bound

    def is_usable(self) -> bool:
        """After an error, and where the server said anything unasked, as Django does: by a question."""
        return (not self.errors_occurred and self._is_quiet()) or super().is_usable()

    def _is_quiet(self) -> bool:
        if self.connection is None or self.connection.closed:
            return False
        pgconn = self.connection.pgconn
        if pgconn.status != ConnStatus.OK or pgconn.transaction_status != TransactionStatus.IDLE:
            return False
        listening = select.poll()
        listening.register(pgconn.socket, select.POLLIN | select.POLLPRI)
        return not listening.poll(0)
