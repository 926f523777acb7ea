"""The accounts as the steps see them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from psycopg import Connection

from manager import ConfigurationError, Settings
from manager.ledger import migrate
from manager.settings import AccountTable
from manager.steps.account import Account
from manager.steps.context import Context

pytestmark = pytest.mark.integration


@contextmanager
def opened(settings: Settings, **changes: Any) -> Iterator[tuple[Account, Connection[Any]]]:
    """The account of these settings, and a connection."""
    context = Context(settings.model_copy(update=changes), "test")
    with context.ledger.connect() as connection:
        yield context.account(settings.account), connection
    context.close()


@pytest.mark.parametrize(("configured", "counts"), [(2, 2), (5, 5), (7, 5)])
def test_a_lowered_cap_counts_at_once_and_a_raised_one_with_its_slots(
    settings: Settings, configured: int, counts: int
) -> None:
    with opened(settings, cap=configured) as (account, connection):
        assert account.cap(account.standing(connection)) == counts
        migrate.upgrade(settings.model_copy(update={"cap": configured}))
        assert account.cap(account.standing(connection)) == configured


def test_an_account_that_is_not_served_here_is_refused_with_those_that_are(
    settings: Settings,
) -> None:
    tables = {name: AccountTable(vendor_api_key="key") for name in ("alpha", "beta")}
    context = Context(
        settings.model_copy(update={"accounts": tables, "vendor_api_key": None}), "test"
    )
    assert [it.name for it in context.accounts()] == ["alpha", "beta"]
    assert context.account("beta") is context.accounts()[1]
    with pytest.raises(ConfigurationError, match=r"'gamma' is not served here.*: alpha, beta\."):
        context.account("gamma")


def test_an_account_that_the_ledger_does_not_have_is_refused_with_those_it_has(
    settings: Settings,
) -> None:
    context = Context(settings.model_copy(update={"account": "other"}), "test")
    with pytest.raises(ConfigurationError, match=rf"'other' \(it has: {settings.account}\)"):
        _ = context.account("other").id
