"""`enrichd notices`, and `enrichd enqueue --notify`: what a user types, and reads."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from manager import NotFoundError, Settings, UnavailableError
from manager.operator.actions import Actor, ChosenOne, perform, preview
from manager.operator.audit import last
from manager.steps.context import Context
from tests.cli.conftest import Call
from tests.steps.tell.conftest import SECRET, Telling, receiver, told
from tests.steps.tell.receiver import Receiver, answer

__all__ = ["receiver", "told"]

pytestmark = pytest.mark.integration


@pytest.fixture
def telling(
    settings: Settings,
    told: dict[str, Any],
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Telling]:
    """One that tells a receiver whose URL has a token in it; the commands know it, too."""
    monkeypatch.setenv("ENRICHD_NOTIFY_ALLOW", '["127.0.0.1"]')
    monkeypatch.setenv("ENRICHD_NOTIFY_SECRETS", json.dumps({"default": [SECRET]}))
    monkeypatch.setenv("ENRICHD_NOTIFY_TARGETS", json.dumps({"crm": f"{receiver.url}?token=hush"}))
    hook = f"{receiver.url}?token=hush"
    made = Telling(settings.model_copy(update=told | {"notify": [hook]}))
    made.tell()
    yield made
    made.close()


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "domains.txt"
    path.write_text("a.com\nb.com\n")
    return str(path)


def test_who_is_to_be_told_is_said_when_enqueueing(
    telling: Telling, alone: Call, file: str, receiver: Receiver
) -> None:
    done = alone(
        "enqueue", file, "--notify", "crm", "--notify", "pg:app",
        "--notify-event", "request.finished", "--json",
    )  # fmt: skip
    request = done.json["request_id"]
    telling.settle(request, 2)
    found = alone("notices", "list", "--request", request, "--json").json
    assert {it["target"] for it in found} == {
        f"{receiver.url}?…", "crm", "pg:app",
    }  # fmt: skip
    assert {it["event"] for it in found} == {"request.finished"}


@pytest.mark.parametrize(
    ("target", "why"),
    [
        (
            "http://169.254.169.254/",
            "must not be told: it is not https. Where it is meant, name it",
        ),
        ("https://10.0.0.1/", "10.0.0.1 is not a public address"),
        ("https://u:hush@a.example/", "must have no user name or password"),
        ("smtp:me", "is no target; one is https://HOST/PATH, task:NAME"),
        ("crmm", "there is no target 'crmm' in notify_targets; those that are: crm"),
    ],
)
def test_a_target_that_cannot_be_one_is_refused_before_anything_is_enqueued(
    telling: Telling, alone: Call, file: str, target: str, why: str
) -> None:
    done = alone("enqueue", file, "--notify", target)
    assert done.code == 2
    assert why in done.error
    assert "hush" not in done.error
    assert telling.rows("SELECT FROM request") == []


def test_a_notice_is_listed_and_shown_with_its_history_and_without_the_token(
    telling: Telling, alone: Call, receiver: Receiver
) -> None:
    assert alone("notices", "list").out == "none\n"
    receiver.fail(answer(500, b"hm"))
    telling.note(7)
    telling.tell()
    telling.hasten()
    telling.tell()
    [listed] = alone("notices", "list", "--json").json
    assert (listed["state"], listed["attempts"]) == ("told", 2)
    shown = alone("notices", "show", listed["id"][:6], "--json").json
    assert shown["data"] == {"number": 7}
    assert [it["error"] for it in shown["tries"]] == ["answered 500: hm", None]
    assert [it["status"] for it in shown["tries"]] == [500, 200]
    text = alone("notices", "show", listed["id"]).out
    assert "try 1, " in text
    assert "answered 500: hm" in text
    for out in (text, str(shown), str(listed), alone("notices", "targets").out):
        assert "hush" not in out


@pytest.mark.parametrize("id", ["zz", "abc", "00000000"])
def test_a_notice_that_is_none_is_said(telling: Telling, alone: Call, id: str) -> None:
    done = alone("notices", "show", id)
    assert done.code == 1
    assert "There is no notice" in done.error


def test_what_was_abandoned_is_a_warning_and_can_be_told_again(
    telling: Telling, alone: Call, receiver: Receiver
) -> None:
    receiver.always(answer(410))
    for number in range(3):
        telling.note(number)
    telling.tell()
    warnings = alone("status", "--json").json["warnings"]
    assert {it["code"] for it in warnings} >= {"target-gone", "notices-abandoned"}
    assert "hush" not in str(warnings)
    [target] = alone("notices", "targets", "--json").json
    assert (target["state"], target["accounts"]) == ("gone", ["test"])
    assert alone("notices", "list", "--state", "abandoned", "--json").json
    receiver.always(None)
    again = alone("notices", "retry", "--target", str(target["id"]))
    assert again.out == "3 notices will be told again.\n"
    telling.tell()
    assert telling.states == ["told"] * 3
    assert not alone("status", "--json").json["warnings"]
    [done] = alone("actions", "--json").json
    assert (done["action"], done["filter"]) == ("target.retry", f"target={target['id']}")


def test_one_can_be_told_again_and_what_to_tell_must_be_said(
    telling: Telling, alone: Call, receiver: Receiver
) -> None:
    receiver.always(answer(500))
    telling.note()
    telling.tell()
    receiver.always(None)
    assert alone("notices", "retry").code == 2
    assert alone("notices", "retry", str(telling.notices[0].id), "--json").json == {"again": 1}
    telling.tell()
    assert telling.states == ["told"]
    assert alone("notices", "retry", str(telling.notices[0].id), "--json").json == {"again": 0}


def test_a_target_is_tried_out_with_a_signed_example(
    telling: Telling, alone: Call, receiver: Receiver
) -> None:
    from standardwebhooks.webhooks import Webhook

    done = alone("notices", "test", "crm")
    assert (done.code, done.out) == (0, "crm was told (200).\n")
    [got] = receiver.received
    found = Webhook(SECRET).verify(got.body.decode(), got.headers)
    assert found["data"]["test"] is True
    receiver.fail(answer(401, b"who are you?"))
    done = alone("notices", "test", f"{receiver.url}?token=hush", "--event", "account.paused")
    assert done.code == 1
    assert done.error == f"enrichd: {receiver.url}?… was not told: answered 401: who are you?"
    assert alone("notices", "test", "pg:app").code == 0
    failed = alone("notices", "test", "task:x", "--json")
    assert failed.code == 1
    assert "no broker 'default'" in failed.json["error"]
    assert alone("notices", "test", "crm", "--event", "nonsense").code == 2


def test_a_target_that_fails_and_notices_that_nobody_tells_are_warnings(
    telling: Telling, alone: Call, receiver: Receiver
) -> None:
    receiver.always(answer(500))
    for number in range(4):
        telling.note(number)
    telling.tell()
    [warning] = alone("status", "--json").json["warnings"]
    assert warning["code"] == "target-failing"
    assert "answered 500; 4 notices wait" in warning["text"]
    telling.age(2 * 3600)
    telling.hasten()
    telling.tell()
    [warning] = alone("status", "--json").json["warnings"]
    assert warning["code"] == "target-paused"
    receiver.always(None)
    telling.keep_telling()
    telling.note()
    telling.execute(
        "UPDATE notice SET due_at = now() - interval '5 minutes' WHERE state = 'waiting'"
    )
    [warning] = alone("status", "--json").json["warnings"]
    assert warning["code"] == "notices-late"
    assert "no worker of the queue enrichd.tell is at work" in warning["text"]


def test_the_command_loads_by_itself(telling: Telling) -> None:
    command = [sys.executable, "-c", "import manager.cli.notices"]
    subprocess.run(command, check=True, timeout=60)


def test_a_target_is_sent_an_example_and_a_notice_told_again_by_actions(
    telling: Telling, receiver: Receiver
) -> None:
    context = Context(telling.context.settings, "console")
    who = Actor("ada", "console", "is it back?")
    receiver.always(answer(500))
    telling.note()
    telling.tell()
    [notice] = telling.notices
    [target] = telling.rows("SELECT id FROM target")
    at = ChosenOne(str(target.id), "target")
    with pytest.raises(UnavailableError, match="was not told: answered 500"):
        perform(context, "target.test", at, {}, who)
    receiver.always(None)
    assert "It was told (200)." in perform(context, "target.test", at, {}, who).sentence
    again = perform(context, "notice.retry", ChosenOne(str(notice.id), "notice"), {}, who)
    assert again.sentence.endswith("1 notice will be told again.")
    telling.tell()
    assert telling.states == ["told"]
    for wrong in ("0", "x", "9" * 40):
        with pytest.raises(NotFoundError, match="There is no target"):
            preview(context, "target.retry", ChosenOne(wrong, "target"))
    with context.ledger.connect() as connection:
        assert [it.action for it in last(connection)] == ["notice.retry", "target.test"]
