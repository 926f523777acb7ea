"""Installation: where there is none, and where it does not run, that is said and nothing else."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

import pytest

from manager import load_settings
from manager.errors import NoInstallationError, NotRunningError
from manager.ledger.connect import connect
from manager.semaphore import ping
from manager.settings.installation import OWNER_FILE, not_running

URL = "postgresql://u:secret@127.0.0.1:1/enrichd"
REDIS = "redis://:secret@127.0.0.1:1/0"


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """An installation whose servers do not run."""
    content = {"database_url": URL, "redis_url": REDIS, "vendor_url": "http://127.0.0.1:2"}
    (tmp_path / "connection.json").write_text(json.dumps(content))
    return tmp_path


def test_a_data_dir_that_is_misspelt_holds_no_installation(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path)
    with pytest.raises(NoInstallationError, match="holds no installation"):
        _ = settings.postgres
    missing = load_settings(data_dir=tmp_path / "nope")
    with pytest.raises(NoInstallationError, match="nope is not there"):
        _ = missing.redis


def test_one_that_was_stopped_says_how_it_is_started(stopped: Path) -> None:
    settings = load_settings(data_dir=stopped)
    start = f"Start it: `enrichd up --embedded --sandbox --data-dir {stopped}`."
    for ask in (lambda: connect(settings, "test"), lambda: ping(settings)):
        with pytest.raises(NotRunningError) as raised:
            ask()
        assert str(raised.value) == f"The installation in {stopped} is not running. {start}"


def test_servers_of_others_and_of_one_that_runs_are_no_installation_that_was_stopped(
    stopped: Path,
) -> None:
    assert not_running(stopped, "postgresql://elsewhere/x") is None
    assert not_running(None, URL) is None
    with (stopped / OWNER_FILE).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert not_running(stopped, URL) is None
    assert not_running(stopped, URL)
