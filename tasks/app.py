"""The Celery application; `celery -A tasks.app …` finds it here as `app`.

A message is a wake-up call, never a fact: it may be lost, doubled, late or out of order. So
nothing is kept of it (no results), it is short-lived (expires), and it is acknowledged early:
a wake-up that dies with its worker is made up for by the next sweep. (Late acknowledgement
would have Redis deliver it again after its visibility time-out, to no use.) And none is sent to
a queue that is full of them, as it is when nobody has worked for long. Each account has queues of
its own, so that a worker is sent no wake-up of an account that it does not serve.

To import it connects to nothing and reads no setting: each is read when it is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from celery import Celery
from celery.loaders.base import BaseLoader
from click import ClickException
from kombu.connection import Connection
from kombu.entity import Queue
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError

from manager import semaphore
from manager.errors import ConfigurationError, UnavailableError
from manager.ledger.connect import Ledger
from manager.logs import get_logger
from manager.semaphore import queue_prefix
from manager.semaphore.redis import address_of, tls_parameters
from manager.settings import Settings, load_settings
from manager.settings.redis_url import RedisAddress
from manager.steps.registry import STEPS
from tasks.broker import connection

log = get_logger(__name__)

# Wake-ups that may wait in a queue. An expired one stays there until a worker takes it, so without
# a limit they would fill Redis while no worker runs.
MAX_WAITING = 1_000


class RefusedError(ConfigurationError, ClickException):
    """The configuration does not allow it; Celery's commands print it as a sentence."""


class AwayError(UnavailableError, ClickException):
    """A server is away; Celery's commands print it as a sentence."""


class Loader(BaseLoader):  # type: ignore[misc]
    """Reads Celery's configuration from our settings, and nothing of another project's."""

    def read_configuration(self, env: str = "") -> dict[str, Any]:
        """Celery's configuration."""
        return configuration(self.app)


class App(Celery):  # type: ignore[misc]
    """Celery, but for wake-ups to a queue that is full: those are not sent.

    settings, ledger_id: None are read when they are first used, which raises RefusedError or
    AwayError. What it keeps in Redis is named after the ledger.
    """

    backend_cls = "disabled"  # nothing is kept, whatever CELERY_RESULT_BACKEND says

    def __init__(
        self,
        settings: Settings | None = None,
        ledger_id: str | None = None,
        *,
        set_as_current: bool = True,
    ) -> None:
        super().__init__("enrichd", loader=Loader, set_as_current=set_as_current)
        self._given = settings, ledger_id
        self.is_daemon = False  # set by a process of the daemon, which has checked what it needs

    @cached_property
    def settings(self) -> Settings:
        """The settings that it follows."""
        with _as_commands_print_it():
            return self._given[0] or load_settings()

    @cached_property
    def ledger_id(self) -> str:
        """The ledger's own name."""
        with _as_commands_print_it():
            return self._given[1] or Ledger(self.settings, "celery").id()

    @cached_property
    def address(self) -> RedisAddress:
        """Where Redis is."""
        with _as_commands_print_it():
            return address_of(self.settings)

    def connection_for_read(self, url: object = None, **options: Any) -> Connection:
        """A connection to the Redis that is configured, whatever the URL."""
        return self._to_redis(**options)

    def connection_for_write(self, url: object = None, **options: Any) -> Connection:
        """The same."""
        return self._to_redis(**options)

    def send_task(
        self, name: str, args: Any = None, *more: Any, queue: str | None = None, **options: Any
    ) -> Any:
        """Send it; None when it was not sent. Raises OperationalError, as Celery does.

        queue: None is that of the step and of the account in `args`.
        """
        queue = queue or _queue_of(name, args)
        try:
            waiting = self.waiting(queue)
        except RedisError as error:  # then it cannot be sent either
            raise OperationalError(str(error)) from None
        if waiting >= MAX_WAITING:
            log.debug("wake.not_sent", task=name, queue=queue, waiting=waiting)
            return None
        return super().send_task(name, args, *more, queue=queue, **options)

    def waiting(self, queue: str) -> int:
        """How many wake-ups wait in the queue. Raises RedisError."""
        return int(self._redis.llen(queue_prefix(self.ledger_id) + queue))

    @property
    def Worker(self) -> Any:
        """Celery's worker, for `enrichd worker`."""
        return self._daemons("celery.apps.worker:Worker", "worker")

    @property
    def Beat(self) -> Any:
        """Celery's beat, for `enrichd beat`."""
        return self._daemons("celery.apps.beat:Beat", "beat")

    def _daemons(self, path: str, command: str) -> Any:
        if not self.is_daemon:
            raise RefusedError(
                f"A {command} is started with `enrichd {command}` (or `enrichd up`), which checks "
                "the ledger and Redis first and replaces it when it hangs; `celery` is for "
                "inspect, control, events, report and flower."
            )
        return self.subclass_with_self(path)

    @cached_property
    def _redis(self) -> Redis:
        return semaphore.connect(self.settings)

    def _to_redis(
        self,
        connect_timeout: float | None = None,
        heartbeat: float | None = None,
        transport_options: dict[str, Any] | None = None,
        **_: Any,
    ) -> Connection:
        options = self.conf.broker_transport_options
        options["global_keyprefix"] = queue_prefix(self.ledger_id)  # Flower reads it there
        return connection(
            self.address,
            heartbeat=heartbeat,
            transport_options=options | (transport_options or {}),
            connect_timeout=connect_timeout or self.conf.broker_connection_timeout,
        )


