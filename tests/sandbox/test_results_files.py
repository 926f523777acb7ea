"""Results files: what is in them, and how they are downloaded."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Sandbox, companies

if TYPE_CHECKING:
    from tests.sandbox.conftest import Caller

pytestmark = pytest.mark.integration

COMPANIES = [*companies.real()[:3], *(companies.fictional(index) for index in range(3))]


def completed(caller: Caller, sandbox: Sandbox, **body: Any) -> str:
    batch_id = caller.submit(**body)
    sandbox.advance(60)
    return batch_id


def domains(count: int) -> list[str]:
    return [companies.fictional(index).domain for index in range(count)]


@pytest.mark.parametrize("identifier_type", companies.IDENTIFIER_TYPES)
def test_every_identifier_type_gives_the_same_record(
    caller: Caller, sandbox: Sandbox, identifier_type: str
) -> None:
    asked = {str(company.identifier(identifier_type)): company for company in COMPANIES}
    body: dict[str, Any] = {
        identifier_type: [company.identifier(identifier_type) for company in COMPANIES]
    }
    envelopes = caller.envelopes(completed(caller, sandbox, **body, fields=["headcount"]))
    by_id = caller.envelopes(
        completed(
            caller,
            sandbox,
            crustdata_company_ids=[company.id for company in COMPANIES],
            fields=["headcount"],
        )
    )
    expected = {int(envelope["original_identifier"]): envelope["data"] for envelope in by_id}
    assert len(envelopes) == len(COMPANIES)
    for envelope in envelopes:
        company = asked[envelope["original_identifier"]]
        assert envelope["data"] == expected[company.id]
        assert envelope["data"]["crustdata_company_id"] == company.id
        assert envelope["data"]["basic_info"]["name"] == company.name
        assert isinstance(envelope["internal_id"], int)


def test_the_default_selection_is_basic_info(caller: Caller, sandbox: Sandbox) -> None:
    (envelope,) = caller.envelopes(completed(caller, sandbox, names="FedEx"))
    assert envelope["data"].keys() == {"crustdata_company_id", "basic_info"}
    assert envelope["data"]["basic_info"].keys() >= {"name", "primary_domain", "year_founded"}


def test_selected_fields_are_added_and_nothing_else(caller: Caller, sandbox: Sandbox) -> None:
    fields = ["headcount.total", "headcount.by_role.sales", "taxonomy"]
    (envelope,) = caller.envelopes(completed(caller, sandbox, names="fedex", fields=fields))
    data = envelope["data"]
    assert data.keys() == {"crustdata_company_id", "basic_info", "headcount", "taxonomy"}
    assert data["headcount"].keys() == {"total", "by_role"}
    assert data["headcount"]["by_role"].keys() == {"sales"}
    assert len(data["taxonomy"]) > 1


def test_unresolved_identifiers_are_absent(caller: Caller, sandbox: Sandbox) -> None:
    asked = ["fedex.com", "never-heard-of.example", "company-0000001.example"]
    batch_id = completed(caller, sandbox, domains=asked)
    found = {envelope["original_identifier"] for envelope in caller.envelopes(batch_id)}
    assert found == {"fedex.com", "company-0000001.example"}
    answer = caller.status(batch_id)
    assert (answer["entities_requested"], answer["entities_fulfilled"]) == (3, 2)
    assert answer["result_count"] == 2


def test_a_share_of_the_known_companies_is_unresolvable(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.set(unresolved_share=0.02)
    first = completed(caller, sandbox, domains=domains(10_000))
    found = {envelope["original_identifier"] for envelope in caller.envelopes(first)}
    assert 9_700 < len(found) < 9_900
    sandbox.set(unresolved_share=0.5)
    again = completed(caller, sandbox, domains=domains(100))
    fewer = {envelope["original_identifier"] for envelope in caller.envelopes(again)}
    assert fewer < found


def test_results_come_in_another_order_than_submitted(caller: Caller, sandbox: Sandbox) -> None:
    asked = domains(100)
    batch_id = completed(caller, sandbox, domains=asked)
    found = [envelope["original_identifier"] for envelope in caller.envelopes(batch_id)]
    assert found != asked
    assert sorted(found) == asked


def test_parts_are_the_whole_file_in_pieces(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.set(part_lines=40)
    answer = caller.status(completed(caller, sandbox, domains=domains(100)))
    whole = caller.download(answer["download_url"]).content
    parts = [caller.download(link).content for link in answer["download_urls"]]
    assert [len(gzip.decompress(part).splitlines()) for part in parts] == [40, 40, 20]
    assert b"".join(parts) == whole
    assert len(gzip.decompress(whole).splitlines()) == answer["result_count"]


def test_a_download_can_be_resumed(caller: Caller, sandbox: Sandbox) -> None:
    link = caller.status(completed(caller, sandbox, domains=domains(500)))["download_url"]
    whole = caller.download(link)
    start = caller.download(link, Range="bytes=0-99")
    rest = caller.download(link, **{"Range": "bytes=100-", "If-Range": start.headers["etag"]})
    assert (start.status_code, rest.status_code) == (206, 206)
    assert rest.headers["content-range"].startswith("bytes 100-")
    assert start.headers["etag"] == whole.headers["etag"] == rest.headers["etag"]
    assert start.content + rest.content == whole.content
    other = caller.download(link, **{"Range": "bytes=100-", "If-Range": '"other"'})
    assert (other.status_code, other.content) == (200, whole.content)
    assert caller.download(link, Range="bytes=99999999-").status_code == 416


def test_links_need_no_key_and_expire(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.set(link_ttl_seconds=100)
    batch_id = completed(caller, sandbox, domains=domains(3))
    first = caller.status(batch_id)["download_url"]
    second = caller.status(batch_id)["download_url"]
    assert first != second
    sandbox.advance(99)
    assert caller.download(first).status_code == 200
    sandbox.advance(2)
    assert caller.download(first).status_code == 403
    fresh = caller.status(batch_id)["download_url"]
    assert caller.download(fresh).status_code == 200


@pytest.mark.parametrize(
    ("genuine", "forged"),
    [
        ("signature=", "signature=0"),
        ("expires=", "expires=9"),
        ("results.jsonl.gz", "part-00000.jsonl.gz"),
        ("?", "?x="),
    ],
)
def test_a_forged_link_is_a_403(
    caller: Caller, sandbox: Sandbox, genuine: str, forged: str
) -> None:
    link = caller.status(completed(caller, sandbox, domains=domains(3)))["download_url"]
    assert caller.download(link.replace(genuine, forged, 1)).status_code == 403


def test_without_records_the_file_was_never_written(caller: Caller, sandbox: Sandbox) -> None:
    answer = caller.status(completed(caller, sandbox, domains=["never-heard-of.example"]))
    assert (answer["status"], answer["result_count"]) == ("completed", 0)
    for link in (answer["download_url"], *answer["download_urls"]):
        assert caller.download(link).status_code == 404


def test_ids_are_strings_in_envelopes(caller: Caller, sandbox: Sandbox) -> None:
    batch_id = completed(caller, sandbox, crustdata_company_ids=[600_000])
    content = caller.download(caller.status(batch_id)["download_url"]).content
    assert json.loads(gzip.decompress(content))["original_identifier"] == "600000"
