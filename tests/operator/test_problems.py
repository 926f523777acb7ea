"""Problems: each code that is raised means something, and stands where docs and metrics find it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from manager.operator.problems import CODES, Problem, problem

MANAGER = Path(__file__).parents[2] / "manager"
MODULE = "manager.operator.problems"


def modules() -> Iterator[ast.Module]:
    """Those that make problems."""
    for path in MANAGER.rglob("*.py"):
        tree = ast.parse(path.read_text())
        if any(isinstance(it, ast.ImportFrom) and it.module == MODULE for it in ast.walk(tree)):
            yield tree


def test_every_code_that_is_raised_has_a_meaning_and_every_meaning_a_code() -> None:
    nodes = [node for tree in modules() for node in ast.walk(tree)]
    raised = {
        node.args[0].value
        for node in nodes
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("problem", "warning", "say", "Problem")
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    named = {node.value for node in nodes if isinstance(node, ast.Constant)}
    assert raised
    assert raised <= set(CODES) <= named


def test_a_code_is_a_stable_word_and_its_meaning_one_line() -> None:
    for code, meaning in CODES.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)
        assert "\n" not in meaning
        assert not meaning.endswith(".")


def test_a_problem_is_one_sentence_that_says_whose_it_is_and_the_way_out() -> None:
    made = problem("no-credits", "paused: 402.", "Buy credits.", "crm")
    assert str(made) == "account crm: paused: 402. Buy credits."
    assert made.sentence == "paused: 402. Buy credits."
    assert str(Problem("x", "Redis is away", "Start it.", "problem")) == "Redis is away. Start it."
