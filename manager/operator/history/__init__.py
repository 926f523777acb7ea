"""The whole history of an object: what it did, what was done to it, and by whom."""

from manager.operator.history.event import Event, History
from manager.operator.history.history import OBJECTS, Subject, history

__all__ = ["OBJECTS", "Event", "History", "Subject", "history"]
