"""What the sandbox is ordered to do wrong: on the wire, in results files, in how jobs end."""

from __future__ import annotations

import random

from tests.chaos.faults.registry import FAULTS, Fault
from tests.chaos.world import World


def _order(route: str, kind: str, **arguments: object) -> Fault:
    """The next few calls of that route, or jobs, of one account go wrong in that way."""

    def order(world: World, rng: random.Random) -> None:
        control = world.some_vendor(rng).control
        control.fault(route, kind, times=rng.randint(1, 4), **arguments)

    return order


SHAPES = ("members", "gzip_twice", "plain", "bom", "crlf", "blank_lines", "no_last_newline")

for _route in ("submit", "status", "list", "download"):
    for _kind in ("reset_before", "reset_after", "html", "garbage", "cut"):
        FAULTS[f"{_route}_{_kind}"] = _order(_route, _kind)
    FAULTS[f"{_route}_hang"] = _order(_route, "hang", after=True)
    FAULTS[f"{_route}_delay_beyond_time_out"] = _order(_route, "delay", seconds=4.0)
    FAULTS[f"{_route}_503_not_done"] = _order(_route, "status", status=503, after=False)
    FAULTS[f"{_route}_500_done"] = _order(_route, "status", status=500, after=True)
for _kind in ("truncate", "corrupt", "wrong_count", "duplicate_envelope", "foreign_envelope",
              "bad_line", "plain", "bom"):  # fmt: skip
    FAULTS[f"download_{_kind}"] = _order("download", _kind)
for _kind in ("duplicate_envelope", "foreign_envelope", "bad_line", "fail_job", *SHAPES):
    FAULTS[f"job_{_kind}"] = _order("submit", _kind)
FAULTS["job_slow"] = _order("submit", "slow_job", factor=5.0)
FAULTS["job_cancelled"] = _order("submit", "ends_as", word="cancelled", delivered_share=0.5)
FAULTS["job_expired"] = _order("submit", "ends_as", word="expired", links=False)
FAULTS["job_done"] = _order("submit", "ends_as", word="Done")
FAULTS["job_unknown_word"] = _order("submit", "ends_as", word="halted", delivered_share=0.3)
FAULTS["job_fails_with_links"] = _order(
    "submit", "ends_as", word="FAILED", delivered_share=0.7, error_message="out of memory"
)
FAULTS["job_undated"] = _order("submit", "ends_as", word="completed", completed_at=False)
FAULTS["status_wrong_count"] = _order("status", "wrong_count")
FAULTS["submit_429_of_unknown_kind"] = _order("submit", "status", status=429, body="slow down?")
FAULTS["download_link_expired"] = _order("download", "status", status=403)
