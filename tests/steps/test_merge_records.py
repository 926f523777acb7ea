"""Merge: a record that is hostile, or only strange, is stored or fails alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from manager.steps import results_file
from tests.steps.driver import Driver, domains
from tests.steps.results_file import envelope, outcomes, reasons, strays

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("data", "stored"),
    [
        (rb'{"x": "a\u0000b"}', {"x": "a\ufffdb"}),
        (rb'{"\u0000": "\\u0000"}', {"\ufffd": "\\u0000"}),
        (rb'{"x": "\ud83d\ude00"}', {"x": "😀"}),
        (rb'{"x": "half: \ud83d"}', {"x": "half: \ufffd"}),
        (rb'{"\udc00": "\\ud83d"}', {"\ufffd": "\\ud83d"}),
        (b'{"x": %s}' % (b"9" * 1_000), {"x": 10**1_000 - 1}),
        (b'{"crustdata_company_id": %d}' % 2**80, {"crustdata_company_id": 2**80}),
        (b'{"x": ' + b"[" * 150 + b"]" * 150 + b"}", ...),
        (b'{"x": "' + "ü\U0010ffff".encode() * 100_000 + b'"}', ...),
    ],
)
def test_a_strange_record_is_stored(driver: Driver, data: bytes, stored: Any) -> None:
    request = driver.enqueue(1)
    job_id = driver.completed()
    driver.rewrite(job_id, lambda _: [envelope(domains(1)[0], data)])
    driver.merge(job_id)
    [result] = request.results()
    assert result.outcome == "fulfilled"
    assert result.record == (json.loads(data) if stored is ... else stored)
    assert result.vendor_id == 1, "the envelope's, where the record's is no bigint"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b'{"x": 1e200000}', id="a number beyond what Postgres holds"),
        pytest.param(b'{"x": %s}' % (b"9" * 140_000), id="a number of 140,000 digits"),
        pytest.param(b'{"x": ' + b"[" * 300 + b"]" * 300 + b"}", id="300 levels"),
        pytest.param(b'{"x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", id="50,000 levels"),
        pytest.param(b'{"x": "\xff"}', id="no UTF-8"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b'{"x": 1', id="no end"),
    ],
)
def test_a_record_that_cannot_be_stored_fails_alone(driver: Driver, data: bytes) -> None:
    request = driver.enqueue(3)
    job_id = driver.completed()
    bad = envelope(domains(1)[0], data)
    driver.rewrite(job_id, lambda lines: [bad if b"0000000" in it else it for it in lines])
    driver.merge(job_id)
    assert outcomes(driver, request) == ["failed", "fulfilled", "fulfilled"]
    [reason] = reasons(request)
    assert "cannot be read" in reason
    assert [content for _, _, content in strays(driver, job_id)] == [bad[:65_536]]


@pytest.mark.parametrize("internal_id", [2**63, -(2**63) - 1, 10**30])
def test_an_internal_id_beyond_bigint_spoils_only_its_envelope(
    driver: Driver, internal_id: int
) -> None:
    request = driver.enqueue(2)
    job_id = driver.completed()
    bad = envelope(domains(1)[0], internal_id=internal_id)
    driver.rewrite(job_id, lambda lines: [bad if b"0000000" in it else it for it in lines])
    driver.merge(job_id)
    assert outcomes(driver, request) == ["failed", "fulfilled"]


@pytest.mark.parametrize("identifier", ["\0", "", "x" * 100_000, "not a domain", "\u202e"])
def test_a_strange_identifier_is_a_stray(driver: Driver, identifier: str) -> None:
    request = driver.enqueue(2)
    job_id = driver.completed()
    driver.rewrite(job_id, lambda lines: [envelope(identifier), lines[1]])
    driver.merge(job_id)
    assert sorted(outcomes(driver, request)) == ["failed", "fulfilled"]
    assert len(strays(driver, job_id)) == 1


def test_a_record_that_only_postgres_refuses_fails_alone(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No such record is known, so our own look at them is left out."""
    monkeypatch.setattr(results_file, "storable", bytes.decode)
    request = driver.enqueue(3)
    job_id = driver.completed()
    bad = envelope(domains(1)[0], rb'{"x": "\u0000"}')
    driver.rewrite(job_id, lambda lines: [bad if b"0000000" in it else it for it in lines])
    driver.merge(job_id)
    assert outcomes(driver, request) == ["failed", "fulfilled", "fulfilled"]
    assert reasons(request) == ["the record cannot be stored as jsonb"]
    assert [content for _, _, content in strays(driver, job_id)] == [bad]
