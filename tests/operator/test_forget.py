"""Forget: nothing of whom it is about stays, and nothing comes back; what is counted stays true."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from manager import InvalidRequestError, Outcome, UnavailableError
from manager.operator import forget as operator
from manager.operator.job import merge_again
from manager.steps import keep
from manager.steps.context import Context
from manager.steps.retain import retain
from manager.steps.tidy import tidy
from tests.steps.driver import MISCOUNTED, Driver, domains
from tests.steps.years import assert_counted

pytestmark = pytest.mark.integration

[JANE, JOHN, *_] = domains(3)
COLUMNS = """
SELECT c.relname AS table, a.attname AS column
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'test'::regnamespace AND c.relkind = 'r'
  AND a.attnum > 0 AND NOT a.attisdropped
"""


def forget(driver: Driver, *identifiers: str, **arguments: Any) -> operator.Report:
    found = operator.find(driver.context, identifiers, **arguments)
    return operator.forget(driver.context, found)


def traces(driver: Driver, text: str) -> list[str]:
    """Where in the ledger and the spool the text stands, in whatever column."""
    found = []
    for table, column in driver.rows(COLUMNS):
        readable = f"coalesce(encode(convert_to({column}::text, 'UTF8'), 'escape'), '')"
        if column == "envelope":
            readable = "encode(envelope, 'escape')"
        if driver.rows(f"SELECT FROM {table} WHERE strpos({readable}, %(text)s) > 0", text=text):
            found.append(f"{table}.{column}")
    for file in driver.context.spool_dir.rglob("*.gz"):
        if text.encode() in gzip.decompress(file.read_bytes()):
            found.append(str(file))
    return found


def assert_true(driver: Driver) -> None:
    assert driver.rows(MISCOUNTED) == []
    assert_counted(driver)


def test_nothing_of_it_stays_but_that_it_was_bought(driver: Driver) -> None:
    request = driver.enqueue(2, unknown=1)
    other = driver.manager.enqueue("domains", [f"https://WWW.{JANE}/about", JOHN], account="test")
    driver.drain()
    assert traces(driver, "company-0000000")
    report = forget(driver, JANE)
    assert (report.enrichments, report.results, report.items, report.waits) == (1, 1, 2, [])
    assert traces(driver, "company-0000000") == []
    assert traces(driver, "10000000") == [], "nor the vendor's id of it"
    first, second, third = request.results()
    assert (first.identifier, first.outcome, first.record) == (
        "(forgotten)",
        Outcome.FULFILLED,
        None,
    )
    assert (first.reason, first.vendor_id) == ("forgotten", None)
    assert (second.identifier, second.outcome) == (JOHN, Outcome.FULFILLED)
    assert second.record is not None
    assert third.outcome == Outcome.NOT_FOUND
    assert request.progress().fulfilled == 2
    assert other.progress().fulfilled == 2
    assert_true(driver)
    assert forget(driver, JANE).enrichments == 0, "there is nothing more"


def test_asked_for_again_it_is_bought_anew(driver: Driver) -> None:
    driver.enqueue(1)
    driver.drain()
    forget(driver, JANE)
    anew = driver.enqueue(1)
    assert anew.progress().waiting == 1
    driver.drain()
    [result] = anew.results()
    assert (result.identifier, result.outcome) == (JANE, Outcome.FULFILLED)
    assert driver.sandbox.record()["billed"]["records"] == 2
    assert_true(driver)


def test_all_cycles_and_all_lanes_are_forgotten(driver: Driver) -> None:
    for _ in range(3):
        driver.enqueue(1, max_age=0)
        driver.drain()
    driver.enqueue(1, fields=["headcount.total"])
    driver.drain()
    report = forget(driver, JANE)
    assert (report.enrichments, report.results) == (2, 4)
    assert traces(driver, JANE) == []
    assert_true(driver)


def test_the_same_company_under_other_identifiers_is_forgotten_unless_only_this_is_wanted(
    driver: Driver,
) -> None:
    driver.enqueue(2)
    ids = driver.manager.enqueue("crustdata_company_ids", [10_000_000, 10_000_001], account="test")
    driver.drain()
    assert [it.type for it in operator.find(driver.context, [JANE], only=True).held] == ["domains"]
    found = operator.find(driver.context, [JANE])
    assert sorted(it.type for it in found.held) == ["crustdata_company_ids", "domains"]
    operator.forget(driver.context, found)
    assert [it.identifier for it in ids.results()] == ["(forgotten)", "10000001"]
    assert traces(driver, "10000000") == []
    assert_true(driver)


def test_what_waits_is_not_bought(driver: Driver) -> None:
    request = driver.enqueue(2)
    report = forget(driver, JANE)
    assert report.enrichments == 1
    assert request.progress().cancelled == 1
    driver.drain()
    assert request.progress().finished
    assert driver.sandbox.record()["billed"]["records"] == 1
    assert [it.outcome for it in request.results()] == [Outcome.CANCELLED, Outcome.FULFILLED]
    assert traces(driver, JANE) == []
    assert_true(driver)


def test_a_request_that_is_finished_by_it_wakes_who_waits_for_it(driver: Driver) -> None:
    request = driver.enqueue(1)
    waiting = threading.Thread(target=request.wait, args=(20,))
    waiting.start()
    forget(driver, JANE)
    waiting.join(timeout=15)
    assert not waiting.is_alive()


def test_it_is_taken_out_of_a_job_that_was_not_submitted(driver: Driver) -> None:
    request = driver.enqueue(3)
    job_id = driver.packed()
    forget(driver, JANE)
    assert driver.job(job_id).identifier_count == 2
    assert traces(driver, JANE) == []
    driver.drain()
    assert driver.sandbox.record()["billed"]["records"] == 2
    assert request.progress().fulfilled == 2
    assert_true(driver)


def test_a_job_that_held_nothing_else_is_dissolved(driver: Driver) -> None:
    request = driver.enqueue(1)
    job_id = driver.packed()
    forget(driver, JANE)
    assert driver.job(job_id).state == "cancelled"
    assert request.progress().finished
    driver.drain()
    assert driver.sent() == []
    assert_true(driver)


@pytest.mark.parametrize("state", ["pending", "completed", "unresolved"])
def test_what_is_at_the_vendor_is_dropped_when_it_comes(driver: Driver, state: str) -> None:
    if state == "unresolved":
        job_id = driver.unresolved(3, "reset_after")
    else:
        job_id = getattr(driver, "accepted" if state == "pending" else "completed")(3)
    report = forget(driver, JANE)
    assert (report.enrichments, report.waits) == (0, [job_id])
    assert driver.value("SELECT cancelled FROM request") == 1
    assert "request_item.value" not in traces(driver, JANE)
    driver.drain()
    assert traces(driver, "company-0000000") == []
    assert driver.states() == {"fulfilled": 3}
    assert driver.rows("SELECT FROM forgetting") == []
    assert_true(driver)
    merge_again(driver.context, job_id)
    retain(driver.context)
    assert traces(driver, "company-0000000") == []


@pytest.mark.parametrize("joined", [False, True])
def test_what_the_vendor_turns_out_not_to_have_is_not_sent_to_it_again(
    driver: Driver, joined: bool
) -> None:
    job_id = driver.unresolved(3, "reset_before")
    assert forget(driver, JANE).waits == [job_id]
    if joined:
        driver.enqueue(1)
    driver.drain()
    assert [it["identifier_count"] for it in driver.sent()] == [2]
    assert driver.sandbox.record()["billed"]["records"] == 2
    assert traces(driver, "company-0000000") == []
    assert driver.states() == {"cancelled": 1, "fulfilled": 2}
    assert driver.rows("SELECT FROM forgetting") == []
    assert driver.value("SELECT count(*) FROM request WHERE finished_at IS NULL") == 0
    assert_true(driver)


def test_a_job_that_a_worker_is_at_is_not_submitted_for_it_later(driver: Driver) -> None:
    driver.enqueue(1)
    job_id = driver.packed()
    with driver.context.ledger.lock_job(job_id):
        assert forget(driver, JANE).waits == [job_id]
    driver.drain()
    assert driver.sent() == []
    assert driver.job(job_id).state == "cancelled"
    assert traces(driver, JANE) == []
    assert_true(driver)


def test_it_does_not_come_back_from_a_job_that_failed(driver: Driver) -> None:
    driver.sandbox.fault("submit", "fail_job")
    driver.accepted(2)
    forget(driver, JANE)
    driver.drain()
    retain(driver.context)
    assert traces(driver, JANE) == []
    assert driver.states() == {"cancelled": 1, "fulfilled": 1}
    assert driver.sandbox.record()["billed"]["records"] == 1
    assert_true(driver)


def test_it_does_not_come_back_from_what_a_given_up_job_delivers(driver: Driver) -> None:
    job_id = driver.accepted(2)
    driver.give_up(job_id)
    forget(driver, JANE)
    driver.sandbox.advance(60)
    driver.look_now()
    driver.drain()
    driver.run(driver.wake("merge", job_id))
    assert driver.job(job_id).state == "merged"
    assert traces(driver, "company-0000000") == []
    assert_true(driver)


def test_a_merge_of_the_release_before_is_made_good(driver: Driver) -> None:
    job_id = driver.completed(2)
    forget(driver, JANE)
    marked = driver.rows("SELECT enrichment_id FROM forgetting")
    driver.execute("DELETE FROM forgetting")
    driver.merge(job_id)
    driver.execute("INSERT INTO forgetting VALUES (%(id)s)", id=marked[0].enrichment_id)
    assert traces(driver, JANE)
    retain(driver.context)
    assert traces(driver, "company-0000000") == []


def test_stray_envelopes_and_kept_files_that_name_it_go(driver: Driver) -> None:
    job_id = driver.completed(3)
    driver.rewrite(job_id, lambda lines: [*lines, *lines[:3], b'{"original_identifier": 7'])
    for _ in range(30):
        driver.hasten(4000)
        driver.merge(job_id)
    assert driver.job(job_id).state == "merged"
    assert keep.files(driver.context, job_id)
    driver.execute(
        "INSERT INTO stray (job_id, line, reason, envelope) VALUES (%(id)s, 9, 'cut', %(line)s)",
        id=job_id,
        line=json.dumps({"original_identifier": JANE})[:-2].encode() + b'", "data": {',
    )
    assert operator.find(driver.context, [JANE]).kept == [job_id]
    report = forget(driver, JANE)
    assert (report.strays, report.files) == (2, 1)
    assert driver.value("SELECT count(*) FROM stray") == 3, "the others' are there still"
    assert traces(driver, "company-0000000") == []


def test_a_file_kept_on_another_machine_goes_when_that_is_tidied(
    driver: Driver, tmp_path: Any
) -> None:
    elsewhere = driver.another(spool_dir=tmp_path / "elsewhere")
    job_id = elsewhere.completed(2)
    folder = keep.folder(elsewhere.context, job_id)
    folder.mkdir(parents=True)
    (folder / "part-000.jsonl.gz").write_bytes(gzip.compress(b"x"))
    driver.drain()
    tidy(elsewhere.context)
    assert folder.exists()
    forget(driver, JANE)
    tidy(elsewhere.context)
    assert not folder.exists()


def test_messages_that_quote_it_are_rewritten_where_they_are(driver: Driver) -> None:
    driver.enqueue(2)
    driver.drain()
    for table, column in (("job", "error"), ("job", "why"), ("job_event", "why")):
        driver.execute(
            f"UPDATE {table} SET {column} = %(text)s", text=f"bad '{JANE.upper()}', x{JANE}"
        )
    report = forget(driver, JANE)
    assert report.messages > 0
    assert driver.value("SELECT error FROM job") == f"bad '(forgotten)', x{JANE}"


def test_what_is_told_of_a_job_that_quotes_it_is_rewritten_too(driver: Driver) -> None:
    driver.enqueue(1)
    driver.drain()
    driver.execute(
        "WITH t AS (INSERT INTO target (address, host) VALUES ('pg:a', 'postgres') RETURNING id), "
        "n AS (INSERT INTO notice (account_id, target_id, event, payload, error) "
        "SELECT 1, id, 'job.needs_operator', jsonb_build_object('why', 'bad: ' || %(text)s), "
        "%(text)s FROM t RETURNING id) INSERT INTO notice_attempt "
        "(notice_id, number, began_at, seconds, error) SELECT id, 1, now(), 0, %(text)s FROM n",
        text=JANE.upper(),
    )
    assert forget(driver, JANE).messages == 2
    [told] = driver.rows("SELECT payload ->> 'why' AS why, error FROM notice")
    assert (told.why, told.error) == ("bad: (forgotten)", "(forgotten)")
    assert driver.value("SELECT error FROM notice_attempt") == "(forgotten)"


def test_thousands_are_forgotten_in_moments(driver: Driver) -> None:
    many = [f"person-number-{number}.of-a-long-name.example" for number in range(3_000)]
    driver.manager.enqueue("domains", many, account="test")
    job_id = driver.packed()
    quoted = f"bad: {many[0]}, {many[-1]}"
    driver.execute("UPDATE job SET error = %(text)s WHERE id = %(id)s", text=quoted, id=job_id)
    begun = time.monotonic()
    assert forget(driver, *many).enrichments == 3_000
    assert time.monotonic() - begun < 60
    assert driver.value("SELECT error FROM job WHERE error IS NOT NULL") == (
        "bad: (forgotten), (forgotten)"
    )


def test_names_of_people_with_any_characters_are_found_and_forgotten(driver: Driver) -> None:
    name = "O'Brien (50%) \\ Søn & Co. [x]+"
    request = driver.manager.enqueue("names", [name, "Other"], account="test")
    driver.drain()
    report = forget(driver, name.upper())
    assert report.enrichments == 1
    assert traces(driver, "Brien") == []
    assert request.progress().finished


def test_identifiers_that_cannot_be_any_are_refused_and_unknown_ones_are_no_trouble(
    driver: Driver,
) -> None:
    with pytest.raises(InvalidRequestError, match=r"'not a domain'.*nothing was forgotten"):
        operator.find(driver.context, ["not a domain"], "domains")
    with pytest.raises(InvalidRequestError, match="--type: 'people' is not one of"):
        operator.find(driver.context, ["x"], "people")
    assert forget(driver, "nobody.example") == operator.Report()


def test_what_a_callers_transaction_holds_is_not_waited_for_for_ever(driver: Driver) -> None:
    driver.enqueue(1)
    driver.drain()
    impatient = driver.another(merge_lock_timeout=0.1)
    with driver._ledger.transaction():
        driver.execute("SELECT FROM enrichment FOR KEY SHARE")
        with pytest.raises(UnavailableError, match="open transaction holds"):
            forget(impatient, JANE)
    assert forget(driver, JANE).enrichments == 1


def test_a_merge_under_way_is_waited_for(driver: Driver) -> None:
    job_id = driver.completed(2)
    with psycopg.connect(driver.context.settings.postgres) as merging:
        merging.execute("SET search_path TO test")
        merging.execute("SELECT FROM enrichment WHERE job_id = %s FOR UPDATE", [job_id])
        thread = threading.Thread(target=forget, args=(driver, JANE))
        thread.start()
        merging.execute(
            "INSERT INTO result (enrichment_id, cycle, outcome, record, job_id)"
            " SELECT id, cycle, 'fulfilled', jsonb_build_object('d', identifier), job_id"
            " FROM enrichment"
        )
        merging.execute(
            "UPDATE enrichment SET state = 'fulfilled', job_id = NULL, settled_at = now()"
        )
        merging.execute("UPDATE request SET fulfilled = 2, finished_at = now()")
        merging.execute("UPDATE job SET state = 'merged', ended_at = now()")
    thread.join()
    assert traces(driver, JANE) == []
    assert_true(driver)


@pytest.fixture
def worker(driver: Driver) -> Iterator[Context]:
    """The context of a process whose role has the daemon's rights, and owns nothing."""
    info = psycopg.conninfo.conninfo_to_dict(driver.context.settings.postgres)
    url = f"postgresql://forgetter:secret@{info['host']}:{info['port']}/{info['dbname']}"
    with psycopg.connect(driver.context.settings.postgres, autocommit=True) as owner:
        owner.execute("CREATE ROLE forgetter LOGIN PASSWORD 'secret'")
        owner.execute("GRANT USAGE ON SCHEMA test TO forgetter")
        owner.execute(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA test TO forgetter"
        )
        yield Context(
            driver.context.settings.model_copy(update={"database_url": SecretStr(url)}), "cli"
        )
        owner.execute("DROP OWNED BY forgetter")
        owner.execute("DROP ROLE forgetter")


