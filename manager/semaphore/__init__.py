"""The semaphore: all that knows Redis. What it holds can be rebuilt from the ledger."""

from manager.semaphore.gate import Calls, RedisGate
from manager.semaphore.measures import Measures
from manager.semaphore.names import Owner, queue_prefix
from manager.semaphore.presence import Presence, Presences, Seen
from manager.semaphore.redis import connect, ping
from manager.semaphore.server import Server, check, look
from manager.semaphore.slots import Holder, NotReadyError, Slots

__all__ = [
    "Calls",
    "Holder",
    "Measures",
    "NotReadyError",
    "Owner",
    "Presence",
    "Presences",
    "RedisGate",
    "Seen",
    "Server",
    "Slots",
    "check",
    "connect",
    "look",
    "ping",
    "queue_prefix",
]
