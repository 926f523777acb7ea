"""The contract with the vendor: what this project takes for granted, as tests.

They run against the sandbox. With `--real-vendor`, ENRICHD_VENDOR_URL and
ENRICHD_VENDOR_API_KEY those that cost nothing run against the real vendor as well, and with
`--real-vendor-spend` one job of two identifiers, which costs two records at most.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from manager.endpoints import ENDPOINTS, Endpoint, endpoint
from manager.settings import Settings
from manager.vendor import download, errors
from manager.vendor.calls import NoGate
from manager.vendor.client import VendorClient
from manager.vendor.envelope import Envelope, decode, storable
from manager.vendor.stage import Stage
from manager.vendor.types import VendorJob
from sandbox import Sandbox

from .conftest import Account

# Read before any fixture hides them.
REAL_URL = os.environ.get("ENRICHD_VENDOR_URL", "https://api.crustdata.com")
REAL_KEY = os.environ.get("ENRICHD_VENDOR_API_KEY")
# Should the vendor ever accept what it must refuse, nothing is delivered, so nothing is billed.
NOBODY = "nobody-has-this.invalid"
PATIENCE = 600.0
COMPANY = endpoint("company/enrich")
# What to ask each endpoint for: identifiers of each type, fields, and where they stand in a record.
ASKED: dict[str, tuple[dict[str, list[str]], list[str], list[str]]] = {
    "company/enrich": (
        {
            "domains": ["acer.com", "airbnb.com"],
            "professional_network_profile_urls": ["https://linkedin.com/company/company-0000007"],
        },
        ["headcount.total"],
        ["basic_info", "headcount"],
    ),
    "person/enrich": (
        {
            "professional_network_profile_urls": [
                f"https://linkedin.com/in/person-000000{n}" for n in (1, 2)
            ],
            "business_emails": ["person-0000001@company-0000000.example"],
        },
        [],
        ["basic_profile", "social_handles"],
    ),
    "person/contact/enrich": (
        {
            "professional_network_profile_urls": [
                f"https://linkedin.com/in/person-000000{n}" for n in range(1, 8)
            ]
        },
        ["business_email"],
        [],
    ),
}

pytestmark = pytest.mark.integration


@dataclass
class Vendor:
    """A vendor to hold to the contract."""

    settings: Settings
    account: Account
    client: VendorClient
    real: bool

    def post(
        self, body: dict[str, Any], one: Endpoint = COMPANY, **changed: str | None
    ) -> httpx.Response:
        """A submission by hand, with headers changed or left out."""
        headers = {
            "authorization": f"Bearer {self.account.api_key}",
            "x-api-version": self.settings.vendor_api_version,
        } | {name.replace("_", "-"): value for name, value in changed.items()}
        return httpx.post(
            self.account.vendor_url + one.path,
            json=body,
            headers={name: value for name, value in headers.items() if value is not None},
            timeout=30,
            trust_env=self.real,
        )

    def finished(self, batch_id: str) -> VendorJob:
        """Wait until the job has ended."""
        ends = time.monotonic() + PATIENCE
        while (job := self.client.status(batch_id)).active:
            assert time.monotonic() < ends, f"{job} has not ended"
            time.sleep(5 if self.real else 0.05)
        return job

    def serves(self, one: Endpoint) -> None:
        """Skip the test when there is no such route. Another refusal is the test's to judge."""
        if self.post({}, one).status_code == 404:
            pytest.skip(f"there is no {one.path}")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(api_key="sandbox-key-1234567890", unresolved_share=0) as running:
        yield running


def vendor_at(url: str, key: str, *, real: bool) -> Vendor:
    settings, account = Settings(vendor_read_timeout=60 if real else 1), Account(url, key)
    return Vendor(settings, account, VendorClient(settings, account, NoGate()), real)


@pytest.fixture
def local(sandbox: Sandbox) -> Iterator[Vendor]:
    """The sandbox alone, for what would be dear, slow or rude at the real vendor."""
    vendor = vendor_at(sandbox.url, sandbox.api_key, real=False)
    with vendor.client:
        yield vendor


