"""The daemon's steps, called by hand, for what operators see of it."""

from tests.steps.conftest import _running, _sandbox_dir, driver, sandbox, two

__all__ = ["_running", "_sandbox_dir", "driver", "sandbox", "two"]
