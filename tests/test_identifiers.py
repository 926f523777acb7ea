"""Normalisation: what is one company or person, and what cannot be one."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from datetime import date
from decimal import Decimal
from functools import cache
from types import ModuleType
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager.identifiers import (
    IDENTIFIER_TYPES,
    MAX_ID,
    Identifier,
    IdentifierType,
    normalise,
    submitted,
)
from tests.ledger.first_release import CHECKOUT, COMMIT

SAME = [
    ("domains", "stripe.com", ["Stripe.com", " stripe.com ", "https://www.stripe.com/a?b#c",
                               "stripe.com.", "http://stripe.com:8080", "WWW.STRIPE.COM"]),
    ("domains", "xn--mnchen-3ya.de", ["münchen.de", "MÜNCHEN.de", "https://münchen.de/"]),
    ("domains", "www.com", ["www.com"]),
    ("domains", "stripe.com", ["\ufeffstripe.com\u00a0", "str\u00adipe\u200b.com",
                               "stripe\u3002com",
                               "\uff53\uff54\uff52\uff49\uff50\uff45\uff0e\uff43\uff4f\uff4d",
                               "//stripe.com", "https://user:secret@stripe.com:8080/",
                               "https:\\\\stripe.com", "stripe.com:443", "stripe.com?a=b"]),
    ("domains", "xn--mnchen-3ya.de", ["mu\u0308nchen.de", "XN--MNCHEN-3YA.DE",
                               "www.xn--mnchen-3ya.de"]),
    ("domains", "xn--strae-oqa.de", ["straße.de", "xn--strae-oqa.de"]),
    ("domains", "xn--i-7iq.ws", ["i❤.ws", "i❤\ufe0f.ws", "xn--i-7iq.ws"]),
    ("names", "1&1 ionos", ["1&1  IONOS", "1&1\tIonos", " 1&1 ionos "]),
    ("names", "1&1 ionos", ["1&1\u00a0IO\u200bNOS\ufeff", "\u2060\u200e1&1 Io\u00adnos\u202c",
                            "1&1\nIonos",
                            "\uff11\uff06\uff11\u3000\uff29\uff2f\uff2e\uff2f\uff33",
                            "1&1 Io\u200dnos"]),
    ("names", "société générale", ["Socie\u0301te\u0301 Ge\u0301ne\u0301rale", "SOCIÉTÉ GÉNÉRALE"]),
    ("names", "i ❤ co", ["I ❤\ufe0f Co", "i ❤ co"]),
    ("names", "strasse gmbh", ["Straße GmbH", "STRASSE GMBH"]),
    ("professional_network_profile_urls", "https://linkedin.com/company/stripe",
     ["http://www.linkedin.com/company/stripe/", "linkedin.com/company/stripe?trk=1",
      "https://LinkedIn.com//company/stripe#about", "https://uk.linkedin.com/company/Stripe/about/",
      "//m.linkedin.com./Company/stripe/posts/?a=b", "https://linkedin.com:443/company/STRIPE/",
      "https:\\\\www.linkedin.com\\company\\stripe", "https://u:p@linkedin.com/company/stripe",
      "https://www.linkedin.com/comm/company/stripe", "linkedin.com/mwlite/company/stripe",
      "\ufeffhttps://www.linkedin.com/company/str\u00adipe\u200b\u00a0",
      "https://www.linkedin.com/company/%73tripe%20",
      "https://www.linkedin.com/company/%E2%80%8Bstripe%EF%BB%BF"]),
    ("professional_network_profile_urls", "https://linkedin.com/in/a-%E2%9A%A1%EF%B8%8F-1",
     ["linkedin.com/in/a-⚡\ufe0f-1", "https://linkedin.com/in/A-%E2%9A%A1%EF%B8%8F-1/"]),
    ("professional_network_profile_urls", "https://linkedin.com/in/zo%C3%AB-m%C3%BCller",
     ["https://de.linkedin.com/in/Zoë-Müller/de",
      "https://www.linkedin.com/in/zo%C3%AB-m%c3%bcller",
      "linkedin.com/in/zoe\u0308-mu\u0308ller/recent-activity/", "linkedin.com/in/ZO%CB-M%DCLLER",
      "linkedin.com/in/zo%25C3%25AB-m%25C3%25BCller", "linkedin.com/in/zoe%CC%88-mu%CC%88ller"]),
    ("professional_network_profile_urls", "https://linkedin.com/company/1234",
     ["https://www.linkedin.com/company/1234/", "fr.linkedin.com/company/1234/people/"]),
    ("professional_network_profile_urls", "https://linkedin.com/pub/ada/1",
     ["linkedin.com/pub/ada/1/", "linkedin.com/pub/ada/1/%20", "linkedin.com/pub/ada/1/%E2%80%8B"]),
    ("names", "i ❤", ["I ❤\ufe0f", "I ❤\u200c\ufe0f", "i ❤\ufe0f\u200d"]),
    ("crustdata_company_ids", "42", [42, "42", "0042", " 42 ", 42.0, "42.0", Decimal(42),
                                     "\uff14\uff12", "\u200b42\u00a0"]),
    ("business_emails", "zoë.o'neil+x@xn--mnchen-3ya.de",
     ["Zoë.O'Neil+x@münchen.de", " zoe\u0308.o'neil+X@XN--MNCHEN-3YA.de. ",
      "ZOË.O'NEIL+X@MÜNCHEN.DE"]),
]  # fmt: skip

DIFFERENT: list[tuple[IdentifierType, str, str]] = [
    ("domains", "stripe.com", "stripe.dev"),
    ("domains", "a.stripe.com", "stripe.com"),
    ("names", "Stripe", "Stripe, Inc."),
    ("names", "Acme Inc", "Acme Inc."),
    ("names", "Acme", "Acme,"),
    (
        "names",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u0645\u06cc\u062e\u0648\u0627\u0647\u0645",
    ),
    ("professional_network_profile_urls", "x.com/company/a", "x.com/company/b"),
    ("professional_network_profile_urls", "x.com/profile?id=1", "x.com/profile?id=2"),
    ("professional_network_profile_urls", "x.com/a", "x.com/A"),
    ("professional_network_profile_urls", "linkedin.com/company/a", "linkedin.com/school/a"),
    ("professional_network_profile_urls", "linkedin.com/company/a", "shop.linkedin.com/company/a"),
    ("professional_network_profile_urls", "linkedin.com/company/a", "uk.example.com/company/a"),
    (
        "professional_network_profile_urls",
        "linkedin.com/company/strasse",
        "linkedin.com/company/straße",
    ),
    ("professional_network_profile_urls", "linkedin.com/pub/a/1/2/3", "linkedin.com/pub/a/1/2/4"),
    (
        "professional_network_profile_urls",
        f"linkedin.com/in/ACoAA{'b' * 34}",
        f"linkedin.com/in/ACoAA{'B' * 34}",
    ),
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
    ("domains", None, "is missing"),
    ("domains", float("nan"), "is missing"),
    ("domains", "a_b.com", "underscore"),
    ("domains", "*.stripe.com", "wildcard"),
    ("domains", "www.", "has no dot"),
    ("domains", "[::1]", "IP address"),
    ("domains", "2001:db8::1", "IP address"),
    ("domains", "https://10.0.0.1:80/", "IP address"),
    ("domains", "xn--zzzzzz99999.de", "wrong punycode"),
    ("domains", "xn--abc.de", "wrong punycode"),
    ("domains", "mailto:me@stripe.com", "@"),
    ("domains", "stripe.com, openai.com", "is not a domain"),
    ("domains", "https://www.linkedin.com/company/stripe", "is a profile"),
    ("domains", date(2026, 1, 1), "must be a string, not a date"),
    ("domains", ("a.com", "b.com"), "a row of 2 values"),
    ("domains", {"a": "b.com"}, "a mapping"),
    ("names", "\u200b\u00a0", "is empty"),
    ("names", "#N/A", "a spreadsheet's error"),
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
    ("crustdata_company_ids", 3.5, "is not a positive integer"),
    ("crustdata_company_ids", Decimal("3.5"), "is not a positive integer"),
    ("crustdata_company_ids", "1.5E+10", "is not a positive integer"),
    ("crustdata_company_ids", 1e17, "too large to be exact"),
    ("crustdata_company_ids", float("inf"), "is not a positive integer"),
    ("crustdata_company_ids", Decimal("inf"), "is not a positive integer"),
    ("crustdata_company_ids", float("nan"), "is missing"),
    ("crustdata_company_ids", Decimal("sNaN"), "is missing"),
    ("crustdata_company_ids", None, "is missing"),
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
    ("professional_network_profile_urls", "linkedin.com/company/", "nothing follows /company/"),
    ("professional_network_profile_urls", "linkedin.com/pub/dir/John/Doe", "a list of people"),
    ("professional_network_profile_urls", "me@linkedin.com/in/a", "@"),
    ("professional_network_profile_urls", "linkedin.com/in/a%00", "U+0000"),
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


SLUGS = st.from_regex(r"[a-zA-Zéüß社❤%._~-]{1,12}", fullmatch=True).filter(
    lambda slug: slug not in {".", ".."}
)
INVISIBLE = st.sampled_from(["\u200b", "\ufeff", "\u00ad", "\u2060", "\u202a", "\u200f"])
ANYTHING = st.one_of(
    st.text(max_size=80),
    st.from_regex(r"(https?://)?(www\.)?[a-zA-Zü0-9-]{1,12}\.(com|de|x)[/?]?[a-z]{0,5}"),
    st.from_regex(r"[a-zA-Zéß.+ ]{1,12}@(www\.)?[a-zA-Zü0-9-]{1,12}\.(com|de|x)"),
    st.from_regex(
        r"(https?:)?//(uk|m|www)\.linkedin\.com/(company|IN|pub|feed)(/[A-Za-zéß%0-9?]{1,9})+"
    ),
    st.from_regex(r"xn--[a-z0-9-]{1,12}\.de", fullmatch=True),
    st.text(alphabet="aßİΣςé\u0301\u200d\u200c\ufe0f\u3000\uff21\uff76\uff9e❤ %.", max_size=12),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.text(alphabet=st.characters(codec=None), max_size=20),
)


@given(st.sampled_from(IDENTIFIER_TYPES), ANYTHING)
def test_what_is_submitted_normalises_to_itself(
    identifier_type: IdentifierType, value: object
) -> None:
    """Else an envelope's original_identifier would not find its enrichment."""
    found = normalised(identifier_type, value)
    if found is None:
        return
    assert normalise(identifier_type, found.identifier) == found
    assert normalise(identifier_type, f" {found.identifier}\u200b") == found
    found.key.encode()  # can be stored
    assert "\0" not in found.key + found.identifier
    assert 0 < len(found.key.encode()) <= 2_600  # fits an index entry


