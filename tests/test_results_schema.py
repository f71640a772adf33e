"""The published layout of results.json: all results fit it, and files of earlier versions are still read."""

from __future__ import annotations

import copy
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import deepception as dc
from command_line import call, save_photograph
from deepception.reports import read_run
from deepception.studies import assembling
from deepception.studies.fooling import results as fooling_results

OLDER = Path(__file__).resolve().parent / "older"
"""Run folders that earlier versions wrote."""

FIRST = "audit-first.zip"
"""An audit of the four properties on two photographs, of the version that had the first command line."""


def closed(schema: Any) -> Any:
    """The schema with nothing permitted that it does not name, unless it says so: what we write is all known."""
    if isinstance(schema, list):
        return [closed(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    extra = {} if "properties" not in schema or "if" in schema else {"additionalProperties": False}
    return {**extra, **{key: closed(value) for key, value in schema.items()}}


@pytest.fixture(scope="module")
def validate() -> Callable[[Any], None]:
    validator = jsonschema.Draft202012Validator(closed(dc.results_schema()))

    def check(results: Any) -> None:
        error = jsonschema.exceptions.best_match(validator.iter_errors(results))
        assert error is None, f"{list(error.absolute_path)}: {error.message[:300]}"

    return check


@pytest.fixture(scope="module")
def made(lab: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Any]]:
    folder = tmp_path_factory.mktemp("made")
    more = folder / "more"
    for number in range(8):
        save_photograph(more / f"{number}.png", 100 + number)
    save_photograph(folder / "some" / "good.png", 1)
    (folder / "some" / "broken.png").write_bytes(b"no photograph")

    def make(name: str, command: str, *options: object, code: int = 0) -> dict[str, Any]:
        words = (command, "local") if command == "measure" else (command,)
        photographs = folder / "some" if name == "broken" else lab / "photos"
        given = [more if option == "more" else option for option in options]
        done = call(*words, lab / "good.onnx", photographs, *given, "--out", folder / name, page=False)
        assert done.code == code, done
        return dict(json.loads((folder / name / "results.json").read_text(encoding="utf-8")))

    return make


@pytest.fixture
def older(tmp_path: Path) -> Path:
    folder = tmp_path / "older"
    with zipfile.ZipFile(OLDER / FIRST) as archive:
        archive.extractall(folder)
    return folder


def test_the_schema_is_one_and_knows_the_versions() -> None:
    schema = dc.results_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    layouts = schema["$defs"]
    assert layouts["measurement"]["properties"]["schema"] == {
        "description": "Version of this layout.",
        "const": assembling.SCHEMA,
    }
    assert layouts["fooling_image"]["properties"]["schema"]["const"] == fooling_results.SCHEMA
    assert schema["$id"] == f"urn:deepception:results:{assembling.SCHEMA}"


def test_the_command_prints_it() -> None:
    done = call("schema")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == dc.results_schema()


def test_an_audit_with_its_deceptions_fits(finished: Path, validate: Callable[[Any], None]) -> None:
    results = json.loads((finished / "results.json").read_text(encoding="utf-8"))
    assert set(results["properties"]) == {"local", "spatial", "activation", "cumulative", "deception"}
    validate(results)


@pytest.mark.parametrize(
    ("name", "command", "options", "code"),
    [
        ("labels", "audit", ("--quick", "--knowledge", "label"), 0),
        ("labelled", "measure", ("--quick", "--label", 3), 0),
        ("rounded", "measure", ("--quick", "--knowledge", "top-5@0.01"), 0),
        ("deceived", "deceive", ("--area", 0.05, "--queries", 40), 0),
        (
            "learned",
            "deceive",
            ("--area", 0.05, "--queries", 40, "--learn-queries", 400, "--learn-on", "more"),
            0,
        ),
        ("fooled", "deceive", ("--fooling-image", 3, "--queries", 60), 0),
        ("broken", "measure", ("--quick", "--batch-size", 8), 3),
    ],
)
def test_all_kinds_of_results_fit(
    made: Callable[..., dict[str, Any]],
    validate: Callable[[Any], None],
    name: str,
    command: str,
    options: tuple[object, ...],
    code: int,
) -> None:
    validate(made(name, command, *options, code=code))


def test_what_is_no_result_does_not_fit(finished: Path) -> None:
    results = json.loads((finished / "results.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(dc.results_schema())
    assert validator.is_valid(results)
    assert validator.is_valid({**results, "added later": 1})
    for spoil in (
        lambda r: r.pop("photographs"),
        lambda r: r.update(schema=99),
        lambda r: r["units"].update(finished=-1),
        lambda r: r["photographs"][0].update(sha256="x"),
        lambda r: r["properties"]["local"]["rows"][0].pop("unit"),
        lambda r: r["properties"]["local"]["headline"].update(holds="yes"),
        lambda r: r["properties"]["local"]["headline"]["value"].pop("low"),
    ):
        spoilt = copy.deepcopy(results)
        spoil(spoilt)
        assert not validator.is_valid(spoilt)


# -- earlier versions ---------------------------------------------------------------------------------------


def test_results_of_the_first_version_fit_the_schema_of_today(older: Path) -> None:
    results = json.loads((older / "results.json").read_text(encoding="utf-8"))
    assert "level" not in results["observer"]
    assert "deception" not in results["properties"]
    jsonschema.Draft202012Validator(dc.results_schema()).validate(results)


def test_a_run_of_the_first_version_is_reported_as_it_was_measured(older: Path) -> None:
    before = json.loads((older / "results.json").read_text(encoding="utf-8"))
    done = call("report", older)
    assert done.code == 0, done
    page = (older / "report.html").read_text(encoding="utf-8")
    for name in ("local", "spatial", "activation", "cumulative"):
        value = before["properties"][name]["headline"]["value"]["value"]
        assert f"{abs(value):.2f}" in page
    assert "p0.png" in page
    assert json.loads((older / "results.json").read_text(encoding="utf-8")) == before


def test_runs_of_the_first_version_and_of_today_are_compared(older: Path, finished: Path) -> None:
    done = call("compare", older, finished, "--json")
    assert done.code == 0, done
    document = json.loads(done.out)
    figures = {figure["name"]: figure["value"] for figure in document["figures"]}
    before = json.loads((older / "results.json").read_text(encoding="utf-8"))
    for name in ("local", "spatial", "activation", "cumulative"):
        value = before["properties"][name]["headline"]["value"]["value"]
        key = next(k for k in figures if k.endswith(f"older.{name}.effect"))
        assert figures[key] == pytest.approx(value)
    # The same photographs and the same network: what one version measured the other has measured, too.
    assert document["photographs"]["shared"] == 2


def test_results_of_an_unknown_version_are_made_again_from_the_units(older: Path, tmp_path: Path) -> None:
    before = json.loads((older / "results.json").read_text(encoding="utf-8"))
    other = tmp_path / "other"
    shutil.copytree(older, other)
    (other / "results.json").write_text(json.dumps({"schema": 99, "failures": []}), encoding="utf-8")
    stored = read_run(other).results
    assert stored["schema"] == assembling.SCHEMA
    for name, summary in before["properties"].items():
        value, again = summary["headline"]["value"], stored["properties"][name]["headline"]["value"]
        assert again["value"] == pytest.approx(value["value"])
        assert again["n"] == value["n"]
