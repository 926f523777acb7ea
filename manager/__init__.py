"""The enrichment manager: durable, exactly-once bulk enrichment through a paid batch API."""

from manager.client.aio import AsyncManager, AsyncRequest
from manager.client.estimate import Estimate
from manager.client.follow import Progress, Result
from manager.client.history import HistoryEvent
from manager.client.known import Known
from manager.client.sync import Manager, Request
from manager.errors import (
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

__all__ = [
    "AsyncManager",
    "AsyncRequest",
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
    "Request",
    "Result",
    "Settings",
    "UnavailableError",
    "WaitTimeoutError",
    "load_settings",
]
