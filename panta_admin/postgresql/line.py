"""Statements by libpq's own calls: each is planned once a connection, and answered by one value.

A cursor of psycopg's is made for any value of any type; on the way of one event, what it did in Python for three
statements took longer than the statements.
"""

from __future__ import annotations

import select
from collections.abc import Iterator, Sequence
from typing import Any

from psycopg import Connection, OperationalError
from psycopg.errors import InvalidSqlStatementName, error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

_DONE = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


class Line:
    """One connection to PostgreSQL. Not to be used while a cursor of it is at work."""

    def __init__(self, connection: Connection[Any]) -> None:
        self.connection = connection
        self._pgconn = connection.pgconn
        self._names: dict[str, bytes] = {}
        self._socket = select.poll()

    def ask(self, sql: str, values: Sequence[Any] = (), before: str = "") -> bytes | None:
        """The first value of the first row as text, None for NULL or no row. Raises psycopg.Error.

        `sql` has $1, $2, … for the values: texts as bytes without a NUL, or None. `before` is a statement without
        values that goes in the same message: the two are one transaction, unless one has begun, and see what is there
        when each begins.
        """
        if not self.connection.autocommit and self._pgconn.transaction_status == TransactionStatus.IDLE:
            self.connection.execute("SELECT")  # begins the transaction, as psycopg does with the first statement
        try:
            name = self._prepared(sql)
            if before:
                result = self._together(self._prepared(before), name, values)
            else:
                result = _checked(self._pgconn.exec_prepared(name, values))
        except InvalidSqlStatementName as error:  # not the session that we knew; the next one is
            self.connection.close()
            raise OperationalError(str(error)) from error
        return result.get_value(0, 0) if result.ntuples else None

    def _prepared(self, sql: str) -> bytes:
        """What the connection knows this text by."""
        name = self._names.get(sql)
        if name is None:
            name = b"kept_%d" % len(self._names)
            _checked(self._pgconn.prepare(name, sql.encode()))
            self._names[sql] = name
        return name

    def _together(self, before: bytes, name: bytes, values: Sequence[Any]) -> PGresult:
        try:
            self._pgconn.enter_pipeline_mode()
            self._pgconn.send_query_prepared(before, None)
            self._pgconn.send_query_prepared(name, values)
            self._pgconn.pipeline_sync()
            results = list(self._results())
            self._pgconn.exit_pipeline_mode()
        except BaseException:
            self.connection.close()  # what it has not answered yet would be the answer to the next statement
            raise
        checked = [_checked(result) for result in results]
        if len(checked) != 2:
            self.connection.close()
            raise OperationalError(f"{len(checked)} results came of two statements")
        return checked[1]

    def _results(self) -> Iterator[PGresult]:
        """All that the server says up to the end of the message. Other threads go on meanwhile."""
        while self._pgconn.flush():
            self._wait(select.POLLIN | select.POLLOUT)
        while True:
            while self._pgconn.is_busy():
                self._wait(select.POLLIN)
            result = self._pgconn.get_result()
            if result is None:  # ends what one statement said
                if self._pgconn.status != ConnStatus.OK:
                    raise OperationalError("the connection was lost")
            else:
                if result.status == ExecStatus.PIPELINE_SYNC:
                    return
                yield result

    def _wait(self, events: int) -> None:
        self._socket.register(self._pgconn.socket, events)
        ((_fd, ready),) = self._socket.poll()
        if ready != select.POLLOUT:
            self._pgconn.consume_input()


def _checked(result: PGresult) -> PGresult:
    if result.status in _DONE:
        return result
    error = error_from_result(result)
    if error.sqlstate is None:  # not the server says so, but libpq, of a connection that is lost
        raise OperationalError(str(error), info=result)
    raise error
