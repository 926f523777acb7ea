"""What the vendor accepts: every documented rule on a submission, and how it says no."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec

from sandbox.endpoints import Endpoint
from sandbox.jobs import Identifiers

API_VERSION = "2025-11-01"
CHUNK_SIZES = range(10, 1_001)
DEFAULT_CHUNK_SIZE = 100
STATUSES = ("pending", "processing", "completed", "failed")

_OPTIONS = ("fields", "webhook_url", "chunk_size")
_INTEGER = re.compile(r"[+-]?\d{1,18}")


@dataclass
class Refusal(Exception):
    """An answer that says no: `{"error": {"type", "message", "metadata"}}` [docs].

    The `type` strings are the sandbox's own, `insufficient_credits` apart [unknown].
    """

    status: int
    type: str
    message: str
    metadata: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """The JSON that is sent."""
        error = {"type": self.type, "message": self.message, "metadata": self.metadata}
        return {"error": error}


@dataclass(frozen=True, eq=False)
class Submission:
    """A submission that keeps the rules; `fields` is the sorted set of the paths asked for."""

    endpoint: Endpoint
    identifier_type: str
    identifiers: list[str] | list[int]
    fields: tuple[str, ...] = ()
    chunk_size: int = DEFAULT_CHUNK_SIZE
    webhook_url: str | None = None

    def looked_up(self, unresolved_share: float) -> Identifiers:
        """Its identifiers with what each is worth; safe to call in a thread."""
        return Identifiers.pack(
            self.endpoint,
            self.identifier_type,
            self.identifiers,
            self.fields,
            unresolved_share,
        )


def check_version(version: str | None) -> None:
    """Refuse a submission without the API version that it requires [seed]."""
    if version != API_VERSION:
        said = "is missing" if version is None else "is not supported"
        raise _invalid(f"Header x-api-version {said}; batch jobs require {API_VERSION}.")


def submission(endpoint: Endpoint, body: bytes, refused_types: Collection[str] = ()) -> Submission:
    """Read and check the body of a submission to that endpoint; refuses with 400.

    `refused_types` are identifier types that it takes no longer.
    """
    try:
        given = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _invalid("The body is not valid JSON.") from None
    if not isinstance(given, dict):
        raise _invalid("The body must be a JSON object.")
    given = {name: value for name, value in given.items() if value is not None}
    types = [name for name in endpoint.identifier_types if name not in refused_types]
    unknown = sorted(given.keys() - {*types, *_OPTIONS})
    if unknown:
        # Strict where the vendor is undocumented: a mistyped name must not go unnoticed.
        raise _invalid(f"Unknown parameters: {', '.join(unknown)}.")
    present = [name for name in types if name in given]
    if len(present) != 1:
        found = ", ".join(present) or "none"
        raise _invalid(f"Provide exactly one of {', '.join(types)}; found {found}.")
    return Submission(
        endpoint=endpoint,
        identifier_type=present[0],
        identifiers=identifiers(endpoint, present[0], given[present[0]]),
        fields=_fields(endpoint, given.get("fields", [])),
        chunk_size=_chunk_size(given.get("chunk_size", DEFAULT_CHUNK_SIZE)),
        webhook_url=_webhook_url(given.get("webhook_url")),
    )


def check_identifier_type(endpoint: Endpoint, identifier_type: str) -> None:
    """Refuse one that the endpoint does not have."""
    if identifier_type not in endpoint.identifier_types:
        types = ", ".join(endpoint.identifier_types)
        raise _invalid(f"{endpoint.name} takes {types}, not {identifier_type}.")


def identifiers(endpoint: Endpoint, identifier_type: str, value: Any) -> list[str] | list[int]:
    """1 to `most` identifiers; only a string is split at commas, never a list's element."""
    values = _listed(identifier_type, value)
    if not 1 <= len(values) <= endpoint.most:
        raise _invalid(
            f"{identifier_type} has {len(values)} identifiers; a job takes 1 to {endpoint.most}."
        )
    if endpoint.identifier_types[identifier_type] is int:
        return _ids(identifier_type, values, from_text=isinstance(value, str))
    if not all(isinstance(value, str) and value.strip() for value in values):
        raise _invalid(f"{identifier_type} must be a list of non-empty strings.")
    return values


def _listed(name: str, value: Any) -> list[Any]:
    if isinstance(value, str):
        return [piece.strip() for piece in value.split(",") if piece.strip()]
    if isinstance(value, list):
        return value
    raise _invalid(f"{name} must be a list or one comma-separated string.")


def _ids(name: str, values: list[Any], *, from_text: bool) -> list[int]:
    if from_text and all(_INTEGER.fullmatch(value) for value in values):
        return [int(value) for value in values]
    if not all(type(value) is int for value in values):
        raise _invalid(f"{name} must be integers.")
    return values


def _fields(endpoint: Endpoint, value: Any) -> tuple[str, ...]:
    fields = _listed("fields", value)
    if not all(isinstance(path, str) for path in fields):
        raise _invalid("fields must be a list of strings.")
    available = {"available_fields": list(endpoint.catalogue.selectable)}
    if endpoint.fields_required and not fields:
        raise _invalid(f"fields is required by {endpoint.name}.", available)
    unsupported = endpoint.catalogue.unsupported(fields)
    if unsupported:
        raise _invalid(f"Unsupported fields: {', '.join(unsupported[:20])}.", available)
    return tuple(sorted(set(fields)))


def _chunk_size(value: Any) -> int:
    if type(value) is not int or value not in CHUNK_SIZES:
        raise _invalid("chunk_size must be an integer from 10 to 1000.")
    return value


def _webhook_url(value: Any) -> str | None:
    if value is None:
        return None
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise _invalid("webhook_url must be an http or https URL.")
    return str(value)


def _invalid(message: str, metadata: dict[str, Any] | None = None) -> Refusal:
    return Refusal(400, "invalid_request", message, metadata or {})
