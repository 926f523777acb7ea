"""The example of docs/how-to/testing.md works as it stands there, in a project of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.testing.foreign_project import ROOT, Project, documented

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def test_the_documented_example_passes(project: Project) -> None:
    files = documented(ROOT / "docs" / "how-to" / "testing.md")
    assert sorted(files) == ["shop/crm.py", "tests/test_crm.py", "tests/test_crm_for_real.py"]
    project.write(files)
    code, printed = project.pytest()
    assert code == 0, printed
    assert "6 passed" in printed


def test_its_types_are_right(project: Project, tmp_path: Path) -> None:
    files = documented(ROOT / "docs" / "how-to" / "testing.md")
    project.write({"shop/__init__.py": "", "shop/crm.py": files["shop/crm.py"], "check.py": CHECK})
    mypy = project.start("mypy", "--strict", "check.py", "--cache-dir", str(tmp_path / "cache"))
    printed, _ = mypy.communicate(timeout=300)
    assert printed.splitlines()[-1].startswith("Success"), printed


CHECK = """
from manager import AsyncManager, Manager
from manager.testing import NOT_FOUND, Answer, FakeAsyncManager, FakeManager, Failed
from pytest_enrichd import Enrichd
from shop.crm import headcounts

answers: dict[str, Answer] = {"a.com": {"headcount": {"total": 1}}, "b.com": NOT_FOUND}
fake = FakeManager(answers=answers, default=lambda name: Failed(name))
FakeManager(answers={"a.com": {"headcount": {"total": 1}}, 7: NOT_FOUND, "c.com": Failed()})
fake.settle({"a.com": {"x": 1}}, default=NOT_FOUND)
found: dict[str, int | None] = headcounts(fake, fake.enqueued("domains"))


def takes(manager: AsyncManager) -> None: ...


takes(FakeAsyncManager(fake))


def test(enrichd: Enrichd) -> None:
    manager: Manager = enrichd.manager
    enrichd.settle()
    enrichd.sandbox.fault("submit", "status", status=503)
    with enrichd.settling():
        headcounts(manager, list(enrichd.environment))
"""