@given(st.sampled_from(IDENTIFIER_TYPES), ANYTHING)
def test_the_first_release_would_know_it_again(
    identifier_type: IdentifierType, value: object
) -> None:
    """Its daemon may still be the one that merges what this release has enqueued.

    But for an address with a query: it dropped that, and took two profiles for one.
    """
    first = first_release()
    found = normalised(identifier_type, value)
    if found and identifier_type in first.NORMALISERS and "?" not in found.identifier:
        assert tuple(first.normalise(identifier_type, found.identifier)) == tuple(found)


def normalised(identifier_type: IdentifierType, value: object) -> Identifier | None:
    """None when it cannot be one."""
    try:
        return normalise(identifier_type, value)
    except ValueError:
        return None


@cache
def first_release() -> ModuleType:
    """Its normalisers, out of the repository's history."""
    command = ["git", "-C", str(CHECKOUT), "show", f"{COMMIT}:manager/identifiers.py"]
    shown = subprocess.run(command, capture_output=True, check=False)
    if shown.returncode:
        pytest.skip(f"the first release, commit {COMMIT}, is not in this checkout's history")
    module = sys.modules.setdefault("first_release", ModuleType("first_release"))
    exec(shown.stdout.decode(), vars(module))
    return module


@st.composite
def spellings(draw: st.DrawFn, host: st.SearchStrategy[str], rest: list[str]) -> str:
    """Some spelling of an address, all of which mean the same."""
    parts = [draw(st.sampled_from(sorted({it, it.upper(), it.title()}))) for it in rest]
    path = "".join(draw(st.sampled_from(["/", "//"])) + draw(escaped(it)) for it in parts)
    text = draw(st.sampled_from(["https://", "HTTP://", "//", "", "https://u:p@"])) + draw(host)
    text += draw(st.sampled_from(["", ".", ":443"])) + path
    text += draw(st.sampled_from(["", "/", "/about/", "/posts", "?trk=a/b", "#top", "/life?a=1#b"]))
    place = draw(st.integers(0, len(text)))
    return (
        text[:place]
        + draw(st.just("") | INVISIBLE)
        + text[place:]
        + draw(st.sampled_from(["", " "]))
    )


