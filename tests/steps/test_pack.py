"""Packing: jobs of one lane, full or lingered, in the order of their ranks, just enough of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg import Connection, Cursor
from psycopg.rows import namedtuple_row
from psycopg.types.json import Json, Jsonb

from manager import Manager, Settings
from manager.endpoints import ENDPOINTS
from manager.ledger.execute import execute
from manager.steps import pack as packing
from manager.steps.context import Context, Wake
from manager.steps.pack import SQL
from manager.steps.settle import fail_job, settle

pytestmark = pytest.mark.integration

SIZE, LINGER, STEP, CAP, AHEAD = 3, 100, 60, 5, 2
BOUNDED = hypothesis.settings(max_examples=30, stateful_step_count=25, deadline=None)

PENDING = """
SELECT id, lane_id, rank, due_at <= now() AS due, NOT lingers AS asked_not_to,
       due_at <= now() - make_interval(secs => %(linger)s) AS lingered
FROM enrichment WHERE state = 'pending' ORDER BY rank
"""
CONTENT = """
SELECT j.id, j.lane_id, j.state, j.identifier_count, array_agg(e.id) AS ids,
       array_agg(DISTINCT e.lane_id) AS lanes, array_agg(e.rank ORDER BY e.rank) AS ranks
FROM job j JOIN enrichment e ON e.job_id = j.id GROUP BY j.id ORDER BY j.id
"""
WRONG_RANK = """
SELECT count(*) FROM enrichment WHERE state = 'pending'
  AND abs(extract(epoch FROM rank - due_at) + priority * %(step)s) > 1
"""
AGE = """
UPDATE enrichment SET due_at = due_at - make_interval(secs => %(seconds)s),
                      rank = rank - make_interval(secs => %(seconds)s)
WHERE state = 'pending'
"""
SUBMIT = """
UPDATE job SET state = 'submitting', submitting_at = now(), slot = (
    SELECT min(number) FROM slot WHERE number NOT IN (SELECT slot FROM job WHERE slot IS NOT NULL)
)
WHERE id = %(id)s
"""
ACCEPT = "UPDATE job SET state = 'pending', batch_id = id::text WHERE id = %(id)s"
COMPLETE = "UPDATE job SET state = 'completed', slot = NULL WHERE id = %(id)s"
NOT_FOUND = """
INSERT INTO result (enrichment_id, cycle, outcome, job_id)
SELECT id, cycle, 'not_found', %(id)s FROM enrichment WHERE job_id = %(id)s
"""
MERGE = "UPDATE job SET state = 'merged', ended_at = now() WHERE id = %(id)s"
KEYS = """
SELECT l.fields[1] AS field, string_agg(substr(e.key, 9), ' ' ORDER BY e.key) AS numbers
FROM job j JOIN lane l ON l.id = j.lane_id JOIN enrichment e ON e.job_id = j.id
GROUP BY j.id, l.fields ORDER BY j.id
"""
LANE = """
INSERT INTO lane (account_id, endpoint, identifier_type, fields)
VALUES (1, 'company/enrich', 'names', '{}')
"""
BACKLOG = """
INSERT INTO enrichment (lane_id, state, key, identifier, due_at, rank)
SELECT %(lane_id)s, 'pending', n, n, at, at
FROM generate_series(%(first)s::integer, %(last)s) AS n,
     LATERAL (SELECT now() - interval '1 day' + n * interval '1 ms' AS at) AS due
