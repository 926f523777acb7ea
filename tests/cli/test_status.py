"""`enrichd status` and `slots`: whether the daemon can work, and how each account stands."""

from __future__ import annotations

import re

import psycopg
import pytest

from manager import Manager, Settings
from tests.cli.conftest import Call, run_sql


@pytest.mark.daemon
def test_status_is_0_while_the_daemon_can_work(here: Call) -> None:
    done = here("status", "--json")
    assert (done.code, done.json["ok"], done.json["problems"]) == (0, True, [])
    [account] = done.json["accounts"]
    assert (account["account"], account["cap"]) == ("default", 5)
    assert set(account["calls"]) == {"submit", "status", "list"}
    told = here("status").out
    assert "the daemon can work\n" in told  # below what other tests here have let fail
    assert re.search(r"calls a minute +submit \d+ of \d+; status \d+ of \d+; list \d+ of \d+", told)
    assert here("status", "--account", "default").code == 0


@pytest.mark.daemon
def test_slots_show_who_holds_them(here: Call) -> None:
    slots = here("slots", "--json").json
    assert [slot["slot"] for slot in slots] == [1, 2, 3, 4, 5]
    assert {"job_id", "state", "batch_id", "identifier_count", "held_since"} <= set(slots[0])
    head, *told = here("slots").out.splitlines()
    assert "account" not in head
    assert len(told) == 5


@pytest.mark.integration
def test_status_is_1_without_a_worker_that_sweeps(settings: Settings, alone: Call) -> None:
    done = alone("status", "--json")
    [problem] = done.json["problems"]
    assert (done.code, problem["text"]) == (1, "nobody is at work: nothing was ever swept")
    run_sql(settings, "UPDATE account SET swept_at = now() - interval '40 s'")
    [problem] = alone("status", "--json").json["problems"]
    assert re.match(r"nobody is at work: the last sweep was 4\d s ago \(\d\d:", problem["text"])


@pytest.mark.integration
def test_status_is_1_while_results_wait_and_no_worker_merges(
    settings: Settings, alone: Call
) -> None:
    Manager(settings).enqueue("domains", ["stripe.com"])
    run_sql(
        settings,
        """
        UPDATE account SET swept_at = now();
        INSERT INTO job (id, account_id, lane_id, state, why, identifier_count, batch_id, due_at)
        SELECT gen_random_uuid(), account_id, id, 'completed', 'a test', 1, 'batch',
               now() - interval '90 s'
        FROM lane
        """,
    )
    waiting = r"the results of 1 job wait for 9\d s to be merged; no worker takes from"
    assert re.match(waiting, alone("status", "--json").json["problems"][0]["text"])
    merging = "SELECT pg_advisory_lock(hashtextextended(current_schema() || id::text, 0)) FROM job"
    with psycopg.connect(settings.postgres) as connection:
        connection.execute(f"SET search_path = {settings.database_schema}")
        connection.execute(merging)
        problems = alone("status", "--json").json["problems"]
    assert [it["code"] for it in problems] == ["semaphore-missing"]


@pytest.mark.integration
def test_status_warns_of_jobs_in_trouble(settings: Settings, alone: Call) -> None:
    Manager(settings).enqueue("domains", ["stripe.com"])
    run_sql(
        settings,
        """
        INSERT INTO job (id, account_id, lane_id, state, why, identifier_count, failures, due_at,
                         error)
        SELECT gen_random_uuid(), account_id, id, 'packed', 'a test', 1, 2, '2026-01-01 10:20:30Z',
               '503 from the vendor'
        FROM lane
        """,
    )
    [warning] = alone("status", "--json").json["warnings"]
    said = "1 job could not be submitted (2 times in a row, next at 10:20:30 UTC): 503 from the"
    assert warning["text"] == f"{said} vendor"
    assert f"warning {said}" in alone("status").out


@pytest.mark.integration
def test_each_account_is_shown_and_what_is_wrong_with_one_names_it(
    settings: Settings, alone: Call, second: str
) -> None:
    run_sql(settings, f"UPDATE account SET swept_at = now() WHERE name <> '{second}'")
    done = alone("status", "--json")
    assert [account["account"] for account in done.json["accounts"]] == sorted(
        [second, settings.account]
    )
    assert {it["account"] for it in done.json["problems"]} == {second}
    told = alone("status").out
    assert f"{second}: 0 of 3 slots held" in told
    assert f"{settings.account}: 0 of 5 slots held" in told


@pytest.mark.integration
def test_one_account_can_be_asked_for_alone(settings: Settings, alone: Call, second: str) -> None:
    run_sql(settings, "UPDATE account SET swept_at = now()")
    run_sql(
        settings,
        "UPDATE account SET paused_at = now(), paused_reason = 'no credits' "
        f"WHERE name = '{second}'",
    )
    assert alone("status", "--json").code == 1
    [ours] = alone("status", "--account", settings.account, "--json").json["accounts"]
    assert ours["account"] == settings.account
    problems = alone("status", "--account", second, "--json").json["problems"]
    assert problems[0]["text"] == "paused: no credits; nothing is at the vendor or to be merged"
    assert problems[0]["way_out"] == f"`enrichd resume --account {second}` lets it go on."
    done = alone("status", "--account", "third", "--json")
    names = ", ".join(sorted([second, settings.account]))
    [problem] = done.json["problems"]
    text = f"there is no account 'third' in the ledger; it has: {names}"
    assert (done.code, problem["text"]) == (1, text)


@pytest.mark.integration
def test_an_account_without_a_key_is_told_once_and_not_to_be_resumed(
    settings: Settings, alone: Call
) -> None:
    run_sql(
        settings,
        "UPDATE account SET paused_at = now(), paused_for = 'no_key', paused_reason = 'no API key'",
    )
    problem, *others = alone("status", "--json").json["problems"]
    assert (problem["code"], problem["text"]) == ("key-missing", "paused: no API key")
    assert not [it for it in others if "swept" in it["text"]]


@pytest.mark.integration
def test_what_a_look_waits_for_is_shown(settings: Settings, alone: Call) -> None:
    turn = "waits for its turn until 10:00:00 UTC (calls to list)"
    run_sql(settings, f"UPDATE account SET look_waits_for = '{turn}'")
    assert re.search(f"last look +{re.escape(turn)}\n", alone("status").out)


@pytest.mark.integration
def test_a_slot_that_others_jobs_take_is_never_shown_as_free(
    settings: Settings, alone: Call, second: str
) -> None:
    Manager(settings).enqueue("domains", ["stripe.com"])
    run_sql(
        settings,
        f"""
        INSERT INTO job (id, account_id, lane_id, state, why, identifier_count, slot, batch_id,
                         submitting_at)
        SELECT gen_random_uuid(), account_id, id, 'pending', 'a test', 1, 4, 'batch', now()
        FROM lane;
        UPDATE account SET foreign_active = 2 WHERE name = '{settings.account}'
        """,
    )
    states = ["free", "free", "taken by others", "pending", "taken by others"]
    slots = alone("slots", "--account", settings.account, "--json").json
    assert [slot["slot"] for slot in slots if slot["taken_by_others"]] == [3, 5]
    assert [slot["account"] for slot in slots] == [settings.account] * 5
    head, *told = alone("slots").out.splitlines()
    assert head.split()[0] == "account"
    found = [(line.split()[0], state_in(line)) for line in told]
    assert [state for name, state in found if name == settings.account] == states
    assert [state for name, state in found if name == second] == ["free"] * 3


def state_in(line: str) -> str:
    [found] = re.findall("free|taken by others|pending", line)
    return str(found)
