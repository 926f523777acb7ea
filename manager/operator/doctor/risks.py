"""Risks: settings that contradict each other, or that cost money, data or secrets."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable, Iterator
from itertools import combinations
from urllib.parse import urlsplit

from pydantic import SecretStr

from manager.operator.doctor.finding import Finding, problem, warning
from manager.settings.hosts import is_loopback
from manager.settings.model import Settings

VENDOR = str(Settings.model_fields["vendor_url"].default)
VENDORS_CAP = 5
SMALL_JOB = 100
DEFAULTS = {name: field.default for name, field in Settings.model_fields.items()}


def _accounts(settings: Settings) -> Iterator[Finding]:
    for account in settings.served:
        url = urlsplit(account.vendor_url)
        local = is_loopback(url.hostname or "")
        if url.scheme == "http" and not local:
            yield problem(
                "vendor_url",
                f"{account.vendor_url} is not encrypted: the key goes over the network in clear",
                "Use https://.",
                account.name,
            )
        elif local:
            yield warning(
                "vendor_url",
                f"{account.vendor_url} is this machine: a sandbox, not the paid vendor",
                f"For the real one set {VENDOR}, which is the default.",
                account.name,
            )
        elif url.hostname != urlsplit(VENDOR).hostname:
            yield warning(
                "vendor_url",
                f"{account.vendor_url} is not the vendor's own address ({VENDOR}), and is given "
                "the API key",
                "Keep it if it is a proxy of yours; else unset it.",
                account.name,
            )
        if account.cap > VENDORS_CAP:
            yield warning(
                "cap",
                f"{account.cap}, but the vendor allows {VENDORS_CAP} active jobs: the others are "
                "refused with 429 again and again, which costs calls",
                f"Set {VENDORS_CAP}, unless the vendor has told you otherwise.",
                account.name,
            )
        if not local and _is_the_sandboxs(account.vendor_api_key):
            yield problem(
                "vendor_api_key",
                "it is the sandbox's, and no key of the vendor",
                "Set the vendor's key.",
                account.name,
            )


def _shared_keys(settings: Settings) -> Iterator[Finding]:
    for one, other in combinations(settings.served, 2):
        same = one.vendor_api_key is not None and one.vendor_api_key == other.vendor_api_key
        if same and one.vendor_url == other.vendor_url:
            yield warning(
                "accounts",
                f"{one.name} and {other.name} have the same key: they share the vendor's five "
                "jobs, each takes the other's for foreign, and what both ask for is bought twice",
                "Make one account of them.",
            )


def _webhook(settings: Settings) -> Iterator[Finding]:
    if settings.webhook_url is None:
        return
    url = urlsplit(settings.webhook_url)
    if all(is_loopback(urlsplit(it.vendor_url).hostname or "") for it in settings.served):
        return  # a sandbox reaches what we reach
    if url.scheme == "http":
        yield warning(
            "webhook_url",
            f"{settings.webhook_url} is not encrypted: each job's token goes over the network in "
            "clear, and whoever reads it can have the daemon look at the vendor",
            "Use https://, with a proxy that ends TLS before `enrichd web`.",
        )
    if not _is_public(url.hostname or ""):
        yield warning(
            "webhook_url",
            f"{settings.webhook_url} is an address that only this network knows; the vendor cannot "
            "call it. Ends of jobs are then found by looks alone, which is slower, not wrong",
            "Set the address by which the internet reaches `enrichd web`, or unset it.",
        )


def _page(settings: Settings) -> Iterator[Finding]:
    if is_loopback(settings.web_host):
        return
    login = settings.web_users or settings.web_proxy_header
    if settings.web_open and not login:
        yield warning(
            "web_open",
            f"whoever reaches port {settings.web_port} of {settings.web_host} is an operator, "
            "without a login",
            "Make users (`enrichd web-token NAME`), or let nothing but this machine reach it.",
        )
    elif not login:
        yield warning(
            "web_host",
            f"{settings.web_host}: `enrichd web` does not start there without a login, unless it "
            "serves webhooks alone",
            "Make users (`enrichd web-token NAME`), or name the proxy that asks for a login "
            "(web_proxy_addresses, web_proxy_header), or listen on 127.0.0.1.",
        )
    elif not settings.web_proxy_addresses:
        yield warning(
            "web_host",
            f"{settings.web_host}: tokens and sessions go over the network in clear",
            "Put a proxy that ends TLS before the web, and name it in web_proxy_addresses.",
        )


def _buying_twice(settings: Settings) -> Iterator[Finding]:
    """What has an unresolved submission sent again too soon."""
    for name in ("resolve_window", "resolve_margin"):
        value, least = getattr(settings, name), DEFAULTS[name]
        if value < least:
            yield warning(
                name,
                f"{value:g} s is less than the {least:g} s that are known to do: a job that the "
                "vendor's list shows later than that is sent again, and paid twice",
                "Leave the default, unless you have measured the list's lag.",
            )
    if settings.resolve_window < settings.resolve_margin:
        yield warning(
            "resolve_window",
            f"{settings.resolve_window:g} s end before resolve_margin "
            f"({settings.resolve_margin:g} s), in which the vendor may still create the job",
            "Make resolve_window the longer one.",
        )
    calls = min(it.vendor_calls_per_minute for it in settings.served)
    needed = settings.resolve_looks * 60 / calls
    if needed > settings.resolve_window:
        yield warning(
            "resolve_looks",
            f"{settings.resolve_looks} looks take {math.ceil(needed)} s with {calls} calls a "
            f"minute, more than resolve_window ({settings.resolve_window:g} s): what is unresolved "
            "holds its slot for that long",
            "Lower resolve_looks, or give it a longer resolve_window.",
        )
    if settings.vendor_read_timeout < 10:
        yield warning(
            "vendor_read_timeout",
            f"{settings.vendor_read_timeout:g} s: an answer to a submission that comes later is "
            "lost, and its job unresolved for minutes",
            "Leave the default, 60.",
        )


def _buying_more(settings: Settings) -> Iterator[Finding]:
    if settings.max_age == 0:
        yield warning(
            "max_age",
            "0: nothing is ever fresh, so each enqueue buys all of its identifiers again",
            "Set how many seconds a result may be old.",
        )
    if settings.job_size < SMALL_JOB:
        yield warning(
            "job_size",
            f"{settings.job_size}: five jobs at a time of that size are little, and each takes a "
            "call to submit and some to look",
            "Leave the default, 10,000.",
        )
    if settings.linger > 3600:
        yield warning(
            "linger",
            f"{settings.linger:g} s: nothing is submitted before that, unless a job fills up",
            "Set a minute or so.",
        )
    if settings.vendor_api_version != DEFAULTS["vendor_api_version"]:
        yield warning(
            "vendor_api_version",
            f"{settings.vendor_api_version}; this program was written for "
            f"{DEFAULTS['vendor_api_version']}",
            "Unset it, unless the vendor has told you to.",
        )


def _limits(settings: Settings) -> Iterator[Finding]:
    if settings.merge_max_line > settings.merge_max_bytes:
        yield warning(
            "merge_max_line",
            f"{settings.merge_max_line:,} bytes are more than merge_max_bytes, "
            f"{settings.merge_max_bytes:,}: it limits nothing",
            "Lower it, or raise merge_max_bytes.",
        )
    wide = [it for it in settings.vendor_download_hosts if it.lstrip("*.").count(".") < 1]
    if wide:
        yield warning(
            "vendor_download_hosts",
            f"{', '.join(wide)} allows any host, or any of a top-level domain: an answer could "
            "lead the daemon to addresses of your own network",
            "Name the hosts, such as *.amazonaws.com.",
        )


def _for_tests(settings: Settings) -> Iterator[Finding]:
    if settings.fault_points:
        yield problem(
            "fault_points",
            f"set, for tests only: processes die or fail at {', '.join(settings.fault_points)}",
            "Unset it.",
        )


def _is_the_sandboxs(key: SecretStr | None) -> bool:
    return key is not None and key.get_secret_value() == "sandbox-key"


def _is_public(host: str) -> bool:
    """Whether the internet may know the host; a name without a dot it does not."""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        local = (".local", ".internal", ".lan", ".localhost", ".svc", ".cluster.local")
        return "." in host and not host.endswith(local)


RISKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    _accounts,
    _shared_keys,
    _webhook,
    _page,
    _buying_twice,
    _buying_more,
    _limits,
    _for_tests,
)