"""
PAUSE = "UPDATE account SET paused_at = now(), paused_reason = 'test'"
RESUME = "UPDATE account SET paused_at = NULL, paused_reason = NULL"


@pytest.fixture
def context(settings: Settings) -> Iterator[Context]:
    knobs = {
        "job_size": SIZE,
        "linger": float(LINGER),
        "priority_step": float(STEP),
        "pack_ahead": AHEAD,
        "max_attempts": 2,
        # what is tried again is not due before time is let pass
        "backoff_base": 19.0,
        "backoff_max": 19.0,
    }
    with closing(Context(settings.model_copy(update=knobs), "test")) as made:
        yield made


@pytest.fixture
def ledger(context: Context) -> Iterator[Connection[Any]]:
    with context.ledger.connect() as connection:
        yield connection


def rows(ledger: Connection[Any], sql: str, parameters: dict[str, Any]) -> list[Any]:
    return Cursor(ledger, row_factory=namedtuple_row).execute(sql.encode(), parameters).fetchall()


def one(ledger: Connection[Any], sql: str, parameters: dict[str, Any]) -> Any:
    [row] = rows(ledger, sql, parameters)
    return row


def pack_one(context: Context) -> list[Wake]:
    """What one call gives."""
    [account] = context.accounts()
    return packing.pack(context, account)


def pack(context: Context) -> list[Wake]:
    """Pack until nothing is wanted or ready; the wake-ups of the submissions."""
    found: list[Wake] = []
    while wakes := pack_one(context):
        found += [wake for wake in wakes if wake.step == "submit"]
    return found


class Packed(NamedTuple):
    """A job as far as the packer decides it."""

    lane_id: int
    ranks: list[datetime]


def packed(ledger: Connection[Any]) -> list[Packed]:
    """The jobs that wait for a slot, in the order in which they were packed."""
    return [Packed(row.lane_id, row.ranks) for row in content(ledger) if row.state == "packed"]


def content(ledger: Connection[Any]) -> list[Any]:
    return rows(ledger, CONTENT, {})


def age(ledger: Connection[Any], seconds: float) -> None:
    """Let time pass for what waits."""
    execute(ledger, AGE, {"seconds": seconds})


def begin(ledger: Connection[Any], job_id: UUID) -> None:
    """Bring a packed job to the vendor."""
    execute(ledger, SUBMIT, {"id": job_id})
    execute(ledger, ACCEPT, {"id": job_id})


def finish(ledger: Connection[Any], job_id: UUID) -> None:
    """Let the vendor find nothing."""
    with ledger.transaction():
        execute(ledger, COMPLETE, {"id": job_id})
        execute(ledger, NOT_FOUND, {"id": job_id})
        settle(ledger, job_id)
        execute(ledger, MERGE, {"id": job_id})


def expected(ledger: Connection[Any]) -> list[Packed]:
    """The jobs that the packer has to make of what waits, told in another way than in SQL."""
    if one(ledger, "SELECT paused_at FROM account", {}).paused_at:
        return []
    states = [row.state for row in content(ledger)]
    active = sum(state in ("submitting", "pending", "processing") for state in states)
    room = CAP - active + AHEAD - states.count("packed")
    waiting = [row for row in rows(ledger, PENDING, {"linger": LINGER}) if row.due]
    jobs: list[Packed] = []
    while len(jobs) < room:
        queues = [
            [row for row in waiting if row.lane_id == lane][:SIZE]
            for lane in {row.lane_id for row in waiting}
        ]
        ready = [
            queue
            for queue in queues
            if len(queue) == SIZE or any(row.lingered or row.asked_not_to for row in queue)
        ]
        if not ready:
            break
        first = min(ready, key=lambda queue: (queue[0].rank, -len(queue), queue[0].lane_id))
        jobs.append(Packed(first[0].lane_id, [row.rank for row in first]))
        waiting = [row for row in waiting if row not in first]
    return jobs


class PackerModel(RuleBasedStateMachine):
    """Callers, time, operators and the vendor act; the packer does what `expected` says."""

    context: Context
    ledger: Connection[Any]

    def __init__(self) -> None:
        super().__init__()
        self.ledger.execute("TRUNCATE request, lane CASCADE")
        self.ledger.execute(RESUME)
        self.manager = Manager(self.context.settings)
        self.requests: list[UUID] = []
        self.jobs: dict[UUID, set[int]] = {}  # what the packer put into each job

    def in_state(self, state: str) -> list[UUID]:
        return [row.id for row in content(self.ledger) if row.state == state]

    @rule(
        lane=st.sampled_from(["a", "b", "c"]),
        companies=st.sets(st.integers(0, 11), min_size=1, max_size=7),
        priority=st.sampled_from([-1, 0, 0, 1, 3]),
        max_age=st.sampled_from([None, 0]),
        linger=st.sampled_from([True, True, True, False]),
    )
    def enqueue(
        self, lane: str, companies: set[int], priority: int, max_age: int | None, linger: bool
    ) -> None:
        request = self.manager.enqueue(
            "names",
            [f"company {number}" for number in sorted(companies)],
            fields=[lane],
            priority=priority,
            max_age=max_age,
            linger=linger,
            connection=self.ledger,
        )
        self.requests.append(request.id)

    @rule(seconds=st.sampled_from([30, 60, 120]))
    def let_time_pass(self, seconds: int) -> None:
        age(self.ledger, seconds)

    @rule()
    def pack(self) -> None:
        before, due = packed(self.ledger), expected(self.ledger)
        wakes = pack(self.context)
        assert packed(self.ledger) == before + due
        made = {row.id: set(row.ids) for row in content(self.ledger) if row.id not in self.jobs}
        assert [wake.job_id for wake in wakes] == list(made)
        self.jobs |= made

    @precondition(lambda self: self.in_state("packed") and len(self.in_state("pending")) < CAP)
    @rule()
    def submit(self) -> None:
        begin(self.ledger, self.in_state("packed")[0])

    @precondition(lambda self: self.in_state("pending"))
    @rule(data=st.data(), failed=st.booleans())
    def end(self, data: st.DataObject, failed: bool) -> None:
        job_id = data.draw(st.sampled_from(self.in_state("pending")))
        if failed:
            fail_job(self.ledger, self.context.settings, 1, job_id, "test", again=True)
        else:
            finish(self.ledger, job_id)
        del self.jobs[job_id]

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.manager.request(data.draw(st.sampled_from(self.requests))).cancel()

    @rule(paused=st.booleans())
    def pause_or_resume(self, paused: bool) -> None:
        self.ledger.execute(PAUSE if paused else RESUME)

    @invariant()
    def jobs_hold_what_was_packed_of_one_lane_and_no_more_than_fits(self) -> None:
        found = content(self.ledger)
        assert {row.id: set(row.ids) for row in found} == self.jobs
        for row in found:
            assert len(row.ids) == row.identifier_count <= SIZE
            assert row.lanes == [row.lane_id]
        assert sum(len(ids) for ids in self.jobs.values()) == len(set().union(*self.jobs.values()))

    @invariant()
    def a_rank_is_the_due_time_less_the_head_start_of_the_priority(self) -> None:
        assert one(self.ledger, WRONG_RANK, {"step": STEP}).count == 0


def test_the_packer_does_what_the_model_says(context: Context, ledger: Connection[Any]) -> None:
    class Model(PackerModel):
        pass

    Model.context, Model.ledger = context, ledger
    run_state_machine_as_test(Model, settings=BOUNDED)


def enqueue(context: Context, lane: str, companies: list[int], priority: int = 0) -> None:
    names = [f"company {number}" for number in companies]
    Manager(context.settings).enqueue("names", names, fields=[lane], priority=priority)


def test_what_is_asked_not_to_linger_is_packed_at_once_with_what_waits_in_its_lane(
    context: Context, ledger: Connection[Any]
) -> None:
    enqueue(context, "a", [0])
    enqueue(context, "b", [0])
    assert pack(context) == []
    request = Manager(context.settings).enqueue("names", ["company 1"], fields=["a"], linger=False)
    pack(context)
    assert keys(ledger) == ["a: 0 1"]
    assert rows(ledger, "SELECT why FROM job", {}) == [("a request asked not to linger",)]
    assert (request.new, request.joined) == (1, 0)


def test_who_joins_what_lingers_can_ask_for_it_now(
    context: Context, ledger: Connection[Any]
) -> None:
    enqueue(context, "a", [0], priority=3)
    ranks = rows(ledger, "SELECT rank, cause FROM enrichment", {})
    joins = Manager(context.settings).enqueue("names", ["company 0"], fields=["a"], linger=False)
    assert rows(ledger, "SELECT rank, cause FROM enrichment", {}) == ranks  # nobody is put back
    assert (joins.new, joins.joined) == (0, 1)
    pack(context)
    assert keys(ledger) == ["a: 0"]


def test_a_later_purchase_lingers_again(context: Context, ledger: Connection[Any]) -> None:
    manager = Manager(context.settings)
    manager.enqueue("names", ["company 0"], linger=False).cancel()
    manager.enqueue("names", ["company 0"])
    assert pack(context) == []


def ahead(context: Context, jobs: int) -> Context:
    """The same with so many jobs packed beyond the free slots."""
    return Context(context.settings.model_copy(update={"pack_ahead": jobs}), "test")


def keys(ledger: Connection[Any]) -> list[str]:
    """What was packed, job after job: the lane's field and the numbers of the companies."""
    return [f"{row.field}: {row.numbers}" for row in rows(ledger, KEYS, {})]


