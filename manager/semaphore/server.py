"""What a Redis is, and whether the daemon can work with it; looked at before anything is bought.

A server that does not say (a managed one may have no INFO) is believed to be as it should; what it
does not know or allow is found out by trying.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from manager.errors import ConfigurationError
from manager.logs import get_logger
from manager.semaphore import trouble
from manager.semaphore.names import Owner, queue_prefix
from manager.semaphore.redis import address_of, connect, unavailable
from manager.semaphore.trouble import MissingRightError
from manager.settings import Settings

log = get_logger(__name__)

SUPPORTED = "Redis 6.2 to 8 and Valkey 7.2 to 9"
OLDEST = {"Redis": (6, 2), "Valkey": (7, 2)}
# The newest major that was tried.
NEWEST = {"Redis": 8, "Valkey": 9}
NONE: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
# Servers that speak like Redis, and the word in INFO's answer by which they are known.
OTHERS = {
    "dragonfly_version": "Dragonfly",
    "mvcc_depth": "KeyDB",
    "keydb_version": "KeyDB",
    "kvrocks_version": "Kvrocks",
    "garnet_version": "Garnet",
    "redict_version": "Redict",
    "pika_version": "Pika",
}


@dataclass(frozen=True, slots=True)
class Server:
    """What a Redis says of itself; None is what it does not tell.

    where: what names it. kind: Redis, Valkey, or another's name. policy: what it does when it has
    reached maxmemory, which, like used, is bytes (0: no limit). missing: rights that our user
    lacks, as `ACL SETUSER` names them. unknown: commands that the server does not have. tls: None
    without, else how it is verified.
    """

    where: str
    kind: str = "Redis"
    version: str | None = None
    mode: str | None = None
    role: str | None = None
    policy: str | None = None
    maxmemory: int | None = None
    used: int | None = None
    user: str = "default"
    tls: str | None = None
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def __str__(self) -> str:
        version = f" {self.version}" if self.version else " (it does not tell its version)"
        return f"{self.kind}{version} at {self.where}"

    @property
    def problems(self) -> list[str]:
        """Why the daemon cannot work with it, in sentences."""
        found = []
        if self.mode == "sentinel":
            found.append(
                f"{self.where} is a Sentinel, which is not supported: name the primary itself, or "
                "a DNS name or proxy that leads to it after a failover, too."
            )
        elif self.mode == "cluster":
            found.append(
                f"{self.where} is a Cluster, which is not supported: name a single server "
                "(cluster-enabled no)."
            )
        elif self.kind not in OLDEST:
            found.append(f"{self} is not supported; {SUPPORTED} are.")
        elif self._number and self._number < OLDEST[self.kind]:
            found.append(f"{self} is too old; {SUPPORTED} are supported.")
        elif self.unknown:
            found.append(f"{self} lacks {', '.join(self.unknown)}; {SUPPORTED} have it.")
        if self.missing:
            found.append(trouble.missing(self.where, self.user, list(self.missing)))
        return found

    @property
    def warnings(self) -> list[str]:
        """What works, but not as well as it could, in sentences."""
        found = []
        if self.kind in NEWEST and self._number and self._number[0] > NEWEST[self.kind]:
            found.append(f"{self} is newer than what was tried: {SUPPORTED}.")
        if self.policy and self.policy != "noeviction":
            found.append(
                f"Redis at {self.where} has maxmemory-policy {self.policy}: under memory pressure "
                "it drops our queues, slots and calls. They are made again from the ledger, no job "
                "too many is submitted, but work waits and the vendor may answer 429 meanwhile. "
                "Set noeviction, or give us a Redis of our own."
            )
        if self.maxmemory and self.used and self.used > 0.9 * self.maxmemory:
            share = 100 * self.used / self.maxmemory
            found.append(
                f"Redis at {self.where} uses {share:.0f} % of its maxmemory of "
                f"{self.maxmemory:,} bytes. At the limit it takes no wake-ups, and work rests."
            )
        if self.tls == "none":
            found.append(
                f"Redis at {self.where} is not verified (ssl_cert_reqs=none): whoever answers in "
                "its place is given the password."
            )
        return found

    @property
    def _number(self) -> tuple[int, ...]:
        found = re.match(r"v?(\d+)\.(\d+)", self.version or "")
        return tuple(map(int, found.groups())) if found else ()


def look(settings: Settings, ledger: str | None) -> Server:
    """Ask the Redis that is configured what it is; it keeps nothing of it.

    ledger: the ledger's own id, after which our names there are made; without it nothing is tried,
    so `missing` and `unknown` stay empty. Raises ConfigurationError, UnavailableError.
    """
    address = address_of(settings)
    try:
        with connect(settings) as redis:
            told = _info(redis) | {k: v for k, v in _hello(redis).items() if v}
            kind, version = _kind(told)
            missing, unknown = _tried(redis, ledger) if ledger and not _is_several(told) else NONE
            return Server(
                where=str(address),
                kind=kind,
                version=version,
                mode=told.get("mode") or told.get("redis_mode"),
                role=told.get("role"),
                policy=told.get("maxmemory_policy"),
                maxmemory=_integer(told.get("maxmemory")),
                used=_integer(told.get("used_memory")),
                user=_user(redis) or address.username or "default",
                tls=address.tls.verify if address.tls else None,
                missing=missing,
                unknown=unknown,
            )
    except (MissingRightError, trouble.RefusesUserError, trouble.WrongServerError) as error:
        raise ConfigurationError(str(error)) from None
    except RedisError as error:
        raise unavailable(settings, error) from None


def check(settings: Settings, ledger: str | None = None) -> None:
    """Refuse a Redis that the daemon cannot work with.

    Once the ledger's id is known what our user may do is tried, and what could be better is logged.
    Raises ConfigurationError, UnavailableError.
    """
    found = look(settings, ledger)
    if found.problems:
        raise ConfigurationError(" ".join(found.problems))
    for warning in found.warnings if ledger else ():
        log.warning("redis.warned", why=warning)


def _info(redis: Redis) -> dict[str, str]:
    """INFO's answer, by name; empty when there is none. Its wording is the server's own."""
    try:
        answer = redis.connection_pool.get_connection()
        try:
            answer.send_command("INFO")  # type: ignore[no-untyped-call]
            text = answer.read_response()
        finally:
            redis.connection_pool.release(answer)
    except ResponseError:
        return {}
    lines = text.decode(errors="replace").splitlines() if isinstance(text, bytes) else []
    pairs = (line.partition(":") for line in lines if not line.startswith("#"))
    return {name: value.strip() for name, _, value in pairs if value}


def _hello(redis: Redis) -> dict[str, str]:
    """HELLO's answer: what many a managed server still tells that has no INFO."""
    try:
        answer: Any = redis.execute_command("HELLO")  # type: ignore[no-untyped-call]
    except ResponseError:
        return {}
    flat = [it.decode() if isinstance(it, bytes) else str(it) for it in answer or []]
    told = dict(zip(flat[::2], flat[1::2], strict=False))
    return {name: told.get(name, "") for name in ("server", "version", "mode", "role")}


