"""The templates: HTML that escapes by itself, and how values are written in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from manager.operator.words import brief
from manager.web.static import static

# Longer texts are cut where many rows stand; the page of the object shows them whole.
CUT = 240
LIVE = "live_"


def environment() -> Environment:
    """The templates of the console."""
    made = Environment(
        loader=PackageLoader("manager.web.console", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "ago": ago,
        "among": among,
        "count": count,
        "commands": commands,
        "cut": cut,
        "duration": duration,
        "iso": iso,
        "pretty": pretty,
        "short": short,
        "utc": utc,
        "words": words,
        "part": part,
    }
    made.globals |= {"static": static, "url": url, "now": lambda: datetime.now(UTC)}
    made.globals["ui"] = made.get_template("ui.html").module
    made.globals["tables"] = made.get_template("tables.html").module
    return made


def fragments(template: Template, values: Mapping[str, Any]) -> dict[str, str]:
    """The template's live blocks by name; each stands in the page in an element of that id."""
    context = template.new_context(dict(values))
    return {
        name: "".join(block(context))
        for name, block in template.blocks.items()
        if name.startswith(LIVE)
    }


def url(path: str, *parts: object, **query: object) -> str:
    """A URL of the console: `path`, then parts that may be any text, then the query."""
    made = "/".join([path, *(quote(str(part), safe="") for part in parts)])
    given = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{made}?{urlencode(given)}" if given else made


def count(value: Any) -> str:
    """A number as a person reads it; nothing for None."""
    match value:
        case None:
            return ""
        case Decimal():
            return f"{value.normalize():,f}"
        case float():
            return f"{value:,.1f}".removesuffix(".0")
        case _:
            return f"{value:,}"


def words(value: object) -> str:
    """A name of the ledger as words: not_found is `not found`."""
    return str(value).replace("_", " ")


def short(value: object) -> str:
    """An id's beginning and end: ids of one moment begin alike."""
    text = str(value)
    if isinstance(value, UUID) or (len(text) == 36 and text.count("-") == 4):
        return f"{text[:8]}…{text[-4:]}"
    return text if len(text) <= 20 else f"{text[:12]}…{text[-6:]}"


def cut(value: object, most: int = CUT) -> Markup:
    """A text that others wrote, of any length and direction, as a part of a row."""
    text = str(value)
    return Markup("<bdi>{}</bdi>{}").format(text[:most], _rest(text, most))


def commands(value: object, most: int = 600) -> Markup:
    """A sentence of ours, in which what stands in backticks is to be typed; others' words may be
    in it, too.
    """
    text = str(value)
    parts = text[:most].split("`")
    typed = Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else part
        for number, part in enumerate(parts)
    )
    return Markup("<bdi>{}</bdi>{}").format(typed, _rest(text, most))


def _rest(text: str, most: int) -> Markup:
    """That there is more than so many characters."""
    if len(text) <= most:
        return Markup("")
    return Markup('… <small class="quiet">({:,} characters)</small>').format(len(text))


def pretty(value: Any) -> str:
    """JSON for a person to read."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def iso(value: datetime) -> str:
    """A time for machines."""
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def utc(value: datetime) -> str:
    """A time of today without its day."""
    at = value.astimezone(UTC)
    today = at.date() == datetime.now(UTC).date()
    return f"{at:%H:%M:%S}" if today else f"{at:%Y-%m-%d %H:%M}"


def ago(value: datetime) -> str:
    """How long ago, or in how long."""
    seconds = (datetime.now(UTC) - value).total_seconds()
    told = duration(abs(seconds))
    return f"{told} ago" if seconds >= 0 else f"in {told}"


def duration(value: timedelta | float | None) -> str:
    """A length of time in one unit."""
    if value is None:
        return ""
    return brief(value.total_seconds() if isinstance(value, timedelta) else value)


def part(value: float, whole: float) -> str:
    """A share as SVG takes a width."""
    return f"{100 * value / whole:.3f}%" if whole else "0%"


def among(value: object, given: str) -> bool:
    """Whether a list with commas has it."""
    return str(value) in given.split(",")
