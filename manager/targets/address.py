"""The address of a target, as it is written: a URL, `task:…`, `pg:…`, or a configured name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

import idna

from manager.errors import InvalidRequestError

MOST = 2_000
# Postgres cuts longer names of channels off.
MOST_OF_CHANNEL = 63
FORMS = (
    "https://HOST/PATH, task:NAME, task:NAME@BROKER/QUEUE, pg:CHANNEL, or a name in notify_targets"
)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,63}")
_TASK = re.compile(
    r"(?P<name>[\w.:-]{1,255})(@(?P<broker>[A-Za-z0-9_.-]{1,63}))?(/(?P<queue>[\w.:-]{1,255}))?"
)
_CHANNEL = re.compile(r"[^\s\x00-\x1f\x7f]+( [^\s\x00-\x1f\x7f]+)*")


@dataclass(frozen=True, slots=True)
class Webhook:
    """A URL that is told by a POST. `host` is as the DNS has it, `path` with its query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def place(self) -> str:
        """Where that is: those of one place share how many are told at once."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        standard = {"https": 443, "http": 80}[self.scheme]
        return self.place.rpartition(":")[0] if self.port == standard else self.place

    def __str__(self) -> str:
        path, question, _ = self.path.partition("?")
        return f"{self.scheme}://{self.authority}{path}" + ("?…" if question else "")


@dataclass(frozen=True, slots=True)
class Task:
    """A Celery task of the caller's, on a broker that the settings name."""

    name: str
    broker: str
    queue: str

    @property
    def place(self) -> str:
        """Those of one broker share how many are told at once."""
        return f"broker {self.broker}"

    def __str__(self) -> str:
        return f"task:{self.name}@{self.broker}/{self.queue}"


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel of the ledger's database, told by a NOTIFY."""

    name: str
    place = "postgres"

    def __str__(self) -> str:
        return f"pg:{self.name}"


@dataclass(frozen=True, slots=True)
class Named:
    """A target whose address only the daemon's settings know, by this name."""

    name: str

    @property
    def place(self) -> str:
        """What is behind the name is not known here."""
        return f"target {self.name}"

    def __str__(self) -> str:
        return self.name


Address: TypeAlias = Webhook | Task | Channel | Named


def parse(text: object) -> Address:
    """The address that is written so. Raises InvalidRequestError, without what may be secret."""
    if not isinstance(text, str) or not text or len(text) > MOST:
        what = f"{len(text):,} characters" if isinstance(text, str) else type(text).__name__
        raise InvalidRequestError(f"notify: {what}: a target is {FORMS}, of {MOST:,} at most.")
    if "://" in text:
        return _webhook(text)
    kind, colon, rest = text.partition(":")
    if colon and kind == "task":
        return _task(rest)
    if colon and kind == "pg":
        return _channel(rest)
    if not _NAME.fullmatch(text):
        raise InvalidRequestError(f"notify: {text[:80]!r} is no target; one is {FORMS}.")
    return Named(text)


def _webhook(url: str) -> Webhook:
    if not url.isprintable() or any(it in url for it in ' \\"<>^`{|}'):
        raise InvalidRequestError(
            "notify: a URL must have no spaces, quotes, backslashes or control characters; "
            "percent-encode them."
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:  # its message may quote all of it
        raise _no_url("is not a valid URL") from error
    scheme = parts.scheme.lower()
    if scheme not in ("https", "http") or not parts.hostname:
        raise _no_url("must begin with https:// and have a host")
    if parts.username is not None or parts.password is not None:
        raise _no_url(
            "must have no user name or password; the receiver checks the signature instead"
        )
    if parts.fragment or url.endswith("#"):
        raise _no_url("must have no #fragment: nobody would be sent it")
    if port == 0:
        raise _no_url("has port 0")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Webhook(scheme, _host(parts), port or (443 if scheme == "https" else 80), _ascii(path))


def _host(parts: SplitResult) -> str:
    """As the DNS has it, so that no other spelling of a name or an address goes unseen."""
    host = (parts.hostname or "").rstrip(".")
    if ":" in host:
        if "%" in host:
            raise _no_url("has an address with a zone")
        return host
    if "%" in host or not host:
        raise _no_url("has no host that could be looked up")
    if host.isascii():
        return host.lower()
    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        raise _no_url("has no host that could be looked up") from None


def _ascii(path: str) -> str:
    return "".join(
        it if it.isascii() else "".join(f"%{byte:02X}" for byte in it.encode("utf-8"))
        for it in path
    )


def _no_url(why: str) -> InvalidRequestError:
    return InvalidRequestError(f"notify: the target's URL {why}.")


def _task(text: str) -> Task:
    found = _TASK.fullmatch(text)
    if found is None:
        raise InvalidRequestError(
            f"notify: {f'task:{text}'[:80]!r}: a task is task:NAME, task:NAME@BROKER or "
            "task:NAME@BROKER/QUEUE; the broker's URL stands in the daemon's settings, in "
            "notify_brokers."
        )
    return Task(found["name"], found["broker"] or "default", found["queue"] or "celery")


def _channel(name: str) -> Channel:
    if not _CHANNEL.fullmatch(name) or len(name.encode()) > MOST_OF_CHANNEL:
        raise InvalidRequestError(
            f"notify: {f'pg:{name}'[:80]!r}: a channel has 1 to {MOST_OF_CHANNEL} bytes."
        )
    if name.startswith("enrichd_"):
        raise InvalidRequestError(f"notify: the channel {name} is the daemon's own; take another.")
    return Channel(name)
