"""Benchmarks: what the steps cost on this machine, against a yardstick taken in the same run."""
