"""`enrichd db size`: what each table takes, and what retention would free."""

from __future__ import annotations

import pytest

from manager import Manager, Settings
from manager.ledger.models import LedgerModel
from manager.ledger.sql import Statements
from tests.cli.conftest import Call, run_sql

pytestmark = pytest.mark.integration


@pytest.fixture
def _finished(settings: Settings) -> None:
    """Four requests, of which three are finished since long."""
    manager = Manager(settings)
    for number in range(3):
        manager.enqueue("domains", [f"a{number}.com", f"b{number}.com"]).cancel()
    manager.enqueue("domains", ["c.com"])
    run_sql(settings, "UPDATE request SET finished_at = finished_at - interval '40 days'")


def test_every_table_of_the_ledger_is_there(alone: Call) -> None:
    found = alone("db", "size", "--json").json
    assert {it["name"] for it in found["tables"]} == set(LedgerModel.metadata.tables)
    assert found["bytes"] == sum(it["bytes"] for it in found["tables"]) > 100_000
    assert all(it["exact"] for it in found["tables"])
    assert {it["name"] for it in found["tables"] if it["frees_rows"] is not None} == {"notice"}


@pytest.mark.usefixtures("_finished")
def test_it_says_what_a_limit_would_free(alone: Call) -> None:
    found = alone("db", "size", "--retain", "requests_days=30", "--json").json
    tables = {it["name"]: it for it in found["tables"]}
    assert (tables["request"]["rows"], tables["request"]["frees_rows"]) == (4, 3)
    assert tables["request_item"]["frees_rows"] == 6
    assert tables["request_item"]["frees_bytes"] > 0
    assert tables["enrichment"]["frees_rows"] == 6, "cancelled, and never bought"
    assert tables["job"]["frees_rows"] is None
    of_two = alone("db", "size", "--retain", "requests_count=2", "--json").json
    assert {it["name"]: it["frees_rows"] for it in of_two["tables"]}["request"] == 2


@pytest.mark.usefixtures("_finished")
def test_it_goes_by_the_settings_unless_told_otherwise(
    alone: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENRICHD_RETAIN_REQUESTS_DAYS", "30")
    shown = alone("db", "size").out
    assert "what is set frees about" in shown
    other = alone("db", "size", "--retain", "jobs_days=1", "--json").json
    frees = {it["name"]: it["frees_rows"] for it in other["tables"]}
    assert (frees["request"], frees["job"]) == (None, 0)


def test_by_default_notices_alone_would_go(alone: Call) -> None:
    done = alone("db", "size")
    assert done.code == 0
    assert done.out.rstrip().endswith("in all; what is set frees about 0 B.")


@pytest.mark.parametrize(
    ("limit", "error"),
    [
        ("people_days=1", "is not NAME=VALUE with one of requests_days, "),
        ("requests_days", "is not NAME=VALUE"),
        ("requests_days=never", "retain_requests_days"),
        ("results_count=0", "retain_results_count"),
    ],
)
def test_a_limit_that_is_none_is_refused(alone: Call, limit: str, error: str) -> None:
    done = alone("db", "size", "--retain", limit)
    assert done.code == 2
    assert error in done.err


def test_a_share_of_a_large_table_stands_for_all_of_it() -> None:
    assert "TABLESAMPLE SYSTEM (%(percent)s)" in Statements("size").requests
