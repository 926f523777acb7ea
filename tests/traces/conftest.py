"""The daemon's steps, called by hand, with traces on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.steps.conftest import _running, _sandbox_dir, driver, sandbox
from tests.steps.driver import Driver
from tests.traces.spans import Spans

__all__ = ["_running", "_sandbox_dir", "driver", "sandbox", "spans"]


@pytest.fixture
def spans(driver: Driver) -> Iterator[Spans]:
    """What the driver's daemon traces."""
    made = Spans(driver.context)
    yield made
    made.close()
