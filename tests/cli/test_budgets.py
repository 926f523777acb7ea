"""`enrichd budgets`, `stats`, and what they and `enqueue --dry-run` say of credits."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from typing import Any

import pytest

from manager import Manager, Settings
from manager.ledger import migrate
from manager.operator.stats import percentile
from tests.cli.conftest import Call, run_sql

pytestmark = pytest.mark.integration

CAPS = [
    {"per": "day", "tag": "crm", "credits": 4, "hard": True},
    {"per": "month", "records": 1000},
]
MERGED = """
INSERT INTO job (id, account_id, lane_id, state, why, identifier_count, price)
SELECT gen_random_uuid(), account_id, id, 'packed', 'x', 2, 2 FROM lane;
UPDATE enrichment SET state = 'packed', job_id = (SELECT id FROM job);
UPDATE job SET state = 'submitting', slot = 1, submitting_at = now(), capacity = 10;
UPDATE job SET state = 'pending', batch_id = 'b', accepted_at = now();
INSERT INTO result (enrichment_id, cycle, outcome, record, job_id)
SELECT id, 1, 'fulfilled', '{}', job_id FROM enrichment;
UPDATE enrichment SET state = 'fulfilled', job_id = NULL, settled_at = now();
UPDATE request SET fulfilled = 2, bought = 2, credits = 4, finished_at = now();
UPDATE job SET state = 'completed', slot = NULL, completed_at = now();
UPDATE job SET state = 'merged', ended_at = now();
"""


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENRICHD_PRICE", '{"company/enrich": 2}')
    monkeypatch.setenv("ENRICHD_BUDGETS", json.dumps(CAPS))


@pytest.fixture
def bought(alone: Call, settings: Settings) -> None:
    """Two records for the tag crm, at 2 credits each."""
    alone("db", "upgrade")
    Manager(settings).enqueue(
        "domains", ["a.example", "b.example"], tag="crm", metadata={"campaign": "spring"}
    )
    for statement in filter(str.strip, MERGED.split(";")):
        run_sql(settings, statement)


@pytest.mark.usefixtures("bought")
def test_budgets_tell_cap_spent_left_and_when_they_turn(alone: Call) -> None:
    everything, crm = alone("budgets", "--json").json
    assert (crm["budget"], crm["hard"], crm["per"]) == ("tag crm, a day, hard", True, "day")
    [cap] = crm["caps"]
    assert cap["unit"] == "credits"
    assert [Decimal(cap["cap"]), Decimal(cap["spent"])] == [4, 4]
    assert Decimal(cap["left"]) == 0
    [cap] = everything["caps"]
    assert Decimal(cap["spent"]) == 2
    shown = alone("budgets").out
    assert "tag crm, a day, hard" in shown


@pytest.mark.usefixtures("bought")
def test_stats_tell_what_was_asked_bought_and_waited_for(alone: Call) -> None:
    [day] = alone("stats", "--json").json
    assert (day["requests"], day["asked"], day["bought"]) == (1, 2, 2)
    assert Decimal(day["credits"]) == 4
    assert (day["jobs"], day["submitted"], day["fill"]) == (1.0, 2, 0.2)
    assert day["wait_median"] is not None
    [group] = alone("stats", "--by", "tag,lane", "--json").json
    assert (group["tag"], group["lane"]) == ("crm", "company/enrich domains")
    [group] = alone("stats", "--metadata", "campaign", "--json").json
    assert (group["metadata"], group["bought"], group["asked"]) == ("spring", 2, 2)
    assert alone("stats", "--tag", "other", "--json").json == []
    assert "crm" in alone("stats", "--by", "month,tag").out


@pytest.mark.usefixtures("bought")
def test_stats_as_csv(alone: Call) -> None:
    [row] = csv.DictReader(io.StringIO(alone("stats", "--by", "day,tag", "--csv").out))
    assert (row["tag"], row["bought"], float(row["credits"])) == ("crm", "2", 4.0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--by", "colour"), "'colour' is not one of day, month"),
        (("--since", "yesterday"), "'yesterday' is neither so long ago"),
    ],
)
def test_what_cannot_be_asked_is_said(alone: Call, arguments: Any, said: str) -> None:
    assert said in alone("stats", *arguments).err


@pytest.mark.usefixtures("bought")
def test_a_dry_run_says_what_it_costs_and_what_is_left(alone: Call, tmp_path: Any) -> None:
    file = tmp_path / "domains.txt"
    file.write_text("new.example\nother.example\n")
    told = alone("enqueue", str(file), "--tag", "crm", "--dry-run").out
    assert "would buy 2 records for at most 4 credits" in told
    assert "Budget tag crm, a day, hard: 0 of 4 credits left" in told
    assert "It would be refused: it may pass the budget tag crm, a day, hard." in told
    refused = alone("enqueue", str(file), "--tag", "crm").err
    assert "Of 4 credits, 4 are spent" in refused


def test_a_budget_of_an_unknown_account_stops_the_start(
    alone: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENRICHD_BUDGETS", '[{"account": "nobody", "per": "day", "records": 1}]')
    assert "budgets name the account nobody" in alone("db", "upgrade").err


def test_percentiles_come_from_buckets() -> None:
    assert percentile({}, 0.5) is None
    assert percentile({0: Decimal(10)}, 0.5) == 0.5
    assert percentile({4: Decimal(99), 10: Decimal(1)}, 0.95) is not None
    assert 8 <= (percentile({4: Decimal(99), 10: Decimal(1)}, 0.5) or 0) <= 16


def test_prices_are_kept_when_they_change(settings: Settings) -> None:
    for price in (1, 3):
        changed = settings.model_copy(update={"price": {"company/enrich": Decimal(price)}})
        migrate.upgrade(changed)
        estimate = Manager(changed).estimate("domains", ["a.example"])
        assert estimate.price == price
