"""Spool: the folders into which results are downloaded, `JOB_ID` and `resolve-JOB_ID`.

Whoever downloads removes its folder at the end. What a killed process has left goes on being of use
to the next one on this machine, unless the job was merged on another one meanwhile.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from manager.ledger.connect import rows
from manager.ledger.sql import Statements
from manager.steps.context import Context, Wake

SQL = Statements("sweep")
RESOLVE_PREFIX = "resolve-"


def tidy(context: Context) -> list[Wake]:
    """Remove this machine's folders of jobs that have ended; strange ones stay."""
    if folders := _folders(context.spool_dir):
        with context.ledger.connect() as connection:
            ended = rows(connection, SQL.ended_among, {"job_ids": list(folders)})
        for row in ended:
            for folder in folders[row.id]:
                shutil.rmtree(folder, ignore_errors=True)
    return []


def _folders(spool_dir: Path) -> dict[UUID, list[Path]]:
    found: dict[UUID, list[Path]] = {}
    with suppress(FileNotFoundError):
        for folder in spool_dir.iterdir():
            with suppress(ValueError):
                job_id = UUID(folder.name.removeprefix(RESOLVE_PREFIX))
                found.setdefault(job_id, []).append(folder)
    return found
