"""No secret comes out with a line, wherever it was put and however it is written."""

from __future__ import annotations

import base64
import json
import logging
import time
import traceback
from collections.abc import Callable
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manager.logs import bound, get_logger
from manager.logs.secrets import remember
from manager.redact import hide
from tests.logs.lines import SECRETS, written

log = get_logger("manager.test")


class Strange:
    """An object of anybody's: what it shows of itself is the secret."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def __repr__(self) -> str:
        return f"Strange({self.secret!r})"


def chained(secret: str) -> Exception:
    try:
        try:
            raise KeyError(secret)
        except KeyError as error:
            raise RuntimeError(f"not found: {secret}") from error
    except RuntimeError as error:
        return error


# How a secret may stand in a value.
FORMS: list[Callable[[str], Any]] = [
    lambda it: it,
    lambda it: f"before{it}after",
    lambda it: it.encode(),
    lambda it: bytearray(b"x" + it.encode()),
    lambda it: quote(it, safe=""),
    lambda it: f"https://h/x/{quote(it)}/y",
    lambda it: json.dumps({"deep": [it]}),
    repr,
    lambda it: [it, (it, {it})],
    lambda it: {"a": {"b": [{"c": it}]}},
    lambda it: {it: 1},
    lambda it: {it.encode(): it.encode()},
    Strange,
    lambda it: SimpleNamespace(x=it),
    lambda it: PurePosixPath("/x", it.replace("/", "")[:0] + "y", it),
    ValueError,
    chained,
    lambda it: "x" * 20_000 + it,
    lambda it: [[[[[[[[[it]]]]]]]]],
]


def say(place: str, value: Any) -> None:
    """A line, with the value at that place of it."""
    foreign = logging.getLogger("celery.worker")
    match place:
        case "field":
            log.warning("job.merged", job=1, note=value)
        case "name":
            log.warning(str(value))
        case "bound":
            with bound(note=value):
                foreign.warning("something")
        case "foreign text":
            foreign.warning(f"got {value}")
        case "foreign argument":
            foreign.warning("got %s and %r", value, value)
        case "foreign arguments that do not fit":
            foreign.warning("got %s and %d", value, value, value)
        case "foreign object":
            foreign.warning(value)
        case "foreign mapping":
            foreign.warning("got %(it)s", {"it": value})
        case "exception":
            try:
                raise RuntimeError(value)
            except RuntimeError:
                foreign.exception("failed")
        case "exception as field":
            try:
                raise RuntimeError(value) from ValueError(value)
            except RuntimeError as error:
                log.error("job.failed", error=error, exc_info=error)
        case "logger":
            logging.getLogger(f"x.{value}").warning("something")
        case "stack":
            record = logging.makeLogRecord({"msg": "x", "stack_info": f"Stack:\n{value}"})
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            foreign.handle(record)


PLACES = [
    "field",
    "name",
    "bound",
    "foreign text",
    "foreign argument",
    "foreign arguments that do not fit",
    "foreign object",
    "foreign mapping",
    "exception",
    "exception as field",
    "logger",
    "stack",
]


@pytest.mark.parametrize("log_format", ["json", "console"])
@settings(max_examples=300)
@given(
    secret=st.sampled_from(SECRETS),
    form=st.sampled_from(FORMS),
    place=st.sampled_from(PLACES),
)
def test_a_secret_of_the_settings_never_comes_out(
    log_format: str, secret: str, form: Callable[[str], Any], place: str
) -> None:
    with written(log_format) as lines:
        say(place, form(secret))
    shown = lines.getvalue()
    assert shown, "the line is there"
    for written_so in (
        secret,
        quote(secret, safe=""),
        quote(secret),
        json.dumps(secret)[1:-1],
        json.dumps(json.dumps(secret)[1:-1])[1:-1],
        repr(secret)[1:-1],
        repr(secret.encode())[2:-1],
    ):
        assert written_so not in shown


@given(before=st.text(max_size=60), after=st.text(max_size=60), secret=st.sampled_from(SECRETS))
def test_whatever_stands_around_it(before: str, after: str, secret: str) -> None:
    with written() as lines:
        log.info("x.y", note=before + secret + after)
    assert secret not in lines.getvalue()
    assert secret not in lines.event["note"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("POST /webhooks/0198c3-aa00-11/tOkEn-1", "POST /webhooks/0198c3-aa00-11/…"),
        ("https://h/p?X-Amz-Signature=abc&y=1 now", "https://h/p?… now"),
        ("s3://bucket/key?sig=abc", "s3://bucket/key?…"),
        ("rediss://me:hunter2@h:6379/0", "rediss://me:…@h:6379/0"),
        ("https://me:hunter2@h/", "https://h/"),
        ("postgresql://h/d?user=me&password=hunter2", "postgresql://h/d?…"),
        ("postgresql://u:p?s3cr3t=1@h/d", "postgresql://u:…@h/d"),
        ("postgresql://u:p/s3?cr3t=1@h/d", "postgresql://u:…"),
        ("Authorization: Bearer abcdef.ghi-jkl", "Authorization: …"),
        ("Authorization: Token abcdefgh123", "Authorization: … …"),
        ("{'authorization': 'Bearer abcdef.ghi'}", "{'authorization': …}"),
        ("host=db password='hunter 2' user=me", "host=db password=… user=me"),
        ('{"api_key": "abc", "x": 1}', '{"api_key": …, "x": 1}'),
        ("GET /x?token=abc&y=1", "GET /x?token=…&y=1"),
        ("Set-Cookie: session=abc; HttpOnly", "Set-Cookie: …; HttpOnly"),
        ("tokens are counted, the key of a job is 5", "tokens are counted, the key of a job is 5"),
        ("https://www.linkedin.com/company/acme", "https://www.linkedin.com/company/acme"),
    ],
)
def test_what_looks_like_a_secret_is_hidden_though_nobody_knows_it(text: str, shown: str) -> None:
    assert hide(text) == shown


@pytest.mark.parametrize("name", ["password", "vendor_api_key", "Authorization", "set-cookie"])
def test_a_field_that_is_called_a_secret_is_one(name: str) -> None:
    with written() as lines:
        log.info("x.y", **{name: 12345}, deep={name: ["abc"], "other": 1})
    assert lines.event[name] == "[secret]"
    assert lines.event["deep"] == {name: "[secret]", "other": 1}


def test_a_webhooks_token_is_hidden_from_when_it_is_made_on() -> None:
    token = base64.urlsafe_b64encode(b"made a moment ago").decode()
    remember(token)
    with written() as lines:
        log.info("x.y", note=f"it is {token}")
    assert lines.event["note"] == "it is [secret]"


def test_a_long_line_is_hidden_before_it_is_cut() -> None:
    for length in range(15_980, 16_020):
        with written() as lines:
            log.info("x.y", note="x" * length + SECRETS[0])
        assert SECRETS[0][:4] not in lines.getvalue()
    with written() as lines:
        log.info("x.y", note="x" * 63_990 + SECRETS[0])
    assert SECRETS[0][:4] not in lines.getvalue()
    assert len(lines.getvalue()) < 17_000


@pytest.mark.parametrize(
    "text", ["http://" * 9000, "a://x:" * 9000, "://" * 20_000, "token=" * 9000]
)
def test_no_text_takes_long(text: str) -> None:
    began = time.process_time()
    hide(text, SECRETS)
    assert time.process_time() - began < 2


def test_a_traceback_without_secrets_is_whole() -> None:
    with written() as lines:
        try:
            raise LookupError("no such thing")
        except LookupError as error:
            shown = traceback.format_exc().rstrip()
            log.error("x.failed", exc_info=error)
    assert lines.event["exception"] == shown


@pytest.mark.parametrize("secret", ["enrichd_" + "aB3-_" * 8 + "xyz", "whsec_" + "aB3+" * 8 + "=="])
def test_what_we_make_for_others_is_known_by_its_look(secret: str) -> None:
    shown = hide(f"no user has ({secret}).")
    assert secret[:6] in shown
    assert secret[9:] not in shown
    assert hide("enrichd_wake of enrichd_test_schema") == "enrichd_wake of enrichd_test_schema"
