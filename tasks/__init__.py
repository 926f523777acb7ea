"""The daemon's Celery side: thin tasks, each a wake-up for a step in `manager`."""
