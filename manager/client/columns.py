"""What a caller may hand over as identifiers: one column, of whatever library, and nothing else.

None of the libraries is imported: frames and tables are known by what they can do.
"""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterable, Iterable, Iterator, KeysView, Mapping, Set
from typing import Any

from manager.errors import InvalidRequestError

SHOWN_COLUMNS = 10


def check_column(identifier_type: str, identifiers: object) -> None:
    """Raise InvalidRequestError, with the sentence that helps, for what is no column of values."""
    if refusal := _refusal(identifier_type, identifiers):
        raise InvalidRequestError(f"identifiers {refusal}")


def values_of(identifiers: Any) -> Iterator[object]:
    """The values of a column that was checked, in their order, read once and one by one.

    A set has no order: its values are sorted, so that the same set is the same call.
    """
    if isinstance(identifiers, io.TextIOBase):
        return (line.rstrip("\r\n") for line in identifiers)
    if isinstance(identifiers, Set) and not isinstance(identifiers, KeysView):
        return iter(sorted(identifiers, key=str))
    if not isinstance(identifiers, Iterable):
        identifiers = _as_list(identifiers)()
    return iter(identifiers)


def _refusal(wanted: str, it: Any) -> str | None:
    kind = type(it).__name__
    must = f"must be a list or other iterable of {wanted}, not"
    if isinstance(it, str):
        return f"{must} str; pass one as a list: [{it[:40]!r}]."
    if isinstance(it, bytes | bytearray | memoryview):
        return f"{must} {kind}; decode it, and split it."
    if isinstance(it, os.PathLike):
        return f"{must} a path; open the file and pass it, or use `enrichd enqueue FILE`."
    if isinstance(it, io.IOBase) and not isinstance(it, io.TextIOBase):
        return f"must be text; the file is open for bytes ({kind}): open it without 'b'."
    if isinstance(it, AsyncIterable):
        return f"must not be asynchronous ({kind}); collect them first: [it async for it in …]."
    if isinstance(it, Mapping):
        return f"{must} {kind}; pass list(d) or d.values()."
    if columns := _columns(it):
        shown = ", ".join(map(str, columns[:SHOWN_COLUMNS]))
        more = ", …" if len(columns) > SHOWN_COLUMNS else ""
        one = _one_column(it, columns[0])
        return f"must be one column, not {kind}; pass one: {one} (of {shown}{more})."
    if (dimensions := _dimensions(it)) > 1:
        return f"must be one column, not a {dimensions}-dimensional {kind}; pass one: a[:, 0]."
    if dimensions == 0 or not (isinstance(it, Iterable) or _as_list(it)):
        return f"{must} {kind}."
    return None


def _columns(it: Any) -> list[Any]:
    """The names of its columns, if it has several dimensions that have names."""
    if isinstance(it, type):
        return []
    if callable(getattr(it, "collect_schema", None)):  # a frame that is not computed yet
        return list(it.collect_schema().names()) or ["name"]
    for attribute in ("column_names", "columns"):  # of Arrow; of pandas, polars, DuckDB, Spark
        names = getattr(it, attribute, None)
        if names is not None and not callable(names) and isinstance(names, Iterable):
            return list(names) or ["name"]
    names = getattr(getattr(it, "dtype", None), "names", None)  # of numpy's records
    if names:
        return list(names)
    schema = getattr(it, "schema", None)  # of an Arrow reader or data set
    names = getattr(schema, "names", None)
    if isinstance(names, Iterable) and not isinstance(names, str):
        return list(names) or ["name"]
    if getattr(it, "nlevels", 1) != 1 and isinstance(getattr(it, "names", None), Iterable):
        return [place if name is None else name for place, name in enumerate(it.names)]  # of pandas
    return []


def _one_column(it: Any, name: object) -> str:
    """How one of its columns is had."""
    if callable(getattr(it, "get_level_values", None)):  # an index of pandas
        return f"index.get_level_values({name!r})"
    if callable(getattr(it, "collect", None)) and callable(getattr(it, "collect_schema", None)):
        return f"df.collect()[{name!r}]"
    return f"df[{name!r}]"


def _dimensions(it: Any) -> int:
    dimensions = getattr(it, "ndim", 1)
    return dimensions if isinstance(dimensions, int) else 1


def _as_list(it: Any) -> Any:
    """How it is made a list, if it cannot be iterated."""
    if isinstance(it, type):
        return None
    found = (getattr(it, name, None) for name in ("to_pylist", "tolist", "to_list"))
    return next((make for make in found if callable(make)), None)