@pytest.fixture(params=["sandbox", pytest.param("real", marks=pytest.mark.real_vendor)])
def vendor(request: pytest.FixtureRequest) -> Iterator[Vendor]:
    """Every vendor there is to hold to the contract."""
    if request.param == "sandbox":
        yield request.getfixturevalue("local")
        return
    if not request.config.getoption("--real-vendor"):
        pytest.skip("needs --real-vendor")
    if not REAL_KEY:
        pytest.fail("--real-vendor needs ENRICHD_VENDOR_API_KEY, and perhaps ENRICHD_VENDOR_URL")
    vendor = vendor_at(REAL_URL, REAL_KEY, real=True)
    with vendor.client:
        yield vendor


# What costs nothing


def test_the_list_shows_jobs_newest_first(vendor: Vendor) -> None:
    if not vendor.real:
        for domain in ("acer.com", "adidas.com", "airbnb.com"):
            vendor.client.submit(COMPANY, "domains", [domain])
    page = vendor.client.list_jobs(limit=2)
    assert len(page.jobs) == 2 or vendor.real
    assert page.date, "the vendor's clock"
    created = [job.created_at for job in page.jobs if job.created_at]
    assert len(created) == len(page.jobs), "every job has a time"
    assert created == sorted(created, reverse=True)
    assert page.has_more is (page.next_cursor is not None)
    if page.has_more:
        assert page.next_cursor == page.jobs[-1].batch_id
        following = vendor.client.list_jobs(limit=1, cursor=page.next_cursor)
        assert following.jobs[0].batch_id not in {job.batch_id for job in page.jobs}


def test_the_list_can_be_narrowed_to_a_status(
    vendor: Vendor, request: pytest.FixtureRequest
) -> None:
    if not vendor.real:
        sandbox = request.getfixturevalue("sandbox")
        sandbox.fault("submit", "fail_job")
        failed = vendor.client.submit(COMPANY, "domains", ["acer.com"]).batch_id
        completed = vendor.client.submit(COMPANY, "domains", ["airbnb.com"]).batch_id
        assert vendor.finished(failed).status == "failed"
        assert vendor.finished(completed).status == "completed"
    everything = vendor.client.list_jobs(limit=100).jobs
    for status in ("failed", "completed"):
        page = vendor.client.list_jobs(limit=100, status=status)
        assert {job.status for job in page.jobs} <= {status}
        assert {it.batch_id for it in everything if it.status == status} <= {
            job.batch_id for job in page.jobs
        }
        assert page.jobs or vendor.real
    with pytest.raises(errors.BadRequest):
        vendor.client.list_jobs(status="no-such-status")


def test_an_unknown_job_is_not_found(vendor: Vendor) -> None:
    with pytest.raises(errors.UnknownJob):
        vendor.client.status(str(uuid4()))


def test_a_wrong_key_is_refused(vendor: Vendor) -> None:
    wrong = vendor_at(vendor.account.vendor_url, "no-key-of-anybody", real=vendor.real)
    with wrong.client, pytest.raises(errors.Unauthorized):
        wrong.client.list_jobs(limit=1)


def test_a_submission_needs_the_version_header(vendor: Vendor) -> None:
    assert vendor.post({"domains": [NOBODY]}, x_api_version=None).status_code == 400


def test_a_submission_needs_exactly_one_identifier_type(vendor: Vendor) -> None:
    assert vendor.post({}).status_code == 400
    assert vendor.post({"domains": [NOBODY], "names": [NOBODY]}).status_code == 400
    assert vendor.post({"domains": []}).status_code == 400


def test_an_unsupported_field_is_refused_with_all_that_there_are(vendor: Vendor) -> None:
    with pytest.raises(errors.BadRequest) as raised:
        vendor.client.submit(COMPANY, "domains", [NOBODY], ["basic_info.no_such_field"])
    assert raised.value.available_fields
    assert "basic_info.name" in raised.value.available_fields
    assert "headcount.total" in raised.value.available_fields


def test_the_chunk_size_has_its_bounds(vendor: Vendor) -> None:
    name = vendor.settings.vendor_chunk_size_name
    for size in (9, 1001):
        assert vendor.post({"domains": [NOBODY], name: size}).status_code == 400


# What costs two records at most


