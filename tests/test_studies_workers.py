"""Workers of a run: who is alive, who has the lease, who measures which unit, and what the dead leave behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepception.errors import Cancelled, ObserverError, RunFolderError
from deepception.studies import (
    Lease,
    Outcome,
    PhotographEntry,
    PlannedUnit,
    Roster,
    RunSettings,
    RunStore,
    Unit,
    Worker,
    execute,
    open_run,
)
from deepception.studies.company import Company
from deepception.studies.crew.claims import Claims, clear_claims
from deepception.studies.crew.processes import is_alive
from deepception.studies.crew.workers import WORKING, forget_gone, numbers, read_worker, worker_path
from deepception.studies.engine import Progress

UNIT = "a" * 64


class Clock:
    """A clock that only the test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def far_away(folder: Path, number: int, beat: str = "1", **changes: Any) -> None:
    """A worker of another machine, whose clock is years off."""
    about = {
        "pid": 7,
        "host": "far",
        "machine": "another",
        "process": "9",
        "since": "1999-01-01T00:00:00+00:00",
    }
    about |= {"command": "deepception audit", "alone": ""} | changes
    path = worker_path(folder, number)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(f"{WORKING} {beat}".ljust(40).encode() + b"\n" + json.dumps(about).encode() + b"\n")


def start(folder: Path, code: str) -> subprocess.Popen[str]:
    """A process that works on the run, says so, and waits."""
    program = (
        "from deepception.studies import Lease, Roster, Worker\n"
        f"with Worker({str(folder)!r}, 'other command') as me:\n"
        f"    lease = Lease({str(folder)!r}, me.number, Roster({str(folder)!r}))\n"
        f"    {code}\n    me.say('working'); print(me.number, flush=True); input()"
    )
    path = os.pathsep.join(entry for entry in sys.path if entry)
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip().isdecimal()
    return process


def end(process: subprocess.Popen[str], how: int | None = None) -> None:
    if how is None:
        process.communicate("\n")
    else:
        process.send_signal(how)
        process.communicate()


# -- who is alive -----------------------------------------------------------------------------------------


def test_a_worker_is_alive_until_it_says_otherwise(tmp_path: Path) -> None:
    roster = Roster(tmp_path)
    with Worker(tmp_path, "deepception audit \udcff.onnx", beat=0.01) as me:
        assert not roster.gone(me.number)
        assert roster.others() == [], "it has not been let in yet"
        me.say(WORKING)
        (info,) = roster.others()
        assert (info.number, info.pid, info.command) == (me.number, os.getpid(), "deepception audit ?.onnx")
        assert roster.others(me.number) == []
        before = read_worker(tmp_path, me.number)
        while read_worker(tmp_path, me.number) == before:  # a heart that does not beat hangs here
            time.sleep(0.01)
    assert roster.gone(me.number)
    ended = read_worker(tmp_path, me.number)
    assert ended is not None
    assert ended.ended is not None


def test_a_heart_that_stopped_elsewhere_counts_after_a_minute_of_our_own_clock(tmp_path: Path) -> None:
    clock = Clock()
    roster = Roster(tmp_path, clock=clock)
    far_away(tmp_path, 3)
    assert not roster.gone(3)
    clock.now += 59
    assert not roster.gone(3)
    far_away(tmp_path, 3, beat="2")
    clock.now += 59
    assert not roster.gone(3)
    clock.now += 59
    assert not roster.gone(3)
    clock.now += 2
    assert roster.gone(3)
    far_away(tmp_path, 3, beat="3")
    assert roster.gone(3), "who is gone once stays gone, or others would already have its work"


def test_a_process_that_is_stopped_here_is_not_waited_for(tmp_path: Path) -> None:
    clock = Clock()
    roster = Roster(tmp_path, clock=clock)
    with Worker(tmp_path, beat=3600) as me:
        assert not roster.gone(me.number)
        clock.now += 61
        assert roster.gone(me.number)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells when a process began")
def test_a_process_of_this_machine_that_is_no_more_is_gone_at_once(tmp_path: Path) -> None:
    process = start(tmp_path, "pass")
    roster = Roster(tmp_path)
    (info,) = roster.others()
    assert is_alive(info.pid, info.machine, info.process)
    assert is_alive(info.pid, info.machine, "another process that had this number") is False
    assert is_alive(info.pid, "another machine", info.process) is None
    end(process, signal.SIGKILL)
    assert roster.gone(info.number)


def test_no_number_is_given_twice(tmp_path: Path) -> None:
    seen: list[int] = []
    lock = threading.Lock()

    def work() -> None:
        for _ in range(20):
            with Worker(tmp_path) as me:
                with lock:
                    seen.append(me.number)
                forget_gone(Roster(tmp_path), me.number)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == len(seen) == 80
    assert max(seen) in numbers(tmp_path)
    assert len(numbers(tmp_path)) < 10, "those that are gone are cleared away"


def test_a_run_whose_hidden_files_were_removed_counts_on(tmp_path: Path) -> None:
    with Worker(tmp_path, taken=lambda: 41) as me:
        assert me.number == 42


