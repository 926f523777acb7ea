"""Lists of every kind: filters, orders, pages, files; ids shortened and accepted so."""

from __future__ import annotations

import csv
import json

import pytest

from manager import Manager, Settings
from tests.cli.conftest import Call, run_sql

pytestmark = pytest.mark.integration

JOB = "01a218c0-22b8-7019-8abc-01a793fd75{:02}"


@pytest.fixture
def jobs(settings: Settings) -> list[str]:
    """Three failed jobs and a packed one, the newest first; one with a long reason."""
    Manager(settings).enqueue("domains", ["stripe.com", "nasa.gov"], metadata={"ticket": "T-1"})
    ids = [JOB.format(number) for number in (14, 13, 12, 11)]
    for number, id in enumerate(reversed(ids)):
        run_sql(
            settings,
            f"""
            INSERT INTO job (id, account_id, lane_id, state, why, identifier_count, result_count,
                             ended_at, batch_id, error)
            SELECT '{id}', account_id, id, {"'failed'" if number < 3 else "'packed'"},
                   repeat('the vendor failed; ', {20 if number == 1 else 1}), 2, 0,
                   {"now()" if number < 3 else "NULL"}, {f"'b-{number}'" if number < 3 else "NULL"},
                   NULL FROM lane;
            """,
        )
    return ids


def test_jobs_are_chosen_by_every_option(alone: Call, jobs: list[str]) -> None:
    def listed(*options: str) -> list[str]:
        done = alone("jobs", *options, "--json")
        assert done.code == 0, done.err
        return [it["job_id"] for it in done.json]

    assert listed() == jobs
    assert listed("--state", "failed") == jobs[1:]
    assert listed("--state", "failed,packed", "--sort", "oldest") == jobs[::-1]
    assert listed("--since", "1h", "--until", "2099-01-01") == jobs
    assert listed("--until", "1h") == []
    assert listed("--reason", "VENDOR FAILED", "--limit", "2") == jobs[:2]
    assert listed("--metadata", "ticket=T-1") == []
    assert listed("--lane", "99") == []
    assert listed("--identifier", "stripe.com") == []


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("jobs --state done", "--state: 'done' is not one of packed, submitting"),
        ("jobs --since yesterday", "--since: 'yesterday' is neither a span such as"),
        ("jobs --metadata ticket", "--metadata: 'ticket' is not of the form KEY=VALUE"),
        ("jobs --sort size", "--sort: 'size' is not one of newest, oldest, ended"),
        ("jobs --after x", "--after: 'x' is not where a page of this list has ended"),
        ("jobs 01a2 --state failed", "JOB_ID goes with no filters"),
        ("lanes list --state open", "--state: 'open' is not one of paused, waiting"),
        ("enrichments --sort settled", "--sort: enrichments can be sorted by"),
    ],
)
def test_options_that_cannot_be_are_named(alone: Call, arguments: str, error: str) -> None:
    done = alone(*arguments.split())
    assert done.code == 2
    assert error in done.error


def test_a_page_says_where_the_next_begins(alone: Call, jobs: list[str]) -> None:
    first = alone("jobs", "--limit", "3", "--json")
    assert first.err.startswith("There are more: --after ")
    rest = alone("jobs", "--json", "--after", first.err.split()[-1])
    assert [it["job_id"] for it in first.json + rest.json] == jobs
    assert rest.err == ""


def test_a_list_is_a_file_too_all_of_it(alone: Call, jobs: list[str]) -> None:
    done = alone("jobs", "--limit", "1", "--format", "csv")
    assert [it["job_id"] for it in csv.DictReader(done.out.splitlines())] == jobs
    lines = alone("jobs", "--format", "jsonl", "--state", "packed").out.splitlines()
    assert [json.loads(it)["job_id"] for it in lines] == jobs[:1]


