"""Every setting, its default and its limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from manager.settings.accounts import NO_TABLES, AccountTable
from manager.settings.names import PREFIX, variable
from manager.settings.redis_url import RedisUrl
from manager.settings.values import (
    AccountName,
    CallsPerMinute,
    Cap,
    Count,
    Days,
    HttpUrl,
    PositiveCount,
    PositiveSeconds,
    PostgresUrl,
    Seconds,
)


class Fields(BaseSettings):
    """The settings by themselves; units are in the descriptions."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,  # `${ENRICHD_WEBHOOK_URL:-}` in a compose file is not set
        enable_decoding=False,  # done by _from_json, whose error has the others beside it
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    # Where things are
    database_url: PostgresUrl | None = Field(None, description="URL of Postgres (postgresql://)")
    redis_url: RedisUrl | None = Field(
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

    # Callers
    lock_timeout: PositiveSeconds = Field(
        30.0,
        description="Seconds an enqueue or a cancel waits for what another transaction holds",
    )
    pool_size: int = Field(
        10,
        ge=1,
        le=1000,
        description="Most connections that a Manager has open for its own calls at once; each "
        "process has its own, and each wait for a request one more",
    )

    # The account and the vendor
    account: AccountName = Field(
        "default", description="Name of the vendor account, also for calls that name none"
    )
    cap: Cap = Field(
        5, description="Jobs that may be active at the vendor at once (the vendor allows 5)"
    )
    vendor_url: HttpUrl = Field(
        "https://api.crustdata.com", description="Base URL of the vendor's API"
    )
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
    vendor_calls_per_minute: CallsPerMinute = Field(
        15, description="Calls a minute assumed per endpoint until the vendor's headers tell"
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
    webhook_url: HttpUrl | None = Field(
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
    pack_ahead: int = Field(2, ge=0, le=100, description="Jobs packed beyond the free slots")
    priority_step: Seconds = Field(
        60.0, description="Seconds of waiting that one point of priority is worth"
    )
    max_age: Seconds = Field(
        30 * 86400.0,
        description="Seconds for which a result is fresh, unless the request says otherwise",
    )

    # Submitting, looking, retrying
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
    resolve_margin: Seconds = Field(
        30.0,
        description="Seconds after the end of a call in which the vendor may still create its job",
    )
    look_min: PositiveSeconds = Field(
        1.0, description="Least seconds between two looks at the vendor's list of jobs"
    )
    look_max: PositiveSeconds = Field(
        60.0, description="Most seconds between two looks while jobs are at the vendor"
    )
    overdue_factor: float = Field(
        3.0,
        ge=1,
        le=1000,
        description="A job is overdue, which is a warning, when it is at the vendor for so many "
        "times what jobs like it took, and at least 10 minutes",
    )
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

    keep_files: int = Field(
        20, ge=0, description="Most results files kept because their merge left a doubt"
    )
    keep_bytes: int = Field(2**30, ge=0, description="Most bytes of kept results files together")
    keep_days: float = Field(
        7.0, ge=0, le=3650, description="Days after which a kept results file is deleted"
    )

    # Retention
    retain_requests_days: Days | None = Field(
        None,
        description="Days after its end that a request stays, with its items. After that its "
        "results cannot be read any more, and its idempotency key may be used anew",
    )
    retain_requests_count: Count | None = Field(
        None,
        description="Newest requests that stay, however old; of two limits the one that is reached "
        "first counts",
    )
    retain_results_days: Days | None = Field(
        None,
        description="Days that an outdated result stays which no request names: one that a later "
        "result of the same enrichment has replaced. After that it is lost what the "
        "vendor said then",
    )
    retain_results_count: PositiveCount | None = Field(
        None,
        description="Newest results of an enrichment that stay; never less than the newest one, "
        "and the newest with a record",
    )
    retain_enrichments_days: Days | None = Field(
        None,
        description="Days after its end that an enrichment which no request names stays, with its "
        "newest result. After that the identifier is bought again when it is asked for",
    )
    retain_enrichments_count: Count | None = Field(
        None,
        description="Newest purchases that stay, about, with the enrichments that they were for",
    )
    retain_jobs_days: Days | None = Field(
        None,
        description="Days after its end that a job stays of which there is no result any more, "
        "with its history and strays. After that nobody can tell what was submitted then",
    )
    retain_jobs_count: Count | None = Field(None, description="Newest jobs that stay")
    retain_events_days: Days | None = Field(
        None, description="Days that the history of jobs that have ended stays"
    )
    retain_events_count: Count | None = Field(None, description="Newest events of jobs that stay")
    retain_strays_days: Days | None = Field(
        None, description="Days that envelopes stay which have settled nothing"
    )
    retain_strays_count: Count | None = Field(
        None, description="Newest of these envelopes that stay"
    )
    retain_vendor_jobs_days: Days | None = Field(
        None,
        description="Days that others' jobs stay that the vendor's list does not show any more. "
        "After that a job that it shows again is judged anew",
    )
    retain_vendor_jobs_count: Count | None = Field(
        None, description="Others' jobs that stay, those last seen on the list"
    )

    # Processes
    sweep_interval: PositiveSeconds = Field(2.0, description="Seconds between two sweeps")
    worker_concurrency: int = Field(
        2,
        ge=1,
        le=64,
        description="Processes of a worker; an account more adds its cap and one to the quick one",
    )
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
    task_events: bool = Field(
        False, description="Send task events, which Flower and `celery events` show"
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

    # Several accounts
    accounts: dict[AccountName, AccountTable] = Field(
        {},
        description="A table for each account; what it does not say it takes from the settings of "
        "the same name above, except the key",
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

    @field_validator("accounts", mode="before")
    @classmethod
    def _are_tables(cls, value: object) -> object:
        if isinstance(value, dict):
            return value
        if value == NO_TABLES:
            return {}
        each = variable("accounts", "NAME", "vendor_api_key")
        raise ValueError(
            f"must be tables, [accounts.NAME]; in the environment a variable for each, like {each}"
        )

    @field_validator("accounts")
    @classmethod
    def _differ_in_more_than_case(
        cls, value: dict[str, AccountTable], info: ValidationInfo
    ) -> dict[str, AccountTable]:
        """A variable's name has no case: a key in it might become another account's."""
        seen: dict[str, str] = {}
        for name in (info.data.get("account", ""), *value):
            if seen.setdefault(name.lower(), name) != name:
                raise ValueError(
                    f"the accounts {seen[name.lower()]} and {name} differ only in case"
                )
        return value

    @field_validator("look_max", "backoff_max")
    @classmethod
    def _is_not_below_the_shortest(cls, value: float, info: ValidationInfo) -> float:
        shortest = {"look_max": "look_min", "backoff_max": "backoff_base"}[str(info.field_name)]
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
