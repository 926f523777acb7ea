"""The semaphore: all that knows Redis. What it holds can be rebuilt from the ledger."""

from manager.semaphore.gate import Calls, RedisGate
from manager.semaphore.names import Owner, queue_prefix
from manager.semaphore.redis import connect, ping
from manager.semaphore.slots import Holder, NotReadyError, Slots

__all__ = [
    "Calls",
    "Holder",
    "NotReadyError",
    "Owner",
    "RedisGate",
    "Slots",
    "connect",
    "ping",
    "queue_prefix",
]
