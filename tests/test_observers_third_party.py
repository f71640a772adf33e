"""A package of somebody else's, as docs/observers.md has it: installed, found by its entry point, and used."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import Done, environment, save_photographs

PAGE = Path(__file__).resolve().parents[1] / "docs" / "observers.md"
BUILD = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "my-package"
version = "1.0"

[tool.hatch.build.targets.wheel]
only-include = ["my_package.py"]
"""


def section() -> str:
    text = PAGE.read_text(encoding="utf-8")
    return text.split("\n## An adapter of your own\n")[1].split("\n## ")[0]


def block(language: str) -> str:
    """The first block of a language in the section."""
    found = re.search(rf"^```{language}\n(.*?)^```$", section(), flags=re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the package of the page was built and installed, without any network."""
    project, target = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("site")
    (project / "my_package.py").write_text(block("python"), encoding="utf-8")
    (project / "pyproject.toml").write_text(BUILD + block("toml"), encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-index"]
    done = subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", "--target", target, project],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return target


def used(site: Path, cwd: Path, *arguments: object) -> Done:
    done = subprocess.run(
        [sys.executable, "-m", "deepception", *map(str, arguments)],
        cwd=cwd,
        env=environment(site),
        capture_output=True,
        text=True,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def test_it_is_written_in_ten_lines() -> None:
    assert len([line for line in block("python").splitlines() if line.strip()]) <= 10


def test_its_scheme_is_a_model_like_any_other(site: Path, tmp_path: Path) -> None:
    photographs = save_photographs(tmp_path / "photos", 1)
    done = used(site, tmp_path, "info", "greyest:", photographs, "--json")
    assert done.code == 0, done
    report = json.loads(done.out)
    assert report["classes"] == 3
    assert report["deterministic"]
    assert report["answers"][0]["top"][0]["class"] in ("red", "green", "blue")


def test_it_is_listed_and_not_there_without_its_package(site: Path, tmp_path: Path) -> None:
    listed = used(site, tmp_path, "info", "unknown:")
    assert "greyest:" in listed.err
    without = used(tmp_path, tmp_path, "info", "greyest:")
    assert without.code == 2
    assert "'greyest' is not known" in without.err
