"""One real daemon with its servers and a sandbox, shared by the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos import check
from tests.chaos.world import World


@pytest.fixture(scope="module")
def _world() -> Iterator[World]:
    with World(seed=0, daemons=1) as running:
        yield running


@pytest.fixture
def world(_world: World) -> World:
    """The shared world, at work."""
    check.swept(_world.settings, timeout=60)
    return _world
