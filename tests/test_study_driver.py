"""A study gives what audits give, whatever happens to its workers."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from command_line import assert_same, call, chunks, results, save_photographs, save_placed_observer
from deepception.errors import RunFolderError
from deepception.studies import Ledger, Listeners, RunStore, open_run
from deepception.studies.engines import BenchMaker, Engine
from deepception.studies.settings import load_settings
from deepception.studies.study import Study, StudyEnd, conduct, read_status
from study_engine import HereEngine

NAN = """
import numpy as np

def broken(images):
    return np.full((len(images), 12), np.nan)
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two observers and four photographs."""
    folder = tmp_path_factory.mktemp("lab")
    save_placed_observer(folder / "first.onnx")
    shutil.copy(folder / "first.onnx", folder / "second.onnx")
    with (folder / "second.onnx").open("ab") as file:
        file.write(b"\x72\x00")  # an empty field more: other bytes, the same answers
    save_photographs(folder / "photos", 4)
    return folder


def asked(lab: Path, **changes: Any) -> Study:
    """A study of both observers, quick."""
    given: dict[str, Any] = {
        "observers": [
            {"model": str(lab / "first.onnx"), "name": "first"},
            {"model": str(lab / "second.onnx"), "name": "second"},
        ],
        "photographs": str(lab / "photos"),
        "experiments": [
            {
                "name": "all",
                "measure": ["local", "spatial", "deception"],
                "setting": "quick",
                "parameters": {"deception": {"queries": 10}},
            }
        ],
        "study": {"batch_size": 8},
    }
    return Study(**(given | changes))


def carry(study: Study, out: Path, scratch: Path, **options: Any) -> tuple[StudyEnd, HereEngine]:
    """Conduct a study on an engine in this process."""
    engines: list[HereEngine] = []

    def start(make: BenchMaker) -> Engine:
        engines.append(HereEngine(make, scratch, **options))
        return engines[0]

    end = conduct(study.prepare(out).runs, out, start)
    return end, engines[0]


@pytest.fixture(scope="module")
def undisturbed(lab: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that nothing happened to."""
    folder = tmp_path_factory.mktemp("undisturbed")
    end, engine = carry(asked(lab), folder / "study", folder / "scratch")
    assert end.exit_code == 0
    assert [run.name for run in end.runs] == ["all/first", "all/second"]
    assert len(engine.done) == sum(len(run.execution.finished) for run in end.runs) == 2 * 4 * 4
    return folder / "study"


def test_it_is_bit_for_bit_what_an_audit_gives(lab: Path, undisturbed: Path, tmp_path: Path) -> None:
    study = Study(
        observers=[{"model": str(lab / "first.onnx"), "name": "first"}],
        photographs=str(lab / "photos"),
        experiments=[{"name": "all", "measure": ["local", "spatial"], "setting": "quick"}],
        study={"batch_size": 8},
    )
    carry(study, tmp_path / "study", tmp_path / "scratch")
    done = call(
        "measure", "spatial", lab / "first.onnx", lab / "photos", "--quick", "--batch-size", 8,
        "--out", tmp_path / "audit", page=False,
    )  # fmt: skip
    assert done.code == 0, done
    assert chunks(tmp_path / "study" / "runs" / "all" / "first") == chunks(tmp_path / "audit")


@pytest.mark.parametrize("sees_disk", [True, False])
def test_whatever_happens_to_workers_nothing_changes(
    lab: Path, undisturbed: Path, tmp_path: Path, sees_disk: bool
) -> None:
    end, engine = carry(
        asked(lab), tmp_path / "study", tmp_path / "scratch",
        workers=3, seed=7, lost=0.1, sees_disk=sees_disk,
    )  # fmt: skip
    assert end.exit_code == 0, [run.execution for run in end.runs]
    for name in ("first", "second"):
        assert_same(tmp_path / "study" / "runs" / "all" / name, undisturbed / "runs" / "all" / name)
    measured = [order.unit for order in engine.done]
    assert len(measured) == len(set(measured))  # none is ordered again once it is finished


