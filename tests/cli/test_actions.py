"""Commands that change something: they show it with its cost, ask, do it, and it is recorded."""

from __future__ import annotations

import shlex
from uuid import UUID

import pytest

from manager import Manager, Request, Settings
from tests.cli.conftest import Call, run_sql

pytestmark = pytest.mark.integration


@pytest.fixture
def waiting(settings: Settings) -> Request:
    """A request of two that waits."""
    return Manager(settings).enqueue("domains", ["stripe.com", "nasa.gov"], metadata={"batch": 7})


@pytest.fixture
def bought(settings: Settings, waiting: Request) -> Request:
    """The same, of which one was found and one has failed, yesterday."""
    run_sql(
        settings,
        """
        INSERT INTO job (id, account_id, lane_id, state, why, identifier_count, batch_id, ended_at)
        SELECT gen_random_uuid(), account_id, id, 'merged', 'a test', 2, 'b', now() FROM lane;
        INSERT INTO result (enrichment_id, cycle, outcome, record, reason, job_id, fetched_at)
        SELECT e.id, 1, o.outcome, o.record, o.reason, j.id, now() - interval '1 day'
        FROM job j, enrichment e JOIN (VALUES
            ('stripe.com', 'fulfilled', '{}'::jsonb, NULL), ('nasa.gov', 'failed', NULL, 'no luck')
        ) o (key, outcome, record, reason) USING (key);
        UPDATE enrichment e SET state = 'packed', job_id = j.id FROM job j;
        UPDATE enrichment e SET state = r.outcome, job_id = NULL, settled_at = r.fetched_at,
            reason = r.reason
        FROM result r WHERE r.enrichment_id = e.id;
        UPDATE request SET fulfilled = 1, failed = 1, finished_at = now();
        """,
    )
    return waiting


def test_what_discards_is_done_after_its_count_was_typed(alone: Call, waiting: Request) -> None:
    refused = alone("requests", "cancel", str(waiting.id), stdin=b"y\n")
    assert refused.code == 1
    assert "Cancel: 1 request, 2 identifiers." in refused.out
    assert "Type 1 to go on" in refused.out
    assert waiting.progress().cancelled == 0
    nobody = alone("requests", "cancel", str(waiting.id))
    assert nobody.code == 1
    assert nobody.out.endswith("\nNothing was done: nobody answered. --yes does not ask.\n")
    silent = alone("requests", "cancel", str(waiting.id), "--json")
    assert (silent.code, silent.error) == (2, "enrichd: --json asks no questions; add --yes.")
    done = alone("requests", "cancel", str(waiting.id), stdin=b"1\n")
    assert done.code == 0
    assert done.out.endswith("Cancelled: 1 request, 2 identifiers.\n")
    assert waiting.progress().cancelled == 2
    again = alone("requests", "cancel", str(waiting.id), "--yes")
    assert again.code == 0
    assert again.out.startswith("Cancel: there is nothing to do. What is chosen is finished")


def test_a_dry_run_shows_how_much_and_changes_nothing(alone: Call, waiting: Request) -> None:
    shown = alone("requests", "cancel", "--metadata", "batch=7", "--dry-run", "--json").json
    assert (shown["count"], shown["identifiers"], shown["dry_run"]) == (1, 2, True)
    assert (
        alone("requests", "cancel", "--metadata", "batch=8", "--dry-run", "--json").json["count"]
        == 0
    )
    assert waiting.progress().cancelled == 0
    assert alone("actions", "--json").json == []


def test_what_failed_is_retried_and_the_request_is_open_again(alone: Call, bought: Request) -> None:
    shown = alone("requests", "retry-failed", "--all", "--dry-run").out
    assert "1 request, 1 identifier. It buys 1 record at most; prices are not set." in shown
    done = alone(
        "requests", "retry-failed", str(bought.id)[:18], "--yes", "--json", "--by", "ada",
        "--why", "the vendor was down",
    )  # fmt: skip
    assert (done.json["count"], done.json["counts"]["records"]) == (1, 1)
    assert (bought.progress().fulfilled, bought.progress().waiting) == (1, 1)
    [action] = alone("actions", "--json").json
    assert (action["who"], action["via"], action["why"]) == ("ada", "cli", "the vendor was down")
    assert action["filter"] == f"id={bought.id}"
    assert "ada" in alone("actions").out


def test_jobs_and_enrichments_are_retried_too(alone: Call, bought: Request) -> None:
    assert alone("jobs", "retry", "--state", "failed", "--yes", "--json").json["count"] == 0
    assert alone("retry", "--reason", "no luck", "--yes", "--json").json["count"] == 1
    assert alone("jobs", "retry", "--all", "--yes", "--json").json["count"] == 0
    assert bought.progress().waiting == 1