def test_a_lane_that_fills_a_job_is_packed_at_once(
    context: Context, ledger: Connection[Any]
) -> None:
    enqueue(context, "a", [1, 2])
    assert pack(context) == []
    enqueue(context, "b", [3])  # another lane does not help
    assert pack(context) == []
    enqueue(context, "a", [3, 4])
    assert len(pack(context)) == 1
    assert keys(ledger) == ["a: 1 2 3"]
    assert one(ledger, "SELECT why FROM job", {}).why == "the lane fills a job"


def test_a_lane_that_has_lingered_is_packed_as_it_is(
    context: Context, ledger: Connection[Any]
) -> None:
    enqueue(context, "a", [1])
    age(ledger, LINGER - 10)
    enqueue(context, "a", [2])
    assert pack(context) == []
    age(ledger, 10)
    pack(context)
    assert keys(ledger) == ["a: 1 2"]
    assert one(ledger, "SELECT why FROM job", {}).why == "lingered 100 s"


def test_what_is_not_due_yet_is_neither_packed_nor_counted(
    context: Context, ledger: Connection[Any]
) -> None:
    enqueue(context, "a", [1, 2, 3])
    ledger.execute("UPDATE enrichment SET due_at = now() + interval '1 hour' WHERE key LIKE '%3'")
    assert pack(context) == []
    enqueue(context, "a", [4])
    pack(context)
    assert keys(ledger) == ["a: 1 2 4"]


