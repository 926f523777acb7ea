"""Scrape: read the ledger and Redis once, and tell what could be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from time import monotonic

from manager.logs import get_logger
from manager.operator.metrics import ledger, redis
from manager.operator.metrics.exposition import Collected
from manager.operator.status import status
from manager.operator.trouble import TROUBLE, named
from manager.steps.context import Context
from manager.vendor.agent import our_version

log = get_logger(__name__)


def scrape(context: Context, found: Collected | None = None) -> Collected:
    """All that can be read now; raises nothing. What is away is told by `enrichd_server_up`.

    found: where to write it, bit by bit.
    """
    began = monotonic()
    found = Collected() if found is None else found
    found.put("build_info", 1, our_version())
    found.put("up", 0)  # until all is read
    # what Redis holds is named after the ledger's own id, which is known once it was asked
    postgres = _reads("postgres", found, lambda: _ledger(context, found))
    answers = _reads("redis", found, lambda: redis.read(context, found))
    if postgres:
        _problems(context, found)
    found.put("up", postgres and answers)
    found.put("scrape_seconds", monotonic() - began)
    return found


def _ledger(context: Context, found: Collected) -> None:
    with context.ledger.connect() as connection:
        ledger.read(connection, context.settings, found)


def _reads(server: str, found: Collected, read: Callable[[], None]) -> bool:
    try:
        read()
    except TROUBLE as error:
        log.warning("scrape.cut_short", server=server, error=named(error))
        found.put("server_up", 0, server)
        found.put("problems", 1, "", f"{server}-unavailable", "problem")
        return False
    found.put("server_up", 1, server)
    return True


def _problems(context: Context, found: Collected) -> None:
    stands = status(context)
    counts = Counter(
        (it.account or "", it.code, it.severity) for it in (*stands.problems, *stands.warnings)
    )
    for labels, count in counts.items():
        found.put("problems", count, *labels)
