"""Where results go: files that appear whole, pipes, and places that cannot take them."""

from __future__ import annotations

import os
import pty
import stat
import subprocess
from pathlib import Path

import pytest

from manager import Settings
from manager.client import follow
from tests.cli.conftest import ENRICHD, Call, environment
from tests.client.settled import request_of

pytestmark = pytest.mark.integration
RECORDS = [f'{{"a": {{"n": {number}, "t": "=x"}}}}' for number in range(50)]


@pytest.fixture
def request_id(settings: Settings) -> str:
    return str(request_of(settings, RECORDS).id)


def left(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize("name", ["x.parquet", "x.pq", "X.PARQUET"])
def test_a_parquet_file_is_read_back_by_pyarrow_pandas_and_polars(
    alone: Call, request_id: str, tmp_path: Path, name: str
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `arrow` is not installed")
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    file = tmp_path / "out" / name
    file.parent.mkdir()
    done = alone("results", request_id, "--flatten", "--output", str(file))
    assert (done.code, done.out, done.err) == (0, "", "")
    assert left(file.parent) == [name]
    assert parquet.read_table(file)["a.n"].to_pylist() == list(range(50))
    assert pandas.read_parquet(file)["a.n"].tolist() == list(range(50))
    assert polars.read_parquet(file)["a.t"].to_list() == ["=x"] * 50


def test_parquet_has_groups_of_rows_and_goes_through_a_pipe(
    alone: Call,
    settings: Settings,
    request_id: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `arrow` is not installed")
    monkeypatch.setattr("manager.cli.results.parquet.ROWS", 20)
    monkeypatch.setattr("manager.client.frames.ROWS", 10)
    monkeypatch.setattr(follow, "PAGE", 7)
    file = tmp_path / "x.parquet"
    assert alone("results", request_id, "--output", str(file)).code == 0
    assert parquet.ParquetFile(file).num_row_groups == 3
    piped = tmp_path / "piped.parquet"
    environment_of = environment(
        ENRICHD_DATABASE_URL=settings.postgres, ENRICHD_DATABASE_SCHEMA=settings.database_schema
    )
    subprocess.run(
        f"'{ENRICHD}' results {request_id} --format parquet | cat > '{piped}'",
        shell=True, env=environment_of, check=True,
    )  # fmt: skip
    assert parquet.read_table(piped).equals(parquet.read_table(file))


def test_parquet_is_nothing_for_a_terminal(settings: Settings, request_id: str) -> None:
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [ENRICHD, "results", request_id, "--format", "parquet"],
        env=environment(
            ENRICHD_DATABASE_URL=settings.postgres, ENRICHD_DATABASE_SCHEMA=settings.database_schema
        ),
        stdout=theirs, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(theirs)
    os.close(ours)
    assert (done.returncode, "nothing for a terminal; name a file" in done.stderr) == (2, True)


def test_what_was_there_is_replaced_whole_and_keeps_its_mode(
    alone: Call, request_id: str, tmp_path: Path
) -> None:
    file = tmp_path / "x.csv"
    file.write_text("before")
    file.chmod(0o600)
    other = tmp_path / "x.csv.partial"
    other.write_text("somebody else's")
    assert alone("results", request_id, "--output", str(file)).code == 0
    assert file.read_text().startswith("identifier,outcome,company_id,reason,")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert other.read_text() == "somebody else's"
    assert left(tmp_path) == ["x.csv", "x.csv.partial"]


def test_what_fails_on_the_way_leaves_what_was_there(
    alone: Call, request_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "x.parquet"
    file.write_text("before")
    wide = "manager.client.table.MAX_COLUMNS"
    monkeypatch.setattr(wide, 1)
    done = alone("results", request_id, "--flatten", "--output", str(file))
    assert (done.code, "more than 1 field paths" in done.error) == (2, True)
    assert (file.read_text(), left(tmp_path)) == ("before", ["x.parquet"])


@pytest.mark.parametrize("name", ["x.xlsx", "x.csv.gz", "X.TSV"])
def test_an_ending_of_another_kind_of_file_is_refused(
    alone: Call, request_id: str, name: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    done = alone("results", request_id, "--output", str(path))
    assert (done.code, path.exists()) == (2, False)
    assert f"not written as {path.suffix.lower()}" in done.err
    assert alone("results", request_id, "--output", str(path), "--format", "csv").code == 0


@pytest.mark.parametrize("format", ["jsonl", "csv", "parquet"])
def test_a_full_disk_is_said_in_a_sentence(alone: Call, request_id: str, format: str) -> None:
    done = alone("results", request_id, "--format", format, "--output", "/dev/full")
    assert (done.code, done.error) == (
        1, "enrichd: /dev/full cannot be written: No space left on device.",
    )  # fmt: skip


def test_a_full_disk_behind_standard_output_too(settings: Settings, request_id: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [ENRICHD, "results", request_id],
            env=environment(
                ENRICHD_DATABASE_URL=settings.postgres,
                ENRICHD_DATABASE_SCHEMA=settings.database_schema,
            ),
            stdout=full, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (
        1, "enrichd: The output cannot be written: No space left on device.\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("none/x.csv", "No such file or directory"),
        ("file/x.csv", "Not a directory"),
        ("", "Is a directory"),
        ("x" * 300, "File name too long"),
        ("loop", "Symlink loop"),
    ],
)
def test_a_place_that_cannot_be_written_is_named(
    alone: Call, request_id: str, tmp_path: Path, path: str, reason: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    done = alone("results", request_id, "--output", str(tmp_path / path))
    assert (done.code, "cannot be written" in done.error, reason in done.error) == (2, True, True)
    assert left(tmp_path) == ["file", "loop"]


def test_standard_output_by_any_of_its_names_is_written_to_as_it_is(
    settings: Settings, request_id: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    for name in ("/dev/stdout", "/dev/fd/1"):
        subprocess.run(
            f"'{ENRICHD}' results {request_id} --output {name} >> '{log}'",
            shell=True, check=True, env=environment(
                ENRICHD_DATABASE_URL=settings.postgres,
                ENRICHD_DATABASE_SCHEMA=settings.database_schema,
            ),
        )  # fmt: skip
    lines = log.read_text().splitlines()
    assert (lines[0], len(lines)) == ("before", 1 + 2 * len(RECORDS))
