"""Where settings come from besides arguments and the environment."""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from manager.errors import ConfigurationError

# Between `lingre` and `linger`, and unlike anything of somebody else's.
LIKENESS = 0.8


def misspelt_variables(prefix: str, known: Collection[str]) -> dict[str, str]:
    """What is nearly a setting in the environment; what is nothing like one is others' business."""
    given = {
        name.lower().removeprefix(prefix.lower()): value
        for name, value in os.environ.items()
        if name.lower().startswith(prefix.lower()) and value
    }
    return {
        name: value
        for name, value in given.items()
        if name not in known and difflib.get_close_matches(name, known, 1, LIKENESS)
    }


def toml(path: str | None) -> dict[str, Any]:
    """The content of the TOML file; empty when none is named. Raises ConfigurationError."""
    if not path:
        return {}
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        why = f"cannot be read: {error.strerror}"
    except ValueError as error:
        why = f"is not valid TOML: {error}"
    raise ConfigurationError(f"The configuration file {path} {why}.")


def connection(path: Path, known: Collection[str]) -> dict[str, Any]:
    """What a daemon wrote down of its own servers; empty when there are none yet.

    Raises ConfigurationError.
    """
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise ConfigurationError(
            f"{path} is not what `enrichd up --embedded` writes. Remove it; the next `up` of "
            "that directory writes it again."
        )
    return {name: value for name, value in content.items() if name in known}
