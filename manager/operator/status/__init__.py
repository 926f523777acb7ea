"""Whether the daemon can work, and what it is at; for `enrichd status`, probes and the page."""

from manager.operator.status.account import AccountStatus
from manager.operator.status.status import Status, status

__all__ = ["AccountStatus", "Status", "status"]
