"""A caller's Celery application: nothing of ours is in it."""

from __future__ import annotations

import json
import os
from typing import Any

from celery import Celery

app = Celery("caller", broker=os.environ["CALLER_BROKER"])
app.conf.broker_connection_retry_on_startup = True


@app.task(name="shop.tasks.enriched", bind=True)  # type: ignore[untyped-decorator]
def enriched(self: Any, message: dict[str, Any]) -> None:
    """Write down what was told."""
    with open(os.environ["CALLER_FILE"], "a") as file:
        told = {"task_id": self.request.id, "queue": self.request.delivery_info["routing_key"]}
        file.write(json.dumps(message | told) + "\n")
