"""`enrichd results`: one line for each identifier that the caller wrote."""

from __future__ import annotations

import csv
import json
import os
import stat
import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from manager import Manager, Settings
from tests.cli.conftest import ENRICHD, Call, Installation, environment
from tests.client.settled import INTERNAL, settle

MakeFile = Callable[[str, "str | bytes"], str]
WRITTEN = [
    "STRIPE.com",
    "nasa.gov",
    "no-such-company.example",
    "https://stripe.com/about",
    "nasa.gov",
]


@pytest.fixture(scope="module")
def request_id(installation: Installation) -> str:
    """A finished request with repeats, several spellings and an unknown company."""
    stdin = "\n".join(WRITTEN).encode()
    fields = "headcount.total,funding"
    done = installation.enrichd(
        "enqueue", "-", "--fields", fields, "--wait", "--timeout", "60", "--json", stdin=stdin
    )
    found: str = done.json["request_id"]
    return found


@pytest.mark.daemon
def test_jsonl_has_one_line_each_in_the_callers_order_and_spelling(
    installation: Installation, request_id: str
) -> None:
    done = installation.enrichd("results", request_id)
    assert (done.code, done.err) == (0, "")
    results = [json.loads(line) for line in done.out.splitlines()]
    assert [result["identifier"] for result in results] == WRITTEN
    assert [set(result) for result in results] == [
        {"identifier", "outcome", "company_id", "reason", "fetched_at", "position", "record"}
    ] * 5
    assert [result["position"] for result in results] == list(range(5))
    stripe, nasa, unknown, again, repeated = results
    assert (stripe["outcome"], stripe["company_id"]) == ("fulfilled", 602014)
    assert stripe["record"]["basic_info"]["name"] == "Stripe"
    assert stripe["record"] == again["record"]
    assert nasa == repeated | {"position": 1}
    assert datetime.fromisoformat(unknown["fetched_at"]).tzinfo is not None
    assert unknown == {
        "identifier": "no-such-company.example",
        "outcome": "not_found",
        "company_id": None,
        "reason": None,
        "fetched_at": unknown["fetched_at"],
        "position": 2,
        "record": None,
    }


@pytest.mark.daemon
def test_csv_has_the_records_fields_as_columns(here: Call, request_id: str) -> None:
    done = here("results", request_id, "--format", "csv")
    rows = list(csv.DictReader(done.out.splitlines()))
    assert [row["identifier"] for row in rows] == WRITTEN
    assert rows[0]["basic_info.name"] == "Stripe"
    assert rows[0]["company_id"] == rows[0]["crustdata_company_id"] == "602014"
    assert int(rows[0]["headcount.total"]) > 0
    assert isinstance(json.loads(rows[0]["funding.investors"]), list)
    assert rows[2]["outcome"] == "not_found"
    assert rows[2]["basic_info.name"] == ""


@pytest.mark.daemon
@pytest.mark.parametrize(
    ("endpoint", "fields"), [("person/enrich", ""), ("person/contact/enrich", "business_email")]
)
def test_people_have_their_own_id(here: Call, file: MakeFile, endpoint: str, fields: str) -> None:
    people = (
        "https://www.linkedin.com/in/person-0000001\nhttps://www.linkedin.com/in/nobody-at-all\n"
    )
    options = ("--endpoint", endpoint, "--fields", fields, "--wait", "--timeout", "60", "--json")
    request = here("enqueue", file("people.txt", people), *options).json
    assert request["finished"] is True
    person, nobody = map(json.loads, here("results", request["request_id"]).out.splitlines())
    assert "company_id" not in person
    assert isinstance(person["person_id"], int)  # a contact has none of its own: the envelope's
    assert person["record"].get("crustdata_person_id", person["person_id"]) == person["person_id"]
    told = here("results", request["request_id"], "--format", "csv").out.splitlines()
    assert told[0].startswith("identifier,outcome,person_id,reason")
    assert nobody["person_id"] is None


