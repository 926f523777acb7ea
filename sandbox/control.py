"""The client of the control routes: how tests steer a sandbox, in this process or another."""

from types import TracebackType
from typing import Any, Self

import httpx


class SandboxError(ValueError):
    """The sandbox refused a control call; the message says why."""


class SandboxControl:
    """Steers the sandbox at `url`; every method is one call of a control route."""

    def __init__(self, url: str, api_key: str = "sandbox-key") -> None:
        self.url = url.rstrip("/")
        self.api_key = api_key
        self._client: httpx.Client | None = None

    def __repr__(self) -> str:
        """The URL alone: the key is a secret."""
        return f"{type(self).__name__}({self.url!r})"

    def __enter__(self) -> Self:
        """Use it in a `with` statement, or call `close`."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        if self._client:
            self._client.close()
            self._client = None

    def record(self) -> dict[str, Any]:
        """Calls by route and status, jobs, `highest_active`, `billed`, `duplicates`, ..."""
        return self._call("GET", "record")

    def job(self, batch_id: str) -> dict[str, Any]:
        """One job with its identifiers and its webhook's host."""
        return self._call("GET", f"jobs/{batch_id}")

    def end(self, batch_id: str) -> dict[str, Any]:
        """End an active job now, as it was to end: one with the fault `never_ends` too."""
        return self._call("POST", f"jobs/{batch_id}/end")

    def settings(self) -> dict[str, Any]:
        """All settings as they are now."""
        return self._call("GET", "settings")

    def set(self, **settings: Any) -> dict[str, Any]:
        """Change settings (see `sandbox.settings.Settings`)."""
        return self._call("PATCH", "settings", settings)

    def fault(
        self, route: str, kind: str, *, times: int | None = 1, **arguments: Any
    ) -> dict[str, Any]:
        """Order a fault (see `sandbox.faults.Fault`); `times=None` lasts until removed."""
        return self._call(
            "POST", "faults", {"route": route, "kind": kind, "times": times, **arguments}
        )

    def faults(self) -> list[dict[str, Any]]:
        """The faults that may still fire, with how often they have."""
        faults: list[dict[str, Any]] = self._call("GET", "faults")["faults"]
        return faults

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._call("DELETE", "faults")

    def foreign(self, **arguments: Any) -> dict[str, Any]:
        """Add a job of another tool: `endpoint`, `identifier_type`, `identifiers` or
        `identifier_count`, `seconds`, `entity`, `action`; all have defaults.
        """
        return self._call("POST", "foreign", arguments)

    def advance(self, seconds: float) -> float:
        """Move the sandbox's clock forward; returns its time (seconds since 1970)."""
        now: float = self._call("POST", "clock", {"advance": seconds})["now"]
        return now

    def reset(self) -> None:
        """Back to the start: clears jobs, record, limits, clock, changed settings and faults."""
        self._call("POST", "reset")

    def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        if self._client is None:
            self._client = httpx.Client(timeout=30, trust_env=False)
        response = self._client.request(method, f"{self.url}/_sandbox/{path}", json=body)
        if response.is_error:
            raise SandboxError(response.json()["error"]["message"])
        answer: dict[str, Any] = response.json()
        return answer
