"""docker-compose.yml as read by the tests of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = YAML(typ="safe").load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
ONE_SHOT = {name for name, service in SERVICES.items() if service["restart"] == "no"}
CELERY = [name for name in OURS if {"worker", "beat"} & set(SERVICES[name]["command"])]
DOCKERFILE: str = COMPOSE["x-enrichd"]["build"]["dockerfile_inline"]
VARIABLE = re.compile(r"\$\{(\w+)(:?[-?])([^}]*)\}")
TRIAL = {"POSTGRES_PASSWORD": "p"}


def filled(text: str, given: dict[str, str]) -> str:
    """As compose fills in variables; KeyError for a required one that is not given."""

    def value(match: re.Match[str]) -> str:
        name, kind, default = match.groups()
        if given.get(name) or (name in given and kind == "-"):
            return given[name]
        return default if kind.endswith("-") else given[name]

    assert "$" not in VARIABLE.sub("", text)
    return VARIABLE.sub(value, text)


def environment(service: str, given: dict[str, str]) -> dict[str, str]:
    return {
        name: filled(value, given)
        for name, value in SERVICES[service].get("environment", {}).items()
    }
