"""What this program calls itself at the vendor, and to its operators."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def our_version() -> str:
    """Of this program; "0" where it is not installed."""
    try:
        return version("enrichment-manager")
    except PackageNotFoundError:
        return "0"
