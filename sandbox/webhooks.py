"""Webhooks: a POST when a job ends, best effort, in the background.

What the vendor sends is [unknown]; here it is the job as its status shows it, without links.
"""

import asyncio

import httpx
import msgspec

from sandbox.account import Account
from sandbox.faults import Faults
from sandbox.jobs import Job

_TIMEOUT = 5.0


class Webhooks:
    """Sends them once, twice or not at all, as the settings and faults say; never retries."""

    def __init__(self, account: Account, faults: Faults) -> None:
        self._account = account
        self._faults = faults
        self._client = httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False)
        self._posts: set[asyncio.Task[None]] = set()

    def announce(self, job: Job) -> None:
        """Tell the job's webhook, if it has one, that the job ended."""
        copies = {"normal": 1, "lost": 0, "doubled": 2}[self._account.settings.webhook_mode]
        if job.webhook_url is None:
            return
        if copies == 0:
            self._account.called("webhook", "lost")
        for _ in range(copies):
            post = asyncio.create_task(self._post(job, job.webhook_url))
            self._posts.add(post)
            post.add_done_callback(self._posts.discard)

    async def close(self) -> None:
        """Give up what is still under way."""
        for post in self._posts:
            post.cancel()
        await asyncio.gather(*self._posts, return_exceptions=True)
        await self._client.aclose()

    async def _post(self, job: Job, url: str) -> None:
        body = msgspec.json.encode(job.entry(self._account.clock.now()))
        fault = self._faults.take("webhook", {"delay", "reset_before", "garbage"})
        if fault and fault.kind == "reset_before":
            self._account.called("webhook", "lost")
            return
        if fault and fault.kind == "delay":
            await self._account.clock.sleep(fault.seconds)
        if fault and fault.kind == "garbage":
            body = body[: len(body) // 2]
        self._account.called("webhook", await self._outcome(url, body))

    async def _outcome(self, url: str, body: bytes) -> str:
        try:
            response = await self._client.post(
                url, content=body, headers={"content-type": "application/json"}
            )
        except (httpx.HTTPError, httpx.InvalidURL):
            return "unreachable"
        return str(response.status_code)
