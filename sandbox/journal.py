"""What happened to the sandbox's account, as events, and the file that keeps them."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from sandbox.jobs import Job


class Opened(msgspec.Struct, tag="opened"):
    """The account began; the secret signs its download links."""

    secret: str


class Accepted(msgspec.Struct, tag="accepted"):
    """A job was accepted."""

    job: Job


class Stopped(msgspec.Struct, tag="stopped"):
    """A job was made to end at that time, earlier than it would have or at all."""

    batch_id: str
    moment: float


class Ended(msgspec.Struct, tag="ended"):
    """A job ended, and its records were billed at that price."""

    batch_id: str
    price: float


class Called(msgspec.Struct, tag="called"):
    """A route was called; the outcome is a status code or what was done instead."""

    route: str
    outcome: str


class CreditsSet(msgspec.Struct, tag="credits_set"):
    """The credits left were set; None is unlimited."""

    credits: float | None


class Advanced(msgspec.Struct, tag="advanced"):
    """The clock was moved forward."""

    seconds: float


Event = Opened | Accepted | Stopped | Ended | Called | CreditsSet | Advanced


class Journal:
    """Appends events to a file, a JSON line each; without a path it keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file = path.open("ab", buffering=0) if path else None

    def replay(self) -> Iterator[Event]:
        """The events kept so far; a last line cut off by a crash is dropped from the file.

        What another version of the sandbox wrote is a `ValueError`.
        """
        if self._path is None:
            return
        good = 0
        with self._path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                good += len(line)
                try:
                    event = msgspec.json.decode(line, type=Event)
                except msgspec.ValidationError as error:
                    raise ValueError(
                        f"{self._path} was written by another version of the sandbox ({error}); "
                        "remove it, or use another data directory"
                    ) from None
                yield event
        with self._path.open("r+b") as file:
            file.truncate(good)

    def append(self, event: Event) -> None:
        """Keep an event; it survives the process, though not a power cut."""
        if self._file:
            self._file.write(msgspec.json.encode(event) + b"\n")

    def clear(self) -> None:
        """Forget every event."""
        if self._file:
            self._file.truncate(0)

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()