# -- the lease --------------------------------------------------------------------------------------------


def test_one_has_the_lease_and_the_others_are_told_who(tmp_path: Path) -> None:
    process = start(tmp_path, "lease.take()")
    with Worker(tmp_path) as me:
        lease = Lease(tmp_path, me.number, Roster(tmp_path))
        holder = lease.take()
        assert holder is not None
        assert f"process {process.pid} on " in holder.words
        assert holder.command == "other command"
        assert not lease.held
        asked: list[int] = []
        with pytest.raises(Cancelled):
            lease.wait(lambda: len(asked) > 1 or bool(asked.append(1)))
        end(process)
        assert lease.take() is None
        assert lease.held
        assert lease.take() is None, "it has it already"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="elsewhere this takes a minute")
def test_the_lease_of_the_dead_is_free(tmp_path: Path) -> None:
    process = start(tmp_path, "lease.take()")
    with Worker(tmp_path) as me:
        lease = Lease(tmp_path, me.number, Roster(tmp_path))
        assert lease.take() is not None
        end(process, signal.SIGKILL)
        assert lease.take() is None


def test_who_was_taken_for_dead_has_lost_the_lease(tmp_path: Path) -> None:
    clock = Clock()
    far_away(tmp_path, 1)
    sleeper = Lease(tmp_path, 1, Roster(tmp_path))
    assert sleeper.take() is None
    with Worker(tmp_path) as me:
        lease = Lease(tmp_path, me.number, Roster(tmp_path, clock=clock))
        assert lease.take() is not None
        clock.now += 61
        assert lease.take() is None
        assert lease.held
        assert not sleeper.held
        assert sleeper.take() is not None


def test_of_many_who_find_it_free_one_gets_it(tmp_path: Path) -> None:
    for _ in range(10):
        won: list[int] = []
        ready = threading.Barrier(6)

        def try_it(won: list[int] = won, ready: threading.Barrier = ready) -> None:
            with Worker(tmp_path) as me:
                lease = Lease(tmp_path, me.number, Roster(tmp_path))
                ready.wait()
                if lease.take() is None:
                    won.append(me.number)
                ready.wait()

        threads = [threading.Thread(target=try_it) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1


def test_a_term_without_a_name_is_nobodys(tmp_path: Path) -> None:
    with Worker(tmp_path) as me:
        (tmp_path / ".workers" / "5.lease").touch()  # killed between making it and signing it
        lease = Lease(tmp_path, me.number, Roster(tmp_path))
        assert lease.take() is None
        assert lease.term == 6


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / ".workers").write_text("")
    with pytest.raises(RunFolderError, match="cannot be used"), Worker(tmp_path):
        pass


# -- claims -----------------------------------------------------------------------------------------------


def test_a_unit_is_claimed_by_one_and_let_go(tmp_path: Path) -> None:
    with Worker(tmp_path) as a, Worker(tmp_path) as b:
        mine, its = (Claims(tmp_path, w.number, Roster(tmp_path)) for w in (a, b))
        assert mine.take(UNIT)
        assert mine.take(UNIT)
        assert not its.take(UNIT)
        mine.release(UNIT)
        assert its.take(UNIT)
        its.fail(UNIT, ObserverError("It answers NaN."))
        told = mine.failure(UNIT)
        assert isinstance(told, ObserverError)
        assert str(told) == "It answers NaN."
        assert mine.failure("b" * 64) is None
        clear_claims(tmp_path)
        assert mine.failure(UNIT) is None


def test_the_claims_of_the_dead_are_taken_over_by_one(tmp_path: Path) -> None:
    clock = Clock()
    far_away(tmp_path, 1)
    Claims(tmp_path, 1, Roster(tmp_path)).take(UNIT)
    with Worker(tmp_path) as a, Worker(tmp_path) as b:
        mine, its = (Claims(tmp_path, w.number, Roster(tmp_path, clock=clock)) for w in (a, b))
        assert not mine.take(UNIT)
        assert not its.take(UNIT)
        clock.now += 61
        assert its.take(UNIT)
        assert not mine.take(UNIT)


def test_a_claim_without_a_name_is_given_up_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Worker(tmp_path) as me:
        claims = Claims(tmp_path, me.number, Roster(tmp_path))
        (tmp_path / ".workers" / "claims" / f"{UNIT}.1").touch()
        assert not claims.take(UNIT)
        later = time.monotonic() + 10
        monkeypatch.setattr(time, "monotonic", lambda: later)
        assert claims.take(UNIT)


# -- measuring together -----------------------------------------------------------------------------------


