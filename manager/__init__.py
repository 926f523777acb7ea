"""The enrichment manager: durable, exactly-once bulk enrichment through a paid batch API."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from manager.client.aio import AsyncManager, AsyncRequest
    from manager.client.estimate import Estimate
    from manager.client.follow import Progress, Result
    from manager.client.history import HistoryEvent
    from manager.client.known import Known
    from manager.client.sync import Manager, Request
    from manager.errors import (
        BudgetError,
        ConfigurationError,
        ConflictError,
        EnrichdError,
        InvalidIdentifier,
        InvalidIdentifiersError,
        InvalidRequestError,
        LockTimeoutError,
        NotFoundError,
        UnavailableError,
        WaitTimeoutError,
    )
    from manager.identifiers import IdentifierType
    from manager.ledger.states import Outcome
    from manager.settings import Settings, load_settings
    from manager.targets import RefusedTargetError

__all__ = [
    "AsyncManager",
    "AsyncRequest",
    "BudgetError",
    "ConfigurationError",
    "ConflictError",
    "EnrichdError",
    "Estimate",
    "HistoryEvent",
    "IdentifierType",
    "InvalidIdentifier",
    "InvalidIdentifiersError",
    "InvalidRequestError",
    "Known",
    "LockTimeoutError",
    "Manager",
    "NotFoundError",
    "Outcome",
    "Progress",
    "RefusedTargetError",
    "Request",
    "Result",
    "Settings",
    "UnavailableError",
    "WaitTimeoutError",
    "load_settings",
]

# What is asked for is loaded then: no process waits for what it does not use.
_PLACES = {
    "client.aio": ("AsyncManager", "AsyncRequest"),
    "client.estimate": ("Estimate",),
    "client.follow": ("Progress", "Result"),
    "client.history": ("HistoryEvent",),
    "client.known": ("Known",),
    "client.sync": ("Manager", "Request"),
    "targets": ("RefusedTargetError",),
    "errors": ("InvalidIdentifier", *(name for name in __all__ if name.endswith("Error"))),
    "identifiers": ("IdentifierType",),
    "ledger.states": ("Outcome",),
    "settings": ("Settings", "load_settings"),
}

if not TYPE_CHECKING:  # to a type checker a name that is not there is an error

    def __getattr__(name: str) -> Any:
        for place, names in _PLACES.items():
            if name in names:
                found = getattr(import_module(f"manager.{place}"), name)
                globals()[name] = found
                return found
        raise AttributeError(f"module 'manager' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
