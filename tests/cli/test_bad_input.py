"""Bad input of every kind: one clear line, the right exit code, and nothing is enqueued."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Call, Installation

pytestmark = pytest.mark.daemon

MakeFile = Callable[[str, "str | bytes"], str]
DEEP = '{"a":' * 20_000


@pytest.fixture
def refused(installation: Installation, here: Call) -> Callable[..., str]:
    """Calls a command that must refuse, and returns its one line."""

    def call(*arguments: str, stdin: bytes = b"", code: int = 2) -> str:
        before = installation.count("request"), installation.count("enrichment")
        done = here(*arguments, stdin=stdin)
        assert done.code == code, done
        assert (installation.count("request"), installation.count("enrichment")) == before
        assert done.error.startswith("enrichd: ")
        return done.error

    return call


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("empty.txt", "", "empty.txt holds no identifiers"),
        ("blank.txt", " \n\r\n", "blank.txt holds no identifiers"),
        ("empty.csv", "", "empty.csv holds no identifiers"),
        ("header.csv", "domain\n", "header.csv holds no identifiers"),
        ("empty.jsonl", "\n", "empty.jsonl holds no identifiers"),
        ("binary.txt", b"\x7fELF\x02\x01\xff\xfe", "line 1 is not UTF-8 text (byte 7: "),
        ("utf16.txt", "stripe.com".encode("utf-16-le"), "say so: --encoding utf-16-le"),
        ("broken.csv.gz", gzip.compress(b"d\nstripe.com\n")[:-4], "is broken or cut off"),
        ("page.xls", "<html><table>", "is a web page or XML, whatever its name says"),
        ("names.pdf", b"%PDF-1.7", "is a PDF; save its table as CSV or .xlsx"),
        ("many.zip", b"PK\x03\x04....", "is a zip archive; unpack it"),
        ("broken.parquet", b"PAR1....", "cannot be read as Parquet"),
        ("list.txt", "name;domain\nS;s.com\n", "--column: name, domain. Read with delimiter semi"),
        ("mixed.txt", b"stripe.com\nm\xfcller.de\n", "line 2 is not UTF-8 text (byte 2: "),
        ("long.txt", "a" * 70_000, "line 1 is longer than 65,536 characters"),
        ("open.csv", 'domain\n"stripe.com\n', "line 2 is not CSV (unexpected end of data)"),
        ("wide.csv", "a,b,c\n1,2,3\n", "has several columns; name one of them with --column: a, b"),
        (
            "bare.csv",
            "stripe.com\nnasa.gov\n",
            "line 1 may be a header, or one of the domains: 'stri",
        ),
        ("broken.jsonl", '"a.com"\n{"a"\n', "line 2 is not JSON"),
        ("deep.jsonl", "[" * 60_000, "line 1 is not JSON (maximum recursion depth"),
        ("object.jsonl", '{"d": "a.com"}\n', "line 1 is an object; name its member with --column"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_by_name_and_line(
    refused: Callable[..., str], file: MakeFile, name: str, content: str | bytes, error: str
) -> None:
    line = refused("enqueue", file(name, content), "--json")
    assert error in line
    assert name in line


def test_a_file_that_is_not_there_is_named(refused: Callable[..., str], tmp_path: Path) -> None:
    line = refused("enqueue", str(tmp_path / "none.txt"))
    assert line == f"enrichd: {tmp_path}/none.txt cannot be read: No such file or directory."
    assert "cannot be read: Is a directory" in refused("enqueue", str(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(refused: Callable[..., str], file: MakeFile) -> None:
    path = file("secret.txt", "stripe.com\n")
    Path(path).chmod(0)
    assert f"{path} cannot be read: Permission denied" in refused("enqueue", path)


def test_empty_standard_input_is_refused(refused: Callable[..., str]) -> None:
    assert "standard input holds no identifiers" in refused("enqueue", "-")


def test_closed_standard_input_is_refused(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("manager.cli.files.files.sys.stdin", None)
    monkeypatch.setattr("io.TextIOWrapper", lambda _: None)
    assert "Standard input is closed" in refused("enqueue", "-")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--type", "people"], "--type: 'people' is not one of domains, names, professional_"),
        (["--type", "business_emails"], "'business_emails' is none of company/enrich, which takes"),
        (["--endpoint", "person"], "--endpoint: 'person' is not one of company/enrich, person/"),
        (
            ["--endpoint", "person/enrich", "--type", "domains"],
            "'domains' is none of person/enrich, which takes professional_network_profile_urls or",
        ),
        (["--endpoint", "person/contact/enrich"], "person/contact/enrich needs some; say what is"),
        (["--account", "crm"], "The ledger has no account named 'crm'; it has: default."),
        (["--fields", "a b"], "fields: 'a b' is not a dotted path"),
        (["--fields", "a..b"], "fields: 'a..b' is not a dotted path"),
        (["--fields", "x" * 300], "xxx… (302 characters) is not a dotted path"),
        (["--column", "website"], "has no column 'website'; it has: domain, name, name"),
        (["--column", "name"], "has 2 columns named 'name'; number the one that is meant"),
        (["--delimiter", "::"], "--delimiter: '::' is not one character"),
        (["--encoding", "klingon"], "--encoding: 'klingon' is not an encoding of text"),
        (["--encoding", "base64"], "--encoding: 'base64' is not an encoding of text"),
        (["--column", "domain", "--format", "lines"], "--column is for CSV and JSONL"),
        (["--metadata", "[1]"], "--metadata must be a JSON object, not [1]"),
        (["--metadata", "{"], "--metadata is not JSON"),
        (["--metadata", DEEP], "--metadata is not JSON: maximum recursion depth"),
        (["--metadata", '{"a": "\\u0000"}'], "metadata contains the character U+0000"),
        (["--metadata", '{"a": NaN}'], "metadata cannot be written as JSON"),
        (["--priority", "101"], "priority: 101 is not an integer from -100 to 100"),
        (["--max-age", "-1"], "is not between 0 and 36,500 days"),
        (["--max-age", "nan"], "max_age: nan is not a time span"),
        (["--idempotency-key", ""], "idempotency_key: '' is not a string of 1 to 255"),
        (["--timeout", "5"], "--timeout is how long to --wait at most; give both"),
        (["--wait", "--timeout", "nan"], "--timeout: nan is not from 0 to"),
        (["--wait", "--timeout", "-1"], "--timeout: -1 is not from 0 to"),
    ],
)
def test_an_option_that_cannot_be_meant_is_named_with_its_value(
    refused: Callable[..., str], file: MakeFile, options: list[str], error: str
) -> None:
    path = file("some.csv", "domain,name,name\nstripe.com,Stripe,S\n")
    column = [] if "--column" in options else ["--column", "domain"]
    assert error in refused("enqueue", path, *column, *options)


def test_every_bad_identifier_is_named_with_its_line(
    installation: Installation, here: Call, file: MakeFile
) -> None:
    before = installation.count("request")
    lines = ["stripe.com", "a\0b.com", "", "no domain", "x" * 3_000, *["@"] * 30]
    done = here("enqueue", file("bad.txt", "\n".join(lines)), "--json")
    assert (done.code, done.out) == (2, "")
    head, *told = done.err.splitlines()
    assert "33 of the domains cannot be looked up; nothing was enqueued" in head
    assert told[:2] == [
        "  line 2: 'a\\x00b.com' contains the character U+0000",
        "  line 4: 'no domain' is not a domain",
    ]
    assert told[2].startswith("  line 5: 'xxx")
    assert told[2].endswith("… (3,002 characters) is longer than 2,000 characters")
    assert told[-1] == "  … and 13 more"
    assert installation.count("request") == before


@pytest.mark.parametrize(
    ("kind", "value", "error"),
    [
        ("crustdata_company_ids", "true", "must be a positive integer, not bool"),
        ("crustdata_company_ids", "-1", "is not between 1 and"),
        ("crustdata_company_ids", str(2**63), "is not between 1 and 9223372036854775807"),
        ("names", '"\\ud800"', "contains the character U+D800"),
        ("names", '"' + "n" * 600 + '"', "is longer than 500 characters"),
        ("professional_network_profile_urls", '"ftp://x.com/a"', "is not an http or https URL"),
        ("domains", "7", "must be a string, not int"),
        ("domains", "1.5", "must be a string, not float"),
        ("domains", "null", "line 1: the identifier is missing"),
    ],
)
def test_an_identifier_that_cannot_be_one_is_refused(
    installation: Installation, here: Call, file: MakeFile, kind: str, value: str, error: str
) -> None:
    before = installation.count("request")
    done = here("enqueue", file("one.jsonl", value + "\n"), "--type", kind)
    assert (done.code, done.out) == (2, "")
    assert error in done.err.splitlines()[1]
    assert installation.count("request") == before


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["results", "nope"], 1, "There is no request nope in the ledger."),
        (["results", "01a20eff-d380-735e-a13e-eab9483946d5"], 1, "There is no request 01a20eff"),
        (["requests", "nope"], 1, "There is no request nope"),
        (["cancel", "nope"], 1, "There is no request nope"),
        (["jobs", "nope"], 1, "There is no job nope in the ledger."),
        (["jobs", "01a20eff-d380-735e-a13e-eab9483946d5"], 1, "There is no job 01a20eff"),
        (["jobs", "--state", "lost"], 2, "--state: 'lost' is not one of packed, submitting"),
        (["pause", "--reason", ""], 2, "--reason must be 1 to 500 printable characters"),
        (["pause", "--reason", "\udcff\x1b[2J"], 2, "--reason must be 1 to 500 printable"),
        (["db", "upgrade", "nope"], 2, "Can't locate revision identified by 'nope'"),
        (["db", "downgrade", "base", "--json"], 2, "--json asks no questions; add --yes"),
    ],
)
def test_what_is_not_there_or_cannot_be_meant_is_named(
    refused: Callable[..., str], arguments: list[str], code: int, error: str
) -> None:
    assert error in refused(*arguments, code=code)
