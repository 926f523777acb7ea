"""Channels of the ledger's database: a NOTIFY that fits, in the transaction that writes it down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from manager import Settings
from tests.steps.tell.conftest import Telling

pytestmark = pytest.mark.integration


@pytest.fixture
def listener(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(settings.postgres, autocommit=True) as connection:
        connection.execute("LISTEN app")
        yield connection


def heard(listener: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    return [json.loads(it.payload) for it in listener.notifies(timeout=2, stop_after=1)]


@pytest.fixture
def told_by_channel(settings: Settings, told: dict[str, Any]) -> Iterator[Telling]:
    made = Telling(settings.model_copy(update=told | {"notify": ["pg:app"]}))
    made.tell()
    yield made
    made.close()


def test_whoever_listens_hears_it(
    told_by_channel: Telling, listener: psycopg.Connection[Any]
) -> None:
    told_by_channel.note(7)
    told_by_channel.tell()
    [message] = heard(listener)
    assert (message["type"], message["attempt"]) == ("budget.reached", 1)
    assert message["data"] == {"number": 7}
    assert told_by_channel.states == ["told"]


@pytest.mark.parametrize("text", ["x" * 7_700, "x" * 20_000, "ä" * 5_000, '"\\' * 3_000])
def test_what_does_not_fit_is_cut_to_its_ids(
    told_by_channel: Telling, listener: psycopg.Connection[Any], text: str
) -> None:
    told_by_channel.note()
    told_by_channel.execute(
        "UPDATE notice SET payload = jsonb_build_object('account', 'test', 'job_id', 7, 'why', "
        "%(text)s::text)",
        text=text,
    )
    told_by_channel.tell()
    [message] = heard(listener)
    if len(json.dumps(text).encode()) < 7_800:
        assert message["data"]["why"] == text
    else:
        assert message["data"] == {"account": "test", "job_id": "7", "cut": True}
    assert told_by_channel.states == ["told"]


def test_a_channel_of_any_name_is_told(settings: Settings, told: dict[str, Any]) -> None:
    made = Telling(settings.model_copy(update=told | {"notify": ['pg:Ünlaut "; DROP']}))
    made.tell()
    made.note()
    made.tell()
    assert made.states == ["told"]
    made.close()
