"""The ledger's tables as SQLModel classes.

They say no schema: each connection's search_path does, so the ledger can live in any.
Alembic's migrations make the tables; a test holds the two against each other.
"""

from manager.ledger.models.account import Account, EndpointPause, LedgerIdentity, Slot
from manager.ledger.models.action import OperatorAction, OperatorActionObject
from manager.ledger.models.base import LedgerModel
from manager.ledger.models.enrichment import Enrichment, Result, Stray
from manager.ledger.models.job import Job, JobEvent
from manager.ledger.models.notice import Notice, NoticeAttempt, Target
from manager.ledger.models.request import Lane, Request, RequestItem
from manager.ledger.models.spend import Budget, DayCounter, Held, Price, WaitingCounter
from manager.ledger.models.upkeep import AccountCounter, Forgetting, Retention
from manager.ledger.models.vendor_job import VendorJob

__all__ = [
    "Account",
    "AccountCounter",
    "Budget",
    "DayCounter",
    "EndpointPause",
    "Enrichment",
    "Forgetting",
    "Held",
    "Job",
    "JobEvent",
    "Lane",
    "LedgerIdentity",
    "LedgerModel",
    "Notice",
    "NoticeAttempt",
    "OperatorAction",
    "OperatorActionObject",
    "Price",
    "Request",
    "RequestItem",
    "Result",
    "Retention",
    "Slot",
    "Stray",
    "Target",
    "VendorJob",
    "WaitingCounter",
]
