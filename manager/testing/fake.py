"""A manager whose ledger is in memory, for tests of code that enqueues."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn
from uuid import UUID, uuid4

from manager.client import follow
from manager.client.aio import AsyncManager
from manager.client.arguments import checked_timeout
from manager.client.follow import Progress
from manager.client.patience import wait_timeout
from manager.client.sync import Manager
from manager.errors import WaitTimeoutError
from manager.ledger.script import Script, T
from manager.settings import Settings
from manager.testing.answers import (
    UNTOLD,
    Answer,
    Answers,
    Default,
    Failed,
    by_key,
    end_of,
)
from manager.testing.given import given_settings
from manager.testing.memory import (
    End,
    Enrichment,
    MemoryLedger,
    MemoryRequest,
    run_in_memory,
)

# Seconds between two looks of an asynchronous wait.
RECHECK = 0.005


@dataclass(frozen=True, slots=True)
class EnqueuedRequest:
    """An enqueue call that the fake manager has accepted, as a test looks at it.

    `identifiers` are those that were accepted, as they were written; `fields` are sorted.
    `connection` is what was given as such, else None.
    """

    id: UUID
    identifier_type: str
    identifiers: tuple[str, ...]
    endpoint: str
    account: str
    fields: tuple[str, ...]
    priority: int
    max_age: timedelta
    idempotency_key: str | None
    metadata: Mapping[str, Any] | None
    tag: str | None
    connection: object
    created_at: datetime
    linger: bool = True
    notify: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToldNotice:
    """What a target of a request would be told: `event`, and the `data` of its payload."""

    event: str
    target: str
    request_id: UUID
    data: Mapping[str, Any]


class FakeManager(Manager):
    """A `Manager` that needs no server: what it holds is in memory, and settles when told to.

    settings: as the manager's; None takes the defaults, and nothing from the environment.
    accounts: those that can be enqueued to; None: the settings' own. answers, default: what
    becomes of identifiers when somebody waits for them, see `settle`; they can be changed at any
    time. patience: real seconds after which any wait raises WaitTimeoutError, whatever its
    time-out, so that no test hangs.

    What is enqueued with a `connection` is there at once, whatever that connection is; see
    `roll_back`. It can be used from several threads.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        accounts: tuple[str, ...] | list[str] | None = None,
        answers: Answers | None = None,
        default: Default = None,
        patience: float = 10.0,
    ) -> None:
        self._settings = settings or given_settings()
        own = {self._settings.account, *self._settings.accounts}
        self.answers: dict[str | int, Answer] = dict(answers or {})
        self.default = default
        self._patience = patience
        names = tuple(accounts if accounts is not None else sorted(own))
        self._memory = MemoryLedger(names, self._settings)
        self._errors: list[Exception] = []

    # What a test asks

    @property
    def calls(self) -> list[EnqueuedRequest]:
        """The enqueue calls that were accepted, the oldest first."""
        with self._memory.changed:
            return [_seen(it) for it in self._memory.requests.values()]

    def enqueued(
        self,
        identifier_type: str,
        *,
        endpoint: str | None = None,
        account: str | None = None,
    ) -> list[str]:
        """The identifiers of that type that were enqueued, as written, repeats included."""
        return [
            identifier
            for it in self.calls
            if it.identifier_type == identifier_type
            and endpoint in (None, it.endpoint)
            and account in (None, it.account)
            for identifier in it.identifiers
        ]

    @property
    def waiting(self) -> list[str]:
        """The identifiers that have no outcome yet, each once, as they would be sent."""
        with self._memory.changed:
            return [it.identifier for it in self._memory.waiting()]

    @property
    def notices(self) -> list[ToldNotice]:
        """What the requests' targets would be told, the oldest first; nobody is told it."""
        with self._memory.changed:
            return [
                ToldNotice(it.event, it.target, it.request_id, it.payload)
                for it in self._memory.notices
            ]

    # What a test tells it

    def settle(self, answers: Answers | None = None, *, default: Default = None) -> None:
        """Give what waits its outcomes.

        answers: by identifier, in any spelling: the record, NOT_FOUND or Failed("why"); the
        manager's own `answers` come after them. default: for all others; None takes the
        manager's own, and without one they go on waiting. Raises ValueError for an identifier
        that nothing waits for.
        """
        default = self.default if default is None else default
        with self._memory.changed:
            waiting = self._memory.waiting()
            self._check(answers or {}, waiting)
            self._memory.settle(self._ends(waiting, answers or {}, default))

    def fail(self, *identifiers: str | int, reason: str = UNTOLD) -> None:
        """Let these fail, of what waits; all that waits when none is named."""
        failed = Failed(reason)
        if identifiers:
            self.settle(dict.fromkeys(identifiers, failed))
        else:
            self.settle(default=failed)

    def fail_next(self, error: Exception) -> None:
        """Let the next call, of any kind, raise this error, such as UnavailableError("…")."""
        self._errors.append(error)

    def advance(self, time: timedelta | float) -> None:
        """Let so much time pass (seconds or a timedelta): results become that much older."""
        self._memory.advance(time if isinstance(time, timedelta) else timedelta(seconds=time))

    def roll_back(self, connection: object) -> None:
        """Take back what was enqueued with this connection, as if its transaction had failed."""
        self._memory.forget(connection)

    # What the calls do instead of asking Postgres

    def close(self) -> None:
        """Nothing is open."""

    def __reduce__(self) -> NoReturn:
        raise TypeError("A fake manager cannot be pickled: its ledger is in this process alone.")

    def _run(self, script: Script[T], source: object = None) -> T:
        if self._errors:
            script.close()
            raise self._errors.pop(0)
        return run_in_memory(self._memory, script, source)

    def _wait(self, request_id: UUID, timeout: float | None) -> Progress:
        timeout = checked_timeout(timeout)
        deadline = time.monotonic() + self._longest(timeout)
        with self._memory.changed:
            while not (now := self._look(request_id)).finished:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise self._timed_out(now, timeout)
                self._memory.changed.wait(left)
            return now

    def _look(self, request_id: UUID) -> Progress:
        """How far the request is when all that the test has told in advance has happened."""
        if self.answers or self.default is not None:
            self.settle()
        return self._run(follow.progress(request_id))

    def _longest(self, timeout: float | None) -> float:
        return self._patience if timeout is None else min(timeout, self._patience)

    def _timed_out(self, now: Progress, timeout: float | None) -> WaitTimeoutError:
        if timeout is not None and timeout <= self._patience:
            return wait_timeout(now.id, timeout, now)
        waiting = self.waiting
        return WaitTimeoutError(
            f"Request {now.id} was not finished after {self._patience:g} s, and the fake "
            f"manager has no more patience: nobody has settled {', '.join(waiting[:10])}"
            f"{' and more' if len(waiting) > 10 else ''}. Give it `answers` or a `default` before "
            "the wait, or call settle() in another thread."
        )

    def _check(self, answers: Answers, waiting: list[Enrichment]) -> None:
        """Raise ValueError for what nothing waits for, TypeError for what is no answer."""
        known = {(it.lane.identifier_type, it.key) for it in waiting}
        types = {identifier_type for identifier_type, _ in known}
        for identifier, answer in answers.items():
            end_of(answer, self._memory.now(), uuid4())
            keys = {(it, key) for it in types for key in by_key({identifier: answer}, it)}
            if known.isdisjoint(keys):
                raise ValueError(
                    f"Nothing waits for {identifier!r}; what waits: "
                    f"{', '.join(it.identifier for it in waiting[:20]) or 'nothing'}."
                )

    def _ends(
        self, waiting: list[Enrichment], answers: Answers, default: Default
    ) -> dict[Enrichment, End]:
        now, job_id = self._memory.now(), uuid4()
        types = {it.lane.identifier_type for it in waiting}
        known = {it: by_key(self.answers, it) | by_key(answers, it) for it in types}
        ends = {}
        for it in waiting:
            answer = known[it.lane.identifier_type].get(it.key)
            if answer is None:
                answer = default(it.identifier) if callable(default) else default
            if answer is not None:
                ends[it] = end_of(answer, now, job_id)
        return ends


