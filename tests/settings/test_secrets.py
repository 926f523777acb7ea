"""No secret is shown by settings, nor by an error about them."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from manager import ConfigurationError, Settings, load_settings
from tests.settings.reading import SECRETS, TABLES_OF_SECRETS, refusal


def everything_shown(settings: Settings) -> Iterable[str]:
    yield from (repr(settings), str(settings), f"{settings}", settings.model_dump_json())
    yield repr(settings.model_dump())
    yield logging.makeLogRecord({"msg": "%s", "args": (settings,)}).getMessage()
    try:
        settings.cap = 1  # type: ignore[misc]
    except ValidationError:
        yield traceback.format_exc()


def test_secrets_are_not_shown_by_settings() -> None:
    loaded = load_settings(
        database_url="postgresql://u:s3cr3t@h/d",
        redis_url="redis://:s3cr3t@h",
        vendor_api_key="s3cr3t",
    )
    assert [shown for shown in everything_shown(loaded) if "s3cr3t" in shown] == []
    assert loaded.postgres.count("s3cr3t") == loaded.redis.count("s3cr3t") == 1
    assert loaded.served[0].api_key == "s3cr3t"


def test_what_is_typed_as_secret_is_what_the_files_call_secret() -> None:
    assert {n for n, it in Settings.model_fields.items() if "Secret" in str(it.annotation)} == (
        SECRETS | TABLES_OF_SECRETS | {"web_users", "web_session_keys"}
    )


@given(
    name=st.sampled_from(sorted(SECRETS)),
    before=st.sampled_from(["postgresql://u:", "redis://u:", "mysql://u:", "rediss://", "", "//"]),
    password=st.text(max_size=8).map("s3cr3t{}".format),
    after=st.sampled_from(["@h/d", "@[::1", "@h:port/", "", "/x@h", "#@h", "?x=%zz", "@h/d?a=b&c"]),
)
def test_no_error_about_a_secret_has_it_in_its_message_or_traceback(
    name: str, before: str, password: str, after: str
) -> None:
    value: dict[str, Any] = {name: f"{before}{password}{after}"}
    for make in (load_settings, Settings):
        try:
            make(**value)
        except (ConfigurationError, ValidationError):
            assert "s3cr3t" not in traceback.format_exc()


def test_a_secret_of_the_wrong_type_is_not_shown(configure: Any) -> None:
    configure('vendor_api_key = ["s3cr3t"]\n[database_url]\npassword = "s3cr3t"')
    message = refusal()
    assert "vendor_api_key" in message
    assert "database_url" in message
    assert "s3cr3t" not in message


@pytest.mark.parametrize(
    "url", ["https://u:s3cr3t@h", "https://u:s3/cr3t@h", "ftp://s3cr3t@h", "https://:s3cr3t@h:port"]
)
def test_a_password_in_the_vendors_url_is_refused_and_not_shown(url: str) -> None:
    message = refusal(vendor_url=url)
    assert "vendor_url" in message
    assert "cr3t" not in message


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:s3cr3t@[::1/d",
        "postgresql://u:p?s3cr3t=1@h/d",
        "postgresql://u:p@s3:cr3t@h/d",
        "postgresql://u:12/s3cr3t@h/d",
        "postgresql://u:p/s3cr3t@h/d",
        "redis://:p/s3cr3t@h",
        "redis://:12/s3cr3t@h",
        "redis://:12#s3cr3t@h",
        "redis://:p@s3cr3t@h",
        "redis://h:port",
        "redis://[::1",
    ],
)
def test_a_url_that_a_driver_would_complain_about_with_the_password_is_refused(url: str) -> None:
    name = "redis_url" if url.startswith("redis") else "database_url"
    assert "not a valid URL; special characters in it must be percent-enc" in refusal(**{name: url})


def test_a_token_in_a_bad_url_is_not_shown() -> None:
    told = refusal(webhook_url="ftp://hooks.example/enrichd?token=hunter2")
    assert "hooks.example/enrichd?token=…" in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("database_url", "postgresql://u:p%40%2F%3A@h:5432/d?sslmode=require"),
        ("database_url", "postgresql://h1:5432,h2:5433/d?target_session_attrs=read-write"),
        ("database_url", "postgresql://u@/d?host=/run/postgresql"),
        ("database_url", "postgresql:///d?user=a@b"),
        ("redis_url", "redis://:p%40%2F@h:6379/0"),
        ("redis_url", "rediss://h"),
        ("redis_url", "unix:///run/redis.sock?db=1"),
    ],
)
def test_every_kind_of_url_is_accepted(name: str, url: str) -> None:
    value: SecretStr = getattr(load_settings(**{name: url}), name)
    assert value.get_secret_value() == url
