"""Echoes: an envelope settles what it names, however its identifier is spelled, and whatever the
rules were by which that was written into the ledger.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from manager import IdentifierType, Request
from manager.ledger import migrate
from manager.operator.forget import find, forget
from manager.operator.job import merge_again
from manager.steps import merge as merging
from manager.steps.echoes import Asked, Echoes
from tests.steps.driver import LONG, Driver
from tests.steps.results_file import envelope, outcomes, strays

pytestmark = pytest.mark.integration

URLS: IdentifierType = "professional_network_profile_urls"
CAFE = "https://linkedin.com/company/caf%C3%A9"


# What the vendor finds, so that it says how many results there are.
KNOWN: dict[str, list[str]] = {
    URLS: [f"https://linkedin.com/company/company-000000{number}" for number in range(3)],
    "domains": ["company-0000000.example"],
    "names": ["Company 0000000"],
    "crustdata_company_ids": ["10000000"],
}


def asked(driver: Driver, identifier_type: Any, *identifiers: str) -> Request:
    """A request of these, and as many that the vendor finds."""
    known = KNOWN[identifier_type][: len(identifiers)]
    return driver.manager.enqueue(
        identifier_type, [*identifiers, *known], account=driver.account.name
    )


def own(driver: Driver, request: Request) -> list[str]:
    """The outcomes of those that are not the vendor's."""
    found = outcomes(driver, request)
    return found[: len(found) // 2]


@pytest.mark.parametrize(
    ("identifier_type", "written", "echo"),
    [
        (URLS, CAFE, "https://www.linkedin.com/company/café"),
        (URLS, CAFE, "linkedin.com/company/cafe\u0301/"),
        (URLS, CAFE, "https://fr.linkedin.com/company/Caf%c3%a9/about/?trk=1"),
        (URLS, "https://uk.linkedin.com/company/Zyx/posts", "https://uk.linkedin.com/company/Zyx"),
        ("domains", "münchen.de", "https://www.MÜNCHEN.de/"),
        ("names", "Société\u00a0Zyx\u200b", "SOCIE\u0301TE\u0301 ZYX"),
        ("crustdata_company_ids", "0042.0", "42"),
    ],
)  # fmt: skip
def test_an_echo_in_any_form_settles_what_was_bought(
    driver: Driver, identifier_type: str, written: str, echo: str
) -> None:
    request = asked(driver, identifier_type, written)
    job_id = driver.completed()
    driver.rewrite(job_id, lambda _: [envelope(echo)])
    driver.merge(job_id)
    assert own(driver, request) == ["fulfilled"]
    assert strays(driver, job_id) == []


def old_form(driver: Driver, identifier: str, to: str) -> None:
    """As the first release has written it, or one of its callers still does."""
    sql = "UPDATE enrichment SET key = %(to)s, identifier = %(to)s WHERE identifier = %(it)s"
    assert driver.execute(sql, it=identifier, to=to) == 1


@pytest.mark.parametrize(
    ("old", "echo"),
    [
        ("https://uk.linkedin.com/company/Zyx/about", "https://linkedin.com/company/zyx"),
        ("https://uk.linkedin.com/company/Zyx", "https://uk.linkedin.com/company/Zyx"),
        ("https://linkedin.com/company/zyx/", "https://www.linkedin.com/company/ZYX"),
    ],
)
def test_what_was_written_by_older_rules_is_recognised(driver: Driver, old: str, echo: str) -> None:
    request = asked(driver, URLS, "linkedin.com/company/zyx")
    old_form(driver, "https://linkedin.com/company/zyx", old)
    job_id = driver.completed()
    driver.rewrite(job_id, lambda _: [envelope(echo)])
    driver.merge(job_id)
    assert own(driver, request) == ["fulfilled"]
    assert strays(driver, job_id) == []


def test_what_an_older_release_has_bought_twice_has_each_its_own_envelope_or_the_one_there_is(
    driver: Driver,
) -> None:
    request = asked(driver, URLS, "linkedin.com/company/zyx", "linkedin.com/company/other")
    old_form(driver, "https://linkedin.com/company/other", "https://linkedin.com/company/Zyx")
    job_id = driver.completed()
    envelopes = [
        envelope("https://linkedin.com/company/Zyx", b'{"n": 1}'),
        envelope("https://linkedin.com/company/zyx", b'{"n": 2}'),
    ]
    driver.rewrite(job_id, lambda _: envelopes)
    driver.merge(job_id)
    assert [result.record for result in request.results()][:2] == [{"n": 2}, {"n": 1}]
    assert strays(driver, job_id) == []


def test_one_envelope_for_both_settles_both(driver: Driver) -> None:
    request = asked(driver, URLS, "linkedin.com/company/zyx", "linkedin.com/company/other")
    old_form(driver, "https://linkedin.com/company/other", "https://linkedin.com/company/Zyx")
    job_id = driver.completed()
    one = envelope("https://de.linkedin.com/company/ZYX")
    driver.rewrite(job_id, lambda lines: [one, lines[0]])
    driver.merge(job_id)
    assert own(driver, request) == ["fulfilled", "fulfilled"]
    assert strays(driver, job_id) == []


def test_a_merge_again_recognises_them_too(
    driver: Driver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(merging, "PATIENCE", 0.0)
    monkeypatch.setattr(merging, "FILE_TRIES", 1)
    request = asked(driver, URLS, "linkedin.com/company/a", "linkedin.com/company/b")
    job_id = driver.completed()
    driver.rewrite(job_id, lambda lines: [b"?" + line for line in lines])
    driver.merge(job_id)
    assert own(driver, request) == ["failed", "failed"]
    late = [envelope(f"https://uk.linkedin.com/company/{it}/about") for it in "AB"]
    path = tmp_path / "late.jsonl"
    path.write_bytes(b"\n".join(late))
    assert merge_again(driver.context, job_id, path).fulfilled == 2
    assert own(driver, request) == ["fulfilled", "fulfilled"]


OLD = "https://uk.linkedin.com/company/Zyx/about"


def assert_bought_no_more(driver: Driver) -> None:
    """Enqueued by today's rules it is what is there already."""
    count = driver.value("SELECT count(*) FROM enrichment")
    request = driver.manager.enqueue(URLS, [OLD], account=driver.account.name)
    assert request.progress().waiting == 0
    assert driver.value("SELECT count(*) FROM enrichment") == count


def test_what_was_written_by_older_rules_is_not_bought_again_once_it_is_merged(
    driver: Driver,
) -> None:
    asked(driver, URLS, "linkedin.com/company/zyx")
    old_form(driver, "https://linkedin.com/company/zyx", OLD)
    driver.drain()
    assert_bought_no_more(driver)


def test_nor_is_what_had_failed_and_came_after_all(driver: Driver) -> None:
    asked(driver, URLS, "linkedin.com/company/zyx")
    old_form(driver, "https://linkedin.com/company/zyx", OLD)
    job_id = driver.accepted()
    driver.give_up(job_id)
    driver.execute("UPDATE ledger SET key_rules = 1")
    migrate.upgrade(driver.context.settings)
    driver.sandbox.advance(LONG)
    driver.look_now()
    driver.drain()
    assert driver.job(job_id).state == "merged"
    assert_bought_no_more(driver)


def test_what_was_forgotten_gets_no_key_by_its_merge(driver: Driver) -> None:
    asked(driver, "names", "Société Zyx")
    driver.accepted()
    forget(driver.context, find(driver.context, ["Société Zyx"]))
    driver.sandbox.advance(LONG)
    driver.drain()
    assert driver.value("SELECT count(*) FROM enrichment WHERE key LIKE ' %%'") == 1


def test_a_lost_answer_is_found_by_echoes_in_another_form(driver: Driver) -> None:
    """Else it would be taken for another's, and what it has bought would be bought again."""
    written = [f"https://linkedin.com/company/caf%C3%A9-{number}" for number in range(3)]
    asked(driver, URLS, *written)
    job_id = driver.unresolved(0, "reset_after")
    driver.sandbox.advance(LONG)
    echoes = [envelope(f"https://fr.linkedin.com/company/Café-{n}/") for n in range(3)]
    data = gzip.compress(b"\n".join(echoes))
    driver.replace_part(driver.sent()[0]["batch_id"], lambda _: data)
    assert driver.look(job_id, times=4) == "completed"
    assert len(driver.sent()) == 1


def test_what_the_job_did_not_ask_for_is_named_by_nothing() -> None:
    echoes = Echoes([Asked(1, "a.com", "a.com")], "domains")
    assert echoes.named("https://www.A.com/") == [(1, False)]
    assert echoes.named("a.com") == [(1, True)]
    assert echoes.named("b.com") == []
    with pytest.raises(ValueError, match="is not a domain"):
        echoes.named("nothing")


def test_an_identifier_that_is_refused_today_is_known_by_what_was_sent() -> None:
    echoes = Echoes([Asked(1, "xn--abc.de", "xn--abc.de")], "domains")
    assert echoes.named("xn--abc.de") == [(1, True)]
