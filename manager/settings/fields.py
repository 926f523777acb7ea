"""Every setting, its default and its limits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from manager.settings.accounts import NO_TABLES, AccountTable
from manager.settings.names import PREFIX, variable
from manager.settings.prices import Budget, Prices, Timezone, differ
from manager.settings.redis_url import RedisUrl
from manager.settings.values import (
    AccountName,
    AllowedTarget,
    BrokerUrl,
    CallsPerMinute,
    Cap,
    Count,
    Days,
    HttpUrl,
    PositiveCount,
    PositiveSeconds,
    PostgresUrl,
    Seconds,
    TargetAddress,
    TargetName,
    TargetText,
    WebhookSecret,
    from_json,
)
from manager.settings.web import (
    ANYBODY,
    HeaderName,
    HostName,
    Network,
    Role,
    SessionKey,
    UserName,
    UserToken,
)
from manager.targets import Event


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

    # Prices and budgets
    price: Prices = Field(
        {}, description="Credits that a record costs, of each endpoint; at most, where it varies"
    )
    budgets: list[Budget] = Field(
        [],
        description="Most credits, or records, that may be spent per day or month, of an account, "
        "a tag, both, or in all; what is over waits, or is refused where the budget is hard",
    )
    budget_timezone: Timezone = Field("UTC", description="Time zone in which days and months begin")

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
    failures_shown: Seconds = Field(
        21_600.0,
        description="Seconds for which what has failed, or found unusually little, is a warning, "
        "unless it is acknowledged before",
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

    # Being told
    notify: list[TargetText] = Field(
        [],
        description="Targets that are told of all requests and of what an account is in trouble "
        "with: https://HOST/PATH, task:NAME@BROKER, pg:CHANNEL, or names in notify_targets",
    )
    notify_events: list[Event] = Field(
        [],
        description="Events that these are told; none named: all. request.finished, "
        "request.progress, account.paused, budget.reached, job.needs_operator",
    )
    notify_targets: dict[TargetName, TargetAddress] = Field(
        {}, description="Targets by name, so that callers need not know their addresses"
    )
    notify_secrets: dict[str, list[WebhookSecret]] = Field(
        {},
        description="Secrets that sign webhooks (Standard Webhooks), by the target's name, else by "
        "its host, else default; each of several signs, so that they can be changed one by one",
    )
    notify_brokers: dict[TargetName, BrokerUrl] = Field(
        {},
        description="URLs of the callers' own Celery brokers by name, default for task:NAME "
        "(redis://, rediss://, sentinel://, amqp:// or amqps://)",
    )
    notify_allow: list[AllowedTarget] = Field(
        [],
        description="Hosts and networks that webhooks may reach although they are not public, such "
        "as hooks.internal:8080 or 10.0.0.0/8; a host that is named may also be told over http "
        "and on any port",
    )
    notify_timeout: Annotated[float, Field(gt=0, le=300)] = Field(
        15.0, description="Seconds within which a target must have taken a notice"
    )
    notify_concurrency: int = Field(
        4, ge=1, le=32, description="Notices that one host is told at once"
    )
    notify_backoff_base: PositiveSeconds = Field(
        5.0, description="Seconds to wait after a notice could not be told; doubles, with jitter"
    )
    notify_backoff_max: PositiveSeconds = Field(
        6 * 3600.0, description="Most seconds to wait until it is tried again"
    )
    notify_days: Annotated[float, Field(gt=0, le=30)] = Field(
        3.0, description="Days for which a notice is tried before it is abandoned"
    )
    notify_pause_after: PositiveSeconds = Field(
        3600.0,
        description="Seconds of nothing but failures after which a target is paused: it is tried "
        "with one notice at a time, as rarely as notify_backoff_max says, until it takes one",
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

    retain_notices_days: Days | None = Field(
        30.0,
        description="Days after its end that a notice stays, told or abandoned, with its history",
    )
    retain_notices_count: Count | None = Field(None, description="Newest notices that stay")
    retain_actions_days: Days | None = Field(
        None,
        description="Days that it stays what operators have done, and to what. After that an "
        "object's history does not show it",
    )
    retain_actions_count: Count | None = Field(None, description="Newest of these that stay")
    retain_stats_days: Annotated[float, Field(ge=63)] | None = Field(
        None,
        description="Days that `enrichd stats` looks back; at least 63, which budgets need",
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
    fault_points: dict[str, str] = Field(
        {}, description="For tests only: points at which a process dies, hangs or raises"
    )
    fault_points_once: Path | None = Field(
        None, description="For tests only: directory in which a fault point that fired is noted"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least level that is logged: DEBUG, INFO, WARNING or ERROR"
    )
    traces_url: HttpUrl | None = Field(
        None,
        description="Base URL of an OTLP/HTTP receiver that traces are sent to, with the extra "
        "otel; OTEL_EXPORTER_OTLP_ENDPOINT and its like go over it",
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto",
        description="How lines are logged: json, console (to be read by people), or auto: console "
        "on a terminal, json elsewhere",
    )

    # Web
    web_host: str = Field("127.0.0.1", description="Address that `enrichd web` listens on")
    web_port: int = Field(8460, ge=0, le=65535, description="Port of `enrichd web`; 0: a free one")
    web_webhooks_host: str | None = Field(
        None, description="Address of web_webhooks_port; default: web_host"
    )
    web_webhooks_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="Port that webhooks come to, and nothing else; when set, web_port takes none",
    )
    web_hosts: list[HostName] = Field(
        [],
        description="Hosts that the web is asked for by, such as enrich.example.com or "
        "*.example.com, besides this machine's own names and webhook_url's; what is asked for by "
        "another is refused",
    )
    web_users: dict[UserName, UserToken] = Field(
        {},
        description="Who may enter, each with what `enrichd web-token NAME` prints; without any, "
        "whoever reaches the loopback address is an operator",
    )
    web_open: bool = Field(
        False,
        description="Let whoever reaches web_host be an operator without a login, where it is no "
        "loopback address, too",
    )
    web_proxy_addresses: list[Network] = Field(
        [],
        description="Addresses of the proxies before the web; only their X-Forwarded-For, "
        "X-Forwarded-Proto and web_proxy_header are believed",
    )
    web_proxy_header: HeaderName | None = Field(
        None,
        description="Header in which these proxies name the user who has logged in there, such as "
        "Remote-User",
    )
    web_proxy_roles: dict[str, Role] = Field(
        {ANYBODY: "viewer"},
        description="Roles, viewer or operator, of those whom web_proxy_header names; * is for "
        "all others, who may not enter without it",
    )
    web_session_hours: float = Field(
        12.0, gt=0, le=24 * 90, description="Hours after which a login ends"
    )
    web_session_keys: list[SessionKey] = Field(
        [],
        description="Secrets that sign the sessions, the newest first; default: one that all web "
        "processes of a ledger derive from it",
    )
    web_connections: int = Field(
        200,
        ge=2,
        le=100_000,
        description="Most connections to a port of the web at once, open pages among them",
    )

    # Several accounts
    accounts: dict[AccountName, AccountTable] = Field(
        {},
        description="A table for each account; what it does not say it takes from the settings of "
        "the same name above, except the key",
    )

    @field_validator(
        "vendor_download_hosts",
        "fault_points",
        "price",
        "budgets",
        "web_hosts",
        "web_users",
        "web_proxy_addresses",
        "web_proxy_roles",
        "web_session_keys",
        "notify",
        "notify_events",
        "notify_targets",
        "notify_secrets",
        "notify_brokers",
        "notify_allow",
        mode="before",
    )
    @classmethod
    def _from_json(cls, value: object) -> object:
        return from_json(value)

    @field_validator("budgets")
    @classmethod
    def _differ(cls, value: list[Budget]) -> list[Budget]:
        return differ(value)

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

    @field_validator("look_max", "backoff_max", "notify_backoff_max")
    @classmethod
    def _is_not_below_the_shortest(cls, value: float, info: ValidationInfo) -> float:
        shortest = {
            "look_max": "look_min",
            "backoff_max": "backoff_base",
            "notify_backoff_max": "notify_backoff_base",
        }[str(info.field_name)]
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
