"""The events that processes log: found where the code says them."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from docs.reference.text import code, table

ROOT = Path(__file__).parents[2]
LEVELS = ("debug", "info", "warning", "error", "exception")
SAYING = {*LEVELS, "log", "say", "once_committed", "_say"}
EVENT = re.compile(r"[a-z_]+\.([a-z_]+|\{\w+\})")
# Fields that say how a line is written, not what it says.
MANNERS = {"warn", "level", "exc_info"}


@dataclass
class Line:
    """An event: with which levels and fields it is logged, and by which modules."""

    levels: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)


def log_lines() -> str:
    """The page."""
    rows = [
        (
            code(name),
            ", ".join(it for it in LEVELS if it in line.levels),
            ", ".join(code(it) for it in sorted(line.fields)),
            ", ".join(code(it) for it in sorted(line.modules)),
        )
        for name, line in sorted(found().items())
    ]
    return (
        "# Log lines\n\nOne line an event, `object.verb`. All have `timestamp`, `level`, `event`, "
        "`logger`, `process`, `pid`; all within a step `account`, `step` and `job`, too. "
        "`STATE` is a job's state. More: [Logs](../how-to/observe.md#logs).\n\n"
        + table(("event", "level", "fields", "said by"), rows)
    )


def found() -> dict[str, Line]:
    """Every event that manager and tasks log."""
    events: dict[str, Line] = defaultdict(Line)
    for path in sorted([*(ROOT / "manager").rglob("*.py"), *(ROOT / "tasks").rglob("*.py")]):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for name, levels, fields in _said(ast.parse(path.read_text("utf-8"))):
            events[name].levels |= levels
            events[name].fields |= fields
            events[name].modules.add(module)
    return dict(events)


def _said(tree: ast.Module) -> Iterator[tuple[str, set[str], set[str]]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or (called := _called(node)) not in SAYING:
            continue
        name = next((it for it in map(_text, node.args[:2]) if it and EVENT.fullmatch(it)), None)
        if name:
            given = {it.arg: it.value for it in node.keywords if it.arg}
            levels = {called} & {*LEVELS} or _levels(given.get("warn"))
            yield re.sub(r"\{\w+\}", "STATE", name), levels, given.keys() - MANNERS


def _called(node: ast.Call) -> str:
    match node.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def _levels(warn: ast.expr | None) -> set[str]:
    """With which levels a line comes that may be a warning."""
    match warn:
        case None:
            return {"info"}
        case ast.Constant(value=True):
            return {"warning"}
    return {"info", "warning"}


def _text(node: ast.expr) -> str | None:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(
                str(it.value) if isinstance(it, ast.Constant) else "{it}" for it in values
            )
    return None
