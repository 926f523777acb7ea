"""Installation: a data directory with servers of its own, made by `enrichd up --embedded`."""

from __future__ import annotations

import fcntl
import json
import shlex
from pathlib import Path
from typing import Any

from manager.settings.sources import CONNECTION_FILE

OWNER_FILE = "owner.lock"


def missing(data_dir: Path) -> str:
    """That there is none, and how one is made."""
    shown = shlex.quote(str(data_dir))
    what = "holds no installation" if data_dir.is_dir() else "is not there"
    return (
        f"{data_dir} {what}. Correct --data-dir (ENRICHD_DATA_DIR), or make one there: "
        f"`enrichd up --embedded --data-dir {shown}`."
    )


def not_running(data_dir: Path | None, url: str) -> str | None:
    """That the servers of the installation do not run, if the URL is of one of them, and what
    starts them; None when it is another server's, or somebody runs them.
    """
    if data_dir is None or url not in (written := _written(data_dir)).values():
        return None
    if _is_owned(data_dir):
        return None
    sandbox = " --sandbox" if "vendor_url" in written else ""
    shown = shlex.quote(str(data_dir))
    return (
        f"The installation in {data_dir} is not running. Start it: `enrichd up --embedded{sandbox} "
        f"--data-dir {shown}`."
    )


def _written(data_dir: Path) -> dict[str, Any]:
    try:
        content = json.loads((data_dir / CONNECTION_FILE).read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _is_owned(data_dir: Path) -> bool:
    """Whether an `up` is at work there; it holds the lock as long as it lives."""
    try:
        with (data_dir / OWNER_FILE).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
