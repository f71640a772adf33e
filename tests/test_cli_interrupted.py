"""Runs in processes of their own: killed, interrupted, lost, gone on with, and what they have really shown."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from command_line import (
    PATIENCE,
    SIDE,
    Done,
    assert_refused,
    assert_same,
    call,
    results,
    save_photograph,
    start,
)
from deepception.studies import RunStore

# An observer that notes every image that it is shown, and can be made slow.
DIARIST = f"""
import os, time
import numpy as np
from deepception.errors import UnreachableError
from deepception.observers import FunctionObserver
from deepception.stimuli import Frame

WEIGHTS = np.random.default_rng(5).normal(size=(147, 10)) / 255

def answer(images):
    with open(os.environ["DIARY"], "a") as diary:
        diary.write("shown\\n" * len(images))
        if diary.tell() > 6 * int(os.environ.get("LAST", 10**9)):
            raise UnreachableError("the classifier does not answer any more: start it again.")
    time.sleep(float(os.environ.get("PAUSE", "0")))
    return images.reshape(-1, 7, 5, 7, 5, 3).mean(axis=(2, 4)).reshape(len(images), -1) @ WEIGHTS

kept = FunctionObserver(answer, Frame({SIDE}, {SIDE}), classes=10, version="1")
fleeting = FunctionObserver(answer, Frame({SIDE}, {SIDE}), classes=10)
"""


def default_interrupt() -> None:
    """A process that a shell starts in the background ignores Ctrl-C; this one must not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass(frozen=True)
