"""Tell: deliver notices to whoever is to be told, until they have taken them."""

from manager.steps.tell.tell import EVERY, tell

__all__ = ["EVERY", "tell"]