def test_who_may_not_renew_the_statistics_is_told_what_their_owner_must_run(
    driver: Driver, worker: Context
) -> None:
    driver.enqueue(3)
    driver.drain()
    shown = """
        SELECT attname FROM pg_stats
        WHERE schemaname = 'test' AND strpos(histogram_bounds::text, %(text)s) > 0
    """
    with psycopg.connect(driver.context.settings.postgres, autocommit=True) as owner:
        owner.execute("ANALYZE test.enrichment")
        report = operator.forget(worker, operator.find(worker, [JANE]))
        assert report.to_analyse
        assert owner.execute(shown, {"text": JANE}).fetchall()
        owner.execute(report.to_analyse.encode())
        assert owner.execute(shown, {"text": JANE}).fetchall() == []
    assert forget(driver, JOHN).to_analyse is None, "the owner has renewed them"


def test_what_has_kept_a_key_of_an_earlier_release_is_forgotten(driver: Driver) -> None:
    old = "https://uk.linkedin.com/company/Stripe/about"
    urls = ["linkedin.com/company/stripe", "linkedin.com/company/other"]
    driver.manager.enqueue("professional_network_profile_urls", urls, account="test")
    driver.execute(
        "UPDATE enrichment SET key = %(old)s, identifier = %(old)s WHERE key LIKE '%%other'",
        old=old,
    )
    assert forget(driver, "https://www.linkedin.com/company/stripe", only=True).enrichments == 2
    assert traces(driver, "tripe") == []
    assert_true(driver)
