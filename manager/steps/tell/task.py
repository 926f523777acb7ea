"""Tell a Celery task of the caller's, on the caller's broker, without any of the caller's code.

The message is one of Celery's second protocol, so any Celery from version 4 on takes it:
https://docs.celeryq.dev/en/stable/internals/protocol.html
"""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from manager.redact import redact, without_passwords
from manager.settings import Settings
from manager.steps.tell.message import Came, Claimed, message
from manager.targets import Task

# Of a broker's URL, what is no part of the address: kombu takes it beside.
_OPTIONS = ("master_name", "global_keyprefix")


def send(settings: Settings, task: Task, notice: Claimed) -> Came:
    """Put it into the queue; the task is called with the message as its only argument."""
    broker = settings.notify_brokers.get(task.broker)
    if broker is None:
        known = ", ".join(sorted(settings.notify_brokers)) or "none"
        return Came(f"there is no broker {task.broker!r} in notify_brokers; it has: {known}")
    try:
        _publish(broker.get_secret_value(), task, notice, settings.notify_timeout)
    except Exception as error:  # whatever a transport raises: it is the caller's server
        told = redact(without_passwords(error), [broker.get_secret_value()], limit=200)
        if "NO_ROUTE" in told:
            told = f"it has no queue {task.queue!r}; a worker makes it when it starts"
        return Came(f"broker {task.broker}: {told}")
    return Came()


def _publish(url: str, task: Task, notice: Claimed, timeout: float) -> None:
    from kombu.connection import Connection  # here: most have no such target

    address, options = _parted(url)
    transport = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
    if address.startswith("amqp"):  # it says that it has it; or that there is no such queue
        transport = {"confirm_publish": True, "read_timeout": timeout, "write_timeout": timeout}
    with Connection(  # type: ignore[no-untyped-call]
        address, connect_timeout=timeout, transport_options=transport | options
    ) as connection:
        producer = connection.Producer(serializer="json")
        producer.publish(
            [[message(notice)], {}, dict.fromkeys(("callbacks", "errbacks", "chain", "chord"))],
            routing_key=task.queue,
            exchange="",
            mandatory=True,
            delivery_mode=2,
            correlation_id=str(notice.id),
            headers=_headers(task, notice),
            retry=False,
            timeout=timeout,
        )


def _headers(task: Task, notice: Claimed) -> dict[str, Any]:
    id = str(notice.id)
    return {
        "lang": "py",
        "task": task.name,
        "id": id,
        "root_id": id,
        "parent_id": None,
        "group": None,
        "shadow": None,
        "eta": None,
        "expires": None,
        "retries": 0,
        "timelimit": [None, None],
        "argsrepr": f"('{notice.event} {id}',)",
        "kwargsrepr": "{}",
        "origin": f"enrichd@{socket.gethostname()}",
        **({"traceparent": notice.traceparent} if notice.traceparent else {}),
    }


def _parted(url: str) -> tuple[str, dict[str, Any]]:
    """The URL without those of its parameters that kombu takes as options, and these."""
    parts = urlsplit(url)
    given = parse_qsl(parts.query, keep_blank_values=True)
    rest = urlencode([it for it in given if it[0] not in _OPTIONS])
    return urlunsplit(parts._replace(query=rest)), {k: v for k, v in given if k in _OPTIONS}
