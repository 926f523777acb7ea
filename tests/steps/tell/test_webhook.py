"""Webhooks: signed, told until they are taken, and by no fault of theirs the daemon's trouble."""

from __future__ import annotations

import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from manager import Settings
from manager.steps.tell.webhook import _tls
from tests.foreign.redis import Certificates
from tests.steps.patience import until
from tests.steps.tell.conftest import SECRET, Telling
from tests.steps.tell.receiver import (
    Fault,
    Receiver,
    answer,
    drip,
    flood,
    garbage,
    hang,
    pause,
    reset,
)

pytestmark = pytest.mark.integration

OLD, OTHER = "whsec_" + "b2xkb2xk" * 4, "whsec_" + "b3RoZXIh" * 4


class TestSignature:
    def test_a_foreign_library_finds_it_good(self, telling: Telling, receiver: Receiver) -> None:
        telling.note(7)
        telling.tell()
        [got] = receiver.received
        found = Webhook(SECRET).verify(got.body.decode(), got.headers)
        assert found["type"] == "budget.reached"
        assert found["data"] == {"number": 7}
        assert found["id"] == got.id == str(telling.notices[0].id)
        assert found["attempt"] == 1
        with pytest.raises(WebhookVerificationError):
            Webhook(OTHER).verify(got.body.decode(), got.headers)

    def test_while_secrets_are_changed_whoever_has_either_finds_it_good(
        self, settings: Settings, told: dict[str, Any], receiver: Receiver
    ) -> None:
        told["notify_secrets"] = {"127.0.0.1": [SecretStr(SECRET), SecretStr(OLD)]}
        telling = Telling(settings.model_copy(update=told | {"notify": [receiver.url]}))
        telling.tell()
        telling.note()
        telling.tell()
        [got] = receiver.received
        for secret in (SECRET, OLD):
            Webhook(secret).verify(got.body.decode(), got.headers)
        telling.close()

    def test_a_named_target_has_its_own_and_its_address_is_not_in_the_ledger(
        self, settings: Settings, told: dict[str, Any], receiver: Receiver
    ) -> None:
        told["notify_targets"] = {"crm": SecretStr(f"{receiver.url}?token=hush")}
        told["notify_secrets"] = {"crm": [SecretStr(OTHER)], "default": [SecretStr(SECRET)]}
        telling = Telling(settings.model_copy(update=told | {"notify": ["crm"]}))
        telling.tell()
        telling.note()
        telling.tell()
        [got] = receiver.received
        Webhook(OTHER).verify(got.body.decode(), got.headers)
        assert got.path == "/hook?token=hush"
        assert telling.target.address == "crm"
        telling.close()

    def test_without_a_secret_nothing_is_sent_and_it_is_said_what_to_set(
        self, settings: Settings, told: dict[str, Any], receiver: Receiver
    ) -> None:
        told["notify_secrets"] = {}
        telling = Telling(settings.model_copy(update=told | {"notify": [receiver.url]}))
        telling.tell()
        telling.note()
        telling.tell()
        assert receiver.received == []
        assert "set notify_secrets" in telling.notices[0].error
        telling.close()


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (answer(500, b"oops <b>token</b>"), "answered 500: oops"),
        (answer(404), "answered 404"),
        (answer(302, location="http://127.0.0.1:1/"), "a redirect, which is not followed"),
        (hang(3), "no answer within 1 seconds"),
        (drip(200), "no answer within 1 seconds"),
        (reset, "cannot be reached"),
        (garbage, "is no HTTP"),
        (flood(500), "answered 500: xxx"),
    ],
    ids=["500", "404", "redirect", "hang", "drip", "reset", "garbage", "flood"],
)
def test_what_goes_wrong_is_tried_again_with_the_same_id(
    telling: Telling, receiver: Receiver, fault: Fault, why: str
) -> None:
    receiver.fail(fault)
    telling.note()
    began = time.monotonic()
    telling.tell()
    assert time.monotonic() - began < 4
    [notice] = telling.notices
    assert (notice.state, notice.attempts, notice.leased_until) == ("waiting", 1, None)
    assert why in notice.error
    assert len(notice.error) < 400
    telling.tell()
    assert len(receiver.received) == 1, "it waits before it is tried again"
    telling.hasten()
    telling.tell()
    first, second = receiver.received
    assert first.id == second.id
    assert [it["attempt"] for it in receiver.messages] == [1, 2]
    assert telling.states == ["told"]
    assert receiver.followed == 0
    tries = telling.rows("SELECT * FROM notice_attempt ORDER BY number")
    assert [it.error is None for it in tries] == [False, True]
    assert why in tries[0].error


