"""Tell: take notices that are due, tell them side by side, and write down what came of it.

A notice is taken for as long as a lease lasts, in a transaction of its own, so nothing is locked
while somebody is told. A process that dies in between leaves the lease, and the notice is told
again: at least once. Threads tell; a slow target keeps its own and no others waiting: those that
have not proven themselves share half of the threads, however many they are and however they hang.
"""

from __future__ import annotations

import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from psycopg import Connection

from manager import faultpoint
from manager.errors import InvalidRequestError
from manager.ledger.execute import execute, one, rows, transaction
from manager.ledger.sql import Statements
from manager.logs import get_logger
from manager.settings import Settings
from manager.steps.account import Account
from manager.steps.context import Context, Wake
from manager.steps.needs_operator import note_needs
from manager.steps.tell import task, webhook
from manager.steps.tell.message import Came, Claimed, for_notify
from manager.steps.tell.standing import keep_targets, patience, wait_after
from manager.targets import Channel, Named, Task, Webhook, parse
from manager.traces import written

log = get_logger(__name__)

SQL = Statements("tell")
TAKEN = faultpoint.point("tell.taken")
COMMIT = faultpoint.point("tell.commit")
# Seconds between two runs by themselves, in which one takes new notices, and between two looks.
EVERY, BUDGET, TURN = 5.0, 20.0, 0.5
# Failures in a row of a target after which all that waits for it waits with it.
FEW = 3
# Notices that a process tells at once, and how many of them to targets that are not proven; seconds
# that a lease lasts beyond the time-out.
MOST, UNPROVEN, MARGIN = 32, 16, 30.0


@dataclass(frozen=True, slots=True)
class Try:
    """A notice, when it began to be told, and what came of it."""

    notice: Claimed
    began: float
    came: Came
    seconds: float


def tell(context: Context, account: Account) -> list[Wake]:
    """Tell the account's notices that are due, and whatever becomes due meanwhile."""
    with context.ledger.connect() as connection:
        keep_targets(connection, account)
        note_needs(connection, context.settings, account.id)
        old = {"account_id": account.id, "patience": patience(context.settings)}
        execute(connection, SQL.abandon_old, old)
        return _Telling(context, account, connection).run()


class _Telling:
    """One run: what is being told in threads, and since when."""

    def __init__(self, context: Context, account: Account, connection: Connection[Any]) -> None:
        self._settings = context.settings
        self._tracer = context.tracer
        self._account = account
        self._connection = connection
        self._pool = ThreadPoolExecutor(MOST, "tell")
        self._under_way: dict[Future[Came], tuple[Claimed, float]] = {}
        self._given_up: dict[Future[Came], Claimed] = {}

    def run(self) -> list[Wake]:
        """Until nothing is due, or the run has lasted long enough: then another goes on.

        Those that have proven themselves do not wait until the last of the others has come.
        """
        until = time.monotonic() + BUDGET
        try:
            while True:
                going_on = time.monotonic() < until
                slow = any(not notice.proven for notice, _ in self._under_way.values())
                taken = self._take(UNPROVEN if going_on else 0) if going_on or slow else 0
                if self._under_way:
                    self._write_down(self._come())
                elif not taken:
                    idle = going_on and not self._given_up
                    return [] if idle else [Wake("tell", self._account.name)]
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _take(self, unproven: int) -> int:
        """As many as there are threads for; how many. Channels are told here and now.

        unproven: how many to targets that are not proven may be told at once.
        """
        busy = [it for it, _ in self._under_way.values()]
        busy += [it for future, it in self._given_up.items() if not future.done()]
        parameters = {
            "account_id": self._account.id,
            "concurrency": self._settings.notify_concurrency,
            "limit": MOST - len(busy),
            "unproven": unproven - sum(not it.proven for it in busy),
            "lease": timedelta(seconds=self._settings.notify_timeout + MARGIN),
        }
        if not parameters["limit"]:
            return 0
        with transaction(self._connection, TAKEN):
            one(self._connection, SQL.in_turn, str, {})
            taken = rows(self._connection, SQL.claim, Claimed, parameters)
        channels: list[tuple[Claimed, Channel]] = []
        for notice in sorted(taken, key=lambda it: it.position):
            try:
                name, address = resolve(self._settings, notice.address)
            except InvalidRequestError as error:
                self._write_down([Try(notice, 0.0, Came(str(error)), 0.0)])
                continue
            if isinstance(address, Channel):
                channels.append((notice, address))
                continue
            said = replace(notice, traceparent=self._traceparent(notice))
            future = self._pool.submit(deliver, self._settings, address, said, name)
            self._under_way[future] = (notice, time.monotonic())
        if channels:
            self._write_down([Try(it, 0.0, Came(), 0.0) for it, _ in channels], channels)
        return len(taken)

    def _traceparent(self, notice: Claimed) -> str | None:
        """Of the request's span, so that what the target does is of the same trace."""
        if self._tracer is None or notice.request_id is None:
            return None
        return written(self._tracer.request(notice.request_id, notice.traceparent))

    def _come(self) -> list[Try]:
        """What has come, or takes longer than anything may (a look-up of a name knows no limit)."""
        wait(self._under_way, TURN, FIRST_COMPLETED)
        now, came = time.monotonic(), []
        for future, (notice, began) in list(self._under_way.items()):
            if not future.done() and now - began < self._settings.notify_timeout + MARGIN / 2:
                continue
            del self._under_way[future]
            if not future.done():
                self._given_up[future] = notice  # its thread is still taken
            result = future.result() if future.done() else Came("no answer: its name is looked up")
            came.append(Try(notice, began, result, now - began))
        return came

    def _write_down(
        self, tries: list[Try], channels: list[tuple[Claimed, Channel]] | None = None
    ) -> None:
        """What came of them; channels of the database are told in the same transaction."""
        if not tries:
            return
        with transaction(self._connection, COMMIT):
            if channels:
                parameters = {
                    "channels": [channel.name for _, channel in channels],
                    "payloads": [for_notify(notice) for notice, _ in channels],
                }
                execute(self._connection, SQL.notify, parameters)
            write_down(self._connection, self._settings, self._account.id, tries)


