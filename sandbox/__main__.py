"""`python -m sandbox`: the sandbox as a process of its own.

Prints one line with its URL when it serves; SIGTERM and Ctrl-C end it with exit code 0. Every
setting of `sandbox.settings.Settings` is an option; `--fault` orders faults from the start.
"""

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn, get_type_hints

import msgspec

from sandbox.faults import Fault
from sandbox.server import DEFAULT_KEY, HOST, Server, listen, url_of, workspace
from sandbox.settings import Settings
from sandbox.vendor import Vendor

EXAMPLES = """\
examples:
  enrichd sandbox --port 8461
  enrichd sandbox --job-seconds '[60, 300]' --credits 1000
  enrichd sandbox --fault '{"route": "submit", "kind": "status", "status": 503}'
"""


def main(arguments: list[str] | None = None) -> int:
    """Run until told to stop; returns the exit code."""
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    host, port, data_dir = options.pop("host"), options.pop("port"), options.pop("data_dir")
    api_key, faults = options.pop("api_key"), options.pop("fault")
    try:
        settings = Settings.of({name: _value(text) for name, text in options.items()})
        faults = [_fault(text) for text in faults]
    except ValueError as error:
        parser.error(str(error))
    try:
        listening = listen(host, port)
    except OSError as error:
        _fail(f"sandbox: can't serve on {host}:{port}: {error.strerror or error}")
    with workspace(data_dir) as directory:
        try:
            vendor = Vendor(api_key, settings, directory, keep=data_dir is not None, faults=faults)
        except ValueError as error:
            _fail(f"sandbox: {error}")
        server = Server(vendor, listening)
        server.on_ready = lambda: print(f"sandbox serves at {url_of(listening)}", flush=True)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: setattr(server, "should_exit", True))
        server.run_here()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sandbox",
        description="A local, faithful implementation of the vendor's batch API.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXAMPLES,
    )
    parser.add_argument("--host", default=HOST, help=f"address to serve on ({HOST})")
    parser.add_argument("--port", type=int, default=8461, help="port; 0: a free one (8461)")
    parser.add_argument("--api-key", default=DEFAULT_KEY, help=f"the account's key ({DEFAULT_KEY})")
    parser.add_argument("--data-dir", type=Path, help="keep jobs, record and billing there")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="JSON",
        help="a fault ordered from the start, as often as wanted: "
        '{"route": "submit", "kind": "never_ends"}',
    )
    defaults = Settings()
    for name, hint in get_type_hints(Settings, include_extras=True).items():
        default = json.dumps(getattr(defaults, name))
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            default=argparse.SUPPRESS,
            metavar="VALUE",
            help=f"{_description(hint)} ({default})".replace("%", "%%"),
        )
    return parser


def _description(hint: Any) -> str:
    """What the setting's annotation says it is."""
    described = [meta.description for meta in hint.__metadata__ if meta.description]
    return str(described[0])


def _value(text: str) -> Any:
    """An option's value: JSON where it is JSON, else a word."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _fault(text: str) -> dict[str, Any]:
    """An ordered fault's values; a bad one is a `ValueError`."""
    values: dict[str, Any] = msgspec.to_builtins(msgspec.json.decode(text, type=Fault))
    return values


def _fail(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    raise SystemExit(1)


if __name__ == "__main__":
    sys.exit(main())