def test_only_as_many_jobs_are_packed_as_keep_the_slots_fed(
    context: Context, ledger: Connection[Any]
) -> None:
    enqueue(context, "a", list(range(100)))
    assert len(pack(context)) == CAP + AHEAD
    assert pack(context) == []
    first, second, *_ = [row.id for row in content(ledger)]
    begin(ledger, first)
    begin(ledger, second)
    assert pack(context) == [], "two are active and four are packed for three free slots"
    finish(ledger, first)
    assert len(pack(context)) == 1


def test_each_call_packs_one_job_and_comes_again_so_that_it_is_submitted_meanwhile(
    context: Context, ledger: Connection[Any]
) -> None:
    enqueue(context, "a", list(range(2 * SIZE)))
    name = context.settings.account
    for job in (1, 2):
        wakes = pack_one(context)
        assert len(content(ledger)) == job
        assert wakes == [Wake("submit", name, content(ledger)[-1].id), Wake("pack", name)]
    assert pack_one(context) == []


def test_a_job_holds_no_more_than_its_endpoint_takes(
    context: Context, ledger: Connection[Any]
) -> None:
    large = Context(context.settings.model_copy(update={"job_size": 10_000}), "test")
    urls = [f"https://linkedin.com/in/person-{number}" for number in range(650)]
    Manager(context.settings).enqueue(
        "professional_network_profile_urls",
        urls,
        endpoint="person/contact/enrich",
        fields=["business_email"],
    )
    assert len(pack(large)) == 2
    age(ledger, LINGER)
    assert len(pack(large)) == 1
    most = ENDPOINTS["person/contact/enrich"].job_size
    assert [row.identifier_count for row in content(ledger)] == [most, most, 650 - 2 * most]
    assert most == 300


def test_what_waits_for_a_paused_endpoint_is_not_packed_and_takes_no_room(
    context: Context, ledger: Connection[Any]
) -> None:
    urls = [f"https://linkedin.com/in/person-{number}" for number in range(100)]
    people = Manager(context.settings).enqueue(
        "professional_network_profile_urls", urls, endpoint="person/enrich"
    )
    assert len(pack(context)) == CAP + AHEAD
    ledger.execute("INSERT INTO endpoint_pause VALUES (1, 'person/enrich', 'test')")
    enqueue(context, "a", list(range(100)))
    assert len(pack(context)) == CAP + AHEAD, "as if there were no others"
    ledger.execute("DELETE FROM endpoint_pause")
    assert pack(context) == []
    assert people.progress().waiting == 100


def test_a_lane_of_an_endpoint_that_this_release_does_not_know_is_left_alone(
    context: Context, ledger: Connection[Any]
) -> None:
    enqueue(context, "a", [1, 2, 3])
    ledger.execute("UPDATE lane SET endpoint = 'company/of/tomorrow'")
    enqueue(context, "b", [1, 2, 3])
    assert len(pack(context)) == 1
    assert keys(ledger) == ["b: 1 2 3"]


