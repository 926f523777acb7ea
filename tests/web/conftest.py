"""The web application in the test's own process, and a job whose webhook it may hear."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from uuid import UUID, uuid4

import pytest
from starlette.routing import BaseRoute

from manager import Manager, Settings
from manager.steps.context import Context
from manager.steps.webhook_token import hash_token, new_token, webhook_key
from manager.web.app import make_app
from manager.web.parts import PARTS, Part
from tests.web.browser import chromium, served, visit
from tests.web.ledger import LATER, run

with warnings.catch_warnings():  # of a client that is to replace httpx some day
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

__all__ = ["chromium", "served", "visit"]

Serve = Callable[..., TestClient]


@pytest.fixture
def serve(settings: Settings) -> Iterator[Serve]:
    """Makes a client of the application with these settings changed, and what else is guarded."""
    with ExitStack() as stack:

        def make(
            *,
            base_url: str = "http://localhost:8460",
            peer: str = "127.0.0.1",
            parts: Sequence[Part] = PARTS,
            also: Sequence[BaseRoute] = (),
            **changed: object,
        ) -> TestClient:
            given = Settings(**settings.model_dump() | changed)
            app = make_app(Context(given, "web"), parts, also)
            client = TestClient(app, base_url=base_url, client=(peer, 50_000))
            return stack.enter_context(client)

        yield make


@pytest.fixture
def client(serve: Serve) -> TestClient:
    """A client of the application on this ledger, without a login."""
    return serve()


@pytest.fixture
def job_id(settings: Settings) -> UUID:
    """An active job whose webhook has the token; the vendor is to be looked at in an hour."""
    return submitted(settings, uuid4())


@pytest.fixture
def token(settings: Settings, job_id: UUID) -> str:
    """The token of the job's webhook."""
    made = new_token(webhook_key(Context(settings, "test").ledger_id), job_id, 1)
    run(settings, "UPDATE job SET token_hash = %s", hash_token(made))
    return made


def submitted(settings: Settings, job_id: UUID) -> UUID:
    Manager(settings).enqueue("domains", ["stripe.com"])
    run(
        settings,
        "INSERT INTO job (id, account_id, lane_id, state, why, identifier_count, slot, batch_id,"
        "                 submitting_at)"
        "SELECT %s, account_id, id, 'processing', 'a test', 1, 1, 'batch-1', now() FROM lane",
        job_id,
    )
    run(settings, "UPDATE account SET look_at = %s", LATER)
    return job_id


@pytest.fixture
def cut_off(serve: Serve) -> TestClient:
    """A client of the application whose Postgres and Redis are away."""
    return serve(
        database_url="postgresql://user:hunter2@127.0.0.1:1/enrichd",
        redis_url="redis://:hunter2@127.0.0.1:1/0",
    )
