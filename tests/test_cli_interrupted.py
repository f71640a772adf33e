"""Runs in processes of their own: killed, interrupted, lost, gone on with, and what they have really shown."""

from __future__ import annotations

import json
import shlex
import signal
from pathlib import Path

import pytest

from command_line import PATIENCE, SIDE, Done, assert_refused, assert_same, call, results
from desk import Desk, furnish, wait_for


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(tmp_path_factory.mktemp("room"))


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
    process = desk.start()
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
    process = desk.start(pause=10_000)
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
