"""The engine ``local``: processors cut up, processes that keep to themselves, folders that go; and its opening."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepception.errors import InputError
from deepception.studies.engines import cores, engine_names, open_engine
from deepception.studies.engines.ray import RayEngine
from deepception.studies.engines.scratch import Scratch, sweep
from engine_benches import ask, collect, make_desk


@given(st.integers(1, 40), st.integers(1, 50))
def test_cores_are_cut_without_rest(number: int, workers: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cores, "_cores", lambda: [frozenset({2 * i, 2 * i + 1}) for i in range(number)])
        patch.setattr(cores, "_quota", lambda: None)
        found = cores.seats(workers)
    assert len(found) == workers
    if workers > number:
        assert all(seat == cores.Seat(1) for seat in found)
        return
    assert sum(seat.threads for seat in found) == number
    assert max(seat.threads for seat in found) - min(seat.threads for seat in found) <= 1
    # A core's two processors go to one worker, and no two workers share any.
    assert all(len(seat.processors) == 2 * seat.threads for seat in found)
    assert len(frozenset().union(*(seat.processors for seat in found))) == 2 * number


def test_a_quota_counts_and_nobody_is_pinned_under_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "_cores", lambda: [frozenset({i}) for i in range(16)])
    monkeypatch.setattr(cores, "_quota", lambda: 2.5)
    assert cores.seats(None) == [cores.Seat(1)] * 2
    assert cores.seats(1) == [cores.Seat(2)]
    monkeypatch.setattr(cores, "_quota", lambda: 0.5)
    assert cores.seats(None) == [cores.Seat(1)]


def test_a_worker_has_its_threads_its_cores_and_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "77")
    with open_engine("local", make_desk, workers=1) as engine:
        about = ask(engine, "about").value
        assert Path(about["scratch"]).is_dir()
    assert os.environ["OMP_NUM_THREADS"] == "77"
    assert about["omp"] == str(about["threads"])
    if hasattr(os, "sched_getaffinity"):
        assert set(about["processors"]) <= os.sched_getaffinity(0)
        assert about["threads"] <= len(about["processors"])
    assert about["number"] == 1
    assert about["sees_disk"]
    assert not Path(about["scratch"]).exists()


def test_what_workers_print_is_no_result(capfd: pytest.CaptureFixture[str]) -> None:
    with open_engine("local", make_desk, workers=1) as engine:
        assert ask(engine, "chatter").state == "done"
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "a worker's chatter" in printed.err


def test_more_workers_than_cores(tmp_path: Path) -> None:
    with open_engine("local", make_desk, workers=len(cores.seats(None)) + 1) as engine:
        for number in range(engine.workers):
            engine.submit(number, ("linger", 0.2, str(tmp_path / "diary"), "x"))
        assert {e.state for e in collect(engine, engine.workers)} == {"done"}


def test_folders_of_the_dead_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    alive, dead, half = Scratch(), Scratch(), Scratch()
    for scratch in (alive, dead, half):
        (scratch.path / "inside").mkdir()
    dead._lock.close()  # as it is when its process ends
    half._lock.close()
    (half.path / ".lock").unlink()  # and when it ends while it removes its folder
    sweep()
    assert alive.path.is_dir()
    assert not dead.path.exists()
    assert not half.path.exists()
    alive.remove()
    assert list(tmp_path.iterdir()) == []


def test_engines_are_opened_by_name() -> None:
    assert {"local", "ray"} <= set(engine_names())
    with pytest.raises(InputError, match=r"the engine 'lokal' is not known; known here: .*local, ray"):
        open_engine("lokal", make_desk)
    with pytest.raises(InputError, match="the engine local has no option address; it has workers, pin"):
        open_engine("local", make_desk, address="auto")
    for name in ("local", "ray"):
        with pytest.raises(InputError, match="name at least one"):
            open_engine(name, make_desk, workers=0)


def test_ray_is_asked_for_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'deepception\[ray\]'"):
        open_engine("ray", make_desk)


def test_a_ray_worker_needs_something() -> None:
    with pytest.raises(InputError, match="give cpus or gpus"):
        RayEngine(make_desk, cpus=0)
