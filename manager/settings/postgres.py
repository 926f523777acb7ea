"""What Postgres's URL says: its parameters, its options, and where it leads; never a password."""

from __future__ import annotations

import difflib
import shlex
from urllib.parse import parse_qsl

from psycopg import ProgrammingError, pq
from psycopg.conninfo import conninfo_to_dict

SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
# What other programs' URLs have, and what to do about it here.
FOREIGN = {
    "schema": "set database_schema (ENRICHD_DATABASE_SCHEMA) instead",
    "currentschema": "set database_schema (ENRICHD_DATABASE_SCHEMA) instead",
    "search_path": "set database_schema (ENRICHD_DATABASE_SCHEMA) instead",
    "pgbouncer": "leave it out: a pooler is noticed",
    "prepared_statements": "leave it out: a pooler is noticed",
    "statement_cache_size": "leave it out: a pooler is noticed",
    "prepare_threshold": "leave it out: a pooler is noticed",
    "connection_limit": "leave it out",
    "pool_timeout": "leave it out",
    "timeout": "use connect_timeout, in seconds",
    "socket_timeout": "use connect_timeout, in seconds",
    "statement_timeout": "use options=-c%20statement_timeout%3D60s",
    "sslaccept": "use sslmode=verify-full, with sslrootcert",
    "sslidentity": "use sslcert and sslkey",
}
CHOICES = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "target_session_attrs": (
        "any", "read-write", "read-only", "primary", "standby", "prefer-standby",
    ),
    "client_encoding": ("utf8", "utf-8", "unicode", "auto"),
}  # fmt: skip
WHOLE = (
    "connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count",
    "tcp_user_timeout",
)  # fmt: skip
# Without these the ledger would be read or written wrongly, so a URL cannot set them.
OURS = {
    "search_path": "set database_schema (ENRICHD_DATABASE_SCHEMA) instead",
    **dict.fromkeys(
        (
            "client_encoding", "datestyle", "intervalstyle", "timezone", "array_nulls",
            "standard_conforming_strings", "extra_float_digits", "default_transaction_isolation",
            "default_transaction_read_only", "default_transaction_deferrable",
        ),
        "leave it out: each session of ours sets it as the ledger needs it",
    ),
}  # fmt: skip


def trouble(url: str) -> str | None:
    """What is wrong with the URL's parameters, and what to use instead; None: nothing."""
    known = {it.keyword.decode() for it in pq.Conninfo.get_defaults()} | {"ssl", "requiressl"}
    for name, value in parse_qsl(url.partition("?")[2], keep_blank_values=True):
        if name not in known:
            return (
                f"has the parameter {name}, which Postgres does not know; {_instead(name, known)}"
            )
        choices = CHOICES.get(name)
        if choices and value.lower() not in choices:
            return f"has {name}={value}; it must be one of {', '.join(choices)}"
        if name in WHOLE and value.strip() and not value.strip().lstrip("-").isdecimal():
            return f"has {name}={value}; it must be a whole number"
    for part in url.partition("?")[2].split("&"):
        name, _, value = part.partition("=")
        if "=" in value or " " in value:
            return f"has a bare = or space in the value of {name}; write %3D and %20"
    for name in options(url):
        if name in OURS:
            return f"sets {name} in its options; {OURS[name]}"
    return None


def _instead(name: str, known: set[str]) -> str:
    if name.lower() in FOREIGN:
        return FOREIGN[name.lower()]
    near = difflib.get_close_matches(name.lower(), known, 1)
    return f"did you mean {near[0]}?" if near else "leave it out"


def parameters(url: str) -> dict[str, str]:
    """The connection's parameters that the URL gives, by name. Raises ProgrammingError."""
    return {name: str(value) for name, value in conninfo_to_dict(url).items()}


def options(url: str) -> dict[str, str]:
    """The server's settings that the URL's own `options` give, by name in lower case."""
    found: dict[str, str] = {}
    try:
        words = iter(shlex.split(parameters(url).get("options", "")))
    except (ProgrammingError, ValueError):
        return found
    for word in words:
        if word == "-c":
            word = next(words, "")
        elif word.startswith(("-c", "--")):
            word = word[2:]
        else:
            continue
        name, separator, value = word.partition("=")
        if separator:
            found[name.strip().lower().replace("-", "_")] = value
    return found


def where(url: str) -> str:
    """HOST:PORT/DATABASE, for messages."""
    given = parameters(url)
    hosts = (given.get("host") or given.get("hostaddr") or "localhost").split(",")
    ports = given.get("port", "5432").split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    places = ",".join(f"{host}:{port or 5432}" for host, port in zip(hosts, ports, strict=False))
    return f"{places}/{given.get('dbname', given.get('user', ''))}"
