"""What a study tells of itself: one count of its units everywhere, what is left of it, and what it was about."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from command_line import call, results, save_photographs, save_placed_observer
from deepception.cli.study import _price_lines
from deepception.reports.study import write_study
from deepception.studies import Listeners
from deepception.studies.engines import BenchMaker
from deepception.studies.settings import load_settings
from deepception.studies.study import Study, StudyEnd, conduct
from study_engine import HereEngine


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An observer and four photographs."""
    folder = tmp_path_factory.mktemp("lab")
    save_placed_observer(folder / "first.onnx")
    save_photographs(folder / "photos", 4)
    return folder


def asked(lab: Path, *, observers: Any = None, **photographs: Any) -> Study:
    """A study, of one observer where none are named."""
    return Study(
        observers=observers or [{"model": str(lab / "first.onnx"), "name": "first"}],
        photographs={"images": [str(lab / "photos")], **photographs},
        experiments=[{"name": "regions", "measure": ["local", "spatial"], "setting": "quick"}],
        study={"batch_size": 8, "name": "told"},
    )


def interrupted(lab: Path, out: Path) -> StudyEnd:
    """A study that a person ended after some units."""
    study, pressed = asked(lab), threading.Event()

    def press(status: Mapping[str, Any]) -> None:
        pressed.set()

    prepared = study.prepare(out, ("deepception", "study", "a file.toml", "--out", str(out)))
    return study.run(out, prepared=prepared, listeners=Listeners(cancel=pressed), on_status=press)


def test_units_are_counted_alike_before_and_after_an_interruption(lab: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    planned = asked(lab).prepare(out).prices["regions/first"].units
    end = interrupted(lab, out)
    done = results(out / "runs/regions/first")["units"]["finished"]
    assert 0 < done < planned
    assert results(out / "runs/regions/first")["units"]["planned"] == planned
    state = json.loads(call("watch", out, "--json").out)
    assert (state["done"], state["units"]) == (done, planned)
    single = json.loads(call("watch", out / "runs/regions/first", "--json").out)
    assert (single["done"], single["units"]) == (done, planned)
    assert call("report", out).code == 0
    assert f"{done} of {planned} units" in (out / "study.html").read_text(encoding="utf-8")
    report = (out / "runs/regions/first/report.html").read_text(encoding="utf-8")
    assert f"{done} of {planned} units" in report.replace("&nbsp;", " ")
    assert end.exit_code == 130


def test_watch_says_what_is_left_and_how_to_go_on(lab: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    interrupted(lab, out)
    state = json.loads(call("watch", out, "--json").out)
    left = state["units"] - state["done"]
    said = (
        f"{left} units are not measured; the same command goes on with them: deepception study 'a file.toml'"
    )
    assert said in state["ended"]
    assert state["ended"].startswith("Interrupted; what was measured is kept. ")
    assert not state["at_work"]
    run = json.loads(call("watch", out / "runs/regions/first", "--json").out)
    assert said in run["ended"]

    # A driver that was killed said nothing.
    status = json.loads((out / "status.json").read_text())
    (out / "status.json").write_text(
        json.dumps({**status, "ended": False, "stopped": None, "pid": 2**22 + 1})
    )
    state = json.loads(call("watch", out, "--json").out)
    assert (state["at_work"], state["ended"].startswith("Its driver is gone. ")) == (False, True)
    assert said in state["ended"]

    end = asked(lab).run(out)
    assert end.exit_code == 0
    lines = _price_lines(asked(lab).prepare(out))
    assert lines[0].startswith("regions/first: 4 photographs, ")
    assert lines[0].endswith(" queries, all measured")
    assert lines[-1].startswith("in all: 1 run, ")
    assert lines[-1].endswith(" units, nothing is left to measure")
    assert json.loads(call("watch", out, "--json").out)["ended"] == "It has ended."


def test_photographs_of_before_that_are_not_named_now_are_told(lab: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    assert asked(lab, limit=2).run(out).exit_code == 0
    again = asked(lab, limit=2).prepare(out)
    assert not [sentence for sentence in again.assumed if "before" in sentence]
    prepared = asked(lab, limit=1).prepare(out)
    assert prepared.prices["regions/first"].photographs == 2
    (told,) = [sentence for sentence in prepared.assumed if "before" in sentence]
    assert told.startswith("regions/first: 1 photograph of before is not named now and stays: ")
    assert "over 2 photographs" in told


def test_the_page_of_a_study_says_what_it_is_about(
    lab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "told_nan.py").write_text(
        "import numpy as np\ndef f(images): return np.full((len(images), 16), np.nan)\n"
    )
    nan = {"name": "nan", "model": "python:told_nan:f"}
    nan["options"] = {"version": "1", "height": 32, "width": 32, "level": "logits"}
    out = tmp_path / "study"

    def start(make: BenchMaker) -> HereEngine:
        return HereEngine(make, tmp_path / "scratch")

    observers = [{"model": str(lab / "first.onnx"), "name": "first"}, nan]
    conduct(asked(lab, observers=observers).prepare(out).runs, out, start, about={"name": "told"})
    page = write_study(out).read_text(encoding="utf-8")
    stored = [json.loads((out / "runs/regions" / n / "results.json").read_text()) for n in ("first", "nan")]
    queries = sum(one["cost"]["queries"] for one in stored)
    for name, figure in (("Photographs", "4"), ("Queries", f"{queries:,}"), ("Seed", "0")):
        assert f"<dt>{name}</dt><dd>{figure}" in page, name
    assert "<dt>Time</dt>" in page
    assert "setting quick" in page
    assert load_settings(out / "runs/regions/first").digest in page
    assert "repeats" in page  # of the parameters
    assert "answered NaN" in page
    assert "ObserverError" not in page