def test_on_a_paused_account_nothing_is_packed(context: Context, ledger: Connection[Any]) -> None:
    enqueue(context, "a", [1, 2, 3])
    ledger.execute(PAUSE)
    assert pack(context) == []
    ledger.execute(RESUME)
    assert len(pack(context)) == 1


def test_priority_goes_before_age_and_age_before_fullness(
    context: Context, ledger: Connection[Any]
) -> None:
    enqueue(context, "a", [1])
    age(ledger, 1)
    enqueue(context, "b", [1, 2, 3])
    age(ledger, LINGER)
    enqueue(context, "c", [1, 2, 3], priority=3)
    pack(context)
    assert keys(ledger) == ["c: 1 2 3", "a: 1", "b: 1 2 3"]


def test_fullness_breaks_ties(context: Context, ledger: Connection[Any]) -> None:
    enqueue(context, "a", [1])
    enqueue(context, "b", [1, 2])
    age(ledger, LINGER)
    ledger.execute("UPDATE enrichment SET rank = now()")
    pack(context)
    assert keys(ledger) == ["b: 1 2", "a: 1"]


def test_a_higher_priority_moves_what_waits_already_to_the_front(
    context: Context, ledger: Connection[Any]
) -> None:
    enqueue(context, "a", [1, 2, 3, 4, 5, 6])
    enqueue(context, "a", [6], priority=1)
    pack(context)
    assert keys(ledger) == ["a: 1 2 6", "a: 3 4 5"]


@pytest.mark.parametrize(("points", "first"), [(4, "b"), (2, "a")])
def test_a_point_of_priority_is_worth_a_minute_of_waiting(
    context: Context, ledger: Connection[Any], points: int, first: str
) -> None:
    enqueue(context, "a", [1, 2, 3])
    age(ledger, 3 * STEP)
    enqueue(context, "b", [1, 2, 3], priority=points)
    pack(context)
    assert keys(ledger)[0] == f"{first}: 1 2 3"


def test_nothing_starves_behind_a_steady_stream_of_higher_priority(
    context: Context, ledger: Connection[Any]
) -> None:
    context = ahead(context, 0)
    ledger.execute("DELETE FROM slot WHERE number > 1")
    enqueue(context, "a", [0], priority=-2)
    for minute in range(100):
        enqueue(context, "b", [3 * minute, 3 * minute + 1, 3 * minute + 2], priority=10)
        enqueue(context, "c", [3 * minute, 3 * minute + 1, 3 * minute + 2], priority=10)
        [wake] = pack(context)
        if keys(ledger) == ["a: 0"]:
            break
        assert wake.job_id is not None
        begin(ledger, wake.job_id)
        finish(ledger, wake.job_id)
        age(ledger, 60)
    assert minute == 24, "it is 12 points behind: two jobs in each of 12 minutes go first"


def test_what_a_callers_transaction_holds_stops_no_other_lane(
    context: Context, ledger: Connection[Any]
) -> None:
    enqueue(context, "a", [1, 2, 3])
    age(ledger, 10)
    enqueue(context, "b", [1, 2, 3])
    with context.ledger.connect() as caller, caller.transaction():
        caller.execute("SELECT FROM enrichment WHERE due_at < now() - interval '5 s' FOR UPDATE")
        assert len(pack(context)) == 1
        assert keys(ledger) == ["b: 1 2 3"]
    assert len(pack(context)) == 1


def test_a_lane_of_which_a_caller_holds_a_part_is_packed_only_if_the_rest_is_ready(
    context: Context, ledger: Connection[Any]
) -> None:
    enqueue(context, "a", [1, 2, 3])
    with context.ledger.connect() as caller, caller.transaction():
        caller.execute("SELECT FROM enrichment WHERE key LIKE '%2' FOR UPDATE")
        assert pack(context) == [], "two do not fill a job and have not lingered"
        enqueue(context, "a", [4])
        assert len(pack(context)) == 1
        age_of_others = (
            "UPDATE enrichment SET due_at = due_at - interval '2 min' WHERE key LIKE '%5'"
        )
        enqueue(context, "a", [5])
        ledger.execute(age_of_others)
        assert len(pack(context)) == 1
    assert keys(ledger) == ["a: 1 3 4", "a: 5"]
    assert [row.why for row in rows(ledger, "SELECT why FROM job ORDER BY id", {})] == [
        "the lane fills a job",
        "lingered 100 s",
    ]


