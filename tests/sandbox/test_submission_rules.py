"""What a submission must be, rule by rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Sandbox, companies
from sandbox.endpoints import COMPANY
from sandbox.rules import Refusal, submission

if TYPE_CHECKING:
    from tests.sandbox.conftest import Caller

pytestmark = pytest.mark.integration

ONE: dict[str, Any] = {"domains": ["fedex.com"]}


def test_an_accepted_job_answers_as_documented(caller: Caller) -> None:
    answer = caller.post(domains=["fedex.com", "abb.example"]).json()
    assert answer == {
        "batch_id": answer["batch_id"],
        "status": "pending",
        "entity": "company",
        "action": "enrich",
        "identifier_count": 2,
        "entities_requested": 2,
        "status_url": f"/batch/{answer['batch_id']}",
    }


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"domains": []},
        {"domains": ","},
        {"domains": [], "names": ["FedEx"]},
        {"domains": ["fedex.com"], "names": ["FedEx"]},
        {"domains": ["fedex.com", ""]},
        {"domains": ["fedex.com", 7]},
        {"domains": 7},
        {"crustdata_company_ids": ["600001"]},
        {"crustdata_company_ids": [True]},
        {"crustdata_company_ids": [1.5]},
        {"crustdata_company_ids": "600001,x"},
        {"names": [f"n{i}" for i in range(10_001)]},
        {**ONE, "chunk_size": 9},
        {**ONE, "chunk_size": 1_001},
        {**ONE, "chunk_size": "100"},
        {**ONE, "webhook_url": "ftp://example.com"},
        {**ONE, "webhook_url": "http://["},
        {**ONE, "fields": [1]},
        {**ONE, "feilds": []},
    ],
    ids=lambda body: str(body)[:60],
)
def test_a_submission_against_the_rules_is_a_400(
    caller: Caller, sandbox: Sandbox, body: dict[str, Any]
) -> None:
    response = caller.post(**body)
    assert response.status_code == 400
    assert response.json()["error"].keys() == {"type", "message", "metadata"}
    assert sandbox.record()["submissions_accepted"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {"domains": "fedex.com, abb.example"},
        {"crustdata_company_ids": "600001,600002"},
        {"crustdata_company_ids": [600001, 600002]},
        {"professional_network_profile_urls": ["https://www.linkedin.com/company/abb"] * 2},
        {"domains": ["fedex.com", "3m.com"], "chunk_size": 10, "names": None},
        {"domains": ["fedex.com", "3m.com"], "chunk_size": 1000, "fields": ""},
    ],
    ids=str,
)
def test_lists_and_comma_separated_strings_are_both_accepted(
    caller: Caller, body: dict[str, Any]
) -> None:
    assert caller.post(**body).json()["identifier_count"] == 2


def test_only_a_string_is_split_at_commas(caller: Caller, sandbox: Sandbox) -> None:
    batch_id = caller.submit(names=["Acme, Inc.", "ABB"])
    assert sandbox.job(batch_id)["identifiers"] == ["Acme, Inc.", "ABB"]


def test_ten_thousand_identifiers_are_accepted(caller: Caller) -> None:
    domains = [companies.fictional(index).domain for index in range(10_000)]
    assert caller.post(domains=domains).json()["identifier_count"] == 10_000


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"domains"', b'{"domains": ["\xff"]}'])
def test_a_body_that_is_no_json_object_is_a_400(caller: Caller, content: bytes) -> None:
    assert caller.http.post("/batch/company/enrich", content=content).status_code == 400


@pytest.mark.parametrize("version", ["", "2024-01-01"])
def test_submission_requires_the_api_version(caller: Caller, version: str) -> None:
    response = caller.http.post(
        "/batch/company/enrich", json=ONE, headers={"x-api-version": version}
    )
    assert response.status_code == 400
    del caller.http.headers["x-api-version"]
    assert caller.post(**ONE).status_code == 400
    assert caller.http.get("/batch").status_code == 200


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "key-of-the-tests"])
@pytest.mark.parametrize("path", ["/batch", "/batch/an-id"])
def test_api_routes_require_the_key(caller: Caller, path: str, authorization: str) -> None:
    response = caller.http.get(path, headers={"authorization": authorization})
    assert response.status_code == 401
    assert response.json()["error"]["type"] == "unauthorized"


def test_an_unsupported_field_is_answered_with_all_selectable_ones(caller: Caller) -> None:
    response = caller.post(**ONE, fields=["basic_info.name", "basic_info.shoe_size"])
    assert response.status_code == 400
    available = response.json()["error"]["metadata"]["available_fields"]
    assert len(COMPANY.catalogue.types) >= 40
    assert set(available) >= {*COMPANY.catalogue.types, "headcount", "headcount.by_role"}
    assert caller.post(**ONE, fields=available).is_success


def test_a_sixth_active_job_is_refused_with_its_own_429(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.foreign(seconds=1000)
    for _ in range(4):
        caller.submit(**ONE)
    response = caller.post(**ONE)
    assert response.status_code == 429
    assert response.json()["error"]["type"] == "too_many_active_jobs"
    assert "retry-after" not in response.headers
    sandbox.advance(100)
    assert caller.post(**ONE).is_success


def test_a_job_that_the_credits_do_not_cover_is_a_402(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.set(credits=3, price=1)
    caller.submit(domains=["fedex.com", "3m.com"])
    response = caller.post(domains=["abb.example", "2k.com"])
    assert response.status_code == 402
    assert response.json()["error"]["type"] == "insufficient_credits"
    sandbox.advance(100)
    assert sandbox.record()["credits_left"] == 1
    sandbox.set(credits=2)
    assert caller.post(domains=["abb.example", "2k.com"]).is_success


def test_unknown_routes_and_methods_answer_in_the_same_shape(caller: Caller) -> None:
    assert caller.http.get("/nothing").json()["error"]["type"] == "not_found"
    assert caller.http.delete("/batch").json()["error"]["type"] == "method_not_allowed"


def test_an_unsupported_field_is_named() -> None:
    with pytest.raises(Refusal) as refused:
        submission(COMPANY, b'{"domains": ["fedex.com"], "fields": "headcount,a.b"}')
    assert refused.value.message == "Unsupported fields: a.b."
