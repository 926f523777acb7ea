"""The Python API: what `manager.__all__` names, and what tests may use of `manager.testing`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from enum import Enum
from typing import Any, get_args

import manager
import manager.testing
from docs.reference.text import code, doc

GROUPS = {
    "Managers and requests": ("Manager", "Request", "AsyncManager", "AsyncRequest"),
    "What is read": ("Result", "Progress", "Estimate", "Known", "HistoryEvent", "Outcome"),
    "What is handed over": ("IdentifierType", "InvalidIdentifier"),
    "Settings": ("Settings", "load_settings"),
}
# Its members are pydantic's, or what the page of settings tells of.
ONLY = {"Settings"}


def python() -> str:
    """The page."""
    grouped = {name for names in GROUPS.values() for name in names}
    rest = [name for name in manager.__all__ if name not in grouped]
    errors = [name for name in rest if name.endswith("Error")]
    groups = GROUPS | {"Others": tuple(it for it in rest if it not in errors)}
    parts = [
        "# Python\n\n`from manager import …`. How to use it: "
        "[Enqueue and read from Python](../how-to/python.md).\n"
    ]
    for title, names in (groups | {"Errors": tuple(errors)}).items():
        if names:
            parts.append(f"## {title}\n")
            parts += [_entry(name, getattr(manager, name)) for name in names]
    parts.append(
        "## For tests\n\n`from manager.testing import …`. How to use it: "
        "[Test code that enqueues](../how-to/testing.md).\n"
    )
    parts += [_entry(it, getattr(manager.testing, it)) for it in manager.testing.__all__]
    return "\n".join(parts)


def _entry(name: str, thing: Any) -> str:
    if not inspect.isclass(thing):
        return _other(name, thing)
    shown = _bases(thing) if issubclass(thing, Exception) else ""
    parts = [f"### {name}\n", shown, doc(thing)]
    if issubclass(thing, Enum):
        parts.append("".join(f"- {code(it.value)}\n" for it in thing))
    elif is_dataclass(thing) or not (issubclass(thing, Exception) or name in ONLY):
        parts.append(f"```text\n{_signature(name, thing)}\n```\n")
    parts += [_member(name, it, found) for it, found in _members(name, thing)]
    return "\n".join(parts)


def _other(name: str, thing: Any) -> str:
    if inspect.isfunction(thing):
        return f"### {name}\n\n```text\n{_signature(name, thing)}\n```\n\n{doc(thing)}"
    values = get_args(thing)
    listed = "".join(f"- {code(it)}\n" for it in values if isinstance(it, str))
    return f"### {name}\n\n{listed or code(thing)}\n"


def _bases(thing: type) -> str:
    return "A " + ", ".join(code(it.__name__) for it in thing.__mro__[1:-2]) + ".\n"


def _members(name: str, thing: type) -> Iterator[tuple[str, Any]]:
    """Its public methods and properties, inherited ones too where they are ours."""
    if name in ONLY:
        return
    seen: set[str] = set()
    for owner in thing.__mro__:
        if not owner.__module__.startswith("manager."):
            continue
        for it, found in vars(owner).items():
            if it.startswith("_") or it in seen or not _is_member(found):
                continue
            seen.add(it)
            yield it, found


def _is_member(found: Any) -> bool:
    return inspect.isfunction(found) or isinstance(found, property | classmethod | staticmethod)


def _member(owner: str, name: str, found: Any) -> str:
    if isinstance(found, property):
        return f"#### {owner}.{name}\n\n{doc(found.fget)}"
    function = found.__func__ if isinstance(found, classmethod | staticmethod) else found
    shown = "async " if inspect.iscoroutinefunction(function) else ""
    shown += _signature(name, function)
    return f"#### {owner}.{name}()\n\n```text\n{shown}\n```\n\n{doc(function)}"


def _signature(name: str, thing: Any) -> str:
    """As one writes it, a parameter a line where it is long."""
    signature = inspect.signature(thing)
    own = [it for it in signature.parameters.values() if it.name != "self"]
    returned = "" if inspect.isclass(thing) else signature.return_annotation
    after = "" if returned in ("", inspect.Signature.empty) else f" -> {_type(returned)}"
    short = f"{name}{signature.replace(parameters=own, return_annotation=inspect.Signature.empty)}"
    text = _plain(short) + after
    if len(text) <= 88:
        return text
    lines = []
    keyword = positional = False
    for it in own:
        if it.kind is it.KEYWORD_ONLY and not keyword and not positional:
            lines.append("    *,")
        keyword |= it.kind is it.KEYWORD_ONLY
        positional |= it.kind is it.VAR_POSITIONAL
        lines.append(f"    {_plain(str(it))},")
    return f"{name}(\n" + "\n".join(lines) + f"\n){after}"


def _type(annotation: Any) -> str:
    shown = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return _plain(shown)


def _plain(text: str) -> str:
    """Without quotes around types, without the modules of types, without addresses in memory."""
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)
    text = re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Za-z_]+)", "", text)
    return re.sub(r"<factory>|<object object at 0x[0-9a-f]+>", "…", text)
