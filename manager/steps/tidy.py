"""Tidy: keep this machine's spool, the folders into which results are downloaded, within bounds.

`JOB_ID` holds a job's results until they are merged, `resolve-…` a sample of a job that may be
ours, `kept/JOB_ID` a file that left a doubt. Whoever downloads removes its folder at the end. What
a killed process has left goes on being of use to the next one on this machine, unless the job was
merged on another one meanwhile. A kept file goes when something that its job's results hold was
forgotten.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from manager.ledger.execute import rows
from manager.ledger.sql import Statements
from manager.steps.context import Context, Wake
from manager.steps.keep import folder as kept_folder
from manager.steps.keep import jobs as kept_jobs
from manager.steps.keep import prune

SQL = Statements("tidy")
RESOLVE_PREFIX = "resolve-"


def tidy(context: Context) -> list[Wake]:
    """Remove this machine's folders of jobs that have ended, and kept files beyond their bounds;
    strange ones stay.
    """
    folders, kept = _folders(context.spool_dir), kept_jobs(context)
    if folders or kept:
        with context.ledger.connect() as connection:
            ended = rows(connection, SQL.ended_among, UUID, {"job_ids": list(folders)})
            forgotten = rows(connection, SQL.forgotten_among, UUID, {"job_ids": kept})
        for job_id in ended:
            for folder in folders[job_id]:
                shutil.rmtree(folder, ignore_errors=True)
        for job_id in forgotten:
            shutil.rmtree(kept_folder(context, job_id), ignore_errors=True)
    prune(context)
    return []


def _folders(spool_dir: Path) -> dict[UUID, list[Path]]:
    found: dict[UUID, list[Path]] = {}
    with suppress(FileNotFoundError):
        for folder in spool_dir.iterdir():
            with suppress(ValueError):
                job_id = UUID(folder.name.removeprefix(RESOLVE_PREFIX))
                found.setdefault(job_id, []).append(folder)
    return found
