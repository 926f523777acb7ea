"""What a request's results can be read into besides one object each: Arrow, pandas, polars."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING

from manager.client import frames
from manager.client.arguments import Wanted
from manager.client.follow import Progress, Row
from manager.client.frames import Batches
from manager.client.table import Table

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow


class Reading(ABC):
    """Reads a request's results into tables and frames.

    The columns are `identifier`, `outcome`, `company_id` (of people `person_id`), `reason`,
    `fetched_at`, `position`, and `record`, the text of its JSON. `fields` puts the fields at these
    dotted paths in its place, `flatten` one column for each path that any record has, or with
    both each path below those of `fields`. Such a column has the type that holds all its values
    (text, truth values, integers of 64 bits, floats, lists of these), else JSON text. A name with a
    dot in it stands in double quotes in a path, and a path that is called as a column before it
    has `record.` before it. A field that no record has is a column of nulls, and a warning.
    `outcome` leaves only results of that outcome, or of several; see `Request.results`.

    All of them raise ConfigurationError when the extra is missing (`arrow`, `pandas`, `polars`),
    and InvalidRequestError for what is no path, and for more than 10,000 columns.
    """

    @abstractmethod
    def progress(self) -> Progress:
        """The counters as they stand."""

    @abstractmethod
    def pages(self, outcome: Wanted = None) -> Iterator[list[Row]]:
        """The results in pages, as the ledger gives them."""

    def iter_arrow(
        self, *, flatten: bool = False, fields: Sequence[str] | None = None, outcome: Wanted = None
    ) -> Iterator[pyarrow.RecordBatch]:
        """The results in record batches of 10,000 rows or 16 MiB at most, one at least.

        Read in pages, so a request of millions takes little memory; the rows of chosen fields wait
        in a temporary file until their types are known.
        """
        batches = Batches(Table(self.progress().endpoint, flatten=flatten, fields=fields))
        return self._batches(batches, outcome)

    def to_arrow(
        self, *, flatten: bool = False, fields: Sequence[str] | None = None, outcome: Wanted = None
    ) -> pyarrow.Table:
        """The results as one Arrow table."""
        return frames.to_table(self._list(flatten, fields, outcome))

    def to_pandas(
        self, *, flatten: bool = False, fields: Sequence[str] | None = None, outcome: Wanted = None
    ) -> pandas.DataFrame:
        """The results as a pandas frame; integers beside missing ones stay integers (Int64)."""
        frames.installed("pandas", "pandas")
        return frames.to_pandas(self._list(flatten, fields, outcome))

    def to_polars(
        self, *, flatten: bool = False, fields: Sequence[str] | None = None, outcome: Wanted = None
    ) -> polars.DataFrame:
        """The results as a polars frame."""
        frames.installed("polars", "polars")
        return frames.to_polars(self._list(flatten, fields, outcome))

    def _list(
        self, flatten: bool, fields: Sequence[str] | None, outcome: Wanted
    ) -> list[pyarrow.RecordBatch]:
        return list(self.iter_arrow(flatten=flatten, fields=fields, outcome=outcome))

    def _batches(self, batches: Batches, outcome: Wanted) -> Iterator[pyarrow.RecordBatch]:
        for page in self.pages(outcome):
            yield from batches.add(page)
        yield from batches.rest()
        _warn(batches)


class AsyncReading(ABC):
    """`Reading` for asyncio; see there."""

    @abstractmethod
    async def progress(self) -> Progress:
        """The counters as they stand."""

    @abstractmethod
    def pages(self, outcome: Wanted = None) -> AsyncIterator[list[Row]]:
        """The results in pages, as the ledger gives them."""

    async def iter_arrow(
        self, *, flatten: bool = False, fields: Sequence[str] | None = None, outcome: Wanted = None
    ) -> AsyncIterator[pyarrow.RecordBatch]:
        """The results in record batches; see `Reading.iter_arrow`."""
        endpoint = (await self.progress()).endpoint
        batches = Batches(Table(endpoint, flatten=flatten, fields=fields))
        async for page in self.pages(outcome):
            for batch in batches.add(page):
                yield batch
        for batch in batches.rest():
            yield batch
        _warn(batches)

    async def to_arrow(
        self, *, flatten: bool = False, fields: Sequence[str] | None = None, outcome: Wanted = None
    ) -> pyarrow.Table:
        """The results as one Arrow table."""
        return frames.to_table(await self._all(flatten, fields, outcome))

    async def to_pandas(
        self, *, flatten: bool = False, fields: Sequence[str] | None = None, outcome: Wanted = None
    ) -> pandas.DataFrame:
        """The results as a pandas frame."""
        frames.installed("pandas", "pandas")
        return frames.to_pandas(await self._all(flatten, fields, outcome))

    async def to_polars(
        self, *, flatten: bool = False, fields: Sequence[str] | None = None, outcome: Wanted = None
    ) -> polars.DataFrame:
        """The results as a polars frame."""
        frames.installed("polars", "polars")
        return frames.to_polars(await self._all(flatten, fields, outcome))

    async def _all(
        self, flatten: bool, fields: Sequence[str] | None, outcome: Wanted
    ) -> list[pyarrow.RecordBatch]:
        batches = self.iter_arrow(flatten=flatten, fields=fields, outcome=outcome)
        return [batch async for batch in batches]


def _warn(batches: Batches) -> None:
    for remark in batches.table.remarks():
        warnings.warn(remark, stacklevel=4)
