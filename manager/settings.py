"""Settings: defaults here, over them a TOML file, over it the environment (`ENRICHD_…`).

`config/enrichd.toml` shows every setting with its default; a test keeps the two in step.
A data directory (`ENRICHD_DATA_DIR`) made by `enrichd up --embedded` carries the addresses
of its own servers in `connection.json`, so that nothing else needs to be configured.
"""

from __future__ import annotations

import json
import os
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from manager.errors import ConfigurationError

PREFIX = "ENRICHD_"
CONNECTION_FILE = "connection.json"

Seconds = Annotated[float, Field(ge=0, le=30 * 86400)]
PositiveSeconds = Annotated[float, Field(gt=0, le=30 * 86400)]


class Settings(BaseSettings):
    """Every knob of the enrichment manager; units are in the descriptions."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    # Where things are
    database_url: SecretStr | None = Field(None, description="Postgres: postgresql://…")
    redis_url: SecretStr | None = Field(
        None, description="Redis: redis://…, rediss://… or unix://…"
    )
    database_schema: str = Field(
        "enrichment",
        pattern=r"^[a-z_][a-z0-9_]{0,62}$",
        description="Postgres schema that holds the ledger",
    )
    data_dir: Path | None = Field(
        None,
        description="Directory of an embedded installation; its servers' addresses are read there",
    )
    spool_dir: Path | None = Field(
        None,
        description="Where results files are downloaded to; "
        "default: data_dir/spool, else a folder in the system's temporary directory",
    )

    # The account and the vendor
    account: str = Field(
        "default", pattern=r"^[A-Za-z0-9_.-]{1,63}$", description="Name of the vendor account"
    )
    cap: int = Field(
        5,
        ge=1,
        le=100,
        description="Jobs that may be active at the vendor at once (the vendor allows 5)",
    )
    vendor_url: str = Field("https://api.crustdata.com", description="Base URL of the vendor's API")
    vendor_api_key: SecretStr | None = Field(
        None, description="The vendor's API key, sent as a bearer token"
    )
    vendor_api_version: str = Field("2025-11-01", description="Value of the x-api-version header")
    vendor_connect_timeout: PositiveSeconds = Field(
        10.0, description="Seconds to open a connection"
    )
    vendor_read_timeout: PositiveSeconds = Field(
        60.0, description="Seconds to wait for the vendor's next byte"
    )
    vendor_calls_per_minute: int = Field(
        15, ge=1, description="Rate assumed per endpoint until the vendor's own headers tell"
    )
    vendor_chunk_size: int | None = Field(
        None, ge=10, le=1000, description="Sent only when set (vendor's default: 100)"
    )
    vendor_chunk_size_name: str = Field(
        "chunk_size", description="Name of the chunk size parameter"
    )
    vendor_download_hosts: list[str] = Field(
        [
            "*.amazonaws.com",
            "*.cloudfront.net",
            "storage.googleapis.com",
            "*.blob.core.windows.net",
        ],
        description="Hosts, besides the vendor's own, that results may come from (over https)",
    )
    webhook_url: str | None = Field(
        None, description="Public base URL of `enrichd web`; when set, jobs carry a webhook"
    )

    # Packing
    job_size: int = Field(
        10_000,
        ge=1,
        le=10_000,
        description="Most enrichments in one job (the vendor allows 10,000)",
    )
    linger: Seconds = Field(
        10.0, description="Seconds an enrichment may wait for its job to fill up"
    )
    pack_ahead: int = Field(1, ge=0, le=100, description="Jobs packed beyond the free slots")
    priority_step: Seconds = Field(
        60.0, description="Seconds of waiting that one point of priority is worth"
    )
    max_age: Seconds = Field(
        30 * 86400.0,
        description="Seconds for which a result is fresh, unless the request says otherwise",
    )

    # Submitting, polling, retrying
    submit_deadline: PositiveSeconds = Field(
        10.0, description="Seconds after taking a slot within which the submission must begin"
    )
    resolve_window: Seconds = Field(
        120.0,
        description="Seconds to look for an unresolved submission before it may be sent again",
    )
    resolve_looks: int = Field(
        4, ge=1, description="Looks at the vendor's list in that window, at least"
    )
    poll_min: PositiveSeconds = Field(2.0, description="Shortest wait between two polls of a job")
    poll_max: PositiveSeconds = Field(60.0, description="Longest wait between two polls of a job")
    backoff_base: PositiveSeconds = Field(
        2.0, description="First wait after a failure; doubles, with jitter"
    )
    backoff_max: PositiveSeconds = Field(300.0, description="Longest wait after a failure")
    max_attempts: int = Field(
        3, ge=1, description="Jobs that may fail under an enrichment before it fails"
    )

    # Merging
    merge_max_line: int = Field(
        16 * 2**20, ge=1024, description="Most bytes in one line of a results file"
    )
    merge_max_bytes: int = Field(
        20 * 2**30, ge=2**20, description="Most bytes in one uncompressed results file"
    )
    merge_lock_timeout: PositiveSeconds = Field(
        10.0, description="Seconds a merge waits for a row that a caller holds"
    )
    download_parts: int = Field(
        4, ge=1, le=16, description="Parts of one results file downloaded in parallel"
    )

    # Processes
    sweep_interval: PositiveSeconds = Field(2.0, description="Seconds between two sweeps")
    reconcile_interval: PositiveSeconds = Field(
        30.0, description="Seconds between two comparisons with the vendor's list"
    )
    worker_concurrency: int = Field(2, ge=1, le=64, description="Processes per worker")
    stalled_after: Seconds = Field(
        60.0,
        ge=15,
        description="Seconds without any work after which a worker, or beat, is replaced",
    )
    drain_timeout: Seconds = Field(
        30.0, description="Seconds that SIGTERM gives running tasks to end"
    )
    web_host: str = Field("127.0.0.1", description="Address that `enrichd web` listens on")
    web_port: int = Field(8460, ge=0, le=65535, description="Port that `enrichd web` listens on")
    fault_points: dict[str, str] = Field(
        {}, description="For tests only: points at which a process dies, hangs or raises"
    )
    fault_points_once: Path | None = Field(
        None, description="For tests only: directory in which a fault point that fired is noted"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least level that is logged"
    )

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        scheme, separator, rest = value.get_secret_value().partition("://")
        if scheme not in {"postgresql", "postgres", "postgresql+psycopg"} or not separator:
            raise ValueError("must begin with postgresql://")
        return SecretStr(f"postgresql://{rest}")

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and urlsplit(value.get_secret_value()).scheme not in {
            "redis",
            "rediss",
            "unix",
        }:
            raise ValueError("must begin with redis://, rediss:// or unix://")
        return value

    @field_validator("vendor_url", "webhook_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is None:
            return None
        url = urlsplit(value)
        if url.scheme not in {"http", "https"} or not url.hostname:
            raise ValueError("must be an http:// or https:// URL with a host")
        if url.username or url.password:
            raise ValueError("must not contain a user name or password")
        return value.rstrip("/")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the data directory, then the TOML file."""
        sources = [init_settings, env_settings]
        data_dir = init_settings().get("data_dir") or env_settings().get("data_dir")
        if data_dir:
            sources.append(InitSettingsSource(settings_cls, _connection(Path(data_dir))))
        if config := os.environ.get(f"{PREFIX}CONFIG"):
            if not Path(config).is_file():
                raise ConfigurationError(f"{PREFIX}CONFIG names {config}, which is not a file.")
            sources.append(TomlConfigSettingsSource(settings_cls, config))
        return tuple(sources)

    @property
    def postgres(self) -> str:
        """The database's URL in clear; raises ConfigurationError when it is not set."""
        return _required(self.database_url, "database_url", "Postgres's URL")

    @property
    def redis(self) -> str:
        """Redis's URL in clear; raises ConfigurationError when it is not set."""
        return _required(self.redis_url, "redis_url", "Redis's URL")

    @property
    def api_key(self) -> str:
        """The vendor's API key in clear; raises ConfigurationError when it is not set."""
        return _required(self.vendor_api_key, "vendor_api_key", "the vendor's API key")

    @property
    def freshness(self) -> timedelta:
        """`max_age` as a timedelta."""
        return timedelta(seconds=self.max_age)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; every wrong one is named in a single ConfigurationError."""
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        lines = [
            _explain(problem) for problem in error.errors(include_input=False, include_url=False)
        ]
        raise ConfigurationError("The configuration is wrong:\n" + "\n".join(lines)) from None
    except tomllib.TOMLDecodeError as error:
        config = os.environ.get(f"{PREFIX}CONFIG")
        raise ConfigurationError(f"{config} is not valid TOML: {error}.") from None


def _explain(problem: Any) -> str:
    name = ".".join(str(part) for part in problem["loc"])
    known = name in Settings.model_fields
    given = os.environ.get(f"{PREFIX}{name.upper()}")
    secret = known and "Secret" in str(Settings.model_fields[name].annotation)
    value = f" (got {given!r})" if given is not None and not secret else ""
    message = problem["msg"].removeprefix("Value error, ")
    return f"  {name} ({PREFIX}{name.upper()}): {message if known else 'no such setting'}{value}"


def _connection(data_dir: Path) -> dict[str, Any]:
    """Addresses that the daemon of a data directory wrote down; empty when there are none yet."""
    try:
        content: dict[str, Any] = json.loads((data_dir / CONNECTION_FILE).read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ConfigurationError(f"{data_dir / CONNECTION_FILE} cannot be read: {error}.") from None
    return {name: value for name, value in content.items() if name in Settings.model_fields}


def _required(secret: SecretStr | None, name: str, what: str) -> str:
    if secret is None or not secret.get_secret_value():
        raise ConfigurationError(
            f"{what} is not set. Set {PREFIX}{name.upper()} or {name} in the file that "
            f"{PREFIX}CONFIG names, or point --data-dir ({PREFIX}DATA_DIR) at an installation "
            "made by `enrichd up --embedded`."
        )
    return secret.get_secret_value()
