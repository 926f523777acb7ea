"""Each command that a page, a way out, an alert or a help names exists, with its options."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

from docs.reference.commands import walk
from manager.cli import COMMANDS
from tests.docs.commands import cli, commands, quoted, refusal
from tests.docs.pages import PAGES, ROOT, Block, all_blocks, name, prose

SHELL = [it for language in ("sh", "console", "text", "") for it in all_blocks(language)]


@pytest.mark.parametrize("block", [it for it in SHELL if commands(it.text)], ids=str)
def test_the_commands_of_a_block_are_understood(block: Block) -> None:
    assert [it for line in commands(block.text) if (it := refusal(line))] == []


@pytest.mark.parametrize("page", [it for it in PAGES if "CHANGELOG" not in it.name], ids=name)
def test_the_commands_that_its_prose_names_are_there(page: Path) -> None:
    wrong = [it for line in quoted(prose(page)) if (it := refusal(line, whole=False))]
    assert wrong == []


def test_the_readme_names_each_command() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    [table] = re.findall(r"^\| to \| commands \|\n(?:\|.*\n)+", text, re.MULTILINE)
    named = {it.split()[0] for it in re.findall("`([^`]+)`", table)}
    assert named == set(COMMANDS)


def test_what_is_said_in_the_code_names_commands_that_are_there() -> None:
    """Ways out, reasons, errors: whoever reads them types them."""
    wrong = [
        f"{path.relative_to(ROOT)}: {it}"
        for path in sorted([*(ROOT / "manager").rglob("*.py"), *(ROOT / "tasks").rglob("*.py")])
        for text in _texts(ast.parse(path.read_text("utf-8")))
        for line in quoted(text)
        if (it := refusal(line, whole=False))
    ]
    assert wrong == []


def test_what_alerts_say_names_commands_that_are_there() -> None:
    rules = yaml.safe_load((ROOT / "config/prometheus/alerts.yml").read_text("utf-8"))
    told = [
        re.sub(r"\{\{.*?\}\}", "NAME", rule["annotations"]["description"])
        for group in rules["groups"]
        for rule in group["rules"]
    ]
    named = [line for text in told for line in quoted(text)]
    assert named
    assert [it for line in named if (it := refusal(line, whole=False))] == []


def test_the_examples_of_each_help_are_understood() -> None:
    lines = [
        line
        for path, command in walk(cli())
        if len(path) > 1
        for line in commands((command.epilog or "").replace("\b", ""))
    ]
    assert len(lines) > 50
    assert [it for line in lines if (it := refusal(line))] == []


def test_a_command_that_is_not_there_would_be_found() -> None:
    assert refusal("enrichd jobs --state failed --since 6h") is None
    assert refusal("enrichd jobs JOB_ID") is None
    assert "no command nope" in str(refusal("enrichd nope"))
    assert "No such option" in str(refusal("enrichd vendor-jobs --foreign"))
    assert "unexpected" in str(refusal("enrichd doctor vendor"))
    assert "Missing" in str(refusal("enrichd results"))


def _written(node: ast.JoinedStr) -> str:
    """A text with NAME for a value, but for options put behind a word (`resume{option}`)."""
    text = ""
    for it in node.values:
        if isinstance(it, ast.Constant):
            text += str(it.value)
        elif not re.search(r"[\w]$", text):
            text += "NAME"
    return text


def _texts(tree: ast.Module) -> list[str]:
    """All its texts but docstrings; what is put into them stands as NAME."""
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    found = []
    inner: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inner |= {id(it) for it in ast.walk(node) if it is not node}
            found.append(_written(node))
        elif isinstance(node, ast.Constant) and id(node) not in docs | inner:
            found += [node.value] if isinstance(node.value, str) else []
    return found
