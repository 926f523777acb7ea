"""Webhook: whether the public address leads to our own receiver, from here.

The receiver answers a probe with a proof that it works on this very ledger, which nobody else can
give. That the vendor reaches it, too, only a job can tell.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from manager.ledger.execute import one
from manager.ledger.sql import Statements
from manager.operator.doctor.case import Case
from manager.operator.doctor.finding import Finding, each, ok, problem, warning
from manager.operator.doctor.reach import reach
from manager.operator.doctor.vendor import SKEW
from manager.operator.probe import PROOF, UNKNOWN, probe_path, proof
from manager.operator.trouble import TROUBLE
from manager.operator.words import duration
from manager.vendor.times import read_time
from manager.vendor.transport import TimeLimit, exchange, new_client

SQL = Statements("doctor")
# Of the last jobs' webhooks so many, at least, must be known before something is concluded.
ENOUGH = 3


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Of the last jobs with a webhook that ended: how many, and of how many it came."""

    ended: int
    told: int


def look(case: Case) -> Iterator[Finding]:
    """All of it."""
    url = case.settings.webhook_url
    if url is None:
        yield ok(
            "webhook_url",
            "not set: the ends of jobs are found by looks alone, which is slower by seconds",
        )
        return
    for finding in reach("webhook_url", url):
        yield finding
        if finding.level == "problem":
            return
    yield from each((_receiver, _heard), case, url)


def _receiver(case: Case, url: str) -> Iterator[Finding]:
    nonce = secrets.token_hex(16)
    began = datetime.now(UTC)
    try:
        with new_client(case.settings, url) as client:
            request = client.build_request("POST", url + probe_path(nonce), json={})
            with (
                TimeLimit(case.settings.call_limit) as limit,
                exchange(client, request, limit) as answer,
            ):
                answer.read()
    except httpx.HTTPError as error:
        yield problem(
            "receiver",
            f"{url} does not answer: {type(error).__name__}: {error}",
            "See that `enrichd web` runs and the proxy before it leads there.",
        )
        return
    took = (datetime.now(UTC) - began).total_seconds()
    given = answer.headers.get(PROOF)
    if given is None:
        yield _not_ours(url, answer)
    elif given == UNKNOWN:
        yield problem(
            "receiver",
            f"{url} leads to an `enrichd web` that cannot ask its ledger: webhooks are refused",
            "See the log of that process; it must reach Postgres.",
        )
    else:
        yield _judged(url, took, given == proof(case.ledger_id, nonce))
        yield from _clock(answer.headers.get("date"))


def _judged(url: str, took: float, ours: bool) -> Finding:
    if ours:
        return ok(
            "receiver",
            f"{url} leads from here to `enrichd web` of this ledger, within {duration(took)}; that "
            "the vendor reaches it, too, only a job can tell",
        )
    return problem(
        "receiver",
        f"{url} leads to an `enrichd web` of another ledger, which does not know our jobs",
        "Correct webhook_url, or where the proxy leads.",
    )


def _not_ours(url: str, answer: httpx.Response) -> Finding:
    """Somebody else's answer."""
    status, server = answer.status_code, answer.headers.get("server", "no Server header")
    said = f"{url} answers {status} ({server[:60]}) to a webhook, and is no `enrichd web`"
    if 300 <= status < 400:
        to = answer.headers.get("location", "nowhere").partition("?")[0][:100]
        return problem(
            "receiver",
            f"{said}: it redirects to {to}, and a webhook need not follow",
            "Let webhook_url be the address that it ends at.",
        )
    if status in (401, 403):
        advice = "Let the proxy pass everything under /webhooks/ without a login; each has a token."
    elif status == 421:
        said = f"{url} answers 421 ({server[:60]}): it is asked for by a host that is not its own"
        advice = (
            "Let the proxy pass the Host header as it is, or name in web_hosts what it makes of it."
        )
    elif status in (502, 503, 504):
        advice = "The proxy finds no `enrichd web` behind it: start it, or correct where it leads."
    else:
        advice = (
            "Let the proxy pass /webhooks/ to `enrichd web`, with the path as it is. A release "
            "before this one does not know the probe: upgrade it."
        )
    return problem("receiver", said, advice)


def _clock(date: str | None) -> Iterator[Finding]:
    time = read_time(date)
    ahead = (time - datetime.now(UTC)).total_seconds() if time else 0.0
    if abs(ahead) > SKEW:
        yield warning(
            "clock",
            f"that of `enrichd web`'s machine differs from this one's by {duration(abs(ahead))}",
            "Let the clocks of all machines be set (NTP).",
        )


def _heard(case: Case, _: str) -> Iterator[Finding]:
    """What the last jobs tell of the vendor's side."""
    try:
        with case.ledger() as connection:
            found = one(connection, SQL.webhooks, Webhooks, {})
    except TROUBLE:
        return  # what is found of Postgres says why
    if found.ended < ENOUGH:
        yield ok(
            "from the vendor", f"{found.ended} jobs with a webhook have ended, too few to tell"
        )
    elif found.told == 0:
        yield warning(
            "from the vendor",
            f"of the last {found.ended} jobs that ended no webhook has come",
            "Let the vendor's calls through the firewall before `enrichd web`; ask the vendor.",
        )
    else:
        yield ok("from the vendor", f"webhooks came of {found.told} of the last {found.ended} jobs")
