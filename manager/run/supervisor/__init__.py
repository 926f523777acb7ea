"""Runs the daemon's processes on one machine, and waits for what they need."""

from manager.run.supervisor.child import ProcessSpec, ProcessStatus
from manager.run.supervisor.reachable import wait_until_reachable
from manager.run.supervisor.supervisor import Supervisor

__all__ = ["ProcessSpec", "ProcessStatus", "Supervisor", "wait_until_reachable"]
