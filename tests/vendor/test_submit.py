"""A submission ends in one of three ways: accepted, certainly not accepted, or unclear."""

from __future__ import annotations

import pickle
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from manager.endpoints import ENDPOINTS, Endpoint, endpoint
from manager.errors import ConfigurationError
from manager.settings import Settings
from manager.vendor import errors
from manager.vendor.calls import NoGate
from manager.vendor.client import MAX_BODY, VendorClient

if TYPE_CHECKING:
    from .conftest import Account, Call, Server

pytestmark = pytest.mark.integration

ACCEPTED = {"batch_id": "53ab686b-c054-496b-8baf-baff5ecc85cf", "status": "pending"}
COMPANY = endpoint("company/enrich")


def at(url: str, settings: Settings, account: Account) -> VendorClient:
    """A client of the vendor at another address."""
    return VendorClient(settings, replace(account, vendor_url=url), NoGate())


def test_a_submission_sends_lists_the_key_and_the_version(
    server: Server, client: VendorClient, account: Account
) -> None:
    server.reply = lambda call: call.answer(200, ACCEPTED)
    job = client.submit(
        COMPANY, "names", ["Acme, Inc.", "Zoë"], ["headcount.total"], "https://hook/x"
    )
    assert (job.batch_id, job.status) == (ACCEPTED["batch_id"], "pending")
    [call] = server.calls
    assert (call.method, call.path) == ("POST", "/batch/company/enrich")
    assert call.json == {
        "names": ["Acme, Inc.", "Zoë"],
        "fields": ["headcount.total"],
        "webhook_url": "https://hook/x",
    }
    assert call.headers["authorization"] == f"Bearer {account.api_key}"
    assert call.headers["x-api-version"] == "2025-11-01"
    assert call.headers["content-type"] == "application/json"
    assert call.headers["user-agent"].startswith("enrichment-manager/")


@pytest.mark.parametrize("one", ENDPOINTS.values(), ids=ENDPOINTS)
def test_every_endpoint_is_called_at_its_path_with_each_of_its_types(
    server: Server, client: VendorClient, one: Endpoint
) -> None:
    server.reply = lambda call: call.answer(200, ACCEPTED)
    for identifier_type in one.identifier_types:
        client.submit(one, identifier_type, ["7"])
    assert {call.path for call in server.calls} == {f"/batch/{one.name}"}
    assert [list(call.json) for call in server.calls] == [[it] for it in one.identifier_types]


def test_a_key_that_is_refused_is_told_from_a_route_that_is(
    server: Server, client: VendorClient
) -> None:
    server.reply = lambda call: call.answer(401)
    with pytest.raises(errors.Unauthorized, match="answered 401"):
        client.list_jobs()
    server.reply = lambda call: call.answer(403)
    with pytest.raises(errors.Forbidden, match="answered 403") as raised:
        client.submit(COMPANY, "domains", ["acme.com"])
    assert not isinstance(raised.value, errors.Unauthorized)


def test_ids_are_sent_as_integers_and_what_is_empty_is_left_out(
    server: Server, client: VendorClient
) -> None:
    server.reply = lambda call: call.answer(202, ACCEPTED)
    client.submit(COMPANY, "crustdata_company_ids", ["631394", "631466"], [], None)
    assert server.calls[0].json == {"crustdata_company_ids": [631394, 631466]}