def test_packers_at_once_pack_no_more_jobs_than_are_wanted(
    context: Context, ledger: Connection[Any]
) -> None:
    enqueue(context, "a", list(range(200)))
    start = threading.Barrier(4)

    def packer() -> list[Wake]:
        start.wait(timeout=20)
        return [wake for _ in range(5) for wake in pack(context)]

    with ThreadPoolExecutor(4) as pool:
        wakes = [
            wake for packers in [pool.submit(packer) for _ in range(4)] for wake in packers.result()
        ]
    assert len(wakes) == len(content(ledger)) == CAP + AHEAD
    assert {wake.job_id for wake in wakes} == {row.id for row in content(ledger)}


def test_packers_and_callers_at_once_pack_each_enrichment_exactly_once(
    context: Context, ledger: Connection[Any]
) -> None:
    """The callers raise priorities of what is being packed, again and again."""
    context = ahead(context, 100)
    lanes, companies = ["a", "b", "c"], list(range(90))
    done = threading.Event()

    def caller(lane: str) -> None:
        for priority in range(12):
            enqueue(context, lane, companies, priority)

    def packer() -> None:
        while not done.is_set():
            pack(context)
        pack(context)

    with ThreadPoolExecutor(6) as pool:
        packers = [pool.submit(packer) for _ in range(3)]
        for call in [pool.submit(caller, lane) for lane in lanes]:
            call.result()
        done.set()
        for running in packers:
            running.result()
    found = content(ledger)
    assert one(ledger, "SELECT count(*) FROM enrichment WHERE state <> 'packed'", {}).count == 0
    assert one(ledger, "SELECT count(*) FROM job", {}).count == len(found) == 90
    for row in found:
        assert len(row.ids) == row.identifier_count == SIZE
        assert row.lanes == [row.lane_id]


class Cost(NamedTuple):
    """What a statement reads: pages in all, and rows of the queue's table."""

    pages: int
    rows: int


def cost(ledger: Connection[Any], statement: str, parameters: dict[str, Any]) -> Cost:
    with ledger.transaction(force_rollback=True):
        execute(ledger, SQL.in_order, {})
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {getattr(SQL, statement)}"
        [explained] = rows(ledger, explain, parameters)[0][0]
    plan = explained["Plan"]
    return Cost(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], sum(read_rows(plan)))


def read_rows(plan: dict[str, Any]) -> Iterator[int]:
    """Of each scan of `enrichment` in the plan, the rows it has looked at."""
    if plan.get("Relation Name") == "enrichment" and "Scan" in plan["Node Type"]:
        looked_at = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        yield int(looked_at * plan["Actual Loops"])
    for part in plan.get("Plans", []):
        yield from read_rows(part)


@pytest.mark.parametrize("analyzed", [False, True])
def test_the_cost_of_a_job_does_not_grow_with_the_backlog(
    ledger: Connection[Any], analyzed: bool
) -> None:
    """Also not while statistics lag behind a large enqueue."""
    ledger.execute("ALTER TABLE enrichment SET (autovacuum_enabled = off)")
    execute(ledger, LANE, {})
    parameters = {
        "account_id": 1,
        "lane_id": one(ledger, "SELECT id FROM lane", {}).id,
        "job_id": UUID(int=1),
        "job_size": 10_000,
        "sizes": Json({"company/enrich": 10_000}),
        "linger": timedelta(0),
        "lingered": "",
        "endpoint": "company/enrich",
        "capacity": 10_000,
        "tags": Jsonb({}),
        "one_unresolved": False,
    }
    costs: dict[str, list[Cost]] = {"ready_lanes": [], "claim": []}
    backlog = 0
    for wanted in (20_000, 200_000):
        execute(ledger, BACKLOG, parameters | {"first": backlog, "last": wanted - 1})
        backlog = wanted
        if analyzed:
            ledger.execute("ANALYZE enrichment")
        for statement, found in costs.items():
            found.append(cost(ledger, statement, parameters))
    for small, large in costs.values():
        assert large.rows <= small.rows * 1.1
        assert large.pages <= small.pages * 1.5
