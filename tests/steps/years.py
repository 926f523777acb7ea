"""Years that pass at once: the past is moved back, and retention works until it is done."""

from __future__ import annotations

from typing import Any

from manager.steps.retain import retain
from tests.steps.driver import Driver

PAST = {
    "request": ("created_at", "finished_at"),
    "enrichment": ("settled_at",),
    "result": ("fetched_at",),
    "job": ("ended_at", "given_up_at"),
    "job_event": ("at",),
    "stray": ("kept_at",),
    "vendor_job": ("first_seen_at", "last_seen_at"),
    "lane": ("created_at",),
    "account": ("removed_at",),
}
TABLES = (*PAST, "request_item", "slot")
COUNTED = """
SELECT account_id, c.name, sum(c.amount)::bigint AS amount FROM request, LATERAL (VALUES
    ('open_requests', (finished_at IS NULL)::integer), ('total', total), ('fulfilled', fulfilled),
    ('not_found', not_found), ('failed', failed), ('cancelled', cancelled)) c (name, amount)
GROUP BY 1, 2 HAVING sum(c.amount) <> 0
UNION ALL
SELECT account_id, 'jobs ' || state, count(*) FROM job WHERE ended_at IS NOT NULL GROUP BY 1, 2
"""
COUNTERS = """
SELECT account_id, name, sum(amount)::bigint AS amount FROM account_counter
WHERE name NOT LIKE 'metric %%' GROUP BY 1, 2 HAVING sum(amount) <> 0
"""


def pass_by(driver: Driver, days: float) -> None:
    """Let all that has happened be that much longer ago."""
    for table, columns in PAST.items():
        moved = ", ".join(f"{it} = {it} - make_interval(secs => %(s)s)" for it in columns)
        driver.execute(f"UPDATE {table} SET {moved}", s=days * 86_400)


def retained(driver: Driver, **limits: Any) -> Driver:
    """Retain by these limits, twice: what goes first frees what goes next."""
    keeper = driver.another(**{f"retain_{name}": value for name, value in limits.items()})
    for _ in range(2):
        driver.execute("UPDATE retention SET ended_at = NULL")
        assert retain(keeper.context) == []
    assert not driver.rows("SELECT FROM retention WHERE place IS NOT NULL"), "each pass has ended"
    return keeper


def sizes(driver: Driver) -> dict[str, int]:
    """How many rows each table has, but those that are empty."""
    counts = {it: driver.value(f"SELECT count(*)::int FROM {it}") for it in TABLES}
    return {table: count for table, count in counts.items() if count}


def assert_counted(driver: Driver) -> None:
    """The counters of the accounts are what counting gives."""
    assert sorted(driver.rows(COUNTERS)) == sorted(driver.rows(COUNTED))
