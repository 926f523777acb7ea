"""Settings: defaults here, over them a TOML file, over it the environment (`ENRICHD_…`).

`config/enrichd.toml` shows every setting with its default; a test keeps the two in step.
A data directory (`ENRICHD_DATA_DIR`) made by `enrichd up --embedded` carries the addresses
of its own servers in `connection.json`, so that nothing else needs to be configured.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from manager import sources
from manager.errors import ConfigurationError

PREFIX = "ENRICHD_"
CONFIG = f"{PREFIX}CONFIG"
CONNECTION_FILE = "connection.json"

Seconds = Annotated[float, Field(ge=0, le=30 * 86400)]
PositiveSeconds = Annotated[float, Field(gt=0, le=30 * 86400)]

_NOT_A_URL = "is not a valid URL; special characters in it must be percent-encoded"


class Settings(BaseSettings):
    """Every knob of the enrichment manager; units are in the descriptions."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,  # `${ENRICHD_WEBHOOK_URL:-}` in a compose file is not set
        enable_decoding=False,  # done by _from_json, whose error has the others beside it
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    # Where things are
    database_url: SecretStr | None = Field(None, description="URL of Postgres (postgresql://)")
    redis_url: SecretStr | None = Field(
        None, description="URL of Redis or Valkey (redis://, rediss:// or unix://)"
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
        "default",
        pattern=r"^[A-Za-z0-9_.-]{1,63}$",
        description="Name of the vendor account in the ledger",
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
        15, ge=1, description="Calls a minute assumed per endpoint until the vendor's headers tell"
    )
    vendor_chunk_size: int | None = Field(
        None,
        ge=10,
        le=1000,
        description="Chunk size, sent only when set (the vendor's default: 100)",
    )
    vendor_chunk_size_name: str = Field(
        "chunk_size", description="Name of the chunk size's parameter"
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
    poll_min: PositiveSeconds = Field(
        2.0, description="Least seconds between two polls of a job; due polls are seen by sweeps"
    )
    poll_max: PositiveSeconds = Field(60.0, description="Most seconds between two polls of a job")
    backoff_base: PositiveSeconds = Field(
        2.0, description="Seconds to wait after a first failure; doubles, with jitter"
    )
    backoff_max: PositiveSeconds = Field(300.0, description="Most seconds to wait after a failure")
    max_attempts: int = Field(
        3, ge=1, description="Jobs that may fail under an enrichment before it fails itself"
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
    worker_concurrency: int = Field(2, ge=1, le=64, description="Processes of one worker")
    stalled_after: float = Field(
        60.0,
        ge=15,
        le=30 * 86400,
        description="Seconds without work after which `enrichd up` replaces a worker, or beat; "
        "at least twice sweep_interval",
    )
    drain_timeout: Seconds = Field(
        30.0, description="Seconds that SIGTERM gives running tasks to end"
    )
    web_host: str = Field("127.0.0.1", description="Address that `enrichd web` listens on")
    web_port: int = Field(8460, ge=0, le=65535, description="Port of `enrichd web`; 0: a free one")
    fault_points: dict[str, str] = Field(
        {}, description="For tests only: points at which a process dies, hangs or raises"
    )
    fault_points_once: Path | None = Field(
        None, description="For tests only: directory in which a fault point that fired is noted"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least level that is logged: DEBUG, INFO, WARNING or ERROR"
    )

    @field_validator("vendor_download_hosts", "fault_points", mode="before")
    @classmethod
    def _from_json(cls, value: object) -> object:
        """The environment knows only text; in TOML and in calls these are lists and tables."""
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError('must be JSON, like ["a", "b"] or {"a": "b"}') from None

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        scheme, separator, rest = value.get_secret_value().partition("://")
        if scheme not in {"postgresql", "postgres", "postgresql+psycopg"} or not separator:
            raise ValueError("must begin with postgresql://")
        url = f"postgresql://{rest}"
        try:
            ports = str(conninfo_to_dict(url).get("port", "")).split(",")
        except ProgrammingError:  # its message has the whole URL in it
            raise ValueError(_NOT_A_URL) from None
        if not all(port.isdecimal() or not port for port in ports) or _is_cut_short(rest):
            raise ValueError(_NOT_A_URL)
        return SecretStr(url)

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        if _split(value.get_secret_value()).scheme not in {"redis", "rediss", "unix"}:
            raise ValueError("must begin with redis://, rediss:// or unix://")
        return value

    @field_validator("vendor_url", "webhook_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is None:
            return None
        url = _split(value)
        if url.scheme not in {"http", "https"} or not url.hostname:
            raise ValueError("must be an http:// or https:// URL with a host")
        if url.username is not None or url.password is not None:
            raise ValueError("must not contain a user name or password")
        if url.query:
            raise ValueError("must not contain a query: paths are added to it")
        return value.rstrip("/")

    @field_validator("poll_max", "backoff_max")
    @classmethod
    def _is_not_below_the_shortest(cls, value: float, info: ValidationInfo) -> float:
        shortest = {"poll_max": "poll_min", "backoff_max": "backoff_base"}[str(info.field_name)]
        if value < info.data.get(shortest, 0):
            raise ValueError(f"must not be less than {shortest}, {info.data[shortest]:g}")
        return value

    @field_validator("stalled_after")
    @classmethod
    def _leaves_time_to_sweep(cls, value: float, info: ValidationInfo) -> float:
        """An idle worker works only when it sweeps."""
        if value < 2 * info.data.get("sweep_interval", 0):
            interval = info.data["sweep_interval"]
            raise ValueError(f"must be at least twice sweep_interval, {interval:g}")
        return value

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

        def values(found: dict[str, Any]) -> PydanticBaseSettingsSource:
            return InitSettingsSource(settings_cls, found)

        known = cls.model_fields
        misspelt = values(sources.misspelt_variables(PREFIX, {"config", *known}))
        file = values(sources.toml(os.environ.get(CONFIG)))
        given = (init_settings, env_settings, misspelt)
        data_dir = next((path for it in (*given, file) if (path := it().get("data_dir"))), None)
        if not data_dir:
            return (*given, file)
        connection = values(sources.connection(Path(data_dir) / CONNECTION_FILE, known))
        return (*given, connection, file)

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
    def call_limit(self) -> float:
        """Seconds within which any call of the vendor ends, connecting included."""
        return self.vendor_connect_timeout + self.vendor_read_timeout

    @property
    def submission_limit(self) -> float:
        """Seconds after which a submission that has begun is certainly not under way any more."""
        return self.submit_deadline + self.call_limit

    @property
    def freshness(self) -> timedelta:
        """`max_age` as a timedelta."""
        return timedelta(seconds=self.max_age)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; every wrong one is named in a single ConfigurationError."""
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        lines = [_explain(problem) for problem in error.errors(include_url=False)]
        raise ConfigurationError("The configuration is wrong:\n" + "\n".join(lines)) from None


def _explain(problem: Any) -> str:
    name = str(problem["loc"][0])
    field = Settings.model_fields.get(name)
    variable = f"{PREFIX}{name.upper()}"
    if field is None:
        near = difflib.get_close_matches(name.lower(), Settings.model_fields, 1)
        return f"  {name} ({variable}): no such setting" + (f"; {near[0]}?" if near else "")
    message = problem["msg"].removeprefix("Value error, ")
    value = "" if "Secret" in str(field.annotation) else f" (got {_shown(problem['input'])})"
    return f"  {name} ({variable}): {message}{value}"


def _shown(value: object) -> str:
    """The value without what may be a password in a URL, and not at any length."""
    text = re.sub(r"//.*@", "//…@", repr(value))
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text)} characters)"


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises when it is no number
    except ValueError:  # its message may have the password in it
        raise ValueError(_NOT_A_URL) from None
    if parts.fragment or _is_cut_short(url.partition("://")[2]):
        raise ValueError(_NOT_A_URL)
    return parts


def _is_cut_short(rest: str) -> bool:
    """Whether the password holds a character that ends it, so that its rest counts as a path.

    It would be shown then, as the name of a database for example.
    """
    authority, _, path = rest.partition("?")[0].partition("/")
    return "@" in path or authority.count("@") > 1


def _required(secret: SecretStr | None, name: str, what: str) -> str:
    if secret is None or not secret.get_secret_value():
        raise ConfigurationError(
            f"{what} is not set. Set {PREFIX}{name.upper()} or {name} in the file that "
            f"{CONFIG} names, or point --data-dir ({PREFIX}DATA_DIR) at an installation "
            "made by `enrichd up --embedded`."
        )
    return secret.get_secret_value()
