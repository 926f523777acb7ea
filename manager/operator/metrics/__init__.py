"""Metrics: what is measured of all processes and machines, read from the ledger and Redis."""

from manager.operator.metrics.declared import METRICS, Metric
from manager.operator.metrics.exposition import Collected, render
from manager.operator.metrics.scrape import scrape

__all__ = ["METRICS", "Collected", "Metric", "render", "scrape"]
