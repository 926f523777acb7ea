"""What docs/sandbox.md shows works, line by line; what it names is there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from sandbox import Sandbox
from sandbox.faults import _KINDS, CONTENT
from sandbox.settings import Settings
from sandbox.shapes import Shape
from tests.testing.foreign_project import ROOT

pytestmark = pytest.mark.integration

PAGE = (ROOT / "docs" / "sandbox.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if not line.startswith("#")
]


def test_each_command_is_accepted(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    assert len(COMMANDS) > 10
    with Sandbox() as vendor:
        for line in COMMANDS:
            done = subprocess.run(
                ["/bin/sh", "-c", line],
                env={"URL": vendor.url, "PATH": "/usr/bin:/bin"},
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, (line, done.stderr)
        assert vendor.faults() == []


def test_its_python_works() -> None:
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "docs/sandbox.md", "exec"), {})


def test_it_names_every_fault() -> None:
    section = PAGE.partition("## Faults")[2].partition("## ")[0]
    told = set(re.findall(r"`(\w+)`", section))
    shapes = set(get_args(Shape))
    missing = set().union(*_KINDS.values()) - shapes - told
    assert missing == set()
    assert shapes <= CONTENT


def test_the_settings_that_it_names_are_there() -> None:
    section = PAGE.partition("## Its paces")[2].partition("## ")[0]
    named = set(re.findall(r"`(\w+)(?:=|`)", section)) - {"enrichd"}
    assert named - set(Settings.__struct_fields__) <= {"doubled"}
