"""Spool: space, rights, and what was left behind."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from manager import Settings
from tests.operator.doctor.looking import look, only, troubles
from tests.steps.driver import Driver

pytestmark = pytest.mark.integration


def test_a_spool_that_can_be_made_is_not_made(settings: Settings) -> None:
    found = look(settings, "spool")
    assert "which is made when it is needed" in only(found, "rights").means
    assert settings.spool_dir
    assert not settings.spool_dir.exists()


def test_too_little_room_for_the_largest_merges_is_a_warning(settings: Settings) -> None:
    greedy = settings.model_copy(update={"merge_max_bytes": 2**60})
    assert ("warning", "space") in troubles(look(greedy, "spool"))
    modest = settings.model_copy(update={"merge_max_bytes": 2**20, "keep_bytes": 0})
    assert ("warning", "space") not in troubles(look(modest, "spool"))


def test_a_file_in_its_place_is_a_problem(settings: Settings) -> None:
    assert settings.spool_dir
    settings.spool_dir.write_text("")
    found = look(settings, "spool")
    assert only(found, "rights").level == "problem"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_that_our_user_may_not_write_to_is_a_problem(settings: Settings) -> None:
    assert settings.spool_dir
    settings.spool_dir.mkdir(mode=0o500)
    assert only(look(settings, "spool"), "rights").level == "problem"


def test_a_full_and_a_read_only_file_system_are_problems(settings: Settings) -> None:
    assert settings.spool_dir
    settings.spool_dir.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(settings.spool_dir)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small file system can be mounted by root alone")
    try:
        found = look(settings, "spool")
        assert only(found, "space").level == "problem"
        assert only(found, "kind").means.endswith("is on a tmpfs: results files take memory")
        remount = ["mount", "-o", "remount,ro", str(settings.spool_dir)]
        subprocess.run(remount, check=True, capture_output=True)
        found = look(settings, "spool")
        assert "the file system is read-only" in only(found, "rights").means
    finally:
        subprocess.run(["umount", str(settings.spool_dir)], check=True)


def test_leftovers_are_told_apart_by_whose_they_are(driver: Driver) -> None:
    spool = driver.context.spool_dir
    live, strange = driver.packed(2), uuid4()
    for name in (str(live), f"resolve-{strange}", "kept", "notes"):
        (spool / name).mkdir(parents=True)
    (spool / f"resolve-{strange}" / "part").write_bytes(b"x" * 2048)
    found = look(driver.context.settings, "spool")
    assert only(found, "at work").means.startswith("1 folder of jobs")
    texts = [it.means for it in found if it.subject == "leftovers"]
    assert texts[0] == "1 entry that is none of ours: notes"
    assert texts[1].startswith("1 folder of jobs that have ended or are not in this ledger, 2.0 kB")


def test_without_a_ledger_the_disk_is_looked_at_all_the_same(
    settings: Settings, tmp_path: Path
) -> None:
    assert settings.spool_dir
    (settings.spool_dir / str(uuid4())).mkdir(parents=True)
    found = look(settings.model_copy(update={"database_url": None}), "spool")
    assert {"rights", "space"} <= {it.subject for it in found}
    assert ("warning", "of jobs") not in troubles(found)
    assert only(found, "leftovers").means.startswith("could not be looked at: Postgres's URL")
