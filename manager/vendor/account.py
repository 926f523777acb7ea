"""Account: what the client needs to know of one."""

from __future__ import annotations

from typing import Protocol


class Account(Protocol):
    """One API key at one vendor's address."""

    @property
    def name(self) -> str:
        """What the ledger and messages call it."""

    @property
    def vendor_url(self) -> str:
        """Base URL of the vendor's API, without a slash at its end."""

    @property
    def api_key(self) -> str:
        """The key in clear. Raises ConfigurationError when it is not set."""
