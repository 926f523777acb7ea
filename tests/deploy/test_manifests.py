"""The manifests for Kubernetes: what its API accepts, and in step with the code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
import yaml

from manager import Settings, load_settings
from manager.cli import make_app
from manager.steps.context import Context
from manager.steps.registry import Queue
from manager.web.app import make_app as make_web
from manager.web.parts import read_parts, served_at

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs" / "deploy"
EXAMPLE = DEPLOY / "secret.yaml.example"
FILES = [*sorted(DEPLOY.glob("*.yaml")), EXAMPLE]
OBJECTS: list[dict[str, Any]] = [
    it for file in FILES for it in yaml.safe_load_all(file.read_text())
]
# The oldest that we say works, and the newest that there is.
KUBERNETES = ["1.29", "1.37"]
# Seconds that a pod has beyond what it is given to end.
MARGIN = 15


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    return [it for it in OBJECTS if it["kind"] in kinds]


PODS = {it["metadata"]["name"]: it["spec"]["template"] for it in of_kind("Deployment", "Job")}
DEPLOYMENTS = {it["metadata"]["name"]: it for it in of_kind("Deployment")}
WEBS = ["enrichd-web", "enrichd-webhooks"]
DAEMONS = [name for name in DEPLOYMENTS if name not in WEBS]


def container(name: str) -> dict[str, Any]:
    [found] = PODS[name]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def configuration() -> str:
    [found] = of_kind("ConfigMap")
    return str(found["data"]["enrichd.toml"])


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """What the processes read, with a secret that was filled in."""
    file = tmp_path / "enrichd.toml"
    file.write_text(configuration())
    monkeypatch.setenv("ENRICHD_CONFIG", str(file))
    [secret] = of_kind("Secret")
    for name, value in secret["stringData"].items():
        filled = value.replace("SALT", "0" * 32).replace("HASH", "0" * 64)
        monkeypatch.setenv(name, filled)
    return load_settings()


# As Kubernetes wants them


@pytest.mark.parametrize("release", KUBERNETES)
@pytest.mark.parametrize("number", range(len(OBJECTS)))
def test_it_follows_the_schema(number: int, release: str) -> None:
    kubernetes_validate = pytest.importorskip(
        "kubernetes_validate", reason="the package kubernetes-validate is not installed"
    )
    kubernetes_validate.validate(OBJECTS[number], release, strict=True)


def test_there_is_what_a_deployment_needs() -> None:
    kinds = sorted((it["kind"], it["metadata"]["name"]) for it in OBJECTS)
    daemon = ["enrichd-beat", *(f"enrichd-worker-{queue}" for queue in get_args(Queue))]
    assert kinds == sorted(
        [
            ("ConfigMap", "enrichd"),
            ("Secret", "enrichd"),
            ("Job", f"enrichd-migrate-{version('enrichment-manager').replace('.', '-')}"),
            *(("Deployment", name) for name in (*daemon, *WEBS)),
            *(("PodDisruptionBudget", name) for name in (*daemon, *WEBS)),
            *(("Service", name) for name in WEBS),
        ]
    )


def test_selectors_find_the_pods_of_their_own() -> None:
    for it in of_kind("Deployment", "PodDisruptionBudget", "Service"):
        selector = it["spec"]["selector"]
        labels = PODS[it["metadata"]["name"]]["metadata"]["labels"]
        assert selector.get("matchLabels", selector) == labels == it["metadata"]["labels"]


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_pod_may_be_moved_when_another_serves(name: str) -> None:
    [budget] = [it for it in of_kind("PodDisruptionBudget") if it["metadata"]["name"] == name]
    least = budget["spec"].get("minAvailable", 0)
    assert DEPLOYMENTS[name]["spec"]["replicas"] > least


@pytest.mark.parametrize("name", PODS)
def test_a_pod_may_do_nothing_that_it_need_not(name: str) -> None:
    pod = PODS[name]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
    assert container(name)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container(name)["resources"].keys() == {"requests", "limits"}


@pytest.mark.parametrize("name", PODS)
def test_what_is_mounted_is_there_and_what_is_written_to_is_mounted(name: str) -> None:
    pod = PODS[name]["spec"]
    mounts = {it["name"]: it["mountPath"] for it in container(name)["volumeMounts"]}
    assert mounts.keys() == {it["name"] for it in pod["volumes"]}
    assert mounts["tmp"] == "/tmp"
    if "spool" in mounts:
        assert f'spool_dir = "{mounts["spool"]}"' in configuration()


# In step with the code


@pytest.mark.parametrize("name", PODS)
def test_the_image_is_this_release_and_the_command_exists(name: str) -> None:
    assert container(name)["image"] == f"enrichd:{version('enrichment-manager')}"
    program, *arguments = container(name)["args"]
    assert program == "enrichd"
    command: Any = typer.main.get_command(make_app())
    while hasattr(command, "commands"):
        command = command.commands[arguments.pop(0)]
    command.make_context(name, list(arguments))


def test_the_configuration_is_one_and_every_variable_a_setting(settings: Settings) -> None:
    assert settings.web_users.keys() == {"NAME"}
    text = "".join(file.read_text() for file in FILES)
    named = {name.lower() for name in re.findall(r"ENRICHD_(\w+)", text)}
    assert named - {"config"} <= Settings.model_fields.keys()


def test_each_queue_has_a_worker() -> None:
    arguments = [container(name)["args"] for name in DAEMONS if "worker" in name]
    assert {it[it.index("--queues") + 1] for it in arguments} == {
        f"enrichd.{queue}" for queue in get_args(Queue)
    }


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_pod_has_time_to_end(name: str, settings: Settings) -> None:
    stop = container(name).get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command")
    before = int(stop[1]) if stop else 0
    assert settings.drain_timeout == Settings.model_fields["drain_timeout"].default
    grace = PODS[name]["spec"]["terminationGracePeriodSeconds"]
    assert grace == before + settings.drain_timeout + MARGIN
    assert (before > 0) == (name in WEBS), "only what is called must first be forgotten by proxies"


@pytest.mark.parametrize("name", WEBS)
def test_the_web_serves_its_parts_where_its_probes_and_its_service_look(
    name: str, settings: Settings
) -> None:
    arguments = container(name)["args"]
    parts = read_parts(arguments[arguments.index("--only") + 1])
    [port] = container(name)["ports"]
    assert str(port["containerPort"]) == arguments[arguments.index("--port") + 1]
    [service] = [it for it in of_kind("Service") if it["metadata"]["name"] == name]
    assert service["spec"]["ports"][0]["targetPort"] == port["name"]
    [served] = served_at(settings, parts)
    assert (served.host, set(served.parts)) == ("0.0.0.0", set(parts))
    paths = {getattr(it, "path", "") for it in make_web(Context(settings, "web"), parts).routes}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        get = container(name)[probe]["httpGet"]
        assert get["path"] in paths
        assert get["port"] == port["name"]
    assert name in settings.web_hosts or "webhooks" in parts


def test_what_faces_the_internet_knows_neither_keys_nor_users() -> None:
    receiver = container("enrichd-webhooks")
    assert "envFrom" not in receiver
    assert {it["name"] for it in receiver["env"]} == {
        "ENRICHD_CONFIG",
        "ENRICHD_DATABASE_URL",
        "ENRICHD_REDIS_URL",
    }


@pytest.mark.parametrize("name", DAEMONS)
@pytest.mark.parametrize(
    ("age", "ready", "alive"), [(None, False, False), (5, True, True), (300, False, True)]
)
def test_a_daemons_pod_is_ready_when_it_has_worked_lately(
    name: str, age: int | None, ready: bool, alive: bool, tmp_path: Path, settings: Settings
) -> None:
    heartbeat = tmp_path / "heartbeat"
    if age is not None:
        heartbeat.touch()
        os.utime(heartbeat, (time.time() - age,) * 2)
    for probe, expected in (("readinessProbe", ready), ("livenessProbe", alive)):
        command = container(name)[probe]["exec"]["command"]
        arguments = container(name)["args"]
        there = arguments[arguments.index("--heartbeat") + 1]
        assert there in command[-1]
        here = [*command[:-1], command[-1].replace(there, str(heartbeat))]
        done = subprocess.run(here, capture_output=True, check=False)
        assert (done.returncode == 0) == expected, probe
    [seconds] = re.findall(
        r"-(\d+) seconds", container(name)["livenessProbe"]["exec"]["command"][2]
    )
    assert int(seconds) > 2 * settings.stalled_after, "what hangs is replaced within the pod first"


def test_no_secret_stands_in_them() -> None:
    [secret] = of_kind("Secret")
    values = list(_texts(secret["stringData"]))
    words = {word for it in values for word in re.findall(r"[A-Z][A-Z0-9]{2,}", it)}
    assert words <= {"USER", "PASSWORD", "HOST", "DATABASE", "KEY", "NAME", "SALT", "HASH"}
    assert not re.search(r"://[^/\s]*:[^/\s]*@", configuration())


def _texts(values: dict[str, str]) -> Iterator[str]:
    for value in values.values():
        yield from json.loads(value).values() if value.startswith("{") else (value,)
