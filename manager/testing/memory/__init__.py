"""A ledger in memory, and what the statements of a caller do to it.

A class stands for a file of `manager/ledger/sql`, and each of its methods for the statement of that
name: it takes the statement's parameters, and answers with the values of its rows. Whatever Python
does around the statements, in `manager.client`, is the same code as with Postgres.
"""

from manager.testing.memory.ledger import End, Enrichment, MemoryLedger, MemoryRequest
from manager.testing.memory.run import FILES, run_in_memory

__all__ = ["FILES", "End", "Enrichment", "MemoryLedger", "MemoryRequest", "run_in_memory"]
