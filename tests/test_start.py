"""What a process loads when it starts: nobody waits for what only others need."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import typer
from alembic.script import ScriptDirectory

from manager import Settings
from manager.cli import COMMANDS, make_app
from manager.ledger import migrate, revision

pytestmark = [pytest.mark.slow, pytest.mark.integration]

MIGRATIONS = {"alembic", "sqlalchemy", "sqlmodel"}
DAEMON = {"celery", "kombu", "uvicorn", "starlette"}


def loaded(code: str, settings: Settings) -> set[str]:
    """The packages that are loaded when the code has run."""
    variables = {
        "ENRICHD_DATABASE_URL": settings.postgres,
        "ENRICHD_REDIS_URL": settings.redis,
        "ENRICHD_DATABASE_SCHEMA": settings.database_schema,
        "ENRICHD_ACCOUNT": settings.account,
    }
    tell = "import sys; print('loaded', *{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{tell}"],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split()[1:])


def command(*arguments: str) -> str:
    return (
        f"import sys; sys.argv = ['enrichd', *{arguments!r}]\n"
        "from manager.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass"
    )


def names_of(app: typer.Typer) -> set[str | None]:
    commands = {it.name for it in app.registered_commands}
    return commands | {it.name for it in app.registered_groups}


def test_status_needs_neither_migrations_nor_http(settings: Settings) -> None:
    assert not loaded(command("status"), settings) & {*MIGRATIONS, *DAEMON, "httpx"}


@pytest.mark.parametrize("name", ["worker", "beat", "web", "up", "doctor", "enqueue", "results"])
def test_no_command_but_those_that_migrate_or_list_needs_migrations(
    name: str, settings: Settings
) -> None:
    assert not loaded(command(name, "--help"), settings) & {*MIGRATIONS, *DAEMON}


def test_worker_and_beat_need_no_migrations(settings: Settings) -> None:
    assert not loaded("import tasks.__main__", settings) & MIGRATIONS


def test_every_command_is_found_in_its_module() -> None:
    for name in COMMANDS:
        app = make_app(name)
        assert name in names_of(app)
    assert names_of(make_app()) == set(COMMANDS)


def test_the_revision_that_is_told_without_alembic_is_alembics() -> None:
    scripts = ScriptDirectory.from_config(migrate._config())
    assert revision.newest() == scripts.get_current_head()
    assert set(revision.known()) == {script.revision for script in scripts.walk_revisions()}