def resolve(settings: Settings, text: str) -> tuple[str | None, Webhook | Task | Channel]:
    """What an address means here, and under which name. Raises InvalidRequestError."""
    address = parse(text)
    if not isinstance(address, Named):
        return None, address
    secret = settings.notify_targets.get(address.name)
    found = None if secret is None else parse(secret.get_secret_value())
    if found is None or isinstance(found, Named):
        known = ", ".join(sorted(settings.notify_targets)) or "none"
        raise InvalidRequestError(
            f"there is no target {address.name!r} in the daemon's notify_targets; it has: {known}"
        )
    return address.name, found


def deliver(settings: Settings, address: Webhook | Task, notice: Claimed, name: str | None) -> Came:
    """Tell it; whatever goes wrong is what came of it."""
    try:
        if isinstance(address, Webhook):
            return webhook.post(settings, address, notice, name)
        return task.send(settings, address, notice)
    except Exception as error:
        log.error("notice.failed", notice=notice.id, exc_info=True)
        return Came(f"not told, by a fault of our own: {type(error).__name__}")


def write_down(
    connection: Connection[Any], settings: Settings, account_id: int, tries: list[Try]
) -> None:
    """What came of these tries, in the caller's transaction."""
    parameters: dict[str, Any] = {
        "account_id": account_id,
        "ids": [it.notice.id for it in tries],
        "numbers": [it.notice.attempts for it in tries],
        "seconds": [it.seconds for it in tries],
        "statuses": [it.came.status for it in tries],
        "errors": [it.came.error for it in tries],
        "waits": [wait_after(settings, it.notice, it.came) for it in tries],
        "gone": [it.came.gone for it in tries],
        "patience": patience(settings),
        "pause_after": timedelta(seconds=settings.notify_pause_after),
        "rarely": timedelta(seconds=settings.notify_backoff_max),
        "few": FEW,
    }
    rows(connection, SQL.lock_targets, int, parameters)
    execute(connection, SQL.write_down, parameters)
    for it in tries:
        said: dict[str, Any] = {
            "notice": it.notice.id,
            "request": it.notice.payload.get("request_id"),
            "about": it.notice.event,
            "seconds": round(it.seconds, 3),
        }
        if it.came.error is None:
            log.once_committed("notice.told", **said)
        else:
            log.once_committed("notice.not_told", warn=True, **said, error=it.came.error)
    if any(it.came.gone for it in tries):
        execute(connection, SQL.abandon_gone, parameters)
