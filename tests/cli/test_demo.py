"""`enrichd demo`, whole; and interrupted."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from manager.run import demo
from tests.cli.conftest import Call, empty_directory, left_over, start

IDENTIFIERS = {
    "real-domains": 2_415,
    "real-names": 2_415,
    "domains": 30_000,
    "profiles": 15_000,
    "ids": 15_000,
}


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with empty_directory() as path:
        yield path


@pytest.mark.daemon
@pytest.mark.timeout(300)
def test_it_enriches_everything_and_tells_what_the_vendor_saw(data_dir: Path) -> None:
    with start("demo", "--json", "--data-dir", str(data_dir)) as process:
        out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    [line] = out.splitlines()
    told = json.loads(line)
    assert 0 < told["seconds"] < 240
    settled = 0
    for request, (name, total) in zip(told["requests"], IDENTIFIERS.items(), strict=True):
        assert request["total"] == total
        assert request["fulfilled"] + request["not_found"] == total
        assert 0 < request["not_found"] < 0.04 * total
        assert request["results"] == str(data_dir / "results" / f"{name}.jsonl")
        settled += request["fulfilled"]
        with Path(request["results"]).open() as file:
            outcomes = [json.loads(line)["outcome"] for line in file]
        assert outcomes.count("fulfilled") == request["fulfilled"]
        assert len(outcomes) == total
    vendor = told["vendor"]
    repeats = settled - vendor["billed"]
    assert 0 <= repeats < 10  # of the names, which are bought once
    assert vendor["jobs"] >= 9
    assert 1 < vendor["highest_active"] <= 5
    assert vendor["duplicates"] == 0
    assert left_over(data_dir) == []


@pytest.mark.daemon
def test_ctrl_c_in_the_middle_stops_everything(data_dir: Path) -> None:
    with start("demo", "--data-dir", str(data_dir)) as process:
        assert process.stdout is not None
        for line in process.stdout:  # until its jobs run
            if "slots, jobs:" in line and not line.count("0 of 5 slots"):
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out.splitlines()[-1].endswith("Stopped; every process has ended.")
    assert left_over(data_dir) == []


def test_it_removes_nothing_that_is_not_a_demos(
    call: Call, tmp_path: Path, signals_restored: None
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear all")
    done = call("demo", "--data-dir", str(mine), "--json")
    assert (done.code, done.out) == (2, "")
    assert f"{mine} is not a demo's directory; name another one." in done.err
    assert [path.name for path in mine.iterdir()] == ["letter.txt"]
    assert "is not a directory" in call("demo", "--data-dir", str(mine / "letter.txt")).err


def test_a_demo_that_became_an_installation_is_no_demo_any_more(tmp_path: Path) -> None:
    data_dir = tmp_path / "demo-data"
    demo.mark(data_dir)
    demo.check(data_dir)
    (data_dir / "postgres").mkdir()
    demo.keep(data_dir)
    with pytest.raises(Exception, match="is not a demo's directory"):
        demo.check(data_dir)
