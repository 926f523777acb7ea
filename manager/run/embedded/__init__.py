"""Postgres and Redis (Valkey) from PyPI wheels, for one machine and nothing to install."""

from manager.run.embedded.servers import EmbeddedServers

__all__ = ["EmbeddedServers"]
