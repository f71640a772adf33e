"""SIGKILL anywhere, again and again: nothing measured is lost or measured twice, and no bit differs."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepception.studies import (
    Ledger,
    Outcome,
    PlannedUnit,
    RunSettings,
    RunStore,
    Unit,
    execute,
    open_run,
)

UNITS = 60
KILLS = 10


def plan(diary: Path) -> list[PlannedUnit]:
    """Pairs of units of which the second depends on the first; each notes its start in a diary."""

    def planned(number: int, depends: tuple[str, ...]) -> PlannedUnit:
        unit = Unit("fake", "f" * 64, f"{number:064d}", f"{number}.jpg", 7, {"n": number}, 5, depends)

        def run(outcomes: Mapping[str, Outcome]) -> Outcome:
            with diary.open("a") as file:
                file.write(unit.hash + "\n")
            time.sleep(0.002)
            values = np.random.default_rng([unit.seed, number]).normal(size=(3, 500))
            for outcome in outcomes.values():
                values = values + outcome.arrays["values"]
            return Outcome({"values": values}, {"mean": float(values.mean())}, 10, 11, 0.002)

        return PlannedUnit(unit, run)

    units: list[PlannedUnit] = []
    for number in range(UNITS):
        units.append(planned(number, (units[-1].unit.hash,) if number % 2 else ()))
    return units


def work(folder: Path, diary: Path) -> int:
    settings = RunSettings(version="0", settings={"fake": True}, seed=5, command=("fake",))
    with open_run(folder, settings) as run:
        return execute(plan(diary), run.store, ledger=run.ledger).exit_code


def die_at(step: str, time_of_it: int) -> None:
    """Make this process kill itself before the n-th call of a function of ``os``."""
    original = getattr(os, step)
    calls = 0

    def deadly(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == time_of_it:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **options)

    setattr(os, step, deadly)


def start(folder: Path, diary: Path, *death: str) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return subprocess.Popen(
        [sys.executable, __file__, str(folder), str(diary), *death], env={**os.environ, "PYTHONPATH": path}
    )


def finished(folder: Path) -> set[str]:
    return RunStore(folder).finished()


def entries(diary: Path) -> list[str]:
    return diary.read_text().splitlines() if diary.exists() else []


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert work(folder / "run", folder / "diary") == 0
    assert len(entries(folder / "diary")) == UNITS
    return folder / "run"


def assert_same(folder: Path, undisturbed: Path) -> None:
    one, other = RunStore(folder), RunStore(undisturbed)
    assert one.finished() == other.finished()
    for unit_hash in one.finished():
        assert one.describe(unit_hash).content == other.describe(unit_hash).content
    arrays = {path.name: path.read_bytes() for path in (folder / "chunks").rglob("*.npz")}
    assert arrays == {path.name: path.read_bytes() for path in (undisturbed / "chunks").rglob("*.npz")}
    assert (folder / "run.json").read_bytes() == (undisturbed / "run.json").read_bytes()
    assert not list(folder.rglob("*.tmp"))
    with Ledger.read(folder) as ledger:
        assert (ledger.totals().queries, ledger.totals().transmissions) == (10 * UNITS, 11 * UNITS)


def test_killed_at_random_moments(tmp_path: Path, undisturbed: Path) -> None:
    folder, diary = tmp_path / "run", tmp_path / "diary"
    moments = random.Random(3)
    kills = 0
    while kills < KILLS:
        before, measured = finished(folder), len(entries(diary))
        process = start(folder, diary)
        while len(entries(diary)) == measured and process.poll() is None:
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.01))
        process.kill()
        if process.wait() != -signal.SIGKILL:
            break  # it had ended by itself
        kills += 1
        assert before <= finished(folder), "nothing that was finished is lost"
        assert before.isdisjoint(entries(diary)[measured:]), "nothing that was finished is measured again"
    assert kills >= KILLS
    assert work(folder, diary) == 0
    again = Counter(entries(diary))
    assert set(again) == finished(folder)
    assert sum(again.values()) <= UNITS + kills, "at most the unit in flight is measured again"
    assert_same(folder, undisturbed)


@pytest.mark.parametrize(
    ("step", "time_of_it"),
    [
        ("fsync", 1),  # run.json is about to reach the disk
        ("replace", 1),  # ... and to take its name
        ("fsync", 4),  # the arrays of the first unit
        ("replace", 2),
        ("replace", 3),  # its record, the arrays being there
        ("fsync", 6),  # its record has taken its name
        ("replace", 20),
    ],
)
def test_killed_at_each_step_of_writing(
    tmp_path: Path, undisturbed: Path, step: str, time_of_it: int
) -> None:
    folder, diary = tmp_path / "run", tmp_path / "diary"
    assert start(folder, diary, step, str(time_of_it)).wait() == -signal.SIGKILL
    done = finished(folder)
    measured = len(entries(diary))
    assert measured - 1 <= len(done) <= measured
    assert work(folder, diary) == 0
    assert done.isdisjoint(entries(diary)[measured:])
    assert_same(folder, undisturbed)


if __name__ == "__main__":
    if len(sys.argv) > 3:
        die_at(sys.argv[3], int(sys.argv[4]))
    sys.exit(work(Path(sys.argv[1]), Path(sys.argv[2])))
