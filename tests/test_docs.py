"""The pages: what they print runs, the commands and files that they name are there, and docs/cli.md is fresh."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from deepception.cli import group
from deepception.observers import Observer, inspect
from deepception.observers.sidecar import read_sidecars
from deepception.properties import Context, Experiment, open_subject
from deepception.sessions import Session
from deepception.stimuli import Frame, Photograph
from deepception.studies import embedded_photographs

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Options of the scripts that the pages name, which are no commands of this package.
OF_SCRIPTS = {"--check", "--data", "--page", "--protocol", "--write-readme", "--editable", "--requirement"}


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def shell_lines() -> Iterator[tuple[str, str]]:
    """Every command in a shell block, with the name of its page."""
    for page in PAGES:
        for block in blocks(page, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                for command in shlex.join(words).replace(" '&&' ", "\n").splitlines():
                    if command:
                        yield page.name, command


def commands() -> dict[str, click.Command]:
    context = click.Context(group)
    found = {name: group.get_command(context, name) for name in group.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def options() -> set[str]:
    """Every option of every command."""
    names = {"--help", "-h", "--version"}
    for command in commands().values():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                names.update((*parameter.opts, *parameter.secondary_opts))
    return names


def parse(words: list[str]) -> None:
    """Parse a command line of ours without running it."""
    name, *rest = words
    assert name in commands(), f"there is no command {name}"
    context = click.Context(group, info_name="deepception")
    commands()[name].make_context(name, rest, parent=context)


def namespace(monkeypatch: pytest.MonkeyPatch, folder: Path) -> dict[str, Any]:
    """A place to run blocks: photo.jpg and photos/ are there, and figures need no screen."""
    import matplotlib

    matplotlib.use("Agg")
    photographs = embedded_photographs()
    shutil.copy(photographs[0], folder / "photo.jpg")
    shutil.copytree(photographs[0].parent, folder / "others")
    (folder / "photos").mkdir()
    shutil.copy(photographs[1], folder / "photos")
    monkeypatch.chdir(folder)
    # dataclasses look their module up by its name.
    return {"__name__": __name__}


def execute(page: Path, place: dict[str, Any]) -> None:
    for block in blocks(page, "python"):
        for dear in ("20_000", "8_000"):  # learning queries: fewer do for a test
            block = block.replace(f"queries={dear}", "queries=400")
        block = block.replace("queries=2_000", "queries=40")
        exec(compile(block, page.name, "exec", dont_inherit=True), place)


def test_cli_page_is_what_the_commands_say() -> None:
    done = subprocess.run(
        [sys.executable, str(DOCS / "cli_page.py"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_and_option_is_documented(name: str) -> None:
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    section = page.split(f"\n## deepception {name}\n")[1].split("\n## ")[0]
    for parameter in commands()[name].params:
        if isinstance(parameter, click.Option):
            for option in (*parameter.opts, *parameter.secondary_opts):
                assert f"`{option}`" in section, f"{name} {option} is not documented"


def test_shell_commands_parse() -> None:
    lines = list(shell_lines())
    assert sum(line.startswith("deepception ") for _, line in lines) >= 8
    for page, line in lines:
        first, *rest = shlex.split(line)
        try:
            if first == "deepception":
                parse(rest)
            elif first == "make":
                makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
                targets = [word for word in rest if "=" not in word]
                assert all(re.search(rf"^{re.escape(t)}:", makefile, flags=re.MULTILINE) for t in targets)
            elif first == "python":
                module = ROOT / rest[1].replace(".", "/")
                assert (ROOT / rest[0]).is_file() or module.is_dir() or module.with_suffix(".py").is_file()
            elif first == "pip":
                extras = re.findall(r"deepception\[(\w+)\]", line)
                assert set(extras) <= set(PROJECT["optional-dependencies"])
            else:
                assert first in ("git", "cd", "export")
        except (AssertionError, click.ClickException) as error:
            raise AssertionError(f"{page}: {line}: {error}") from error


def test_commands_and_options_in_the_text_exist() -> None:
    known = options() | OF_SCRIPTS
    for page in PAGES:
        prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for code in re.findall(r"`([^`\n]+)`", prose):
            words = code.split()
            if words[0] == "deepception" and len(words) > 1 and not words[1].startswith("-"):
                assert words[1] in commands(), f"{page.name}: {code}"
            for word in words:
                if word.startswith("--"):
                    assert word.split("=")[0] in known, f"{page.name}: {code}"


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_readme_python_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = namespace(monkeypatch, tmp_path)
    execute(ROOT / "README.md", place)
    assert capsys.readouterr().out.strip()
    assert place["local"].queries <= 800  # what the page says it costs at most, for this part


def test_python_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = namespace(monkeypatch, tmp_path)
    execute(DOCS / "python.md", place)
    assert (tmp_path / "local.png").stat().st_size > 5_000
    assert (tmp_path / "run" / "report.html").is_file()
    assert set(place["outcome"].results["properties"]) == {"local", "spatial", "activation", "cumulative"}
    _try_experiment(place["brightness"])


def _try_experiment(experiment: Experiment) -> None:
    """The property of the page recovers that brightness is all that this observer sees."""
    from deepception.observers import FunctionObserver

    def seen(images: np.ndarray) -> np.ndarray:
        mean = images.mean(axis=(1, 2, 3)) / 20
        return np.stack([mean, -mean], axis=1)

    session = Session(FunctionObserver(seen, Frame(20, 20), classes=2))
    photograph = Photograph(np.full((20, 20, 3), 128, dtype=np.uint8), "grey", "0" * 64)
    subject = open_subject(session, photograph, 0)
    parameters = experiment.for_setting("quick")
    result = experiment.measure(session, subject, parameters, Context())
    assert result.queries == experiment.price(parameters, (20, 20), False) == len(parameters.levels)
    assert np.all(np.diff(result.decades) > 0)
    summary = experiment.summarise([experiment.row(result, [])], result.queries)
    assert summary.figures["range"] == pytest.approx(2 * 80 / 20 / np.log(10))
    stored = type(result).from_parts(result.arrays(), result.record())
    assert stored.to_json() == result.to_json()


def test_observers_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = namespace(monkeypatch, tmp_path)
    execute(DOCS / "observers.md", place)
    assert capsys.readouterr().out.startswith("logits ")
    adapter = place["open_greyest"]("", None)
    assert isinstance(adapter, Observer)
    report = inspect(adapter, seconds=0.01)
    assert report.deterministic
    assert report.batch_difference <= report.batch_tolerance


def test_sidecar_of_the_page_is_read(tmp_path: Path) -> None:
    (block,) = blocks(DOCS / "observers.md", "json")
    path = tmp_path / "model.json"
    path.write_text(block, encoding="utf-8")
    (layer,) = read_sidecars(None, path)
    # All of its fields are ours; the size becomes two.
    assert set(json.loads(block)) - {"input_size"} | {"height", "width"} == set(layer.values)
    assert layer.warnings == ()


def test_toml_of_the_pages_is_read() -> None:
    read = [tomllib.loads(block) for page in PAGES for block in blocks(page, "toml")]
    groups = [next(iter(content["project"]["entry-points"])) for content in read if "project" in content]
    assert sorted(groups) == ["deepception.observers", "deepception.properties"]


def test_prices_of_the_pages_are_those_of_the_settings() -> None:
    """The figures at 224 × 224 pixels, from the experiments' own prices."""
    from deepception.properties import PeriodParameters, Subject, experiments
    from deepception.properties.catalogue import POOL
    from deepception.properties.period import period_price

    shape = (224, 224)
    text, readme = (
        (folder / name).read_text("utf-8") for folder, name in ((DOCS, "methods.md"), (ROOT, "README.md"))
    )
    pool = [Subject(np.zeros((0, 0, 3), np.uint8), i, str(i), str(i)) for i in range(POOL)]
    made = list(experiments().values())
    each, shared = _stated(text, "queries a photograph, at most"), _stated(text, "shared controls, at most")
    for setting, price, together in zip(("quick", "standard", "full"), each, shared, strict=True):
        chosen = [(e, e.for_setting(setting)) for e in made]
        # And the clean answer.
        assert price == 1 + sum(e.price(p, shape, e.needs_background(p)) for e, p in chosen)
        assert together == sum(task.price for e, p in chosen for task in e.controls(p, pool, shape))
        assert f" {price:,} " in readme
        assert f" {together:,}" in readme
    period = 12 * period_price(PeriodParameters(), shape)
    assert f" {period:,} " in text
    assert f" {period:,} " in readme
    observers = (DOCS / "observers.md").read_text("utf-8")
    assert _stated(observers, "`logits`, `probabilities`, `top-k`: queries a photograph") == each
    assert _stated(observers, "`logits`, `probabilities`, `top-k`: shared by all") == shared
    from_labels = _stated(text, "queries a photograph from labels alone, at most")
    assert _stated(observers, "`label`: queries a photograph") == from_labels
    local = _stated(observers, "`label`: the local property alone")
    for setting, price, alone in zip(("quick", "standard", "full"), from_labels, local, strict=True):
        costs = {
            e.name: e.cost(p, shape, e.needs_background(p), labels_only=True)
            for e in made
            for p in (e.for_setting(setting, labels_only=True),)
        }
        assert price == 1 + sum(costs.values())
        assert alone == 1 + costs["local"]
    labels_period = 12 * period_price(PeriodParameters(), shape, labels_only=True)
    assert f" {labels_period:,} " in observers


def _stated(text: str, row: str) -> list[int]:
    """The three figures of a row of the table of settings."""
    found = re.search(rf"{re.escape(row)} \|(.*)\|", text)
    assert found is not None
    return [int(cell.replace(",", "")) for cell in found[1].split("|")]


def test_the_properties_page_is_made_from_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    page = importlib.import_module("properties_page")
    made = importlib.import_module("properties")
    page.write_page(ROOT / "docs" / "properties", tmp_path / "page.md", made.NETWORKS)
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == (ROOT / "docs" / "properties.md").read_text(
        encoding="utf-8"
    ), "run: python docs/properties.py --page"
