"""A command that has subcommands beside what it does by itself, such as `enrichd jobs`."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

SHOW = "show"


class GroupThatShows(TyperGroup):
    """What names no subcommand is for SHOW: `enrichd jobs ID` is `enrichd jobs show ID`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put SHOW before arguments that name no subcommand, and do not ask for help."""
        if not args or args[0] not in {*self.commands, *ctx.help_option_names}:
            args = [SHOW, *args]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """How the command by itself is called."""
        return self._show.collect_usage_pieces(ctx)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The options of the command by itself, then the subcommands."""
        self._show.format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    @property
    def _show(self) -> TyperCommand:
        found = self.commands[SHOW]
        assert isinstance(found, TyperCommand)
        return found


def group(help: str, epilog: str) -> typer.Typer:
    """An empty one, whose help is this."""
    return typer.Typer(cls=GroupThatShows, help=help, epilog=epilog, rich_markup_mode=None)