def test_the_chunk_size_is_sent_under_its_configured_name(
    server: Server, settings: Settings, account: Account
) -> None:
    server.reply = lambda call: call.answer(200, ACCEPTED)
    changes = {"vendor_chunk_size": 50, "vendor_chunk_size_name": "chunk"}
    changed = settings.model_copy(update=changes)
    with VendorClient(changed, account, NoGate()) as client:
        client.submit(COMPANY, "domains", ["acme.com"])
    assert server.calls[0].json == {"domains": ["acme.com"], "chunk": 50}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.BadRequest),
        (401, errors.Unauthorized),
        (402, errors.NoCredits),
        (403, errors.Forbidden),
        (404, errors.Refused),
        (409, errors.Refused),
        (413, errors.TooLarge),
        (422, errors.BadRequest),
        (429, errors.TooManyRequests),
        (301, errors.Unclear),
        (408, errors.Unclear),
        (499, errors.Unclear),
        (500, errors.Unclear),
        (502, errors.Unclear),
        (504, errors.Unclear),
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        {"error": {"type": "some_kind", "message": "some reason", "metadata": {}}},
        {"error": "some reason"},
        b"<html><body>some reason</body></html>",
        b"some reason \xff\xfe",
        [["some reason"]],
    ],
)
def test_the_status_decides_whatever_the_body_is(
    server: Server, client: VendorClient, status: int, kind: type, body: object
) -> None:
    server.reply = lambda call: call.answer(status, body)
    with pytest.raises(errors.VendorError) as raised:
        client.submit(COMPANY, "domains", ["acme.com"])
    assert type(raised.value) is kind
    assert raised.value.status == status
    assert "some reason" in str(raised.value)


@pytest.mark.parametrize("body", [b"", b"null", b"[" * 100_000, b'{"error": null}', b"\x00"])
def test_a_refusal_with_an_odd_body_is_still_a_refusal(
    server: Server, client: VendorClient, body: bytes
) -> None:
    server.reply = lambda call: call.answer(400, body)
    with pytest.raises(errors.BadRequest) as raised:
        client.submit(COMPANY, "domains", ["acme.com"])
    assert raised.value.available_fields is None
    assert len(str(raised.value)) < 500
    assert str(raised.value).isprintable()


def test_a_refusal_whose_body_breaks_off_is_still_a_refusal(
    server: Server, client: VendorClient
) -> None:
    server.reply = lambda call: call.raw(b"HTTP/1.1 402 No\r\ncontent-length: 50\r\n\r\nno cr")
    with pytest.raises(errors.NoCredits):
        client.submit(COMPANY, "domains", ["acme.com"])


def test_an_unsupported_field_brings_every_selectable_one(
    server: Server, client: VendorClient
) -> None:
    metadata = {"available_fields": ["basic_info.name", 5, "headcount.total"]}
    body = {"error": {"type": "bad_field", "message": "no such field", "metadata": metadata}}
    server.reply = lambda call: call.answer(400, body)
    with pytest.raises(errors.BadRequest) as raised:
        client.submit(COMPANY, "domains", ["acme.com"], ["basic_info.nam"])
    assert raised.value.available_fields == ("basic_info.name", "headcount.total")
    assert "no such field" in str(raised.value)


def reset(call: Call) -> None:
    linger = struct.pack("ii", 1, 0)
    call.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    call.hang_up()
    call.handler.connection.close()


UNCLEAR: dict[str, Callable[[Call], object]] = {
    "hung up": lambda call: call.hang_up(),
    "reset": reset,
    "not HTTP": lambda call: call.raw(b"SSH-2.0-OpenSSH_9.9\r\n"),
    "half a head": lambda call: call.raw(b"HTTP/1.1 200 OK\r\ncontent-le"),
    "half a body": lambda call: call.raw(b'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"ba'),
    "no body": lambda call: call.answer(200),
    "no JSON": lambda call: call.answer(200, b"<html>accepted</html>"),
    "no object": lambda call: call.answer(200, ["accepted"]),
    "no batch_id": lambda call: call.answer(200, {"status": "pending"}),
    "an empty batch_id": lambda call: call.answer(200, {"batch_id": ""}),
    "broken gzip": lambda call: call.answer(200, b"nonsense", content_encoding="gzip"),
    "too large": lambda call: call.answer(200, b'{"batch_id": "1"}' + b" " * MAX_BODY),
}