class Bench:
    """Workers, in threads of this process, that measure one plan together."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ran: Counter[str] = Counter()
        self.pause = 0.002
        self.failing: dict[str, Exception] = {}
        self.lock = threading.Lock()

    def unit(self, name: str, *depends: PlannedUnit) -> PlannedUnit:
        unit = Unit(name, "f" * 64, None, None, None, {}, 0, tuple(entry.unit.hash for entry in depends))

        def run(outcomes: Mapping[str, Outcome]) -> Outcome:
            with self.lock:
                self.ran[name] += 1
            time.sleep(self.pause)
            if name in self.failing:
                raise self.failing[name]
            value = 1.0 + sum(float(outcome.arrays["value"]) for outcome in outcomes.values())
            return Outcome({"value": np.array(value)}, {}, 4, 5, 0.5)

        return PlannedUnit(unit, run)

    def together(self, plan: list[PlannedUnit], workers: int = 2) -> list[Any]:
        reports: list[Any] = []

        def work() -> None:
            with Worker(self.folder) as me:
                claims = Claims(self.folder, me.number, Roster(self.folder))
                reports.append(execute(plan, RunStore(self.folder), claims=claims))

        threads = [threading.Thread(target=work) for _ in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(reports) == workers
        return reports


def test_together_each_unit_is_measured_once_and_all_return_when_all_is_done(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    plan: list[PlannedUnit] = []
    for number in range(30):
        plan.append(bench.unit(str(number), *plan[-1:] * (number % 3 > 0)))
    reports = bench.together(plan, workers=3)
    assert bench.ran == Counter(dict.fromkeys(map(str, range(30)), 1))
    assert sum(len(report.finished) for report in reports) == 30
    for report in reports:
        assert report.exit_code == 0
        assert len(report.finished) + len(report.skipped) == 30


def test_what_fails_under_one_hand_fails_for_all_and_is_not_tried_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.failing["bad"] = ObserverError("NaN.")
    bad = bench.unit("bad")
    reports = bench.together([bad, bench.unit("child", bad), *(bench.unit(str(n)) for n in range(5))])
    assert bench.ran["bad"] == 1
    assert bench.ran["child"] == 0
    for report in reports:
        assert [str(failed.error) for failed in report.failed] == ["NaN."]
        assert [blocked.unit.experiment for blocked in report.blocked] == ["child"]
        assert report.exit_code == 3


def test_waiting_for_another_can_be_cancelled(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    plan = [bench.unit("a"), bench.unit("b")]
    far_away(tmp_path, 1)
    Claims(tmp_path, 1, Roster(tmp_path)).take(plan[0].unit.hash)
    with Worker(tmp_path) as me:
        claims = Claims(tmp_path, me.number, Roster(tmp_path))
        report = execute(plan, RunStore(tmp_path), claims=claims, cancel=lambda: bench.ran["b"] > 0)
    assert isinstance(report.stopped, Cancelled)
    assert bench.ran == Counter({"b": 1})


def test_who_joins_is_told_of_the_owner_and_the_owner_of_who_joins(tmp_path: Path) -> None:
    settings = RunSettings(version="0", settings={}, seed=5)
    unit = Bench(tmp_path).unit("a").unit
    heard: dict[str, list[str]] = {"owner": [], "other": []}
    with open_run(tmp_path, settings) as mine:
        owner = Company(mine, heard["owner"].append)
        owner.greet()
        steps: list[Progress] = []
        step = owner.watching(steps.append)
        step(Progress(unit, "started", 1, 0, 0, 0, 0))
        assert heard == {"owner": [], "other": []}
        with open_run(tmp_path, settings) as its:
            Company(its, heard["other"].append).greet()
            step(Progress(unit, "skipped", 1, 0, 1, 0, 0))
            assert heard["owner"] == [], "it looks as a unit begins"
            for _ in range(2):
                step(Progress(unit, "started", 1, 0, 0, 0, 0))
            Company(its, None).greet()
    me = f"rocess {os.getpid()} on {mine.lease.roster.about(1).host}"  # type: ignore[union-attr]
    assert len(steps) == 4
    (sentence,) = heard["owner"]
    assert sentence.startswith(f"P{me} joined the run")
    (sentence,) = heard["other"]
    assert sentence.startswith(f"Joined the run '{tmp_path}', owned by p{me} since ")


def photograph(name: str) -> PhotographEntry:
    return PhotographEntry(name=name, path=name, sha256=sha256(name.encode()).hexdigest(), label=None)


def test_photographs_of_the_run_that_were_not_asked_for_are_told(tmp_path: Path) -> None:
    settings = RunSettings(version="0", settings={}, seed=5)
    three = settings.model_copy(update={"photographs": tuple(photograph(name) for name in "abc")})
    fewer = settings.model_copy(update={"photographs": (photograph("b"),)})
    heard: list[str] = []
    with open_run(tmp_path, three) as mine:
        Company(mine, heard.append).tell_more(three)
        with open_run(tmp_path, fewer) as its:
            assert heard == []
            Company(its, heard.append).tell_more(fewer)
            Company(its, None).tell_more(fewer)
    with open_run(tmp_path, fewer) as later:  # alone, too
        Company(later, heard.append).tell_more(fewer)
    assert len(heard) == 2
    for sentence in heard:
        assert sentence == (
            f"The run '{tmp_path}' has 2 other photographs beside the 1 named here: its price, results and report "
            "are about all of them."
        )
