"""`enrichd web-token`: a token with which somebody enters the console."""

from __future__ import annotations

import json
import re
import sys
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from manager.cli.options import Json, examples, print_json, print_line
from manager.errors import InvalidRequestError
from manager.settings.web import Role, UserName
from manager.web.access.tokens import hashed, new_token


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(
        "web-token",
        epilog=examples(
            "enrichd web-token anna --role operator",
            "enrichd web-token prometheus  # a viewer",
        ),
    )(web_token)


def web_token(
    name: Annotated[str, typer.Argument(help="The user's name.")],
    role: Annotated[
        Role, typer.Option(help="A viewer sees everything; an operator may change something.")
    ] = "viewer",
    as_json: Json = False,
) -> None:
    """Make a user's token for the console and /metrics.

    It prints the token, which is kept nowhere, and the line for the configuration file, which holds
    its hash. The user comes in when `enrichd web` has been started with that line; a line that is
    taken out, or replaced, ends the sessions that were begun with its token.
    """
    try:
        TypeAdapter(UserName).validate_python(name)
    except ValidationError:
        raise InvalidRequestError(
            f"NAME: {name[:100]!r}: must be 1 to 100 letters, digits, and . _ - + @."
        ) from None
    token = new_token()
    value = f"{role}:{hashed(token)}"
    if as_json:
        print_json({"name": name, "role": role, "token": token, "web_users": {name: value}})
        return
    key = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)
    print("The token, which is shown this once:", file=sys.stderr)
    print_line(token)
    print(
        "\nThe line for the configuration file, above its tables (in the environment: "
        "ENRICHD_WEB_USERS, as JSON):",
        file=sys.stderr,
    )
    print_line(f'web_users.{key} = "{value}"')
