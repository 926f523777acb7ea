"""Tests of code that uses the manager: a fake of it, and what the pytest plugin is made of.

`FakeManager` needs no server. For a real ledger with a sandbox as its vendor see `pytest_enrichd`.
"""

from manager.testing.answers import NOT_FOUND, Answer, Failed
from manager.testing.fake import EnqueuedRequest, FakeAsyncManager, FakeManager, ToldNotice

__all__ = [
    "NOT_FOUND",
    "Answer",
    "EnqueuedRequest",
    "Failed",
    "FakeAsyncManager",
    "FakeManager",
    "ToldNotice",
]
