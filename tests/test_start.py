"""What a process loads when it starts: nobody waits for what only others need."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import typer
from alembic.script import ScriptDirectory

import manager
from manager import Settings
from manager.cli import COMMANDS, make_app
from manager.cli.short import SHORT
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


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ()])
def test_what_names_no_command_loads_none(arguments: tuple[str, ...], settings: Settings) -> None:
    heavy = {"psycopg", "redis", "pydantic", "asyncio", "rich", *MIGRATIONS, *DAEMON, "httpx"}
    assert not loaded(command(*arguments), settings) & heavy


def test_no_command_loads_what_would_measure_redis(settings: Settings) -> None:
    code = command("status") + "\nassert 'opentelemetry.sdk.metrics._internal' not in sys.modules"
    assert "redis" in loaded(code, settings)


def test_the_list_of_commands_says_what_each_says_itself() -> None:
    commands = typer.main.get_command(make_app()).commands  # type: ignore[attr-defined]
    assert {name: commands[name].get_short_help_str(200) for name in COMMANDS} == SHORT


def test_the_api_is_loaded_when_it_is_asked_for() -> None:
    assert {name for names in manager._PLACES.values() for name in names} == set(manager.__all__)
    for name in manager.__all__:
        assert getattr(manager, name).__name__
    assert set(manager.__all__) <= set(dir(manager))
    with pytest.raises(AttributeError, match="'manager' has no attribute 'nope'"):
        _ = manager.nope  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["status", "jobs", "requests", "lookup a.com", "pause --help"])
def test_what_looks_needs_neither_migrations_nor_http(name: str, settings: Settings) -> None:
    heavy = {*MIGRATIONS, *DAEMON, "httpx", "jinja2", "prometheus_client"}
    assert not loaded(command(*name.split()), settings) & heavy


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
