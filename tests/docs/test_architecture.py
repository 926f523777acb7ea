"""What the architecture lists is what there is."""

from __future__ import annotations

import re
import tomllib

from manager.ledger import models
from tests.docs.pages import DOCS, ROOT

TEXT = (DOCS / "architecture.md").read_text("utf-8")


def test_each_dependency_has_a_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    needed = [*project["dependencies"], *(it for extra in extras for it in extra)]
    names = {re.split(r"[\[>;<= ]", it)[0] for it in needed}
    table = TEXT[TEXT.index("## Dependencies") :]
    listed = {
        re.sub(r"\[.*?\]", "", it.strip())
        for line in table.splitlines()
        if line.startswith("| ")
        for it in line.split("|")[1].split(",")
    }
    listed |= {"opentelemetry-exporter-otlp-proto-http"}  # as -exporter-otlp-proto-http
    assert names - listed == set()


def test_each_package_has_its_place() -> None:
    layout = TEXT[TEXT.index("## Layout") : TEXT.index("Imports point downward")]
    packages = {it.parent.name for it in (ROOT / "manager").glob("*/__init__.py")}
    assert [
        it for it in packages if f"manager/{it}" not in layout and f"`{it}/" not in layout
    ] == []


def test_each_table_of_the_ledger_is_told_of() -> None:
    told = TEXT[TEXT.index("## The ledger") : TEXT.index("## The steps")]
    tables = models.LedgerModel.metadata.tables
    assert [it for it in tables if f"`{it}`" not in told] == []
