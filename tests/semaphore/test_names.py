"""Two ledgers on one Redis, and two accounts of a ledger, never touch each other's keys."""

from __future__ import annotations

from typing import get_args

from redis.crc import key_slot

from manager.semaphore import Owner, queue_prefix
from manager.vendor.calls import Route


def keys(owner: Owner) -> set[str]:
    return {owner.slots, *(owner.calls(route) for route in get_args(Route))}


def test_a_key_names_the_ledger_and_the_account() -> None:
    owner = Owner(ledger="3f9a", account=2)
    assert owner.slots == "enrichd:{3f9a:2}:slots"
    assert owner.calls("list") == "enrichd:{3f9a:2}:calls:list"
    assert queue_prefix("3f9a") == "enrichd:3f9a:"


def test_no_two_owners_share_a_key() -> None:
    owners = [Owner(ledger, account) for ledger in ("a", "b") for account in (1, 2, 11)]
    assert len(set().union(*map(keys, owners))) == sum(len(keys(owner)) for owner in owners)


def test_an_account_is_on_one_node_of_a_cluster() -> None:
    assert len({key_slot(key.encode()) for key in keys(Owner("a", 1))}) == 1
