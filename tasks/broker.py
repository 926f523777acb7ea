"""Celery's way to Redis: kombu's, but with the connections that the semaphore has, too.

kombu reads URLs by rules of its own (it takes no `?db=`, no `unix://`, and believes any
certificate), so it is given none: its connections are made from our reading. What else differs:

- Channels are subscribed to by their names, not as patterns, since an ACL user that may use
  `&enrichd:*` may not use a pattern within it.
- A wake-up that was taken is not kept until it is done: the ledger knows what is due.
"""

from __future__ import annotations

import time
from typing import Any

from kombu.connection import Connection
from kombu.transport import redis as kombu_redis

from manager.semaphore.redis import connection_class, connection_parameters
from manager.semaphore.trouble import MissingRightError
from manager.settings.redis_url import RedisAddress

TIMEOUT = 10.0


class Shown(str):
    """A Redis's URL without its password, which remembers the address that it was made of.

    kombu carries it along, as the name of the host, to every connection that it makes of one.
    """

    address: RedisAddress

    @classmethod
    def of(cls, address: RedisAddress) -> Shown:
        """How the address is shown."""
        shown = cls(f"{address.scheme}://{address}/{address.db}")
        shown.address = address
        return shown


def connection(address: RedisAddress, **options: Any) -> Connection:
    """A connection, opened when it is used; what kombu shows of it has no secret."""
    return Connection(
        hostname=Shown.of(address),
        userid=address.username,
        transport="tasks.broker:Transport",
        **options,
    )


class Channel(kombu_redis.Channel):
    """Queues and broadcasts over our connections."""

    do_restore = False  # nor when the worker ends: the next sweep makes up for it

    @property
    def connection_class(self) -> type:  # type: ignore[override]
        """What kombu makes its connections of."""
        return connection_class(self.connection.client.hostname.address)

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        kombus = super()._connparams(asynchronous)
        parameters = connection_parameters(
            self.connection.client.hostname.address,
            timeout=self.socket_timeout or TIMEOUT,
            connect_timeout=self.socket_connect_timeout or TIMEOUT,
            health_check=self.health_check_interval,
        )
        return parameters | {
            "connection_class": kombus["connection_class"],
            "max_connections": self.max_connections,
        }

    def _get_client(self) -> Any:
        kombus = super()._get_client()
        prefix = kombus.keywords["global_keyprefix"]
        return lambda **options: Client(global_keyprefix=prefix, **options)

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except MissingRightError:  # Celery would connect again at once, and again
            time.sleep(1)
            raise

    def _subscribe(self) -> None:
        if names := self._topics(self.active_fanout_queues):
            client = self.subclient
            if client.connection._sock is None:
                client.connection.connect()
            self._in_listen = client.connection
            client.subscribe(*names)

    def _unsubscribe_from(self, queue: str) -> None:
        client = self.subclient
        if client.connection and client.connection._sock:
            client.unsubscribe(*self._topics([queue]))

    def _topics(self, queues: Any) -> list[str]:
        return [topic for queue in queues for topic in self._get_subscribe_topics(queue)]


class Client(kombu_redis.PrefixedStrictRedis):
    """kombu's client; it forgets to put the prefix before the keys of EXISTS.

    And it is asked by a PING whether it is connected, which a replica or a full Redis answers, too:
    that would have a worker connect again and again without a pause.
    """

    PREFIXED_COMPLEX_COMMANDS = kombu_redis.PrefixedStrictRedis.PREFIXED_COMPLEX_COMMANDS | {
        "EXISTS": {"args_start": 0, "args_end": None}
    }

    def ping(self, **_: Any) -> bool:
        """Raise RedisError unless Redis takes writes."""
        self.lpushx(f"{self.global_keyprefix}nowhere", "")
        return True


class Transport(kombu_redis.Transport):
    """kombu's transport with our channels."""

    Channel = Channel
    can_parse_url = True  # kombu shall not

    def as_uri(self, uri: Any, include_password: bool = False, mask: str = "**") -> str:
        """The URL; Flower asks for the password to look at the queues by itself."""
        url: str = uri.address.url(with_password=include_password)
        return url