@pytest.mark.daemon
def test_an_output_file_appears_whole_or_not_at_all(
    here: Call, request_id: str, tmp_path: Path
) -> None:
    target = tmp_path / "results.jsonl"
    link = tmp_path / "link.jsonl"
    link.symlink_to(target)
    done = here("results", request_id, "--output", str(link))
    assert (done.code, done.out, done.err) == (0, "", "")
    assert link.is_symlink()
    assert target.read_text() == here("results", request_id).out
    assert sorted(tmp_path.iterdir()) == [link, target]

    done = here("results", request_id, "--output", str(tmp_path / "none" / "results.jsonl"))
    assert (done.code, "cannot be written: No such file" in done.error) == (2, True)
    assert "Is a directory" in here("results", request_id, "--output", str(tmp_path)).error


@pytest.mark.daemon
def test_a_device_or_pipe_is_written_to_and_never_replaced(
    installation: Installation, request_id: str, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE, text=True)
    with reader:
        assert installation.enrichd("results", request_id, "--output", str(pipe)).code == 0
        out, _ = reader.communicate(timeout=10)
    assert len(out.splitlines()) == 5
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.daemon
def test_a_reader_that_goes_away_ends_it_without_a_word(
    installation: Installation, here: Call, file: MakeFile
) -> None:
    lines = "".join(f"company-{number:07d}.example\n" for number in range(3_000))
    many = here("enqueue", file("many.txt", lines), "--fields", "web_traffic", "--json").json
    done = subprocess.run(
        f"'{ENRICHD}' results {many['request_id']} | head -1; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        env=environment(ENRICHD_DATA_DIR=str(installation.data_dir)),
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    first, code = done.stdout.splitlines()
    assert json.loads(first)["identifier"] == "company-0000000.example"
    assert code == "1"
    here("cancel", many["request_id"])


@pytest.mark.daemon
def test_what_waits_has_no_outcome_and_what_is_cancelled_says_so(
    here: Call, file: MakeFile
) -> None:
    here("pause", "--reason", "a test")
    try:
        made = here("enqueue", file("a.txt", "ikea.com\n"), "--fields", "news", "--json").json
        assert json.loads(here("results", made["request_id"]).out)["outcome"] is None
        assert here("results", made["request_id"], "--format", "csv").out == (
            "identifier,outcome,company_id,reason,fetched_at,position\nikea.com,,,,,0\n"
        )
        cancelled = here("cancel", made["request_id"], "--json")
    finally:
        here("resume")
    assert cancelled.json == {"request_id": made["request_id"], "total": 1, "cancelled": 1}
    result = json.loads(here("results", made["request_id"]).out)
    assert (result["outcome"], result["reason"]) == ("cancelled", "the request was cancelled")


COMPANY_IDS = {
    '{"crustdata_company_id": 602014}': 602014,
    '{"crustdata_company_id": 9223372036854775807}': 2**63 - 1,
    '{"crustdata_company_id": -1}': -1,
    '{"crustdata_company_id": 9223372036854775808}': INTERNAL,
    '{"crustdata_company_id": 1e400}': INTERNAL,
    '{"crustdata_company_id": 1.5}': INTERNAL,
    '{"crustdata_company_id": "602014"}': INTERNAL,
    '{"crustdata_company_id": true}': INTERNAL,
    '{"crustdata_company_id": null}': INTERNAL,
    '{"crustdata_company_id": {"id": 1}}': INTERNAL,
    '{"crustdata_company_id": [1]}': INTERNAL,
    '{"basic_info": {"crustdata_company_id": 1}}': INTERNAL,
    "{}": INTERNAL,
    '["crustdata_company_id"]': INTERNAL,
    '"crustdata_company_id"': INTERNAL,
    "null": INTERNAL,
}


@pytest.mark.integration
def test_the_company_id_is_the_records_own_where_it_is_an_integer_else_the_envelopes(
    settings: Settings,
) -> None:
    domains = [f"company-{number}.example" for number in range(len(COMPANY_IDS))]
    request = Manager(settings).enqueue("domains", [*domains, "waits.example"])
    settle(settings, dict(zip(domains, COMPANY_IDS, strict=True)))
    *settled, waiting = request.results()
    found = dict(zip(COMPANY_IDS, (result.company_id for result in settled), strict=True))
    assert found == COMPANY_IDS
    assert waiting.company_id is None