@pytest.mark.parametrize("reply", UNCLEAR.values(), ids=UNCLEAR.keys())
def test_a_submission_whose_answer_is_lost_is_unclear(
    server: Server, client: VendorClient, reply: Callable[[Call], object]
) -> None:
    server.reply = reply
    with pytest.raises(errors.Unclear):
        client.submit(COMPANY, "domains", ["acme.com"])
    assert len(server.calls) == 1, "it is not sent a second time"


def test_a_submission_that_is_not_answered_is_unclear(server: Server, client: VendorClient) -> None:
    server.reply = lambda call: server.closing.wait(5)
    with pytest.raises(errors.Unclear, match="ReadTimeout"):
        client.submit(COMPANY, "domains", ["acme.com"])


@pytest.mark.parametrize(
    "content",
    [
        b"HTTP/1.1 200 OK\r\nx-slow: x",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n",
        b'HTTP/1.1 200 OK\r\n\r\n{"batch_id": "1"}',
    ],
    ids=["head", "body", "body without length"],
)
def test_a_server_that_drips_holds_no_worker(
    server: Server, client: VendorClient, content: bytes
) -> None:
    server.reply = lambda call: server.drip(call, content)
    begun = time.monotonic()
    with pytest.raises(errors.Unclear):
        client.submit(COMPANY, "domains", ["acme.com"])
    assert time.monotonic() - begun < client._settings.call_limit + 0.5


def test_a_connection_that_was_never_made_was_certainly_not_accepted(
    settings: Settings, account: Account
) -> None:
    with socket.socket() as closed:  # bound, but not listening
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with at(url, settings, account) as client, pytest.raises(errors.NotSent):
            client.submit(COMPANY, "domains", ["acme.com"])


def test_a_host_without_an_address_was_certainly_not_reached(
    settings: Settings, account: Account
) -> None:
    with (
        at("http://nowhere.invalid", settings, account) as client,
        pytest.raises(errors.NotSent),
    ):
        client.submit(COMPANY, "domains", ["acme.com"])


def test_a_server_that_does_not_speak_tls_was_certainly_not_told(
    server: Server, settings: Settings, account: Account
) -> None:
    url = server.url.replace("http:", "https:")
    with at(url, settings, account) as client, pytest.raises(errors.NotSent):
        client.submit(COMPANY, "domains", ["acme.com"])


def test_a_redirect_is_not_followed_with_the_key(server: Server, client: VendorClient) -> None:
    server.reply = lambda call: call.answer(307, location=f"{server.url}/elsewhere")
    with pytest.raises(errors.Unclear):
        client.submit(COMPANY, "domains", ["acme.com"])
    assert [call.path for call in server.calls] == ["/batch/company/enrich"]


def test_no_connection_is_used_twice(server: Server, client: VendorClient) -> None:
    """A stale one would make it unclear whether the submission arrived."""
    ports = []

    def reply(call: Call) -> None:
        ports.append(call.handler.client_address[1])
        call.answer(200, ACCEPTED)

    server.reply = reply
    for _ in range(3):
        client.submit(COMPANY, "domains", ["acme.com"])
    assert len(set(ports)) == 3


@pytest.mark.parametrize("key", ["key\nsecond-line", "kéy", "a key", "key\x00"])
def test_an_impossible_key_is_a_wrong_configuration(
    settings: Settings, account: Account, key: str
) -> None:
    with pytest.raises(ConfigurationError, match="of account acme") as raised:
        VendorClient(settings, replace(account, api_key=key), NoGate())
    assert key not in str(raised.value)


@pytest.mark.parametrize(
    "error",
    [
        errors.RateLimited("slower", wait=7.5, status=429, retry_after=7.5),
        errors.BadRequest("no", status=400, available_fields=("a.b",)),
        errors.NotSent("away"),
        errors.NotYourTurn("list", 3600),
    ],
)
def test_errors_survive_the_way_between_processes(error: errors.VendorError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (str(again), vars(again)) == (str(error), vars(error))
