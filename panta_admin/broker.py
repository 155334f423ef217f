"""Kombu's Redis transport, except that a channel whose connection is closed says so as a lost connection.

Kombu 5.7 closes a broken connection twice. Where the first attempt stops half-way (Redis ended while the worker waited
for a message and a task was under way), the second one asks for a new connection on behalf of a channel that belongs to
none any more, and the AttributeError of that ends the worker. Celery survives a lost connection, and comes back.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis
from redis.exceptions import ConnectionError as ConnectionLost


class Channel(redis.Channel):
    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        """What a new connection is made with.

        Raises redis' ConnectionError if this channel's own connection has been closed.
        """
        if self.connection is None or self.connection.client is None:
            raise ConnectionLost("The connection of this channel is closed.")
        parameters: dict[str, Any] = super()._connparams(asynchronous)  # type: ignore[misc]  # not in its stubs
        return parameters


class Transport(redis.Transport):
    Channel = Channel