@pytest.mark.timeout(PATIENCE + 60)
def test_a_job_runs_from_its_submission_to_its_records(
    vendor: Vendor, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if vendor.real and not request.config.getoption("--real-vendor-spend"):
        pytest.skip("needs --real-vendor-spend")
    domains = ["acer.com", "airbnb.com"]
    submitted = vendor.client.submit(COMPANY, "domains", domains, ["headcount.total"])
    assert submitted.status == "pending"
    assert (submitted.identifier_count, submitted.entities_requested) == (2, 2)
    assert COMPANY.may_be(submitted.entity, submitted.action)

    job = vendor.finished(submitted.batch_id)
    assert (job.batch_id, job.status) == (submitted.batch_id, "completed")
    assert job.completed_at
    assert job.created_at
    assert job.completed_at >= job.created_at
    listed = next(it for it in vendor.client.list_jobs().jobs if it.batch_id == job.batch_id)
    assert (listed.identifier_count, listed.links) == (2, ())
    assert COMPANY.may_be(listed.entity, listed.action)

    paths = download.fetch(
        job, tmp_path, vendor.settings, vendor.account, lambda: vendor.client.status(job.batch_id)
    )
    envelopes = [decode(line) for line in download.lines(paths, vendor.settings)]
    assert len(envelopes) == job.result_count == job.entities_fulfilled
    assert {envelope.original_identifier for envelope in envelopes} <= set(domains)
    for envelope in envelopes:
        assert envelope.internal_id is not None
        record = storable(bytes(envelope.data))
        assert "crustdata_company_id" in record
        assert "basic_info" in record


# What only the sandbox is asked


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_endpoint_delivers_records_that_name_what_was_asked(
    local: Vendor, tmp_path: Path, name: str
) -> None:
    one = endpoint(name)
    local.serves(one)
    identifiers_of, fields, groups = ASKED[name]
    for identifier_type, identifiers in identifiers_of.items():
        submitted = local.client.submit(one, identifier_type, identifiers, fields)
        may_be = [it.name for it in ENDPOINTS.values() if it.may_be(*shown(submitted))]
        assert may_be == [name]
        job = local.finished(submitted.batch_id)
        assert job.stage is Stage.COMPLETED
        envelopes = read(local, job, tmp_path / identifier_type)
        assert {it.original_identifier for it in envelopes} == set(identifiers)
        for envelope in envelopes:
            record = json.loads(bytes(envelope.data))
            assert isinstance(record.get(one.id_field, envelope.internal_id), int)
            assert set(groups) <= set(record)


def shown(job: VendorJob) -> tuple[str, str]:
    return job.entity, job.action


def read(vendor: Vendor, job: VendorJob, directory: Path) -> list[Envelope]:
    paths = download.fetch(job, directory, vendor.settings, vendor.account, lambda: job)
    return [decode(line) for line in download.lines(paths, vendor.settings)]


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_endpoint_takes_its_identifier_types_and_no_others(local: Vendor, name: str) -> None:
    one = endpoint(name)
    local.serves(one)
    fields = ASKED[name][1]
    foreign = {it for other in ENDPOINTS.values() for it in other.identifier_types}
    for identifier_type in foreign - set(one.identifier_types):
        with pytest.raises(errors.BadRequest):
            local.client.submit(one, identifier_type, ["7"], fields)
    for identifier_type in one.identifier_types:
        identifier = "7" if identifier_type == "crustdata_company_ids" else NOBODY
        assert local.client.submit(one, identifier_type, [identifier], fields).batch_id
        local.finished(local.client.list_jobs(limit=1).jobs[0].batch_id)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_endpoint_takes_as_many_identifiers_as_it_says(local: Vendor, name: str) -> None:
    one = endpoint(name)
    local.serves(one)
    fields = ASKED[name][1]
    urls = [f"https://linkedin.com/in/nobody-{n}" for n in range(one.job_size + 1)]
    with pytest.raises(errors.BadRequest):
        local.client.submit(one, "professional_network_profile_urls", urls, fields)
    accepted = local.client.submit(one, "professional_network_profile_urls", urls[1:], fields)
    assert accepted.identifier_count == one.job_size


@pytest.mark.parametrize("name", ENDPOINTS)
def test_fields_are_needed_where_the_endpoint_says_so(local: Vendor, name: str) -> None:
    one = endpoint(name)
    local.serves(one)
    url = ["https://linkedin.com/in/nobody"]
    if one.fields_required:
        with pytest.raises(errors.BadRequest):
            local.client.submit(one, "professional_network_profile_urls", url)
    else:
        assert local.client.submit(one, "professional_network_profile_urls", url).batch_id


def test_one_job_more_than_the_cap_is_told_from_too_many_calls(
    local: Vendor, sandbox: Sandbox
) -> None:
    sandbox.set(cap=2, processing_seconds=60)
    for domain in ("acer.com", "adidas.com"):
        local.client.submit(COMPANY, "domains", [domain])
    with pytest.raises(errors.CapReached):
        local.client.submit(COMPANY, "domains", ["airbnb.com"])
    local.client.list_jobs()
    sandbox.set(calls_per_minute=1)
    with pytest.raises(errors.RateLimited) as raised:
        local.client.list_jobs()
    assert 0 < raised.value.wait <= 60


def test_no_credits_is_an_error_of_its_own(local: Vendor, sandbox: Sandbox) -> None:
    sandbox.set(credits=0)
    with pytest.raises(errors.NoCredits):
        local.client.submit(COMPANY, "domains", ["acer.com"])


def test_a_comma_in_a_name_splits_nothing(local: Vendor) -> None:
    assert local.client.submit(COMPANY, "names", ["Acme, Inc."]).identifier_count == 1


@pytest.mark.parametrize(
    ("kind", "accepted"),
    [("reset_before", 0), ("reset_after", 1), ("garbage", 1), ("html", 0), ("cut", 1), ("hang", 0)],
)
def test_a_submission_that_goes_wrong_on_the_way_is_unclear(
    local: Vendor, sandbox: Sandbox, kind: str, accepted: int
) -> None:
    sandbox.fault("submit", kind)
    with pytest.raises(errors.Unclear):
        local.client.submit(COMPANY, "domains", ["acer.com"])
    assert len(local.client.list_jobs().jobs) == accepted, "the list tells"


def completed(local: Vendor, domains: list[str]) -> VendorJob:
    return local.finished(local.client.submit(COMPANY, "domains", domains).batch_id)


@pytest.mark.parametrize("kind", ["cut", "reset_before", "status"])
def test_a_download_goes_on_after_a_failure(
    local: Vendor, sandbox: Sandbox, tmp_path: Path, kind: str
) -> None:
    job = completed(local, ["acer.com", "adidas.com"])
    sandbox.fault("download", kind, times=2)
    paths = download.fetch(job, tmp_path, local.settings, local.account, lambda: job)
    assert len(list(download.lines(paths, local.settings))) == 2


def test_expired_links_are_replaced(local: Vendor, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.set(link_ttl_seconds=0.05)
    job = completed(local, ["acer.com"])
    time.sleep(0.1)
    sandbox.set(link_ttl_seconds=60)
    paths = download.fetch(
        job, tmp_path, local.settings, local.account, lambda: local.client.status(job.batch_id)
    )
    assert len(list(download.lines(paths, local.settings))) == 1
    sandbox.set(link_ttl_seconds=0.01)
    stale = local.client.status(job.batch_id)
    time.sleep(0.05)
    with pytest.raises(download.LinksExpired):
        download.fetch(stale, tmp_path / "other", local.settings, local.account, lambda: stale)


@pytest.mark.parametrize("kind", ["truncate", "corrupt"])
def test_a_spoilt_file_is_found_out(
    local: Vendor, sandbox: Sandbox, tmp_path: Path, kind: str
) -> None:
    job = completed(local, ["acer.com", "adidas.com"])
    sandbox.fault("download", kind, times=None)
    paths = download.fetch(job, tmp_path, local.settings, local.account, lambda: job)
    with pytest.raises(download.ResultsCorrupt):
        list(download.lines(paths, local.settings))


def test_a_large_job_comes_in_parts(local: Vendor, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.set(part_lines=3)
    domains = ["acer.com", "adidas.com", "airbnb.com", "acm.org", "adyen.com", "acura.com"]
    job = completed(local, [*domains, "accenture.com"])
    assert len(job.download_urls) == 3
    paths = download.fetch(job, tmp_path, local.settings, local.account, lambda: job)
    found = {decode(line).original_identifier for line in download.lines(paths, local.settings)}
    assert found == {*domains, "accenture.com"}