class Desk:
    """A run folder, and the diary of those who work on it; all desks share observer and photograph."""

    room: Path
    name: str

    @property
    def folder(self) -> Path:
        return self.room / self.name

    @property
    def command(self) -> tuple[object, ...]:
        # One row a batch: none is filled, so every image shown is a query.
        return ("audit", "python:diarist:kept", "photo.png", "--quick", "--batch-size", 1, "--out", self.name)

    @property
    def shown(self) -> int:
        diary = self.room / f"{self.name}.diary"
        return diary.stat().st_size // len("shown\n") if diary.exists() else 0

    def start(
        self, *arguments: object, pause: float = 0, last: int = 10**9, **options: Any
    ) -> subprocess.Popen[str]:
        """Start a command; the observer takes ``pause`` seconds each time and answers no more after ``last``."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DIARY", f"{self.name}.diary")
            patch.setenv("PAUSE", str(pause))
            patch.setenv("LAST", str(last))
            return start(*(arguments or self.command), cwd=self.room, **options)

    def run(self, *arguments: object) -> Done:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=PATIENCE)
        return Done(process.returncode, out, err)

    def finished(self) -> dict[str, int]:
        """Queries of each finished unit."""
        if not self.folder.exists():
            return {}
        store = RunStore(self.folder)
        return {unit_hash: store.describe(unit_hash).queries for unit_hash in store.finished()}


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("room")
    (folder / "diarist.py").write_text(DIARIST)
    save_photograph(folder / "photo.png", 3)
    return folder


@pytest.fixture(scope="module")
def undisturbed(room: Path) -> Desk:
    desk = Desk(room, "undisturbed")
    done = desk.run()
    assert done.code == 0, done
    return desk


def test_killed_and_run_again(room: Path, undisturbed: Desk) -> None:
    desk = Desk(room, "killed")
    whole, prices = undisturbed.shown, undisturbed.finished().values()
    assert sum(prices) == whole
    for share in (0.0, 0.4, 0.8):
        before, noted = desk.finished(), desk.shown
        enough = max(noted + 1, int(share * whole))
        process = desk.start()
        wait_for(lambda: desk.shown >= enough, process)  # noqa: B023
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        after = desk.finished()
        assert before.items() <= after.items()
        in_flight = desk.shown - noted - (sum(after.values()) - sum(before.values()))
        assert 0 <= in_flight <= max(prices)
    measured, noted = sum(desk.finished().values()), desk.shown
    assert 0 < measured < whole
    done = desk.run()
    assert done.code == 0, done
    assert desk.shown - noted == whole - measured, "nothing measured is asked again"
    assert_same(desk.folder, undisturbed.folder)


def test_interrupted_and_gone_on_with(room: Path, undisturbed: Desk) -> None:
    desk = Desk(room, "interrupted")
    process = desk.start(preexec_fn=default_interrupt)
    wait_for(lambda: desk.shown > 300, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err
    assert "Interrupted" in err
    assert "is kept" in err
    (command,) = [line.partition("Go on with: ")[2] for line in err.splitlines() if "Go on with: " in line]
    assert shlex.split(command) == ["deepception", *map(str, desk.command)]
    assert 0 < len(desk.finished()) < len(undisturbed.finished())

    # What there is can be read already.
    assert (desk.folder / "report.html").exists()
    page = desk.run("report", desk.name)
    assert page.code == 0, page
    assert page.out.strip() == str(Path(desk.name) / "report.html")

    measured, noted = sum(desk.finished().values()), desk.shown
    done = desk.run(*shlex.split(command)[1:])
    assert done.code == 0, done
    assert desk.shown - noted == undisturbed.shown - measured
    assert_same(desk.folder, undisturbed.folder)


def test_interrupted_twice_it_stops_at_once(room: Path) -> None:
    desk = Desk(room, "impatient")
    process = desk.start(pause=10_000, preexec_fn=default_interrupt)
    wait_for(lambda: desk.shown > 0, process)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    while "Ctrl-C again" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "Go on with: " in err


def test_an_observer_that_is_lost(room: Path, undisturbed: Desk) -> None:
    desk = Desk(room, "lost")
    process = desk.start(last=400)
    out, err = process.communicate(timeout=PATIENCE)
    assert_refused(Done(process.returncode, out, err), "does not answer any more", code=4)
    measured, noted = sum(desk.finished().values()), desk.shown
    assert 0 < measured < 400 < noted
    done = desk.run()
    assert done.code == 0, done
    assert desk.shown - noted == undisturbed.shown - measured
    assert_same(desk.folder, undisturbed.folder)


def test_one_process_at_a_time(room: Path) -> None:
    desk = Desk(room, "contested")
    process = desk.start(pause=0.05)
    try:
        wait_for(lambda: desk.shown > 0, process)
        assert_refused(desk.run(), "in use by process", str(process.pid))
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


def test_a_function_without_a_version_cannot_be_resumed(room: Path) -> None:
    desk = Desk(room, "fleeting")
    command = ("measure", "local", "python:diarist:fleeting", *desk.command[2:])
    assert desk.run(*command).code == 0
    before = results(desk.folder)
    assert_refused(desk.run(*command), "another observer", "version")
    assert results(desk.folder) == before


def test_a_function_with_a_version_can_be_resumed(room: Path) -> None:
    desk = Desk(room, "versioned")
    spec = ("measure", "local", "python:diarist:answer", "--size", SIDE, *desk.command[2:])
    first = desk.run(*spec, "--observer-version", "1")
    assert first.code == 0, first
    before, noted = results(desk.folder), desk.shown
    again = desk.run(*spec, "--observer-version", "1")
    assert again.code == 0, again
    assert results(desk.folder) == before
    assert desk.shown - noted == 2, "only the two grey images that tell the number of classes"
    assert_refused(desk.run(*spec, "--observer-version", "2"), "another observer")
    assert results(desk.folder) == before


@pytest.mark.parametrize("model", ["default", "good.onnx", "torch:net.pt", "python:diarist:kept"])
def test_a_version_of_what_is_known_without_one(
    room: Path, lab: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.chdir(room if model.startswith("python:") else lab)
    assert_refused(call("info", model, "--observer-version", "1"), "version")


def test_a_dry_run_asks_nothing_and_leaves_nothing(room: Path, undisturbed: Desk) -> None:
    desk = Desk(room, "dry")
    done = desk.run(*desk.command, "--dry-run")
    assert done.code == 0, done
    assert done.out.startswith("at most ")
    assert "1 photograph" in done.out
    price = json.loads(desk.run(*desk.command, "--dry-run", "--json").out)
    assert desk.shown == 0
    assert not desk.folder.exists()
    assert not price["exact"]
    # A deception that is found early ends early.
    assert 0.75 * price["total"] <= undisturbed.shown <= price["total"]
