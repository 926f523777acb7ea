"""The daemon within the test's process: its steps are called by hand, time passes when told.

The vendor is a real sandbox with a standing clock, the ledger and the semaphore are real, too.
The ledger's clock cannot be moved, so what waits in it is made due instead.
"""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from psycopg.rows import namedtuple_row
from pydantic import SecretStr

from manager import Manager, Request, Settings, faultpoint
from manager.operator import accounts
from manager.operator.job import give_up
from manager.semaphore import Holder
from manager.steps.account import Account
from manager.steps.context import Wake
from manager.steps.look import look
from manager.steps.merge import merge
from manager.steps.pack import pack
from manager.steps.resolve import resolve
from manager.steps.submit import submit
from manager.steps.sweep import sweep
from manager.testing.daemon import Daemon
from sandbox import Sandbox
from tests.steps.patience import until

# Longer than any job takes at the sandbox, and than any wait that is tested.
LONG = 60.0

MISCOUNTED = """
SELECT r.id FROM request r LEFT JOIN LATERAL (
    SELECT count(*) AS total,
           count(*) FILTER (WHERE NOT i.cancelled AND t.outcome = 'fulfilled') AS fulfilled,
           count(*) FILTER (WHERE NOT i.cancelled AND t.outcome = 'not_found') AS not_found,
           count(*) FILTER (WHERE NOT i.cancelled AND t.outcome = 'failed') AS failed,
           count(*) FILTER (WHERE i.cancelled) AS cancelled
    FROM request_item i LEFT JOIN result t USING (enrichment_id, cycle) WHERE i.request_id = r.id
) c ON true
WHERE (r.total, r.fulfilled, r.not_found, r.failed, r.cancelled)
      <> (c.total, c.fulfilled, c.not_found, c.failed, c.cancelled)
"""


