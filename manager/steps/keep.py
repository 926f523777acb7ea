"""Keep: results files that left a doubt, so that they can be looked at and merged again.

Bounded in number, size and age by `keep_files`, `keep_bytes` and `keep_days`; the oldest go first.
"""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from manager.logs import get_logger
from manager.steps.context import Context

log = get_logger(__name__)

FOLDER = "kept"
DAY = 86_400.0


def folder(context: Context, job_id: UUID) -> Path:
    """Where the job's results are kept on this machine, if they are."""
    return context.spool_dir / FOLDER / str(job_id)


def files(context: Context, job_id: UUID) -> list[Path]:
    """The kept parts of the job's results, in order; none when they are not kept here."""
    return sorted(folder(context, job_id).glob("part-*.jsonl.gz"))


def jobs(context: Context) -> list[UUID]:
    """The jobs whose results are kept on this machine."""
    found = []
    for kept in _newest_first(context.spool_dir / FOLDER):
        with suppress(ValueError):
            found.append(UUID(kept.name))
    return found


def keep(context: Context, job_id: UUID, directory: Path) -> Path | None:
    """Keep what was downloaded into the directory; where it is now, None when nothing is kept."""
    if not context.settings.keep_files or not any(directory.glob("part-*.jsonl.gz")):
        return None
    target = folder(context, job_id)
    try:
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        directory.replace(target)
        target.touch()
    except OSError as error:
        log.warning("file.not_kept", job=job_id, error=error)
        return None
    prune(context)
    return target if target.exists() else None


def prune(context: Context) -> None:
    """Remove what is beyond the bounds."""
    settings, left = context.settings, context.settings.keep_bytes
    for number, kept in enumerate(_newest_first(context.spool_dir / FOLDER), start=1):
        left -= _size(kept)
        with suppress(OSError):
            old = time.time() - kept.stat().st_mtime > settings.keep_days * DAY
            if number > settings.keep_files or left < 0 or old:
                shutil.rmtree(kept, ignore_errors=True)


def _newest_first(parent: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(parent.iterdir(), key=lambda it: it.stat().st_mtime, reverse=True)
    return []


def _size(directory: Path) -> int:
    with suppress(OSError):
        return sum(path.stat().st_size for path in directory.iterdir())
    return 0
