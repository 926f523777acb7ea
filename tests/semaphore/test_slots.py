"""The slots' Lua scripts do what a simple model does, whatever is done to Redis in between."""

from __future__ import annotations

import itertools
from uuid import UUID

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis import Redis

from manager import Settings
from manager.semaphore import Holder, NotReadyError, Owner, Slots, connect
from manager.semaphore.slots import Change

pytestmark = pytest.mark.integration

GRACE = 1000.0
OWNER = Owner("ledger", account=1)
BOUNDED = hypothesis.settings(max_examples=50, stateful_step_count=40, deadline=None)
HOLDERS = [Holder(UUID(int=job), attempt) for job in range(1, 4) for attempt in (1, 2)]
_accounts = itertools.count(1)


class SlotsModel(RuleBasedStateMachine):
    """Slots beside a model of Redis (`held`, `young`) and of the ledger (`active`).

    As in the daemon, a holder acquires, then begins (is written into the ledger), then ends,
    then releases; any of these may never come, and Redis may be lost at any time.
    """

    redis: Redis

    def __init__(self) -> None:
        super().__init__()
        owner = Owner("model", next(_accounts))
        self.key = owner.slots
        self.slots = Slots(self.redis, owner)
        self.cap = 5
        self.foreign = 0  # as the ledger knows it
        self.counted = 0  # as the last rebuild told Redis
        self.ready = False
        self.held: dict[int, Holder] = {}
        self.young: set[int] = set()
        self.granted: dict[Holder, int] = {}
        self.active: dict[int, Holder] = {}

    def teardown(self) -> None:
        self.redis.delete(self.key)

    @initialize(rebuilt=st.booleans())
    def begin_empty_or_rebuilt(self, rebuilt: bool) -> None:
        if rebuilt:
            self.rebuild()

    @rule(holder=st.sampled_from(HOLDERS))
    def acquire(self, holder: Holder) -> None:
        if not self.ready:
            with pytest.raises(NotReadyError):
                self.slots.acquire(holder, self.cap)
            return
        slot = self.slots.acquire(holder, self.cap)
        if holder in self.held.values():
            assert slot is not None
            assert self.held[slot] == holder, "who has a slot is given the same again"
        elif len(self.held) + self.counted >= self.cap:
            assert slot is None
        else:
            assert slot == min(set(range(1, self.cap + 1)) - set(self.held))
            self.held[slot] = holder
            self.young.add(slot)
            assert len(self.held) + self.counted <= self.cap
        if slot is not None:
            self.granted[holder] = slot

    @rule(holder=st.sampled_from(HOLDERS), slot=st.integers(1, 6))
    def release_perhaps_not_its_own(self, holder: Holder, slot: int) -> None:
        self.release(holder, slot)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release_its_own(self, data: st.DataObject) -> None:
        slot = data.draw(st.sampled_from(sorted(self.held)))
        self.release(self.held[slot], slot)

    def release(self, holder: Holder, slot: int) -> None:
        holds = self.held.get(slot) == holder
        assert self.slots.release(holder, slot) is holds
        if holds:
            del self.held[slot]
            self.young.discard(slot)

    @precondition(lambda self: self.granted)
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """Write what was granted into the ledger, which refuses a slot that is taken."""
        holder = data.draw(st.sampled_from(sorted(self.granted)))
        slot = self.granted.pop(holder)
        if slot not in self.active and holder not in self.active.values():
            self.active[slot] = holder

    @precondition(lambda self: self.active)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        del self.active[data.draw(st.sampled_from(sorted(self.active)))]

    @rule()
    def rebuild(self) -> None:
        kept = {
            slot: holder
            for slot, holder in self.held.items()
            if slot in self.young and holder not in self.active.values()
        }
        expected = kept | self.active
        changed = {
            Change(slot, self.held.get(slot), expected.get(slot))
            for slot in self.held.keys() | expected.keys()
            if self.held.get(slot) != expected.get(slot)
        }
        told = self.slots.rebuild(self.active.items(), self.foreign, GRACE)
        assert set(told) == changed
        assert len(told) == len(changed)
        self.held, self.young = expected, self.young & (kept.keys() - self.active.keys())
        self.counted, self.ready = self.foreign, True

    @rule()
    def lose_everything(self) -> None:
        self.redis.delete(self.key)
        self.held, self.young, self.counted, self.ready = {}, set(), 0, False

    @rule(foreign=st.integers(0, 2) | st.integers(0, 6))
    def others_submit_with_the_same_key(self, foreign: int) -> None:
        self.foreign = foreign

    @rule(cap=st.integers(1, 6))
    def change_the_cap(self, cap: int) -> None:
        self.cap = cap

    @rule()
    def let_the_grace_pass(self) -> None:
        for slot in self.held:
            self.redis.hincrby(self.key, f"{slot}:at", -int(GRACE))
        self.young.clear()

    @invariant()
    def redis_holds_what_the_model_holds(self) -> None:
        assert self.slots.holders() == self.held
        assert self.slots.ready() is self.ready

    @invariant()
    def no_holder_has_two_slots(self) -> None:
        found = list(self.slots.holders().values())
        assert len(found) == len(set(found))


