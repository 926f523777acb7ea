"""A scrape tells what the ledger and Redis hold, whichever process asks."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from decimal import Decimal

import pytest
from pydantic import SecretStr

from manager.ledger import migrate
from manager.operator import accounts
from manager.operator.metrics import METRICS, render, scrape
from manager.semaphore.measures import Measures
from manager.settings.prices import Budget
from manager.steps import merge
from manager.steps.context import Context, Wake
from tests.operator.metrics.scraped import Series, growing, series, value
from tests.steps.driver import Driver, domains
from tests.steps.years import pass_by, retained

pytestmark = pytest.mark.integration

LANE = {"endpoint": "company/enrich", "identifier_type": "domains"}
PROMTOOL = shutil.which("promtool")


def test_a_new_ledger_has_its_account_and_nothing_else(driver: Driver) -> None:
    found = series(driver.context)
    assert value(found, "up") == 1
    assert value(found, "slots", account="test") == 5
    assert value(found, "slots_held") == value(found, "requests_open") == 0
    assert value(found, "account_paused") == 0
    assert value(found, "vendor_calls_allowed", route="list") == 10_000
    assert value(found, "problems", code="daemon-stopped") == 1


def test_a_jobs_life_shows_in_gauges_and_counters(driver: Driver) -> None:
    driver.enqueue(3, unknown=1)
    found = series(driver.context)
    assert value(found, "identifiers_waiting") == 4
    assert value(found, "requests_open") == value(found, "requests_total") == 1
    assert value(found, "backlog_oldest_seconds", **LANE) > 0
    assert value(found, "backlog_enrichments", **LANE) == 4

    job_id = driver.accepted()
    found = series(driver.context)
    assert value(found, "slots_held") == 1
    assert value(found, "jobs", state="pending", **LANE) == 1
    assert value(found, "job_identifiers", state="pending", **LANE) == 4
    assert value(found, "backlog_oldest_seconds", **LANE) == 0
    assert value(found, "identifiers_accepted_total", **LANE) == 4

    driver.sandbox.advance(60)
    driver.look_now()
    driver.merge(job_id)
    found = series(driver.context)
    assert value(found, "identifiers_waiting") == value(found, "requests_open") == 0
    assert value(found, "identifiers_requested_total") == 4
    assert value(found, "identifiers_settled_total", outcome="fulfilled") == 3
    assert value(found, "identifiers_settled_total", outcome="not_found") == 1
    assert value(found, "identifiers_merged_total", **LANE) == 4
    assert value(found, "records_delivered_total", **LANE) == 3
    for before, after in [("new", "packed"), ("packed", "submitting"), ("submitting", "pending"),
                          ("completed", "merged")]:  # fmt: skip
        assert value(found, "job_moves_total", from_=before, to=after, **LANE) == 1
    for what in ("waiting", "submission", "vendor", "results"):
        assert value(found, f"job_{what}_seconds_count", **LANE) == 1
        assert value(found, f"job_{what}_seconds_bucket", le="86400.0", **LANE) == 1


def test_a_lost_answer_shows_until_it_is_resolved(driver: Driver) -> None:
    job_id = driver.unresolved(3, "reset_after")
    driver.hasten(30)
    found = series(driver.context)
    assert value(found, "submissions_unresolved") == 1
    assert value(found, "submissions_unresolved_oldest_seconds") >= 30
    assert value(found, "submissions_lost_total", **LANE) == 1
    driver.look(job_id, times=9)
    driver.drain()
    found = series(driver.context)
    assert value(found, "submissions_unresolved") == 0
    assert value(found, "submissions_lost_total", **LANE) == 1


def test_what_calls_and_steps_took_is_added_up_over_processes(driver: Driver) -> None:
    another = driver.another()
    for which in (driver, another):
        which.hasten()
        which.only(which.wake("look"))
        which.account.measures.add()
    found = series(driver.context)
    assert value(found, "vendor_calls_total", route="list", outcome="200") == 2
    assert value(found, "vendor_call_seconds_count", route="list") == 2
    assert value(found, "vendor_call_seconds_bucket", route="list", le="+Inf") == 2
    assert value(found, "vendor_call_seconds_sum", route="list") > 0
    assert value(found, "step_seconds_count", step="look") == 2


def test_a_call_without_an_answer_is_counted_as_such(driver: Driver) -> None:
    away = driver.another(vendor_url="http://127.0.0.1:1")
    away.hasten()
    away.only(away.wake("look"))
    away.account.measures.add()
    found = series(driver.context)
    assert value(found, "vendor_calls_total", route="list", outcome="unreachable") == 1


def test_measures_of_many_threads_of_many_processes_are_all_there(driver: Driver) -> None:
    """Each has its own, as each process has; they add to one sum."""

    def work(measures: Measures) -> None:
        for n in range(50):
            measures.called("list", "200", n / 100)
            measures.add()

    owner = driver.account._owner
    processes = [Measures(driver.context.redis, owner) for _ in range(8)]
    threads = [threading.Thread(target=work, args=(it,)) for it in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = series(driver.context)
    assert value(found, "vendor_calls_total", route="list", outcome="200") == 400
    assert value(found, "vendor_call_seconds_count", route="list") == 400
    assert value(found, "vendor_call_seconds_bucket", route="list", le="0.25") == 8 * 26


def test_measures_wait_for_a_redis_that_is_away(driver: Driver) -> None:
    away = driver.another(redis_url="redis://127.0.0.1:1/0")
    measures = Measures(away.context.redis, driver.account._owner)
    measures.called("list", "200", 1)
    measures.add()
    measures._redis = driver.context.redis
    measures.add()
    found = series(driver.context)
    assert value(found, "vendor_calls_total", route="list") == 1


def shrunk(before: Series, after: Series) -> dict[str, tuple[float, float]]:
    """The counters that have become less, or gone."""
    then, now = growing(before), growing(after)
    return {
        f"{name}{dict(labels)}": (it, now.get((name, labels), -1))
        for (name, labels), it in then.items()
        if now.get((name, labels), -1) < it
    }


def test_counters_only_grow_whatever_is_retained_mended_renamed_or_restarted(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge, "PATIENCE", 0.0)
    monkeypatch.setattr(merge, "FILE_TRIES", 1)
    before = series(driver.context)
    assert growing(before)

    def not_less() -> Series:
        nonlocal before
        driver.account.measures.add()
        after = series(driver.context)
        assert shrunk(before, after) == {}
        before = after
        return after

    driver.enqueue(3, unknown=1)
    driver.drain()
    not_less()

    # a job that is given up fails; then its results come after all
    job_id = driver.accepted(2, first=10)
    driver.give_up(job_id)
    found = not_less()
    assert value(found, "identifiers_settled_total", outcome="failed") == 2
    driver.sandbox.advance(60)
    driver.drain()
    found = not_less()
    assert value(found, "identifiers_settled_total", outcome="failed") == 2
    assert value(found, "identifiers_settled_total", outcome="fulfilled") == 5
    assert value(found, "job_moves_total", from_="failed", to="merged") == 1
    assert value(found, "identifiers_waiting") == 0

    driver.enqueue(1, first=20).cancel()
    not_less()

    # years pass, all of it is removed, the counters are added up
    pass_by(driver, 400)
    names = ("requests", "results", "enrichments", "jobs", "events", "strays", "vendor_jobs")
    retained(driver, **{f"{name}_days": 30.0 for name in names})
    assert driver.value("SELECT count(*) FROM request") == 0
    found = not_less()
    assert value(found, "requests_total") == 3
    assert value(found, "identifiers_requested_total") == 7

    # another process, with nothing in its memory
    again = driver.another()
    assert shrunk(before, series(again.context)) == {}

    # under another name
    accounts.rename(driver.context.settings, "test", "crm")
    renamed = driver.another(account="crm")
    for (name, labels), count in growing(before).items():
        there = tuple((k, "crm" if k == "account" else v) for k, v in labels)
        assert growing(series(renamed.context))[name, there] >= count
        break
    assert value(series(renamed.context), "identifiers_requested_total", account="crm") == 7


def test_every_sample_is_declared_and_no_label_is_without_bounds(driver: Driver) -> None:
    request = driver.enqueue(3, unknown=1, metadata={"customer": "a-customer"})
    job_id = driver.completed()
    batch_id = driver.job(job_id).batch_id
    driver.run(Wake("sweep", driver.account.name))
    driver.account.measures.add()
    collected = scrape(driver.context)
    named = [(name, labels) for name, it in collected.values.items() for labels in it]
    named += [(name, labels) for name, it in collected.buckets.items() for labels in it]
    for name, labels in named:
        assert len(labels) == len(METRICS[name].labels), name
        assert all(len(it) < 64 for it in labels)
    text = render(collected)[0].decode()
    for secret in (str(job_id), batch_id, str(request.id), domains(1)[0], "a-customer"):
        assert secret not in text
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}", text)


def test_names_follow_prometheus_conventions() -> None:
    for name, metric in METRICS.items():
        assert re.fullmatch(r"enrichd_[a-z_]+", name)
        assert name.endswith("_total") == (metric.kind == "counter"), name
        assert metric.kind != "histogram" or name.endswith("_seconds")
        assert metric.help.endswith(".")
        assert len(set(metric.labels)) == len(metric.labels)


def test_what_was_bought_and_what_budgets_allow_is_told(driver: Driver) -> None:
    settings = driver.context.settings.model_copy(
        update={
            "price": {"company/enrich": Decimal("0.5")},
            "budgets": (Budget(per="day", credits=Decimal(100)),),
        }
    )
    migrate.upgrade(settings)
    driver.enqueue(3, unknown=1)
    driver.drain()
    found = series(driver.context)
    assert value(found, "records_bought_total", endpoint="company/enrich") == 3
    assert value(found, "credits_spent_total", endpoint="company/enrich") == 1.5
    assert value(found, "budget_cap", budget="everything, a day", unit="credits") == 100
    assert value(found, "budget_spent", budget="everything, a day", unit="credits") == 1.5
    assert value(found, "budget_blocks", budget="everything, a day") == 0


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not on this machine")
def test_promtool_finds_nothing_to_complain_of(driver: Driver) -> None:
    driver.enqueue(3)
    driver.drain()
    driver.account.measures.add()
    text, _ = render(scrape(driver.context))
    assert PROMTOOL
    done = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


@pytest.mark.parametrize("accept", ["application/openmetrics-text; version=1.0.0", "text/plain"])
def test_both_formats_are_read_back_by_prometheus_own_parser(driver: Driver, accept: str) -> None:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
    from prometheus_client.parser import text_string_to_metric_families as plain

    driver.enqueue(3)
    driver.drain()
    driver.account.measures.add()
    text, content_type = render(scrape(driver.context), accept)
    assert content_type.startswith(accept.partition(";")[0])
    parse = openmetrics if "openmetrics" in accept else plain
    families = {it.name: it for it in parse(text.decode())}
    assert families["enrichd_up"].samples[0].value == 1
    assert families["enrichd_job_vendor_seconds"].type == "histogram"
    assert all(it.documentation for it in families.values())


def test_without_postgres_what_redis_holds_is_still_told(driver: Driver) -> None:
    context = driver.context
    scrape(context)  # a process that has seen the ledger knows its name
    broken = Context(
        context.settings.model_copy(
            update={"database_url": _away("postgresql://u:hunter2@127.0.0.1:1/x")}
        ),
        "web",
    )
    broken.__dict__["ledger_id"] = context.ledger_id
    broken.account("test").__dict__["id"] = driver.account.id
    found = series(broken)
    assert value(found, "up") == value(found, "server_up", server="postgres") == 0
    assert value(found, "server_up", server="redis") == 1
    assert value(found, "vendor_calls_allowed", route="list") == 10_000
    assert value(found, "problems", code="postgres-unavailable") == 1


def test_without_redis_what_the_ledger_holds_is_still_told(driver: Driver) -> None:
    driver.enqueue(3)
    url = _away("redis://:hunter2@127.0.0.1:1/0")
    broken = Context(driver.context.settings.model_copy(update={"redis_url": url}), "web")
    found = series(broken)
    assert value(found, "up") == value(found, "server_up", server="redis") == 0
    assert value(found, "server_up", server="postgres") == 1
    assert value(found, "identifiers_waiting") == 3
    assert value(found, "problems", code="redis-unavailable") >= 1


def test_a_ledger_that_is_locked_does_not_hold_a_scrape(driver: Driver) -> None:
    with driver.context.ledger.connect() as other, other.transaction():
        other.execute("LOCK TABLE account_counter IN ACCESS EXCLUSIVE MODE")
        found = series(driver.context)
    assert value(found, "up") == 0
    assert value(found, "slots") == 5, "what was read before is told"


def _away(url: str) -> SecretStr:
    return SecretStr(url)
