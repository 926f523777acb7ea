"""What a Redis answers when it cannot serve, in sentences that say what to do.

Redis says it by the first word of an error; inside a script (up to Redis 6.2) by a word within.
What passes by itself is a ConnectionError: its connection is closed and made anew, which is what a
failover needs, and what makes Celery's workers come back rather than end.
"""

from __future__ import annotations

import re

from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    ClusterCrossSlotError,
    ClusterDownError,
    ConnectionError,
    MasterDownError,
    MovedError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

# What a user needs, and nothing else; tests run a daemon, Flower and `celery inspect` with it.
RIGHTS = (
    "~enrichd:* resetchannels &enrichd:* +@hash +@set +@sortedset +@list +@connection +select "
    "+@transaction +del +exists +pexpire +time +evalsha +script|load +script|exists +publish "
    "+subscribe +unsubscribe -@dangerous +info"
)


class CannotServeError(ConnectionError):
    """Redis answers, but cannot do what it is asked for now; nothing was done."""


class RefusesUserError(AuthenticationError):
    """Redis does not let us in with this user and password."""


class MissingRightError(NoPermissionError):
    """Redis has let us in, but not allowed what we need.

    needed: the right as `ACL SETUSER` names it, such as +lpush.
    """

    def __init__(self, message: str, needed: str) -> None:
        super().__init__(message)
        self.needed = needed


class WrongServerError(ConnectionError):
    """What answers is not what Redis's URL should name."""


def missing(where: str, user: str | None, needed: list[str]) -> str:
    """What a user lacks, and the command that gives it."""
    name = user or "default"
    command = " ".join(["ACL", "SETUSER", name, *needed])
    return f"The user {name!r} of Redis at {where} lacks a right. Run there: {command}"


_NOT_NOW = {
    "READONLY": "is a read-only replica, as after a failover. It is connected to anew until the "
    "address leads to the primary",
    "OOM": "has reached its maxmemory and takes nothing new. It goes on when there is room: raise "
    "maxmemory, or remove what fills it",
    "MISCONF": "takes no writes because it could not save to disk. See its log; it needs no "
    "persistence for us (CONFIG SET stop-writes-on-bgsave-error no)",
    "LOADING": "is still loading its data from disk",
    "MASTERDOWN": "is a replica that has lost its primary, and answers nothing meanwhile",
    "BUSY": "is busy with a script that somebody runs (SCRIPT KILL ends it)",
    "NOREPLICAS": "takes no writes since it has too few replicas (min-replicas-to-write)",
    "UNBLOCKED": "has just become a replica, or is changing over",
    "TRYAGAIN": "is changing over",
}
_CLUSTER = ("CLUSTERDOWN", "CROSSSLOT", "MOVED", "ASK")
# The client takes the first word off where it has a class for it.
_CLASSES: dict[type[RedisError], str] = {
    ReadOnlyError: "READONLY",
    OutOfMemoryError: "OOM",
    BusyLoadingError: "LOADING",
    MasterDownError: "MASTERDOWN",
    TryAgainError: "TRYAGAIN",
    ClusterDownError: "CLUSTERDOWN",
    ClusterCrossSlotError: "CROSSSLOT",
    MovedError: "MOVED",
    AskError: "ASK",
}
_WORD = re.compile(rf"(?:^|[\s-])({'|'.join([*_NOT_NOW, *_CLUSTER])})\b")
_COMMAND = re.compile(r"'([a-z|_-]+)' command", re.IGNORECASE)
_OURS = (CannotServeError, RefusesUserError, MissingRightError, WrongServerError)


def explained(error: RedisError, where: str, user: str | None) -> RedisError:
    """The error itself, or one that says in a sentence what it means.

    where: what names the server. user: as whom we are there, None for the default user.
    """
    if isinstance(error, (*_OURS, NoScriptError)):
        return error
    text = " ".join(str(error).split())
    for explain in (_not_let_in, _not_allowed, _not_there, _not_encrypted, _not_now):
        if made := explain(error, text, where, user):
            return made
    return error


def _not_let_in(error: RedisError, text: str, where: str, user: str | None) -> RedisError | None:
    who = f"the user {user!r}" if user else "the default user"
    if "without any password configured" in text:
        return RefusesUserError(
            f"Redis at {where} has no password for {who}, but its URL gives one. Take it out "
            "of the URL, or name the user that has it (redis://USER:PASSWORD@…)."
        )
    if "NOAUTH" in text or "Authentication required" in text:
        return RefusesUserError(
            f"Redis at {where} asks for a password, and its URL has none "
            "(redis://:PASSWORD@… or redis://USER:PASSWORD@…)."
        )
    if isinstance(error, AuthenticationError) or "WRONGPASS" in text or "invalid password" in text:
        return RefusesUserError(
            f"Redis at {where} refuses {who} with this password, or has disabled it. Correct the "
            "URL; special characters in it must be percent-encoded."
        )
    return None


def _not_allowed(error: RedisError, text: str, where: str, user: str | None) -> RedisError | None:
    signs = ("NOPERM", "ACL failure", "executing the script can't")
    if not isinstance(error, NoPermissionError) and not any(sign in text for sign in signs):
        return None
    if which := _COMMAND.search(text):
        needed = f"+{which[1].lower()}"
    else:
        needed = "&enrichd:*" if "channel" in text else "~enrichd:*" if "key" in text else RIGHTS
    return MissingRightError(missing(where, user, [needed]), needed)


def _not_there(error: RedisError, text: str, where: str, user: str | None) -> RedisError | None:
    if "DB index is out of range" in text or "invalid DB index" in text:
        return WrongServerError(f"Redis at {where} has no database of that number.")
    if "DENIED" in text and "protected mode" in text:
        return RefusesUserError(
            f"Redis at {where} is in protected mode: without a password it answers only its own "
            "machine. Give it one (requirepass, or an ACL user), and the URL too."
        )
    if "max number of clients" in text:
        return CannotServeError(f"Redis at {where} has no room for more clients (maxclients).")
    return None


def _not_encrypted(error: RedisError, text: str, where: str, user: str | None) -> RedisError | None:
    if reason := re.search(r"certificate verify failed: ([^(]*)", text):
        return WrongServerError(
            f"The certificate of Redis at {where} is not trusted: {reason[1].strip()}. Name the CA "
            "that has signed it with ?ssl_ca_certs=/path/ca.pem; the host in the URL must be in it."
        )
    if re.search(r"WRONG_VERSION_NUMBER|wrong version number|record layer failure", text):
        return WrongServerError(
            f"Redis at {where} does not speak TLS on this port: the URL must begin with redis://, "
            "or name the TLS port."
        )
    return None


def _not_now(error: RedisError, text: str, where: str, user: str | None) -> RedisError | None:
    word = next((word for kind, word in _CLASSES.items() if isinstance(error, kind)), None)
    if word is None and isinstance(error, ResponseError) and (found := _WORD.search(text)):
        word = found[1]
    if word in _CLUSTER:
        return WrongServerError(
            f"Redis at {where} is a Cluster, which is not supported: name a single server."
        )
    return CannotServeError(f"Redis at {where} {_NOT_NOW[word]}.") if word else None
