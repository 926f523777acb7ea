"""Lines of results files, and what became of them."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from manager import Request
from tests.steps.driver import MISCOUNTED, Driver


def outcomes(driver: Driver, request: Request) -> list[str]:
    assert driver.rows(MISCOUNTED) == []
    return [str(result.outcome) for result in request.results()]


def reasons(request: Request) -> list[str]:
    return [result.reason for result in request.results() if result.reason]


def strays(driver: Driver, job_id: UUID) -> list[Any]:
    sql = "SELECT line, reason, envelope FROM stray WHERE job_id = %(id)s ORDER BY line"
    return driver.rows(sql, id=job_id)


def envelope(domain: str, data: bytes = b"{}", internal_id: int = 1) -> bytes:
    head = json.dumps({"original_identifier": domain, "internal_id": internal_id})[:-1]
    return head.encode() + b', "data": ' + data + b"}"
