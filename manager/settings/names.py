"""How settings are called in the environment, and what is nearly called so."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Iterable

PREFIX = "ENRICHD_"
CONFIG = f"{PREFIX}CONFIG"
ACCOUNTS = "accounts"
ACCOUNT_PREFIX = f"{ACCOUNTS}__"

# Between `lingre` and `linger`, and unlike anything of somebody else's.
LIKENESS = 0.8


def variable(*path: str) -> str:
    """The variable of a setting: `variable("accounts", "alpha", "cap")` for one in a table."""
    return PREFIX + "__".join(path).upper()


def given() -> dict[str, str]:
    """The variables of ours, in lower case and without the prefix; an empty one is not set."""
    return {
        name.lower().removeprefix(PREFIX.lower()): value
        for name, value in os.environ.items()
        if name.lower().startswith(PREFIX.lower()) and value
    }


def misspelt(known: Collection[str], of_an_account: Iterable[str]) -> dict[str, str]:
    """What is nearly a setting in the environment; what is nothing like one is others' business."""
    return {
        name: value
        for name, value in given().items()
        if name not in known
        and not is_of_an_account(name)
        and (
            is_nearly_of_an_account(name, of_an_account)
            or difflib.get_close_matches(name, known, 1, LIKENESS)
        )
    }


def is_of_an_account(name: str) -> bool:
    """Whether it is accounts__NAME__SETTING; not whether there is such a setting."""
    return name.startswith(ACCOUNT_PREFIX) and "__" in name.removeprefix(ACCOUNT_PREFIX)


def is_nearly_of_an_account(name: str, of_an_account: Iterable[str]) -> bool:
    """Whether it may have been meant so, like account__alpha__cap or accounts_alpha_cap."""
    head, *rest = name.split("_")
    return (
        bool(difflib.get_close_matches(head, [ACCOUNTS], 1, LIKENESS))
        and bool(rest)
        and ("__" in name or any(name.endswith(f"_{setting}") for setting in of_an_account))
    )