def test_ids_are_as_short_as_they_are_distinct_and_are_accepted_so(
    alone: Call, jobs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    lines = alone("jobs").out.splitlines()
    shown = [it.split()[0] for it in lines if it.startswith("01a2")]
    assert shown == jobs  # made within a millisecond, they differ at their ends alone
    assert all(len(it) <= 100 for it in lines)
    done = alone("jobs", jobs[0][:20])
    assert done.code == 2
    assert "is the beginning of several ids: " in done.error
    assert all(it in done.error for it in jobs)
    run_sql_id = alone("jobs", "show", jobs[1], "--json").json
    assert run_sql_id["job_id"] == jobs[1]
    assert run_sql_id["history"][0]["to_state"] == "failed"


@pytest.mark.parametrize("columns", ["40", "80", "120"])
def test_in_any_terminal_states_and_numbers_are_whole(
    alone: Call, jobs: list[str], settings: Settings, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_sql(settings, "UPDATE job SET identifier_count = 9999")
    monkeypatch.setenv("COLUMNS", columns)
    for command in ("jobs", "requests", "lanes", "enrichments", "vendor-jobs", "strays"):
        done = alone(command)
        assert done.code == 0
        assert all(len(it) <= int(columns) for it in done.out.splitlines()), done.out
    told = alone("jobs").out
    assert told.count("9,999") == 4
    assert told.count("failed") >= 3


def test_a_job_is_shown_in_order_with_what_its_fields_mean(alone: Call, jobs: list[str]) -> None:
    told = alone("jobs", jobs[1]).out
    names = [line.split()[0] for line in told.partition("\n\n")[0].splitlines() if line[0] != " "]
    assert names[:3] == ["job_id", "account", "endpoint"]
    assert names.index("state") + 1 == names.index("why")
    assert names.index("created_at") < names.index("ended_at")
    assert "(how often in a row the vendor did not know it)" in told
    assert "(results files that could not be merged, in a row)" in told


def test_open_requests_come_first_however_many_newer_ones_are_finished(
    settings: Settings, alone: Call
) -> None:
    manager = Manager(settings)
    waits = manager.enqueue("domains", ["stripe.com"])
    for number in range(25):
        manager.enqueue("domains", [f"a{number}.example"]).cancel()
    listed = alone("requests", "--json").json
    assert listed[0]["request_id"] == str(waits.id)
    assert [it["request_id"] for it in alone("requests", "--open", "--json").json] == [
        str(waits.id)
    ]
    assert "open" in alone("requests").out.splitlines()[1]
    shown = alone("requests", str(waits.id)[:30], "--json")
    assert shown.json["total"] == 1
    assert alone("requests", "show", str(waits.id)).out.startswith("request_id")


def test_lanes_and_enrichments_say_what_waits(settings: Settings, alone: Call) -> None:
    Manager(settings).enqueue("domains", ["stripe.com", "nasa.gov"], fields=("headcount.total",))
    [lane] = alone("lanes", "list", "--json").json
    assert (lane["waiting"], lane["fields"], lane["paused"]) == (2, ["headcount.total"], None)
    assert [it["lane_id"] for it in alone("lanes", "--state", "waiting", "--json").json] == [
        lane["lane_id"]
    ]
    rows = alone("enrichments", "--state", "pending", "--json").json
    assert {it["identifier"] for it in rows} == {"stripe.com", "nasa.gov"}


def test_a_stray_is_shown_with_its_envelope(
    settings: Settings, alone: Call, jobs: list[str]
) -> None:
    run_sql(
        settings,
        f"INSERT INTO stray (job_id, line, reason, envelope) "
        f"VALUES ('{jobs[1]}', 7, 'it is broken', '\\x7b1bff')",
    )
    [row] = alone("strays", "list", "--json").json
    assert (row["line"], row["bytes"], row["job_id"]) == (7, 3, jobs[1])
    told = alone("strays", "show", str(row["stray_id"])).out
    assert "it is broken" in told
    assert "{�\\xff" in told
    assert alone("strays", "show", "99").error == "enrichd: There is no stray 99 in the ledger."


def test_search_and_history_find_what_a_word_names(
    settings: Settings, alone: Call, jobs: list[str]
) -> None:
    found = alone("search", "https://Stripe.com/", "--json").json
    assert [it["kind"] for it in found["hits"]] == ["enrichment"]
    assert found["known"][0]["history"][0]["event"] == "requested"
    assert "waits to be packed" in alone("search", "stripe.com").out
    assert alone("search", "T-1").out.splitlines()[1].startswith("request")
    nothing = alone("search", "nobody.example")
    assert (nothing.code, nothing.out) == (1, "Nothing is called 'nobody.example'.\n")
    [told] = alone("history", "stripe.com", "--json").json
    assert told["kind"] == "enrichment"
    out = alone("history", jobs[1]).out
    assert out.startswith(f"job {jobs[1]}: 2 identifiers, company/enrich, account test: failed\n")
    assert "failed: the vendor failed" in out
    assert alone("history", "account", "test").code == 0
    several = alone("history", jobs[0][:20])
    assert several.code == 2
    assert "is the name of several: job " in several.error
    gone = alone("history", "nobody.example")
    assert gone.error == "enrichd: Nothing in the ledger is called 'nobody.example'."
