"""The account as the steps see it."""

from __future__ import annotations

import pytest

from manager import Settings
from manager.ledger import migrate
from manager.steps.context import Context

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(("configured", "counts"), [(2, 2), (5, 5), (7, 5)])
def test_a_lowered_cap_counts_at_once_and_a_raised_one_with_its_slots(
    settings: Settings, configured: int, counts: int
) -> None:
    context = Context(settings.model_copy(update={"cap": configured}), "test")
    with context.ledger.connect() as connection:
        assert context.account(connection).cap == counts
        migrate.upgrade(context.settings)
        assert context.account(connection).cap == configured
