"""Asking for what callers have kept with their requests: metadata, as a jsonpath that Postgres's
index on it answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

_SCALAR = re.compile(r"(-?\d{1,40}(\.\d{1,40})?|true|false|null)\Z")


def jsonpath(wanted: Mapping[str, str]) -> str:
    """That each key has its value: as text, or as the number or word that it spells, or in a list.

    A key with dots is one that is named so, or leads into what is nested.
    """
    return " && ".join(f"({_is(key, value)})" for key, value in wanted.items())


def anywhere(value: str) -> str:
    """That the value stands anywhere."""
    return _either(["$.**"], value)


def _is(key: str, value: str) -> str:
    steps = key.split(".")
    paths = [f"$.{_quoted(key)}"]
    if len(steps) > 1:
        paths.append(f"$.{'.'.join(map(_quoted, steps))}")
    return _either(paths, value)


def _either(paths: list[str], value: str) -> str:
    values = [_quoted(value), *([value] if _SCALAR.match(value) else [])]
    return " || ".join(f"{path} == {it}" for path in paths for it in values)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