def test_slots_behave_like_the_model(settings: Settings) -> None:
    with connect(settings) as connected:

        class Model(SlotsModel):
            redis = connected

        run_state_machine_as_test(Model, settings=BOUNDED)


@pytest.fixture
def slots(settings: Settings) -> Slots:
    made = Slots(connect(settings), OWNER)
    made.rebuild([], foreign=0, grace=GRACE)
    return made


def test_slots_above_a_lowered_cap_still_count(slots: Slots) -> None:
    for holder in HOLDERS[:5]:
        slots.acquire(holder, cap=5)
    slots.release(HOLDERS[0], 1)
    assert slots.acquire(HOLDERS[5], cap=3) is None, "four are active, only three may be"
    assert slots.acquire(HOLDERS[4], cap=3) == 5, "who holds a slot above the cap keeps it"


def test_a_holder_that_the_ledger_has_named_gets_no_grace_when_it_is_named_no_more(
    slots: Slots,
) -> None:
    slots.acquire(HOLDERS[0], cap=5)
    slots.rebuild([(1, HOLDERS[0])], foreign=0, grace=GRACE)
    assert slots.rebuild([], foreign=0, grace=GRACE) == [Change(1, HOLDERS[0], None)]


def test_what_is_no_holder_is_mended_and_holds_its_slot_until_then(
    slots: Slots, settings: Settings
) -> None:
    with connect(settings) as redis:
        redis.hset(OWNER.slots, "1", "nonsense")
    assert slots.holders() == {1: None}
    assert slots.acquire(HOLDERS[0], cap=5) == 2
    assert slots.rebuild([], foreign=0, grace=GRACE) == [Change(1, None, None)]
    assert slots.holders() == {2: HOLDERS[0]}


def test_slots_are_listed_in_the_order_of_their_numbers(slots: Slots) -> None:
    more = [Holder(UUID(int=job), 1) for job in range(1, 12)]
    for holder in more:
        slots.acquire(holder, cap=11)
    assert list(slots.holders().items()) == list(enumerate(more, start=1))


@pytest.mark.parametrize("stranger", [Owner("ledger", 2), Owner("another", 1)])
def test_accounts_and_ledgers_share_nothing(
    settings: Settings, slots: Slots, stranger: Owner
) -> None:
    other = Slots(connect(settings), stranger)
    with pytest.raises(NotReadyError):
        other.acquire(HOLDERS[0], cap=5)
    other.rebuild([], foreign=5, grace=GRACE)
    assert other.acquire(HOLDERS[0], cap=5) is None
    assert slots.acquire(HOLDERS[0], cap=5) == 1
