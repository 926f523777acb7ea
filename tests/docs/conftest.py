"""What the examples of the documentation take as given: an installation with two accounts."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def enrichd_overrides() -> dict[str, Any]:
    """Settings of the installation that examples enqueue to."""
    return {"accounts": {"default": {}, "crm": {}}}
