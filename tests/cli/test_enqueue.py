"""`enrichd enqueue`: every kind of file, waiting, and what comes of it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.cli.conftest import ENRICHD, Call, Installation, environment

pytestmark = pytest.mark.daemon

MakeFile = Callable[[str, "str | bytes"], str]


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("plain.txt", "stripe.com\n\n openai.com\nSTRIPE.com", []),
        ("windows.txt", b"\xef\xbb\xbfstripe.com\r\n\r\n openai.com\r\nSTRIPE.com\r\n", []),
        ("one.csv", "\ufeffwebsite\r\nstripe.com\r\n openai.com\r\nSTRIPE.com\r\n", []),
        (
            "several.csv",
            'name, website\n"Stripe, Inc.",stripe.com\n"two\nlines", openai.com\n,STRIPE.com\n',
            ["--column", "website"],
        ),
        ("named.data", "website\nstripe.com\n openai.com\nSTRIPE.com\n", ["--format", "csv"]),
        ("strings.jsonl", '"stripe.com"\n\n" openai.com"\n"STRIPE.com"\n', []),
        (
            "objects.ndjson",
            '{"d": "stripe.com"}\n{"d": " openai.com", "e": 1}\n{"d": "STRIPE.com"}\n',
            ["--column", "d"],
        ),
    ],
)
def test_the_identifiers_of_any_format_are_enqueued_in_order_and_as_they_are_written(
    here: Call, file: MakeFile, name: str, content: str | bytes, options: list[str]
) -> None:
    done = here("enqueue", file(name, content), *options, "--json")
    assert (done.code, done.err) == (0, "")
    results = here("results", done.json["request_id"]).out.splitlines()
    assert [json.loads(line)["identifier"] for line in results] == [
        "stripe.com",
        " openai.com",
        "STRIPE.com",
    ]


def test_several_files_are_one_request_and_say_where_what_is_wrong_stands(
    here: Call, file: MakeFile
) -> None:
    one = file("one.csv", "website;size\nstripe.com;1\nno domain;2\n")
    other = file("other.jsonl", '{"website": "nasa.gov"}\n{"website": null}\n')
    refused = here("enqueue", one, other, "--column", "website")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.splitlines() == [
        "enrichd: 2 files: 2 of the domains cannot be looked up; nothing was enqueued. Correct "
        "them, or use --skip-invalid.",
        f"  {one}: line 3: 'no domain' is not a domain",
        f"  {other}: line 2: the identifier is missing",
    ]
    done = here("enqueue", one, other, "--column", "website", "--skip-invalid", "--json").json
    assert done["total"] == 2
    assert [(bad["file"], bad["line"], bad["value"]) for bad in done["invalid"]] == [
        (one, 3, "no domain"),
        (other, 2, None),
    ]
    assert [(it["format"], it["delimiter"], it["column"]) for it in done["files"]] == [
        ("csv", ";", "website"),
        ("jsonl", None, "website"),
    ]
    told = here("enqueue", one, "--column", "website", "--skip-invalid").out
    assert (
        f"{one}: read as csv, UTF-8, delimiter semicolon, with a header, column 'website'." in told
    )


def test_a_dry_run_says_what_would_be_bought_and_enqueues_nothing(
    installation: Installation, here: Call, file: MakeFile
) -> None:
    path = file("dry.txt", "dry-run.example\nDRY-run.example\n\nno domain\n")
    before = installation.count("request")
    told = here("enqueue", path, "--dry-run")
    assert told.code == 0
    assert (
        "3 identifiers: an enqueue would buy 1 record (no price is configured), in 1 job"
        in told.out
    )
    assert "Bought: 1 never asked for." in told.out
    assert "Not bought: 1 repeated in the call, 1 impossible to look up." in told.out
    assert told.out.endswith("or use --skip-invalid.\nNothing was enqueued.\n")
    assert told.err == "line 4: 'no domain' is not a domain\n"
    done = here("enqueue", path, "--dry-run", "--skip-invalid", "--json").json
    assert (done["to_buy"], done["new"], done["refused"]) == (1, 1, False)
    assert installation.count("request") == before


def test_standard_input_is_enqueued_and_waited_for(installation: Installation) -> None:
    names = b"Stripe\nNASA\nno such company\nnasa\n"
    done = installation.enrichd(
        "enqueue", "-", "--type", "names", "--wait", "--timeout", "60", "--json", stdin=names
    )
    assert (done.code, done.err) == (0, "")
    summary = done.json
    assert re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", summary["request_id"])
    assert {name: summary[name] for name in ("total", "fulfilled", "not_found")} == {
        "total": 4,
        "fulfilled": 3,
        "not_found": 1,
    }
    assert (summary["failed"], summary["cancelled"], summary["finished"]) == (0, 0, True)


def test_ids_may_be_json_numbers(here: Call, file: MakeFile) -> None:
    path = file("ids.jsonl", '{"id": 602014}\n{"id": "10000001"}\n')
    done = here("enqueue", path, "--type", "crustdata_company_ids", "--column", "id", "--json")
    assert done.json["total"] == 2


def test_a_person_sees_a_progress_bar_and_how_to_go_on(installation: Installation) -> None:
    fields = ("--fields", "funding")
    done = installation.enrichd("enqueue", "-", *fields, "--wait", stdin=b"nasa.gov\n")
    assert done.code == 0
    assert "settled" in done.err
    assert "1/1" in done.err
    enqueued, lingers, counters, how = done.out.splitlines()
    assert re.fullmatch("Request [0-9a-f-]{36}: 1 identifier enqueued: 1 new.", enqueued)
    assert lingers == "They wait up to 10 s for more, to fill a job; --now does not."
    assert counters == "fulfilled 1, not_found 0, failed 0, cancelled 0"
    command = how.removeprefix("Read the results: ")
    shown = subprocess.run(command, shell=True, env=environment(), capture_output=True)
    assert json.loads(shown.stdout)["identifier"] == "nasa.gov"


def test_a_wait_that_runs_out_ends_with_4_and_the_request_goes_on(
    installation: Installation, here: Call, file: MakeFile
) -> None:
    path = file("never.txt", "company-0000001.example\n")
    here("pause", "--reason", "a test")
    try:
        done = here("enqueue", path, "--fields", "news", "--wait", "--timeout", "0.2", "--json")
    finally:
        here("resume")
    assert done.code == 4
    assert "was not finished after 0.2 s: 0 of 1 identifiers are settled" in done.err
    assert (done.json["total"], done.json["finished"]) == (1, False)
    assert re.search(f"wait again: .* wait {done.json['request_id']} --data-dir ", done.err)
    waited = here("wait", done.json["request_id"], "--timeout", "60", "--json")
    assert waited.json["finished"] is True
    assert waited.json["fulfilled"] == 1
    again = here("enqueue", path, "--fields", "news", "--wait", "--timeout", "60", "--json")
    assert (again.code, again.json["fulfilled"]) == (0, 1)
    assert json.loads(here("results", done.json["request_id"]).out)["outcome"] == "fulfilled"


def test_a_wait_for_an_earlier_request_shows_its_progress_and_its_end(
    installation: Installation, here: Call, file: MakeFile
) -> None:
    made = here("enqueue", file("a.txt", "stripe.com\nno.example\n"), "--fields", "revenue")
    request, _, how = made.out.splitlines()[0].split()[1].rstrip(":"), *made.out.splitlines()[-2:]
    assert re.match(f"Wait for it: .* wait {request} --data-dir ", how)
    done = here("wait", request[:13])
    assert (done.code, "2/2" in done.err) == (0, True)
    assert done.out.splitlines()[0] == "fulfilled 1, not_found 1, failed 0, cancelled 0"
    missing = here("results", request, "--outcome", "not_found")
    assert [json.loads(it)["position"] for it in missing.out.splitlines()] == [1]
    assert here("results", request, "--outcome", "failed,waiting").out == ""
    bad = here("results", request, "--outcome", "lost")
    assert "outcome: 'lost' is not one of fulfilled, not_found, failed" in bad.error
    unknown = here("wait", "00000000-0000-0000-0000-000000000000")
    assert (unknown.code, "There is no request" in unknown.error) == (1, True)
    assert here("wait", request, "--timeout", "-1").code == 2


def test_what_is_new_asked_for_already_and_fresh_is_told_and_whether_it_waits_for_more(
    here: Call, file: MakeFile
) -> None:
    path = file("two.txt", "stripe.com\nSTRIPE.com\n")
    fields = ("--fields", "taxonomy")
    made = here("enqueue", path, *fields, "--now", "--wait").out.splitlines()
    assert made[0].endswith(": 2 identifiers enqueued: 1 new, 1 asked for already.")
    assert made[1].startswith("fulfilled 2")
    again = here("enqueue", path, *fields).out.splitlines()
    assert again[0].endswith(": 2 identifiers enqueued, all fresh: nothing is bought.")
    assert again[1] == "fulfilled 2, not_found 0, failed 0, cancelled 0"
    assert again[2].startswith("Read the results: ")
    told = here("enqueue", path, *fields, "--json").json
    assert (told["new"], told["joined"], told["hits"]) == (0, 0, 2)
    lingers = "It may wait up to 10 s for more, to fill a job; --now does not.\n"
    assert lingers in here("enqueue", path, "--fields", "a.b", "--dry-run").out
    assert lingers not in here("enqueue", path, "--fields", "a.b", "--dry-run", "--now").out


def test_a_repeated_idempotency_key_returns_the_first_request(here: Call, file: MakeFile) -> None:
    arguments = ("--idempotency-key", "cli-1", "--metadata", '{"for": "crm"}', "--json")
    first = here("enqueue", file("a.txt", "ikea.com\n"), *arguments).json
    second = here("enqueue", file("a.txt", "ikea.com\n"), *arguments).json
    assert (first["created"], second["created"]) == (True, False)
    assert first["request_id"] == second["request_id"]
    assert here("requests", first["request_id"], "--json").json["metadata"] == {"for": "crm"}
    other = here("enqueue", file("b.txt", "nasa.gov\n"), *arguments)
    assert other.code == 1
    assert f"belongs to request {first['request_id']}" in other.error


def test_bad_identifiers_can_be_left_out_and_are_told_with_their_lines(
    here: Call, file: MakeFile
) -> None:
    path = file("some.txt", "stripe.com\n\nnot a domain\nnasa.gov\n")
    done = here("enqueue", path, "--skip-invalid", "--json").json
    assert done["total"] == 2
    assert done["invalid"] == [
        {"position": 1, "value": "not a domain", "reason": "is not a domain", "line": 3}
    ]
    told = here("enqueue", path, "--skip-invalid")
    assert told.err == "left out: line 3: 'not a domain' is not a domain\n"


def test_an_unsupported_field_fails_with_the_vendors_list_of_fields(
    here: Call, file: MakeFile
) -> None:
    path = file("a.txt", "stripe.com\nnasa.gov\n")
    done = here("enqueue", path, "--fields", "headcount.total, nonsense.path", "--wait", "--json")
    assert (done.code, done.json["failed"]) == (0, 2)
    for line in here("results", done.json["request_id"]).out.splitlines():
        result = json.loads(line)
        assert result["outcome"] == "failed"
        assert "does not support the field(s) nonsense.path; available: " in result["reason"]
        assert "headcount.total" in result["reason"]


def test_waiting_survives_a_connection_that_breaks(installation: Installation, here: Call) -> None:
    here("pause", "--reason", "a test")
    arguments = ("enqueue", "-", "--fields", "news,funding", "--wait", "--json")
    with _begun(installation, *arguments) as process:
        assert process.stdin is not None
        process.stdin.write("stripe.com\n")
        process.stdin.close()
        process.stdin = None
        _cut_off(installation, process.pid, "LISTEN %")
        here("resume")
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert all("request.waited_for" in line for line in err.splitlines())
    assert json.loads(out)["fulfilled"] == 1


def test_a_connection_that_breaks_in_the_middle_ends_with_3_and_one_line(
    installation: Installation,
) -> None:
    before = installation.count("request")
    with _begun(installation, "enqueue", "-", "--json") as process:
        assert process.stdin is not None
        process.stdin.writelines(f"company-{number}.example\n" for number in range(12_000))
        process.stdin.flush()
        _cut_off(installation, process.pid, "COPY%")
        out, err = process.communicate("nasa.gov\n", timeout=60)
    assert (process.returncode, out) == (3, "")
    [line] = err.splitlines()
    assert line.startswith("enrichd: The connection to Postgres at ")
    assert line.endswith("Nothing was done; repeat the call.")
    assert installation.count("request") == before


@contextmanager
def _begun(installation: Installation, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command that reads from us; killed at the end if it still runs."""
    process = subprocess.Popen(
        [ENRICHD, *arguments],
        env=environment(ENRICHD_DATA_DIR=str(installation.data_dir)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def _cut_off(installation: Installation, pid: int, query: str) -> None:
    """Wait until that process's connection runs such a statement, then end the connection."""
    sql = """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name LIKE %s AND query LIKE %s
    """
    with psycopg.connect(installation.connection["database_url"], autocommit=True) as connection:
        for _ in range(600):
            if connection.execute(sql, [f"enrichd:api %:{pid}", query]).fetchone():
                return
            connection.execute("SELECT pg_sleep(0.05)")
    raise AssertionError(f"no connection of process {pid} runs {query}")


def test_a_file_of_many_pages_keeps_its_order(here: Call, tmp_path: Path) -> None:
    identifiers = [f"company-{number:07d}.example" for number in range(5_000, 0, -1)]
    path = tmp_path / "many.txt"
    path.write_text("\n".join(identifiers))
    done = here("enqueue", str(path), "--json").json
    assert done["total"] == 5_000
    lines = here("results", done["request_id"]).out.splitlines()
    assert [json.loads(line)["identifier"] for line in lines] == identifiers
    here("cancel", done["request_id"])
