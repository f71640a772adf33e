"""Several processes on one run: they share the units, survive each other, and end with what one would have."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from command_line import PATIENCE, Done, assert_refused, assert_same, save_photograph
from deepception.studies import Ledger
from desk import Desk, furnish, wait_for

PAUSE = 0.004
"""Seconds that the observer takes, so that one process does not measure all before the other has begun."""

NAMES = ("photo.png", "p1.png", "p2.png", "p3.png")


class SharedDesk(Desk):
    """A desk for several, with photographs enough for all."""

    @property
    def command(self) -> tuple[object, ...]:
        options = ("--quick", "--batch-size", 1, "--out", self.name)
        return ("measure", "local", "python:diarist:kept", *NAMES, *options)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = furnish(tmp_path_factory.mktemp("room"))
    for number, name in enumerate(NAMES[1:]):
        save_photograph(folder / name, number)
    return folder


@pytest.fixture(scope="module")
def alone(room: Path) -> SharedDesk:
    desk = SharedDesk(room, "alone")
    done = desk.run()
    assert done.code == 0, done
    return desk


def finish(process: subprocess.Popen[str]) -> Done:
    out, err = process.communicate(timeout=PATIENCE)
    return Done(process.returncode, out, err)


def assert_whole(desk: Desk, alone: Desk) -> None:
    """The run holds what one process measures, and its ledger is sound."""
    assert_same(desk.folder, alone.folder)
    with closing(sqlite3.connect(desk.folder / "ledger.sqlite")) as base:
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_two_processes_share_a_run(room: Path, alone: SharedDesk) -> None:
    desk = SharedDesk(room, "shared")
    first, second = desk.start(pause=PAUSE), desk.start(pause=PAUSE)
    one, other = finish(first), finish(second)
    assert (one.code, other.code) == (0, 0), (one, other)
    assert desk.shown == alone.shown, "no unit is measured twice"
    assert_whole(desk, alone)
    with Ledger.read(desk.folder) as ledger:
        assert ledger.totals().transmissions == alone.shown
        assert [sitting.ended is not None for sitting in ledger.sittings()][:1] == [True]
        assert len(ledger.sittings()) == 2
    joined = [done.err for done in (one, other) if "Joined the run 'shared', " in done.err]
    assert len(joined) == 1
    owner = second if joined[0] is one.err else first
    assert f"owned by process {owner.pid} on " in joined[0]
    # Both tell the same result; only what it has cost so far may differ.
    assert one.out.partition("cost:")[0] == other.out.partition("cost:")[0]


def test_an_audit_by_two_ends_with_its_report(room: Path) -> None:
    one, two = Desk(room, "one audit"), Desk(room, "two audits")
    processes = [one.start(), two.start(pause=PAUSE), two.start(pause=PAUSE)]
    assert [finish(process).code for process in processes] == [0, 0, 0]
    assert one.shown == two.shown
    assert_whole(two, one)
    assert (two.folder / "report.html").exists()


@pytest.mark.parametrize(
    ("who", "how"),
    [("the first", signal.SIGKILL), ("the second", signal.SIGKILL), ("the first", signal.SIGINT)],
)
def test_when_one_is_gone_the_other_goes_on(room: Path, alone: SharedDesk, how: int, who: str) -> None:
    if how == signal.SIGKILL and not Path("/proc/self/stat").exists():
        pytest.skip("elsewhere it takes a minute until the dead are known to be dead")
    desk = SharedDesk(room, f"{who} {how}")
    first = desk.start(pause=PAUSE)
    wait_for(lambda: desk.shown > 20, first)
    second = desk.start(pause=PAUSE)
    wait_for(lambda: len(list(desk.folder.glob(".workers/claims/*"))) == 2, second)
    gone, stays = (first, second) if who == "the first" else (second, first)
    gone.send_signal(how)
    ended = finish(gone)
    assert ended.code == (130 if how == signal.SIGINT else -how)
    done = finish(stays)
    assert done.code == 0, done
    measured = sum(desk.finished().values())
    assert measured == alone.shown
    # What was under way in the one that is gone was measured again, and nothing else.
    assert measured <= desk.shown <= measured + max(alone.finished().values())
    assert_whole(desk, alone)
    with Ledger.read(desk.folder) as ledger:
        assert len(ledger.sittings()) == 2


def test_whoever_asks_for_something_else_is_told_who_works_there(room: Path) -> None:
    desk = SharedDesk(room, "contested")
    process = desk.start(pause=0.05)
    try:
        wait_for(lambda: desk.shown > 0, process)
        who = f"in use by process {process.pid} on "
        assert_refused(desk.run(*desk.command, "--seed", 1), who, "since 20", "seed: 0 there, 1 here")
        assert_refused(desk.run(*desk.command, "--budget", 100), who, "has a budget")
        save_photograph(room / "more.png", 9)
        more = (*desk.command[:3], "more.png", *desk.command[3:])
        assert_refused(desk.run(*more), who, "more photographs")
        assert process.poll() is None
        assert [p["name"] for p in json.loads((desk.folder / "run.json").read_text())["photographs"]] == [
            *NAMES
        ]
    finally:
        process.kill()
        process.communicate()


def test_a_run_with_a_budget_is_shared_with_nobody(room: Path) -> None:
    desk = SharedDesk(room, "budgeted")
    process = desk.start(*desk.command, "--budget", 10_000, pause=0.05)
    try:
        wait_for(lambda: desk.shown > 0, process)
        assert_refused(desk.run(), f"in use by process {process.pid} on ", "has a budget")
    finally:
        process.kill()
        process.communicate()


def test_the_batch_size_is_found_once(room: Path) -> None:
    desk = SharedDesk(room, "probed")
    command = [word for word in desk.command if word not in ("--batch-size", 1)]
    processes = [desk.start(*command, pause=PAUSE) for _ in range(2)]
    for process in processes:
        done = finish(process)
        assert done.code == 0, done
    size = json.loads((desk.folder / "run.json").read_text())["batch_size"]
    # A probe shows 8 grey images and then 8, 16 and 32 of them as far as that pays.
    units = sum(-(-queries // size) * size for queries in desk.finished().values())
    assert size in (8, 16, 32)
    assert units <= desk.shown
