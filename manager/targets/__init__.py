"""Targets: whom a caller or an operator lets be told, and whether that is allowed."""

from manager.targets.address import Address, Channel, Named, Task, Webhook, parse
from manager.targets.events import EVENTS, Event, checked_events
from manager.targets.guard import Guard, RefusedTargetError

__all__ = [
    "EVENTS",
    "Address",
    "Channel",
    "Event",
    "Guard",
    "Named",
    "RefusedTargetError",
    "Task",
    "Webhook",
    "checked_events",
    "parse",
]
