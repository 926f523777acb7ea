"""Each recipe works as it stands in docs/recipes: its files are a project, whose tests pass."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.testing.foreign_project import ROOT, Project, documented, install

pytestmark = [pytest.mark.integration, pytest.mark.slow]

RECIPES = sorted((ROOT / "docs" / "recipes").glob("*.md"))
# What each needs beside the package, and how many of its tests are skipped without more.
NEEDS = {
    "airflow": ("pandas",),
    "celery": ("celery",),
    "django": ("django",),
    "fastapi": ("fastapi", "greenlet"),
    "flask": ("flask",),
}


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("wheel"))


def test_each_recipe_is_tried() -> None:
    assert [it.stem for it in RECIPES if it.stem != "README"] == sorted(NEEDS)


@pytest.mark.parametrize("recipe", sorted(NEEDS))
def test_its_tests_pass(recipe: str, installed: Path, tmp_path: Path) -> None:
    for module in NEEDS[recipe]:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    files = documented(ROOT / "docs" / "recipes" / f"{recipe}.md")
    assert any(name.startswith("tests/") for name in files)
    project = Project(tmp_path, installed)
    project.write(files)
    code, printed = project.pytest("tests")
    assert code == 0, printed
    assert " passed" in printed
