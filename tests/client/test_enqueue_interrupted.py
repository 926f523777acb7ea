"""An enqueue that is interrupted in a caller's transaction leaves nothing behind to commit."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import psycopg
import pytest

from manager import AsyncManager, InvalidIdentifiersError, Manager, Settings

pytestmark = pytest.mark.integration
ORPHANS = """
SELECT (SELECT count(*) FROM {0}.request r
        WHERE (SELECT count(*) FROM {0}.request_item i WHERE i.request_id = r.id) <> r.total),
       (SELECT count(*) FROM {0}.enrichment e
        WHERE NOT EXISTS (SELECT FROM {0}.request_item i WHERE i.enrichment_id = e.id))
"""


def orphans(settings: Settings) -> tuple[int, ...]:
    with psycopg.connect(settings.postgres) as connection:
        query = ORPHANS.format(settings.database_schema)
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row


def domains(count: int, prefix: object) -> list[str]:
    return [f"d{prefix}-{number}.com" for number in range(count)]


def test_a_cancelled_call_undoes_its_part_and_spares_the_callers(settings: Settings) -> None:
    manager = AsyncManager(settings)

    async def interrupted(milliseconds: int) -> bool:
        """Whether the caller could commit after the time-out."""
        connection = await psycopg.AsyncConnection.connect(settings.postgres)
        path = await (await connection.execute("SHOW search_path")).fetchone()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(
                manager.enqueue("domains", domains(300, milliseconds), connection=connection),
                milliseconds / 1000,
            )
        if connection.closed:
            return False
        assert await (await connection.execute("SHOW search_path")).fetchone() == path
        await connection.commit()
        await connection.close()
        return True

    async def all_of_them() -> list[bool]:
        return [await interrupted(milliseconds) for milliseconds in range(1, 61)]

    assert any(asyncio.run(all_of_them()))
    assert orphans(settings) == (0, 0)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_an_iterable_that_raises_undoes_the_call(
    settings: Settings, interruption: type[BaseException]
) -> None:
    def values() -> Iterator[str]:
        yield "a.com"
        raise interruption

    with psycopg.connect(settings.postgres) as connection:
        connection.execute("CREATE TEMPORARY TABLE mine (n integer)")
        with pytest.raises(interruption):
            Manager(settings).enqueue("domains", values(), connection=connection)
        connection.execute("INSERT INTO mine VALUES (1)")
        connection.commit()
    assert orphans(settings) == (0, 0)


def test_a_callers_temporary_table_hides_none_of_ours(settings: Settings) -> None:
    with psycopg.connect(settings.postgres) as connection:
        for table in ("request", "request_item", "result", "job", "enrichment", "lane", "account"):
            connection.execute(f"CREATE TEMPORARY TABLE {table} (n integer)")
        request = Manager(settings).enqueue("domains", ["a.com"], connection=connection)
        connection.commit()
    assert Manager(settings).request(request.id).progress().total == 1


def test_a_key_too_long_for_the_index_is_refused_by_name(settings: Settings) -> None:
    url = "https://www.linkedin.com/company/" + "社" * 1_500
    with pytest.raises(InvalidIdentifiersError, match="is longer than 2,000 bytes"):
        Manager(settings).enqueue("professional_network_profile_urls", [url])
