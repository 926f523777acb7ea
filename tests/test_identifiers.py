"""Normalisation: what is one company or person, and what cannot be one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager.identifiers import IDENTIFIER_TYPES, MAX_ID, IdentifierType, normalise, submitted

SAME = [
    ("domains", "stripe.com", ["Stripe.com", " stripe.com ", "https://www.stripe.com/a?b#c",
                               "stripe.com.", "http://stripe.com:8080", "WWW.STRIPE.COM"]),
    ("domains", "xn--mnchen-3ya.de", ["münchen.de", "MÜNCHEN.de", "https://münchen.de/"]),
    ("domains", "www.com", ["www.com"]),
    ("names", "1&1 ionos", ["1&1  IONOS", "1&1\tIonos", " 1&1 ionos "]),
    ("names", "strasse gmbh", ["Straße GmbH", "STRASSE GMBH"]),
    ("professional_network_profile_urls", "https://linkedin.com/company/stripe",
     ["http://www.linkedin.com/company/stripe/", "linkedin.com/company/stripe?trk=1",
      "https://LinkedIn.com//company/stripe#about"]),
    ("crustdata_company_ids", "42", [42, "42", "0042", " 42 "]),
    ("business_emails", "zoë.o'neil+x@xn--mnchen-3ya.de",
     ["Zoë.O'Neil+x@münchen.de", " zoe\u0308.o'neil+X@XN--MNCHEN-3YA.de. ",
      "ZOË.O'NEIL+X@MÜNCHEN.DE"]),
]  # fmt: skip

DIFFERENT: list[tuple[IdentifierType, str, str]] = [
    ("domains", "stripe.com", "stripe.dev"),
    ("domains", "a.stripe.com", "stripe.com"),
    ("names", "Stripe", "Stripe, Inc."),
    ("professional_network_profile_urls", "x.com/company/a", "x.com/company/b"),
    ("business_emails", "a.b@x.com", "ab@x.com"),
    ("business_emails", "a+b@x.com", "a@x.com"),
    ("business_emails", "a@www.x.com", "a@x.com"),
]

BAD: list[tuple[IdentifierType, object, str]] = [
    ("domains", "", "is empty"),
    ("domains", "stripe", "is not a domain"),
    ("domains", "me@stripe.com", "@"),
    ("domains", "1.2.3.4", "is not a domain"),
    ("domains", "a b.com", "is not a domain"),
    ("domains", "-a.com", "is not a domain"),
    ("domains", "a" * 64 + ".com", "is not a domain"),
    ("domains", "a." * 126 + "com", "is not a domain"),
    ("domains", "x" * 3000, "longer than 2,000"),
    ("domains", 5, "must be a string, not int"),
    ("domains", None, "must be a string, not NoneType"),
    ("domains", b"stripe.com", "must be a string, not bytes"),
    ("names", "   ", "is empty"),
    ("names", "n" * 501, "longer than 500"),
    ("names", "nul\0", "U+0000"),
    ("names", "half \ud800", "U+D800"),
    ("crustdata_company_ids", 0, "is not between 1"),
    ("crustdata_company_ids", -3, "is not between 1"),
    ("crustdata_company_ids", MAX_ID + 1, "is not between 1"),
    ("crustdata_company_ids", "9" * 5000, "is not a positive integer"),
    ("crustdata_company_ids", "4.2", "is not a positive integer"),
    ("crustdata_company_ids", "٤٢", "is not a positive integer"),
    ("crustdata_company_ids", True, "not bool"),
    ("crustdata_company_ids", 4.0, "not float"),
    ("business_emails", "stripe.com", "not exactly one @"),
    ("business_emails", "a@b@stripe.com", "not exactly one @"),
    ("business_emails", "@stripe.com", "before the @"),
    ("business_emails", "a b@stripe.com", "before the @"),
    ("business_emails", "mailto:a@stripe.com", "before the @"),
    ("business_emails", "A <a@stripe.com>", "before the @"),
    ("business_emails", ".a@stripe.com", "before the @"),
    ("business_emails", "a..b@stripe.com", "before the @"),
    ("business_emails", "é" * 33 + "@stripe.com", "before the @"),
    ("business_emails", "a@", "follows the @ is not a domain"),
    ("business_emails", "a@stripe", "follows the @ is not a domain"),
    ("business_emails", "a@https://stripe.com", "follows the @ is not a domain"),
    ("business_emails", "a@stripe.com/b", "follows the @ is not a domain"),
    ("business_emails", "a@stripe.com,b", "follows the @ is not a domain"),
    ("business_emails", 5, "must be a string, not int"),
    ("professional_network_profile_urls", "linkedin.com", "no path"),
    ("professional_network_profile_urls", "ftp://linkedin.com/company/a", "not an http"),
    ("professional_network_profile_urls", "https://linkedin.com/a b", "white space"),
    ("professional_network_profile_urls", "https://[::1/a", "is not a URL"),
]


@pytest.mark.parametrize(("identifier_type", "key", "spellings"), SAME)
def test_spellings_of_one_share_a_key(
    identifier_type: IdentifierType, key: str, spellings: list[object]
) -> None:
    assert {normalise(identifier_type, spelling).key for spelling in spellings} == {key}


@pytest.mark.parametrize(("identifier_type", "one", "other"), DIFFERENT)
def test_different_ones_keep_different_keys(
    identifier_type: IdentifierType, one: str, other: str
) -> None:
    assert normalise(identifier_type, one).key != normalise(identifier_type, other).key


@pytest.mark.parametrize(("identifier_type", "value", "reason"), BAD)
def test_what_cannot_be_an_identifier_is_refused_with_the_reason(
    identifier_type: IdentifierType, value: object, reason: str
) -> None:
    with pytest.raises(ValueError, match=r".+") as refusal:
        normalise(identifier_type, value)
    assert reason in str(refusal.value)


ANYTHING = st.one_of(
    st.text(max_size=80),
    st.from_regex(r"(https?://)?(www\.)?[a-zA-Zü0-9-]{1,12}\.(com|de|x)[/?]?[a-z]{0,5}"),
    st.from_regex(r"[a-zA-Zéß.+ ]{1,12}@(www\.)?[a-zA-Zü0-9-]{1,12}\.(com|de|x)"),
    st.integers(),
    st.text(alphabet=st.characters(codec=None), max_size=20),
)


@given(st.sampled_from(IDENTIFIER_TYPES), ANYTHING)
def test_what_is_submitted_normalises_to_itself(
    identifier_type: IdentifierType, value: object
) -> None:
    """Else an envelope's original_identifier would not find its enrichment."""
    try:
        found = normalise(identifier_type, value)
    except ValueError:
        return
    assert normalise(identifier_type, found.identifier) == found
    assert normalise(identifier_type, f" {found.identifier} ") == found
    found.key.encode()  # can be stored
    assert "\0" not in found.key + found.identifier
    assert 0 < len(found.key.encode()) <= 2_600  # fits an index entry


def test_an_email_is_sent_with_the_case_that_its_owner_gave_it() -> None:
    assert normalise("business_emails", "McCoy@Stripe.COM").identifier == "McCoy@stripe.com"


@given(st.sampled_from(IDENTIFIER_TYPES), ANYTHING)
def test_only_ids_are_sent_as_numbers(identifier_type: IdentifierType, value: object) -> None:
    try:
        identifier = normalise(identifier_type, value).identifier
    except ValueError:
        return
    sent = submitted(identifier_type, identifier)
    assert str(sent) == identifier
    assert isinstance(sent, int) is (identifier_type == "crustdata_company_ids")
