"""The semaphore: all that knows Redis. What it holds can be rebuilt from the ledger."""

from manager.semaphore.gate import RedisGate
from manager.semaphore.redis import connect, ping
from manager.semaphore.slots import Holder, NotReadyError, Slots

__all__ = ["Holder", "NotReadyError", "RedisGate", "Slots", "connect", "ping"]