@st.composite
def escaped(draw: st.DrawFn, text: str) -> str:
    text = unicodedata.normalize("NFD", text) if draw(st.booleans()) else text
    return draw(st.sampled_from([text, quote(text), quote(text).lower(), quote(quote(text))]))


HOSTS = st.sampled_from(["linkedin.com", "www.linkedin.com", "UK.LinkedIn.com", "m.linkedin.com"])


@given(
    st.data(),
    st.sampled_from(["company", "school", "in"]),
    st.sampled_from(["stripe", "zoë-müller", "1234"]),
)
def test_a_profile_however_its_address_is_spelled_is_bought_once(
    data: st.DataObject, kind: str, slug: str
) -> None:
    spelled = data.draw(spellings(HOSTS, [kind, slug]))
    sent = f"https://linkedin.com/{kind}/{quote(slug)}"
    assert normalise("professional_network_profile_urls", spelled) == Identifier(sent, sent)


@given(st.data())
def test_a_domain_however_it_is_spelled_is_bought_once(data: st.DataObject) -> None:
    hosts = ["münchen.de", "MU\u0308NCHEN.DE", "www.xn--mnchen-3ya.de", "Xn--Mnchen-3ya.de"]
    spelled = data.draw(spellings(st.sampled_from(hosts), []))
    sent = "xn--mnchen-3ya.de"
    assert normalise("domains", spelled) == Identifier(sent, sent)


