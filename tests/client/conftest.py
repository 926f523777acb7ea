"""The daemon's steps, called by hand, for what becomes of a call."""

from tests.steps.conftest import _running, _sandbox_dir, driver, sandbox

__all__ = ["_running", "_sandbox_dir", "driver", "sandbox"]
