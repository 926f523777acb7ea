"""The steps of the daemon, each a function of what it needs that returns the wake-ups it causes.

A step begins by asking the ledger what is due and ends by writing down what happened, so it may
be run at any time, any number of times. The registry is the only place that lists them: Celery's
tasks, queues and limits, beat's schedule, and the tests' driver are made from it.
"""
