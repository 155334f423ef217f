"""Django's PostgreSQL for requests that take a millisecond: what each connection can do once, it does once.

It listens on an idle connection instead of asking whether it is there. A server that restarts, or ends a connection,
closes its socket: then there is something to read. Django asks `SELECT 1` before the first statement of every request,
which was a twentieth of what one event or one check costs. Of a host that died without closing anything, the first
statement tells, as an error.
"""

from __future__ import annotations

import select

from django.db.backends.postgresql import base
from psycopg.pq import ConnStatus, TransactionStatus

from panta_admin.postgresql.line import Line


class DatabaseWrapper(base.DatabaseWrapper):
    _line: Line | None = None

    def line(self) -> Line:
        """To the open connection, for `analytics.models.statements`."""
        if self._line is None or self._line.connection is not self.connection:
            self._line = Line(self.connection)
        return self._line

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
