"""The vendor as one object: what all its routes share, and its life."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

from sandbox.account import Account
from sandbox.faults import Faults
from sandbox.journal import Journal
from sandbox.limits import Limits
from sandbox.results import Results
from sandbox.settings import Settings
from sandbox.webhooks import Webhooks


class Vendor:
    """The vendor as one object: an account, its key, and everything that can go wrong."""

    def __init__(
        self,
        api_key: str,
        settings: Settings,
        directory: Path,
        *,
        keep: bool,
        faults: Collection[dict[str, Any]] = (),
    ) -> None:
        """Keep results files in `directory`, and the journal too if `keep`.

        `faults` are ordered from the start; a bad one is a `ValueError`.
        """
        self.faults = Faults(faults)
        journal = Journal(directory / "journal.jsonl" if keep else None)
        self.authorization = f"Bearer {api_key}".encode()
        self.account = Account(settings, journal)
        self.limits = Limits(self.account.clock)
        self.results = Results(directory / "results")
        self.webhooks = Webhooks(self.account, self.faults)

    def settle(self) -> None:
        """End what has come to its end, and say so."""
        for job in self.account.settle():
            self.webhooks.announce(job)

    def reset(self) -> None:
        """Back to the start: no jobs, record, limits or files; its clock, settings and faults."""
        self.account.reset()
        self.faults.reset()
        self.limits.clear()
        self.results.clear()

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[dict[str, Any]]:
        """End jobs as their time comes, as long as the server runs."""
        ticking = asyncio.create_task(self._tick())
        try:
            yield {"closing": asyncio.Event()}
        finally:
            ticking.cancel()
            await self.webhooks.close()
            self.account.close()

    async def _tick(self) -> None:
        while True:
            self.settle()
            await self.account.clock.wait(self.account.next_event())