def configuration(app: App) -> dict[str, Any]:
    """Celery's configuration; no secret is in it, since it is shown by `celery report`."""
    settings, address, tls = app.settings, app.address, app.address.tls
    kinds = sorted({step.queue for step in STEPS.values()})
    return {
        # for those who look; connections are made by `connection_for_read` and its like
        "broker_url": address.url() + (f"?ssl_cert_reqs={tls.verify}" if tls else ""),
        "broker_use_ssl": tls_parameters(tls) if tls else None,
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_default_queue": queue_name("quick"),
        "task_queues": [Queue(name) for kind in kinds for name in queue_names(settings, kind)],
        "task_acks_late": False,
        "task_time_limit": max(step.time_limit for step in STEPS.values()),
        "task_annotations": {
            f"enrichd.{step.name}": {"time_limit": step.time_limit} for step in STEPS.values()
        },
        "task_send_sent_event": settings.task_events,
        "worker_send_task_events": settings.task_events,
        "worker_prefetch_multiplier": 1,
        "worker_concurrency": settings.worker_concurrency,
        "worker_max_tasks_per_child": 1000,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # a Redis that answers with an error (a full one, a replica) is no reason to end
        "broker_channel_error_retry": True,
        # changes nothing for what is acknowledged early, but Celery warns each time without it
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        "broker_transport_options": {
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            "health_check_interval": 5,
            # a wake-up that was taken is not kept until it is done, and all are worth the same
            "ack_emulation": False,
            "priority_steps": [0],
            # one channel for all events: an ACL user may use it by name
            "fanout_patterns": False,
        },
        "beat_scheduler": "tasks.beat:Scheduler",
        "beat_max_loop_interval": 1,
        "beat_schedule": dict(_periodic(settings)),
    }


def queue_name(kind: str, account: str = "") -> str:
    """The queue of a kind: the account's, or the machines'."""
    return f"enrichd.{kind}.{account}" if account else f"enrichd.{kind}"


def queue_names(settings: Settings, kind: str) -> list[str]:
    """The queues of that kind that a worker takes from: the machines', and its accounts'."""
    return [queue_name(kind), *(queue_name(kind, it.name) for it in settings.served)]


def _queue_of(name: str, args: Any) -> str:
    step = STEPS.get(name.removeprefix("enrichd."))
    if step is None:
        raise RefusedError(f"{name} is no task of ours; they are enrichd.{', '.join(STEPS)}.")
    account = args[0] if args else ""
    return queue_name(step.queue, account if isinstance(account, str) else "")


def _periodic(settings: Settings) -> Iterator[tuple[str, dict[str, object]]]:
    """What beat wakes, and how often."""
    for step in STEPS.values():
        if step.every is None:
            continue
        seconds = step.every(settings)
        accounts = [""] if step.per == "machine" else [it.name for it in settings.served]
        for account in accounts:
            options = {
                "queue": queue_name(step.queue, account),
                "expires": max(seconds * 3, 5),
            }
            yield (
                f"{step.name} {account}".strip(),
                {
                    "task": f"enrichd.{step.name}",
                    "schedule": seconds,
                    "args": [account],
                    "options": options,
                },
            )


@contextmanager
def _as_commands_print_it() -> Iterator[None]:
    try:
        yield
    except ConfigurationError as error:
        raise RefusedError(str(error)) from None
    except UnavailableError as error:
        raise AwayError(str(error)) from None


app = App(set_as_current=False)