class Driver(Daemon):
    """The steps of the daemon, each by itself, and what a test wants to know of its ledger."""

    def __init__(
        self, settings: Settings, sandbox: Sandbox, results_dir: Path, account: str | None = None
    ) -> None:
        super().__init__(settings, sandbox)
        self.sandbox = sandbox
        self.account: Account = self.context.account(account or settings.account)
        self.manager = Manager(settings)
        self._results_dir = results_dir
        self._others: list[Driver] = []

    def another(self, **changes: Any) -> Driver:
        """One beside it, as in another process, with some settings changed."""
        for secret in ("vendor_api_key", "redis_url"):
            if changes.get(secret) is not None:
                changes[secret] = SecretStr(changes[secret])
        settings = self.context.settings.model_copy(update=changes)
        self._others.append(Driver(settings, self.sandbox, self._results_dir))
        self._others[-1].clock = self.clock
        return self._others[-1]

    def close(self) -> None:
        """Close the connections."""
        for other in self._others:
            other.close()
        super().close()

    # What it is asked to do

    def enqueue(self, count: int, *, first: int = 0, unknown: int = 0, **arguments: Any) -> Request:
        """Ask for that many domains, numbered from `first` on, and some that nobody knows."""
        strangers = [f"stranger-{first + number}.example" for number in range(unknown)]
        written = domains(count, first) + strangers
        return self.manager.enqueue("domains", written, account=self.account.name, **arguments)

    def wake(self, step: str, job_id: UUID | None = None) -> Wake:
        """A wake-up of its account."""
        return Wake(step, self.account.name, job_id)

    def packed(self, count: int = 0, **arguments: Any) -> UUID:
        """A job of such a request, packed; without a count, of what waits."""
        if count:
            self.enqueue(count, **arguments)
        wake = self.pack()[0]
        assert wake.job_id
        return wake.job_id

    def pack(self) -> list[Wake]:
        """Pack as many jobs as are wanted; the wake-ups of their submissions."""
        found: list[Wake] = []
        while wakes := pack(self.context, self.account):
            found += [wake for wake in wakes if wake.step == "submit"]
        return found

    def submit(self, job_id: UUID) -> list[Wake]:
        """Submit it."""
        self.clock.pass_by(0)
        return submit(self.context, self.account, job_id)

    def merge(self, job_id: UUID) -> list[Wake]:
        """Merge it."""
        return merge(self.context, self.account, job_id)

    def sweep(self) -> list[Wake]:
        """Sweep."""
        return sweep(self.context, self.account)

    def look_now(self) -> list[Wake]:
        """Look, whether it is time to or not."""
        self.hasten()
        return look(self.context, self.account)

    def resolve(self, job_id: UUID) -> list[Wake]:
        """Resolve it, whether it is time to or not."""
        self.hasten()
        return resolve(self.context, self.account, job_id)

    def accepted(self, count: int = 0, **arguments: Any) -> UUID:
        """A job that the vendor has."""
        job_id = self.packed(count, **arguments)
        self.submit(job_id)
        assert self.job(job_id).state == "pending"
        return job_id

    def completed(self, count: int = 0, **arguments: Any) -> UUID:
        """A job whose results wait to be merged."""
        job_id = self.accepted(count, **arguments)
        self.sandbox.advance(LONG)
        self.look_now()
        assert self.job(job_id).state == "completed"
        return job_id

    def unresolved(self, count: int, fault: str, *, first: int = 0, **arguments: Any) -> UUID:
        """A job whose submission ended without an answer."""
        self.sandbox.fault("submit", fault, **arguments)
        job_id = self.packed(count, first=first)
        self.submit(job_id)
        assert self.job(job_id).state == "submitting"
        return job_id

    def give_up(self, job_id: UUID) -> None:
        """An operator frees the slot of a job that does not end."""
        give_up(self.context, job_id)

    def take_slot(self, job_id: UUID) -> Holder:
        """A worker takes a slot for the job's next attempt, and has not gone on yet."""
        holder = Holder(job_id, self.job(job_id).attempts + 1)
        assert self.account.slots.acquire(holder, 5)
        return holder

    def pause(self) -> None:
        """An operator pauses the account."""
        self.execute("UPDATE account SET paused_reason = 'by an operator', paused_at = now()")

    def resume(self) -> None:
        """An operator resumes it."""
        accounts.resume(self.context.settings, self.account.name)

    # How time passes

    def hasten(self, seconds: float = 0) -> None:
        """Make due what waits, open the rate limits, and let submissions be that much older."""
        self.clock.pass_by(seconds)
        self.execute("UPDATE job SET due_at = now() WHERE due_at > now()")
        self.execute(
            "UPDATE job SET submitting_at = submitting_at - make_interval(secs => %(seconds)s), "
            "unresolved_at = unresolved_at - make_interval(secs => %(seconds)s)",
            seconds=seconds,
        )
        self.execute("UPDATE enrichment SET due_at = now() WHERE due_at > now()")
        self.execute(
            "UPDATE account SET look_at = now(), "
            "looked_at = looked_at - make_interval(secs => %(seconds)s)",
            seconds=seconds,
        )
        self.execute(
            "UPDATE vendor_job SET judge_at = now(), "
            "first_seen_at = first_seen_at - make_interval(secs => %(seconds)s)",
            seconds=seconds,
        )
        self.account.gate.forget()

    def age(self, job_id: UUID, seconds: float) -> None:
        """Let its acceptance be that much longer ago."""
        self.execute(
            "UPDATE job SET accepted_at = accepted_at - make_interval(secs => %(seconds)s) "
            "WHERE id = %(id)s",
            seconds=seconds,
            id=job_id,
        )

    def look(self, job_id: UUID, times: int = 1) -> str:
        """Look and resolve it so often, as if the window had passed long ago; its state."""
        for _ in range(times):
            self.hasten(seconds=LONG)
            look(self.context, self.account)
            self.hasten()
            resolve(self.context, self.account, job_id)
        state: str = self.job(job_id).state
        return state

    def step(self) -> None:
        """One sweep and all that it finds; then a good while passes."""
        self.run(*self.sweep())
        self.sandbox.advance(LONG)
        self.hasten(seconds=LONG)

    def drain(self) -> None:
        """Go on until nothing is left to do."""
        self.settle()

    # What the ledger, Redis and the vendor say

    def execute(self, sql: str, **parameters: Any) -> int:
        """Run a statement; the number of rows it touched."""
        return self._ledger.execute(sql.encode(), parameters).rowcount

    def rows(self, sql: str, **parameters: Any) -> list[Any]:
        """The rows of a query."""
        with self._ledger.cursor(row_factory=namedtuple_row) as cursor:
            return cursor.execute(sql.encode(), parameters).fetchall()

    def value(self, sql: str, **parameters: Any) -> Any:
        """The first value of a query's first row."""
        return self.rows(sql, **parameters)[0][0]

    def job(self, job_id: UUID) -> Any:
        """The job's row, with the seconds until it is due as `wait`."""
        sql = (
            "SELECT *, extract(epoch FROM due_at - now())::float AS wait FROM job WHERE id = %(id)s"
        )
        [row] = self.rows(sql, id=job_id)
        return row

    def states(self) -> dict[str, int]:
        """How many enrichments are in which state."""
        return dict(self.rows("SELECT state, count(*)::int FROM enrichment GROUP BY state"))

    def paused(self) -> str | None:
        """Why the account is paused."""
        sql = "SELECT paused_reason FROM account WHERE id = %(id)s"
        reason: str | None = self.value(sql, id=self.account.id)
        return reason

    def held(self) -> set[UUID]:
        """The jobs that hold slots in Redis."""
        return {it.job_id for it in self.account.slots.holders().values() if it}

    def calls(self, route: str) -> int:
        """How often the vendor was called there."""
        return sum(self.sandbox.record()["calls"].get(route, {}).values())

    def sent(self) -> list[dict[str, Any]]:
        """Our jobs at the vendor, the oldest first."""
        return [job for job in self.sandbox.record()["jobs"] if not job["foreign"]]

    def assert_bought_once(self, count: int = 3) -> None:
        """All of so many are fulfilled, by one job that was paid once."""
        record = self.sandbox.record()
        assert self.states() == {"fulfilled": count}
        assert record["duplicates"]["count"] == 0
        assert record["billed"]["records"] == count
        assert record["submissions_accepted"] == 1

    # What is done to it

    def rewrite(self, job_id: UUID, change: Callable[[list[bytes]], list[bytes]]) -> None:
        """Put other lines into the vendor's results file of a completed job."""
        self.replace(
            job_id,
            lambda data: gzip.compress(b"\n".join(change(gzip.decompress(data).splitlines()))),
        )

    def replace(self, job_id: UUID, change: Callable[[bytes], bytes]) -> None:
        """Put another content into the first part of the vendor's results of a completed job."""
        self.replace_part(self.job(job_id).batch_id, change)

    def replace_part(self, batch_id: str, change: Callable[[bytes], bytes]) -> None:
        """The same for a job whose batch_id the ledger does not know."""
        link = self.account.vendor.status(batch_id).links[0]
        httpx.get(link, trust_env=False).raise_for_status()  # it is made when first asked for
        file = self._results_dir / batch_id / "part-00000.jsonl.gz"
        file.write_bytes(change(file.read_bytes()))

    def gone(self, batch_id: str) -> None:
        """The vendor's results of a job that has ended are not there any more."""
        self.replace_part(batch_id, lambda _: b"")


def domains(count: int, first: int = 0) -> list[str]:
    """Domains that the vendor knows."""
    return [f"company-{number:07}.example" for number in range(first, first + count)]


@contextmanager
def armed(point: str, action: str = "raise") -> Iterator[None]:
    """Something goes wrong at that fault point, until the end of the block."""
    faultpoint.arm({point: action})
    try:
        yield
    finally:
        faultpoint.arm({})


def closed_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@contextmanager
def under_way(driver: Driver, job_id: UUID) -> Iterator[threading.Thread]:
    """The job's submission, with the vendor's answer held back until the clock moves."""
    driver.sandbox.fault("submit", "delay", seconds=1)
    thread = threading.Thread(target=driver.submit, args=(job_id,))
    thread.start()
    try:
        until(lambda: not driver.sandbox.faults())
        yield thread
    finally:
        driver.sandbox.advance(1)
        thread.join()
