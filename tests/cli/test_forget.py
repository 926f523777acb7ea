"""`enrichd forget`: shows what is held, asks, removes it, says what stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from manager import Manager, Settings
from tests.cli.conftest import Call

pytestmark = pytest.mark.integration

EMAIL = "Jane.Doe@Example.com"


@pytest.fixture
def held(settings: Settings) -> Any:
    """A request for a person and a company, that wait."""
    manager = Manager(settings)
    manager.enqueue("domains", ["stripe.com"])
    return manager.enqueue("business_emails", [EMAIL, "b@c.com"], endpoint="person/enrich")


def test_a_dry_run_shows_what_is_held_and_changes_nothing(alone: Call, held: Any) -> None:
    done = alone("forget", "jane.doe@example.com", "--dry-run", "--json")
    [row] = done.json["enrichments"]
    assert (row["endpoint"], row["type"], row["identifier"], row["state"], row["items"]) == (
        "person/enrich", "business_emails", "Jane.Doe@example.com", "pending", 1,
    )  # fmt: skip
    shown = alone("forget", "jane.doe@example.com", "--dry-run")
    assert "Jane.Doe@example.com" in shown.out
    assert "0 kept files" in shown.out
    assert held.progress().cancelled == 0


def test_it_asks_first_and_says_what_stays(alone: Call, held: Any) -> None:
    assert alone("forget", EMAIL).code == 1, "nobody has said yes"
    assert held.progress().cancelled == 0
    refused = alone("forget", EMAIL, "--json")
    assert (refused.code, refused.error) == (2, "enrichd: --json asks no questions; add --yes.")
    done = alone("forget", EMAIL, "--yes")
    assert done.code == 0
    assert done.out.startswith("Forgotten: 1 enrichment, 0 results, 1 value of a caller")
    assert "What stays: that something was bought" in done.out
    assert "backups" in done.out
    results = list(held.results())
    assert [it.identifier for it in results] == ["(forgotten)", "b@c.com"]
    assert (
        alone("results", str(held.id), "--format", "csv")
        .out.splitlines()[1]
        .startswith("(forgotten),cancelled,")
    )


def test_many_come_from_a_file_or_standard_input(
    alone: Call, held: Any, file: Callable[[str, str], str]
) -> None:
    path = file("erase.txt", f"{EMAIL}\n\nunknown@example.com\n")
    done = alone("forget", "-", "--file", path, "--yes", "--json", stdin=b"stripe.com\n")
    assert done.json["forgotten"]["enrichments"] == 2
    assert done.json["stays"].startswith("What stays")


def test_files_are_read_as_enqueue_reads_them(
    alone: Call, held: Any, file: Callable[[str, str], str]
) -> None:
    path = file("erase.csv", f"Name;E-Mail\nJane;{EMAIL}\nB;\n")
    several = alone("forget", "--file", path, "--yes")
    assert "erase.csv has several columns; name one of them with --column: Name, E-Mail" in (
        several.error
    )
    done = alone("forget", "--file", path, "--column", "e-mail", "--dry-run", "--json")
    assert [it["identifier"] for it in done.json["enrichments"]] == ["Jane.Doe@example.com"]
    lines = alone("forget", "-", "--dry-run", "--json", stdin=b'{"x": "stripe.com"}\n')
    assert "--column" in lines.err
    numbers = file("ids.jsonl", '{"id": 602014, "site": "Stripe.com"}\n')
    done = alone("forget", "--file", numbers, "--column", "site", "--dry-run", "--json")
    assert [it["type"] for it in done.json["enrichments"]] == ["domains"]


def test_what_is_not_held_is_no_trouble(alone: Call, held: Any) -> None:
    done = alone("forget", "nobody@example.com", "--yes")
    assert (done.code, done.out) == (0, "Nothing of that is held.\n")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((), "Name what is to be forgotten"),
        (("--file", "/nowhere/x"), "/nowhere/x cannot be read: No such file"),
        (("x", "--type", "people"), "--type: 'people' is not one of"),
        (("x", "--type", "domains"), "'x' is not a domain (it has no dot); nothing was forgotten."),
    ],
)
def test_bad_input_is_refused(alone: Call, arguments: tuple[str, ...], error: str) -> None:
    done = alone("forget", *arguments, "--yes")
    assert done.code == 2
    assert error in done.error
