"""The chaos harness: real daemons under load, a seeded schedule of faults, then the invariants.

    python -m tests.chaos --seed 7 --seconds 60

A seed is a schedule: what goes wrong, when, and with which numbers. A run that fails prints its
seed; the same seed replays the same schedule.
"""
