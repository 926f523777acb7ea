"""`enrichd metrics`: what Prometheus would read, on standard output or in a file."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Call


def test_it_prints_what_prometheus_reads(here: Call) -> None:
    done = here("metrics")
    assert done.code == 0
    assert "# TYPE enrichd_up gauge\nenrichd_up 1.0\n" in done.out
    assert here("metrics", "--json").json[0]["name"] == "enrichd_up"


def test_the_file_for_node_exporter_is_there_whole(here: Call, tmp_path: Path) -> None:
    for _ in range(2):
        done = here("metrics", "--textfile", str(tmp_path))
        assert (done.code, done.out) == (0, "")
    [file] = tmp_path.iterdir()
    assert file.name == "enrichd.prom"
    assert file.stat().st_mode & 0o777 == 0o644
    assert "\nenrichd_up 1.0\n" in file.read_text()


def test_a_directory_that_is_not_there_is_named(here: Call, tmp_path: Path) -> None:
    done = here("metrics", "--textfile", str(tmp_path / "nowhere"))
    assert done.code == 2
    assert f"{tmp_path}/nowhere/enrichd.prom cannot be written: No such file" in done.error