@pytest.mark.parametrize("fault", [flood(200), answer(204), answer(202, b"x" * 100_000)])
def test_two_hundreds_are_taken_whatever_comes_behind(
    telling: Telling, receiver: Receiver, fault: Fault
) -> None:
    receiver.fail(fault)
    telling.note()
    telling.tell()
    assert telling.states == ["told"]


def test_authorities_of_ones_own_are_trusted_as_the_vendors_client_trusts_them(
    settings: Settings, told: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificates = Certificates.make(tmp_path)
    receiver = Receiver()
    receiver.encrypt(*certificates.pair("server"))
    with receiver:
        told["notify"] = [receiver.url.replace("http:", "https:")]
        telling = Telling(settings.model_copy(update=told))
        telling.tell()
        telling.note()
        _tls.cache_clear()
        telling.tell()
        assert "certificate verify failed" in telling.notices[0].error
        monkeypatch.setenv("SSL_CERT_FILE", certificates.ca)
        _tls.cache_clear()
        telling.hasten()
        telling.tell()
        _tls.cache_clear()
        assert telling.states == ["told"]
    telling.close()


class TestWaiting:
    def test_each_wait_is_longer_than_the_last_and_half_of_it_random(
        self, telling: Telling, receiver: Receiver
    ) -> None:
        receiver.always(answer(500))
        telling.note()
        waits = []
        for _ in range(4):
            telling.hasten()
            telling.tell()
            [[wait]] = telling.rows(
                "SELECT extract(epoch FROM due_at - clock_timestamp())::float FROM notice"
            )
            waits.append(wait)
        for wait, longest in zip(waits, (30, 60, 120, 240), strict=True):
            assert longest / 2 - 5 <= wait <= longest

    @pytest.mark.parametrize("status", [429, 503])
    def test_retry_after_is_heeded(self, telling: Telling, receiver: Receiver, status: int) -> None:
        receiver.fail(answer(status, retry_after="500"))
        telling.note()
        telling.tell()
        [[wait]] = telling.rows(
            "SELECT extract(epoch FROM due_at - clock_timestamp())::float FROM notice"
        )
        assert 490 < wait <= 500

    def test_a_target_that_fails_keeps_its_other_notices_waiting_and_takes_one_at_a_time(
        self, telling: Telling, receiver: Receiver
    ) -> None:
        receiver.always(answer(500))
        for number in range(20):
            telling.note(number)
        telling.tell()
        assert len(receiver.received) <= 4, "as many as are told at once"
        tried = len(receiver.received)
        telling.tell()
        assert len(receiver.received) == tried
        telling.hasten()
        telling.tell()
        assert len(receiver.received) == tried + 1
        receiver.always(None)
        telling.keep_telling()
        assert telling.states == ["told"] * 20
        assert telling.target.failures == 0

    def test_it_is_abandoned_after_days(self, telling: Telling, receiver: Receiver) -> None:
        receiver.always(answer(500))
        telling.note()
        telling.tell()
        telling.age(4 * 86_400)
        telling.hasten()
        telling.tell()
        [notice] = telling.notices
        assert (notice.state, notice.error) == ("abandoned", "answered 500")

    def test_one_that_was_never_tried_is_not_abandoned_because_nobody_was_at_work(
        self, telling: Telling, receiver: Receiver
    ) -> None:
        telling.note()
        telling.age(4 * 86_400)
        telling.tell()
        assert telling.states == ["told"]

    def test_a_target_that_fails_for_long_is_paused_and_comes_back_by_itself(
        self, telling: Telling, receiver: Receiver
    ) -> None:
        receiver.always(answer(500))
        for number in range(3):
            telling.note(number)
        telling.tell()
        telling.age(2 * 3600)
        telling.hasten()
        telling.tell()
        assert telling.target.paused_at is not None
        [[wait]] = telling.rows(
            "SELECT extract(epoch FROM retry_at - clock_timestamp())::float FROM target"
        )
        assert 3500 < wait <= 3600
        receiver.always(None)
        telling.keep_telling()
        assert telling.target.paused_at is None
        assert telling.states == ["told"] * 3

    def test_410_is_the_end_of_the_target(self, telling: Telling, receiver: Receiver) -> None:
        receiver.always(answer(410))
        for number in range(6):
            telling.note(number)
        telling.tell()
        assert telling.target.gone_at is not None
        assert telling.states == ["abandoned"] * 6
        assert len(receiver.received) <= 4
        assert telling.note() == 0, "nothing more is noted for it"


def test_a_slow_target_keeps_no_other_waiting(
    settings: Settings, told: dict[str, Any], receiver: Receiver
) -> None:
    with Receiver() as slow:
        slow.always(hang(3))
        told["notify"] = [receiver.url, slow.url]
        telling = Telling(settings.model_copy(update=told))
        telling.tell()
        for number in range(30):
            telling.note(number)
        telling.tell()
        assert len(receiver.received) == 30
        assert 1 <= len(slow.received) <= 4
        telling.close()


def test_no_more_of_one_host_are_told_at_once_than_is_set(
    settings: Settings, told: dict[str, Any], receiver: Receiver
) -> None:
    receiver.always(pause(0.3))
    hooks = [f"{receiver.url}/{number}" for number in range(10)]
    telling = Telling(settings.model_copy(update=told | {"notify": hooks}))
    telling.tell()
    telling.note()
    other = Telling(settings.model_copy(update=told | {"notify": hooks}))
    runs = [threading.Thread(target=it.tell) for it in (telling, other)]
    for run in runs:
        run.start()
    time.sleep(0.15)
    [[busy]] = telling.rows("SELECT count(*) FROM notice WHERE leased_until > clock_timestamp()")
    for run in runs:
        run.join()
    assert 1 <= busy <= 4
    assert telling.states == ["told"] * 10
    telling.close()
    other.close()


def test_names_that_are_looked_up_for_ever_keep_no_proven_target_waiting(
    settings: Settings,
    told: dict[str, Any],
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known, over = Telling(settings.model_copy(update=told | {"notify": [receiver.url]})), []
    known.tell()
    known.note()
    known.tell()
    known.close()
    came, look_up = threading.Event(), socket.getaddrinfo

    def hang_for_most(host: Any, *arguments: Any, **named: Any) -> Any:
        if str(host).endswith(".example"):
            over.append(came.wait(60))
        return look_up(host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", hang_for_most)
    monkeypatch.setattr(sys.modules["manager.steps.tell.tell"], "BUDGET", 0.5)
    mute = [f"https://hooks-{number}.example/" for number in range(50)]
    telling = Telling(settings.model_copy(update=told | {"notify": [*mute, receiver.url]}))
    telling.tell()
    for number in range(3):
        telling.note(number)
    run = threading.Thread(target=telling.tell)
    run.start()
    try:
        until(lambda: len(receiver.received) == 4, 10)
        time.sleep(1)  # the run has lasted long enough, and waits for those that hang
        telling.note(3)
        until(lambda: len(receiver.received) == 5, 10)
        assert not over
    finally:
        came.set()
        run.join()
    telling.close()
