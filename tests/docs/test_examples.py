"""Each example of the documentation works: Python is run, settings are loaded, YAML is read.

The Python of a page runs in its order, in one namespace, as whoever follows it would type it:
against a ledger whose addresses are in the environment, and with a daemon at work.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import text
from sqlmodel import Field, Session, SQLModel, create_engine

from manager import load_settings
from pytest_enrichd import Enrichd
from tests.docs.pages import DOCS, PAGES, ROOT, Block, all_blocks, blocks, name

# Those are projects of several files, which have tests of their own (tests/testing, tests/recipes).
PROJECTS = {DOCS / "how-to" / "testing.md", *(DOCS / "recipes").glob("*.md"), DOCS / "sandbox.md"}
PYTHON = [it for it in PAGES if blocks(it, "python") and it not in PROJECTS]


class Order(SQLModel, table=True):
    """A row of the reader's own."""

    __tablename__ = "readme_order"
    id: int | None = Field(default=None, primary_key=True)

    @property
    def companies(self) -> list[str]:
        return ["Stripe", "NASA"]


def given(page: Path) -> dict[str, Any]:
    """What a page's examples speak of without making it: the README's, to be short."""
    if page != ROOT / "README.md":
        return {}
    pandas = pytest.importorskip("pandas")
    engine = create_engine(load_settings().postgres.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS readme_order"))
        connection.execute(text("CREATE TABLE readme_order (id serial PRIMARY KEY)"))
    frame = pandas.DataFrame({"website": ["https://stripe.com", "nasa.gov"]})
    return {"Session": Session, "engine": engine, "order": Order(), "frame": frame}


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.parametrize("page", PYTHON, ids=name)
def test_the_python_of_a_page_runs(
    page: Path, enrichd: Enrichd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for variable, value in enrichd.environment.items():
        monkeypatch.setenv(variable, value)
    namespace = {"__name__": "example"} | given(page)
    with enrichd.settling():
        for block in blocks(page, "python"):
            exec(compile(block.text, str(block), "exec"), namespace)


@pytest.mark.parametrize("block", all_blocks("toml"), ids=str)
def test_settings_are_loaded_as_they_stand(
    block: Block, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tomllib.loads(block.text)
    (tmp_path / "enrichd.toml").write_text(block.text)
    monkeypatch.setenv("ENRICHD_CONFIG", str(tmp_path / "enrichd.toml"))
    settings = load_settings()
    assert settings.served


@pytest.mark.parametrize(
    ("block", "read"),
    [
        *((it, yaml.safe_load) for it in all_blocks("yaml")),
        *((it, json.loads) for it in all_blocks("json")),
    ],
    ids=lambda it: str(it) if isinstance(it, Block) else "",
)
def test_data_is_read(block: Block, read: Callable[[str], object]) -> None:
    assert read(block.text)
