"""The program without a command: its help, which names all commands and loads none."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

from manager.cli.short import SHORT


class Everything(TyperGroup):
    """Names the commands by what is known of them; none of them is there to be called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names, in the order of the help."""
        return list(SHORT)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """A line for each."""
        with formatter.section("Commands"):
            formatter.write_dl(list(SHORT.items()))