def test_experiments_of_one_observer_do_not_meet_at_a_worker(lab: Path, tmp_path: Path) -> None:
    experiments = [
        {"name": "properties", "measure": ["local", "spatial", "activation"], "setting": "quick"},
        {"name": "patches", "measure": "deception", "parameters": {"deception": {"queries": 10}}},
    ]
    study = asked(lab, experiments=experiments)
    for sees_disk in (True, False):
        end, _ = carry(
            study, tmp_path / f"{sees_disk}", tmp_path / f"at {sees_disk}", workers=1, sees_disk=sees_disk
        )
        assert end.exit_code == 0, (end.stopped, [run.execution for run in end.runs])
    for name in ("properties/first", "patches/first", "properties/second", "patches/second"):
        assert_same(tmp_path / "False" / "runs" / name, tmp_path / "True" / "runs" / name)


class Interrupted(HereEngine):
    """An engine at which the person interrupts after some waits."""

    def __init__(self, make: BenchMaker, scratch: Path, *, after: int, seed: int) -> None:
        super().__init__(make, scratch, seed=seed)
        self._left = after

    def wait(self, timeout: float) -> Any:
        """As any, until then."""
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
        return super().wait(timeout)


def test_finished_units_are_packed_and_all_is_the_same(
    lab: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepception.studies.study.course.PACK", 5)
    end, _ = carry(asked(lab), tmp_path / "study", tmp_path / "scratch", seed=2)
    assert end.exit_code == 0
    for name in ("first", "second"):
        folder, other = (top / "runs" / "all" / name for top in (tmp_path / "study", undisturbed))
        assert len(chunks(folder)) < 5 < len(chunks(other))
        assert results(folder) == results(other)
        store, known = RunStore(folder), RunStore(other)
        assert store.finished() == known.finished()
        assert all(store.export(h)[1] == known.export(h)[1] for h in known.finished())


def test_an_interrupted_study_goes_on(lab: Path, undisturbed: Path, tmp_path: Path) -> None:
    study, out = asked(lab), tmp_path / "study"
    engines: list[Interrupted] = []

    def start(make: BenchMaker) -> Engine:
        sitting = len(engines)
        engine = Interrupted(make, tmp_path / f"scratch-{sitting}", after=3 + sitting % 4, seed=sitting)
        engines.append(engine)
        return engine

    while (end := conduct(study.prepare(out).runs, out, start)).stopped is not None:
        assert end.exit_code == 130
        assert read_status(out) is not None
        assert len(engines) < 40
    assert len(engines) > 5
    ordered = [order.unit for engine in engines for order in engine.done]
    assert len(ordered) == len(set(ordered))
    for name in ("first", "second"):
        assert_same(out / "runs" / "all" / name, undisturbed / "runs" / "all" / name)


def test_ctrl_c_lets_what_is_under_way_end(lab: Path, tmp_path: Path) -> None:
    study, out, pressed = asked(lab), tmp_path / "study", threading.Event()
    engines: list[HereEngine] = []

    def start(make: BenchMaker) -> Engine:
        engines.append(HereEngine(make, tmp_path / "scratch"))
        return engines[0]

    def press(status: Mapping[str, Any]) -> None:
        pressed.set()

    end = conduct(study.prepare(out).runs, out, start, listeners=Listeners(cancel=pressed), on_status=press)
    assert end.exit_code == 130
    assert len(engines[0].done) == 1 + 3  # one that ended before, and the three that were under way
    assert sum(len(run.execution.finished) for run in end.runs) == 4


def test_a_finished_study_starts_no_worker(lab: Path, undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    shutil.copytree(undisturbed, out)

    def start(make: BenchMaker) -> Engine:
        raise AssertionError("there is nothing to measure")

    end = conduct(asked(lab).prepare(out).runs, out, start)
    assert end.exit_code == 0
    assert all(not run.execution.finished for run in end.runs)


def test_more_photographs_and_observers_are_added(lab: Path, tmp_path: Path) -> None:
    few = asked(lab, photographs={"images": [str(lab / "photos")], "limit": 2})
    first, _ = carry(few, tmp_path / "study", tmp_path / "one")
    more, engine = carry(asked(lab), tmp_path / "study", tmp_path / "two")
    assert (first.exit_code, more.exit_code) == (0, 0)
    again = {unit for run in first.runs for unit in run.execution.finished}
    assert not again & {order.unit for order in engine.done}
    assert len(results(tmp_path / "study" / "runs" / "all" / "first")["photographs"]) == 4


def test_other_settings_are_refused_with_the_difference(lab: Path, undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    shutil.copytree(undisturbed, out)
    with pytest.raises(RunFolderError, match="seed: 0 there, 1 here"):
        carry(asked(lab, study={"seed": 1, "batch_size": 8}), out, tmp_path / "scratch")


def test_what_fails_is_told_and_the_rest_is_as_ever(
    lab: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "answers_nan.py").write_text(NAN)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(lab / "photos", tmp_path / "photos")
    (tmp_path / "photos" / "zz-broken.jpg").write_bytes(b"no photograph")
    study = asked(
        lab,
        observers=[
            *({"model": str(lab / f"{name}.onnx"), "name": name} for name in ("first", "second")),
            {
                "model": "python:answers_nan:broken",
                "name": "nan",
                "options": {"version": "1", "size": 35, "labels": [f"class {i}" for i in range(12)]},
            },
        ],
        photographs=str(tmp_path / "photos"),
    )
    end, _ = carry(study, tmp_path / "study", tmp_path / "scratch", seed=3)
    assert end.exit_code == 3
    codes = {run.name: run.exit_code for run in end.runs}
    assert codes == {"all/first": 3, "all/second": 3, "all/nan": 2}
    for name in ("first", "second"):
        found = tmp_path / "study" / "runs" / "all" / name
        assert chunks(found) == chunks(undisturbed / "runs" / "all" / name)
        assert [f["photograph"] for f in results(found)["failures"]] == ["zz-broken.jpg"]
    failures = results(tmp_path / "study" / "runs" / "all" / "nan")["failures"]
    assert any("NaN" in failure["error"] for failure in failures)


def test_a_unit_that_kills_its_workers_does_not_for_ever(lab: Path, tmp_path: Path) -> None:
    study = asked(lab, experiments=[{"name": "local", "measure": "local", "setting": "quick"}])
    end, engine = carry(study, tmp_path / "study", tmp_path / "scratch", lost=2.0)
    assert end.exit_code == 2
    assert not engine.done
    failed = end.runs[0].execution.failed
    assert failed
    assert "3 workers were lost with it" in str(failed[0].error)


@pytest.mark.parametrize("budget", [0, 50, 400, 10_000])
def test_a_budget_is_never_exceeded(lab: Path, tmp_path: Path, budget: int) -> None:
    study = asked(lab, study={"batch_size": 8, "budget": budget})
    end, _ = carry(study, tmp_path / "study", tmp_path / "scratch")
    for run in end.runs:
        with Ledger.read(run.folder) as ledger:
            assert ledger.totals().transmissions <= budget
        if budget == 10_000:
            assert run.exit_code == 0
        else:
            assert "The budget of" in str(run.execution.stopped)


def test_nobody_else_works_in_it_meanwhile(lab: Path, undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    shutil.copytree(undisturbed, out)
    folder = out / "runs" / "all" / "first"
    with open_run(folder, load_settings(folder)), pytest.raises(RunFolderError, match="is in use by process"):
        carry(asked(lab), out, tmp_path / "scratch")


def test_the_full_disk_of_a_worker_ends_it(
    lab: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save: Callable[..., Any] = RunStore.save
    count: Iterator[int] = iter(range(1000))

    def full(self: RunStore, *given: Any) -> Any:
        if next(count) == 7:
            raise RunFolderError("The disk is full: free some space and run the same command again.")
        return save(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(RunStore, "save", full)
        end, _ = carry(asked(lab), tmp_path / "study", tmp_path / "one")
        assert end.exit_code == 2
        assert "disk is full" in str(end.stopped)
    end, _ = carry(asked(lab), tmp_path / "study", tmp_path / "two")
    assert end.exit_code == 0
    assert_same(tmp_path / "study" / "runs" / "all" / "first", undisturbed / "runs" / "all" / "first")