class FakeAsyncManager(AsyncManager):
    """The same for asyncio; `fake` is the one that the test asks and tells. They share a ledger."""

    def __init__(self, fake: FakeManager | None = None) -> None:
        self.fake = fake or FakeManager()
        self._settings = self.fake._settings

    async def close(self) -> None:
        """Nothing is open."""

    def __reduce__(self) -> NoReturn:
        raise TypeError("A fake manager cannot be pickled: its ledger is in this process alone.")

    async def _run(self, script: Script[T], source: object = None) -> T:
        return self.fake._run(script, source)

    async def _wait(self, request_id: UUID, timeout: float | None) -> Progress:
        deadline = time.monotonic() + self.fake._longest(timeout)
        while not (now := self.fake._look(request_id)).finished:
            left = deadline - time.monotonic()
            if left <= 0:
                raise self.fake._timed_out(now, timeout)
            await asyncio.sleep(min(left, RECHECK))
        return now


def _seen(request: MemoryRequest) -> EnqueuedRequest:
    lane = request.lane
    return EnqueuedRequest(
        id=request.id,
        identifier_type=lane.identifier_type,
        identifiers=tuple(item.value for item in request.items),
        endpoint=lane.endpoint,
        account=lane.account,
        fields=tuple(lane.fields),
        priority=request.priority,
        max_age=request.max_age,
        idempotency_key=request.key,
        metadata=request.metadata,
        tag=request.tag,
        connection=request.source,
        created_at=request.created_at,
        linger=request.linger,
        notify=tuple(it.address for it in request.targets),
    )
