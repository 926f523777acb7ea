"""The vendor's batch API, local and faithful, with faults and a clock that tests control.

    with Sandbox(api_key="key", cap=2) as sandbox:
        client = Client(sandbox.url, sandbox.api_key)
        sandbox.fault("submit", "reset_after")
        sandbox.advance(60)
        assert sandbox.record()["highest_active"] <= 2

- what it accepts: `sandbox.endpoints`; whom it knows: `sandbox.companies`, `sandbox.people`
- settings, at the start and while it runs: `sandbox.settings.Settings`; among them another
  tool on the same account (`foreign_every_seconds`), rate limits without headers, a clock
  that is wrong, and durations that are drawn (`job_seconds`, known beforehand to a benchmark
  by `job_durations`)
- faults, on the wire, in files and in how jobs end: `sandbox.faults.Fault`
- the shapes of results files: `sandbox.shapes.Shape`

`Sandbox` runs it in a thread of this process; `python -m sandbox` is a process of its own,
which `SandboxControl(url)` steers. It keeps every documented rule of the vendor's; where the
vendor is undocumented, and for the catalogue of fields and all values, it invents, and says so.
"""

from sandbox.control import SandboxControl, SandboxError
from sandbox.durations import job_durations
from sandbox.server import Sandbox

__all__ = ["Sandbox", "SandboxControl", "SandboxError", "job_durations"]
