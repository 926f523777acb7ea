"""Postgres's URL: what it may say, what it may not, and where it leads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager import ConfigurationError, Settings, load_settings
from manager.ledger.connect import connection_arguments, process_name
from manager.settings.postgres import options, where
from tests.settings.reading import refusal

URL = "postgresql://u:s3cr3t@h:5433/d"


def at(query: str) -> Settings:
    return load_settings(database_url=f"{URL}?{query}")


@pytest.mark.parametrize(
    ("query", "name", "instead"),
    [
        ("schema=public", "schema", "ENRICHD_DATABASE_SCHEMA"),
        ("currentSchema=x", "currentSchema", "ENRICHD_DATABASE_SCHEMA"),
        ("sslmode=require&pgbouncer=true", "pgbouncer", "a pooler is noticed"),
        ("sslmod=require", "sslmod", "did you mean sslmode?"),
        ("connection_limit=5", "connection_limit", "leave it out"),
        ("statement_timeout=5000", "statement_timeout", "options=-c%20statement_timeout%3D60s"),
        ("nonsense", "nonsense", "leave it out"),
        ("sslmode=verify_full", "sslmode=verify_full", "verify-ca, verify-full"),
        ("target_session_attrs=rw", "target_session_attrs=rw", "read-write"),
        ("client_encoding=latin1", "client_encoding=latin1", "utf8"),
        ("connect_timeout=soon", "connect_timeout=soon", "whole number"),
        ("options=-c work_mem=1MB", "options", "write %3D and %20"),
        ("options=-c%20search_path%3Dx", "search_path", "ENRICHD_DATABASE_SCHEMA"),
        ("options=--default-transaction-read-only%3Don", "default_transaction_read_only", "leave"),
        ("options=-cTimeZone%3DCET", "timezone", "leave it out"),
    ],
)
def test_a_parameter_that_cannot_be_followed_is_named_with_what_to_use_instead(
    query: str, name: str, instead: str
) -> None:
    message = refusal(database_url=f"{URL}?{query}")
    assert name in message
    assert instead in message
    assert "s3cr3t" not in message


def test_the_urls_own_parameters_stay() -> None:
    arguments = connection_arguments(
        at("connect_timeout=30&keepalives_idle=60&application_name=shop"), "worker"
    )
    assert "connect_timeout" not in arguments
    assert "keepalives_idle" not in arguments
    assert arguments["keepalives_count"] == 3
    assert arguments["application_name"].startswith("enrichd:worker ")
    assert arguments["application_name"].endswith(" shop")


@given(role=st.sampled_from(["worker", "api"]), also=st.text(max_size=80))
def test_a_processes_name_is_never_that_of_the_first_release(role: str, also: str) -> None:
    name = process_name(role, also)
    assert name.startswith(f"enrichd:{role} ")
    assert len(name) <= 63


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("-c%20work_mem%3D8MB", {"work_mem": "8MB"}),
        (
            "-cwork_mem%3D8MB%20--Statement-Timeout%3D7s",
            {"work_mem": "8MB", "statement_timeout": "7s"},
        ),
        ("-c%20synchronous_commit%3Doff%20-c", {"synchronous_commit": "off"}),
        ("endpoint%3Dquiet-river", {}),
        ("-c%20a%3D'", {}),
    ],
)
def test_the_options_are_read_as_the_server_reads_them(text: str, found: dict[str, Any]) -> None:
    assert options(f"{URL}?options={text}") == found


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (URL, "h:5433/d"),
        ("postgresql://u@h1,h2:5433/d", "h1:5432,h2:5433/d"),
        ("postgresql://u@h1,h2/d?port=6000", "h1:6000,h2:6000/d"),
        ("postgresql:///d?host=/run/postgresql", "/run/postgresql:5432/d"),
        ("postgresql://u@", "localhost:5432/u"),
    ],
)
def test_a_place_is_named_without_a_password(url: str, place: str) -> None:
    assert where(url) == place


def test_a_manager_refuses_at_its_making() -> None:
    from manager import Manager

    with pytest.raises(ConfigurationError, match="has the parameter schema"):
        Manager(database_url=f"{URL}?schema=public")