def _kind(told: dict[str, str]) -> tuple[str, str | None]:
    for sign, name in OTHERS.items():
        if sign in told:
            version = told[sign] if sign.endswith("_version") else told.get("redis_version")
            return name, version
    for name in set(OTHERS.values()):
        if name.lower() in told.get("executable", "").lower() or (
            name.lower() == told.get("server", "").lower()
        ):
            return name, told.get("redis_version")
    if "valkey_version" in told:
        return "Valkey", told["valkey_version"]
    if told.get("server") == "valkey":
        return "Valkey", told.get("version")
    return "Redis", told.get("redis_version") or told.get("version")


def _is_several(told: dict[str, str]) -> bool:
    """Whether it is a Sentinel or a Cluster, which need not be tried."""
    return bool({"sentinel", "cluster"} & {told.get("mode"), told.get("redis_mode")})


def _user(redis: Redis) -> str | None:
    try:
        answer: Any = redis.execute_command("ACL", "WHOAMI")  # type: ignore[no-untyped-call]
    except ResponseError:
        return None
    return answer.decode() if isinstance(answer, bytes) else str(answer)


def _integer(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _tried(redis: Redis, ledger: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What our user may not use, and what the server does not know. Raises RedisError.

    Rights are checked when a transaction's commands are queued; then it is discarded, and nothing
    was done.
    """
    queue = queue_prefix(ledger) + "tried"
    key, other = Owner(ledger, 0).slots, Owner(ledger, 0).calls("list")
    commands: list[tuple[str | int | float, ...]] = [
        ("HSET", key, "f", 1),
        ("HGET", key, "f"),
        ("HGETALL", key),
        ("HINCRBY", key, "f", 1),
        ("HDEL", key, "f"),
        ("ZADD", other, 1, "m"),
        ("ZCARD", other),
        ("ZRANGE", other, 0, -1),
        ("ZREVRANGE", other, 0, -1),
        ("ZRANGEBYSCORE", other, 0, 1),
        ("ZCOUNT", other, 0, 1),
        ("ZRANK", other, "m"),
        ("ZSCORE", other, "m"),
        ("PEXPIRE", other, 1000),
        ("ZREM", other, "m"),
        ("ZREMRANGEBYSCORE", other, 0, 1),
        ("TIME",),
        ("LPUSH", queue, "m"),
        ("LLEN", queue),
        ("BRPOP", queue, 1),
        ("RPOP", queue),
        ("SADD", queue, "m"),
        ("SMEMBERS", queue),
        ("SREM", queue, "m"),
        ("EXISTS", queue),
        ("DEL", key, other, queue),
        ("SCRIPT", "LOAD", "return 1"),
        ("EVALSHA", "0" * 40, 1, key),
        ("PUBLISH", queue, "m"),
    ]
    answers = _queued(redis, commands)
    names = [str(command[0]) for command in commands] + ["SUBSCRIBE"]
    answers.append(_subscription(redis, queue))
    missing, unknown = [], []
    for name, answer in zip(names, answers, strict=True):
        if isinstance(answer, MissingRightError):
            missing.append(answer.needed)
        elif isinstance(answer, ResponseError) and "unknown command" in str(answer).lower():
            unknown.append(name)
        elif answer is not None:
            raise answer
    return tuple(dict.fromkeys(missing)), tuple(dict.fromkeys(unknown))


def _queued(redis: Redis, commands: list[tuple[str | int | float, ...]]) -> list[RedisError | None]:
    """What queueing each command ends with."""
    answers: list[RedisError | None] = []
    connection = redis.connection_pool.get_connection()
    try:
        for command in (("MULTI",), *commands, ("DISCARD",)):
            connection.send_command(*command)  # type: ignore[no-untyped-call]
            try:
                connection.read_response()
                answers.append(None)
            except RedisError as error:
                if command == ("MULTI",):  # what comes after it would be done
                    raise
                answers.append(error)
    finally:
        redis.connection_pool.release(connection)
    return answers[1:-1]


def _subscription(redis: Redis, channel: str) -> RedisError | None:
    try:
        with redis.pubsub() as listening:  # type: ignore[no-untyped-call]
            listening.subscribe(channel)
            listening.get_message(timeout=2)
    except RedisError as error:
        return error
    return None
