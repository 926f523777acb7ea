"""The companies: found under every identifier type, the same in every process."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import companies
from sandbox.catalogue import COMPANY
from sandbox.companies import IDENTIFIER_TYPES

ANY_COMPANY = st.one_of(
    st.integers(0, companies.FICTIONAL - 1).map(companies.fictional),
    st.sampled_from(companies.real()),
)
TYPES = st.sampled_from(IDENTIFIER_TYPES)


@given(ANY_COMPANY, TYPES)
def test_a_company_is_found_by_each_of_its_identifiers(
    company: companies.Company, identifier_type: str
) -> None:
    found = companies.find(identifier_type, company.identifier(identifier_type))
    assert found is not None
    if identifier_type == "names":  # a few real companies share a name
        assert found.name.casefold() == company.name.casefold()
    else:
        assert found == company


@given(ANY_COMPANY, TYPES)
def test_a_key_is_its_own_key(company: companies.Company, identifier_type: str) -> None:
    key = companies.key(identifier_type, company.identifier(identifier_type))
    assert companies.key(identifier_type, key) == key


@pytest.mark.parametrize(
    ("identifier_type", "variants"),
    [
        ("names", ["FedEx", "fedex", " FEDEX "]),
        ("domains", ["fedex.com", "https://www.FedEx.com/de/", "www.fedex.com", "fedex.com."]),
        (
            "professional_network_profile_urls",
            [
                "https://www.linkedin.com/company/fedex",
                "http://linkedin.com/company/FedEx/",
                "linkedin.com/company/fedex?trk=x",
            ],
        ),
    ],
)
def test_variants_of_an_identifier_mean_the_same_company(
    identifier_type: str, variants: list[str]
) -> None:
    assert {companies.find(identifier_type, variant) for variant in variants} == {
        companies.find("domains", "fedex.com")
    }


def test_the_real_companies_are_told_apart() -> None:
    real = companies.real()
    assert len(real) == 2415
    assert len({company.slug for company in real}) == len(real)
    assert all(company.slug for company in real)


@pytest.mark.parametrize("index", [-1, companies.FICTIONAL])
def test_beyond_the_universe_there_is_no_company(index: int) -> None:
    with pytest.raises(ValueError, match="no fictional company"):
        companies.fictional(index)
    assert companies.find("crustdata_company_ids", 20_000_000) is None


@given(ANY_COMPANY)
def test_values_have_the_catalogue_s_types(company: companies.Company) -> None:
    record = COMPANY.record(company, COMPANY.plan(COMPANY.selectable))
    kinds = {"integer": int, "number": float, "boolean": bool, "string[]": list}
    for path, kind in COMPANY.types.items():
        value: object = record
        for part in path.split("."):
            assert isinstance(value, dict)
            value = value[part]
        assert type(value) is kinds.get(kind, str), path


def test_a_record_is_the_same_in_another_process() -> None:
    code = (
        "from sandbox import companies; from sandbox.catalogue import COMPANY; "
        "plan = COMPANY.plan(COMPANY.selectable); "
        "print(COMPANY.record(companies.fictional(4711), plan))"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    plan = COMPANY.plan(COMPANY.selectable)
    assert there.stdout.strip() == str(COMPANY.record(companies.fictional(4711), plan))