def test_what_is_old_is_bought_again_at_a_price(
    settings: Settings, alone: Call, bought: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENRICHD_PRICE", '{"company/enrich": 1.5}')
    shown = alone("refresh", "--older-than", "1h", "--all", "--dry-run", "--json").json
    assert (shown["records"], shown["credits"]) == (1, 1.5)
    assert "for 1.5 credits" in alone("refresh", "--older-than", "1h", "--all", "--dry-run").out
    assert alone("refresh", "--older-than", "7d", "--all", "--dry-run", "--json").json["count"] == 0
    done = alone("refresh", "--older-than", "1h", "--request", str(bought.id), "--yes", "--json")
    [made] = done.json["made"]
    assert Manager(settings).request(UUID(made)).progress().waiting == 1
    assert bought.progress().fulfilled == 1


def test_requests_get_another_priority_and_old_ones_go(alone: Call, waiting: Request) -> None:
    done = alone("requests", "reprioritise", str(waiting.id), "--priority", "50", "--json")
    assert (done.code, done.json["count"]) == (0, 1)
    assert waiting.progress().priority == 50
    assert alone("requests", "prune", "--all", "--yes", "--json").json["count"] == 0
    waiting.cancel()
    assert alone("requests", "prune", "--all", "--yes", "--json").json["count"] == 1
    assert alone("requests", str(waiting.id)).code == 1


def test_lanes_are_paused_and_resumed_and_status_says_so(alone: Call, waiting: Request) -> None:
    assert alone("lanes", "pause", "1", "--reason", "a wrong field", "--json").json["count"] == 1
    assert "a wrong field" in alone("status").out
    assert "enrichd lanes resume 1" in alone("status").out
    asked = alone("lanes", "resume", "--all", stdin=b"y\n")
    assert asked.code == 0
    assert asked.out.endswith("Resumed: 1 lane, 2 identifiers.\n")
    assert "a wrong field" not in alone("status").out


def test_an_empty_account_is_drained_at_once_and_stays_paused(
    settings: Settings, alone: Call, waiting: Request
) -> None:
    done = alone("drain", "--json").json
    assert (done["drained"], done["paused"]) == (True, [settings.account])
    assert "drained" in alone("accounts").out
    assert alone("drain", "--resume").code == 0
    assert "drained" not in alone("accounts").out
    alone("pause", "--reason", "holidays")
    assert "was paused already: holidays" in alone("drain", "--resume").out
    assert "holidays" in alone("accounts").out


def test_a_drain_that_takes_too_long_says_what_it_waits_for(
    settings: Settings, alone: Call, bought: Request
) -> None:
    run_sql(
        settings,
        """
        INSERT INTO job (id, account_id, lane_id, state, why, identifier_count, batch_id, slot)
        SELECT gen_random_uuid(), account_id, id, 'processing', 'a test', 2, 'c', 1 FROM lane
        """,
    )
    done = alone("drain", "--timeout", "0", "--account", settings.account)
    assert done.code == 4
    assert "1 job at the vendor, 0 to be merged, 2 identifiers" in done.err
    assert alone("drain", "--account", "nobody").code == 1


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        ("requests cancel", 2, "Say which: ids, a filter such as"),
        ("requests cancel --all --since 2h", 2, "--all goes with neither ids nor filters"),
        ("requests cancel nonsense", 1, "There is no request nonsense in the ledger."),
        ("requests cancel --since yesterday", 2, "--since: 'yesterday' is neither a span"),
        ("requests cancel --metadata batch", 2, "--metadata: 'batch' is not of the form KEY=VALUE"),
        ("requests reprioritise --all --priority 101", 2, "priority: 101 is not an integer"),
        ("jobs retry --state lost", 2, "--state: 'lost' is not one of"),
        ("lanes pause 77", 1, "There is no lane 77 in the ledger."),
        ("lanes pause x", 1, "There is no lane x in the ledger."),
        ("requests cancel --tag ''", 2, "--tag is empty: say which, or leave it out."),
        ("requests cancel --identifier ' '", 2, "--identifier is empty"),
        ("requests cancel --account nobody", 1, "There is no account 'nobody' in the ledger"),
        ("refresh --older-than 90 --all", 2, "older_than: '90' is no span such as"),
        ("refresh --older-than long --all", 2, "older_than: 'long' is no span"),
        ("drain --timeout -1", 2, "--timeout"),
    ],
)
def test_what_cannot_be_meant_is_named(
    alone: Call, waiting: Request, arguments: str, code: int, error: str
) -> None:
    done = alone(*shlex.split(arguments), *(["--yes"] if "drain" not in arguments else []))
    assert done.code == code
    assert error in done.err
    assert waiting.progress().cancelled == 0