@given(SLUGS, SLUGS)
def test_two_profiles_stay_two(one: str, other: str) -> None:
    def means(slug: str) -> str:
        while (decoded := unquote(slug, errors="surrogateescape")) != slug:
            slug = decoded
        return unicodedata.normalize("NFC", slug.lower())

    kind: IdentifierType = "professional_network_profile_urls"
    keys = {normalise(kind, f"linkedin.com/in/{it}").key for it in (one, other)}
    assert len(keys) == len({means(one), means(other)})


def test_an_email_is_sent_with_the_case_that_its_owner_gave_it() -> None:
    assert normalise("business_emails", "McCoy@Stripe.COM").identifier == "McCoy@stripe.com"


@given(st.sampled_from(IDENTIFIER_TYPES), ANYTHING)
def test_only_ids_are_sent_as_numbers(identifier_type: IdentifierType, value: object) -> None:
    found = normalised(identifier_type, value)
    if found is None:
        return
    sent = submitted(identifier_type, found.identifier)
    assert str(sent) == found.identifier
    assert isinstance(sent, int) is (identifier_type == "crustdata_company_ids")


@pytest.mark.parametrize(
    "path", ["company/..", "company/../in/ada", "company/%2e%2e", "company/%252e%252e", "in/."]
)
def test_a_path_that_goes_up_and_down_names_nobody(path: str) -> None:
    with pytest.raises(ValueError, match="goes up and down"):
        normalise("professional_network_profile_urls", f"https://linkedin.com/{path}")
