"""``kill -9`` at 100 random moments while a run is written: it opens, and nothing finished or billed is lost."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepception.observers import AnswerLevel, RawAnswers
from deepception.sessions import AnswerCache
from deepception.sessions.journal import QueryRow
from deepception.studies import Ledger, Outcome, PlannedUnit, RunSettings, RunStore, Unit, execute, open_run
from deepception.studies.accounting.accounts import rows

KILLS = 100
UNITS = 4_000  # more than can be measured in 100 short lives
QUERIES = 6
PRICE = 0.5
WHO = "f" * 64


class Site:
    """A run folder, its cache, and the diaries of what was really sent and which units were begun."""

    def __init__(self, room: Path) -> None:
        self.folder, self.cache = room / "run", room / "answers.sqlite"
        self.sent, self.begun = room / "sent", room / "begun"

    def plan(self, run: Any, cache: AnswerCache) -> list[PlannedUnit]:
        """Units that ask a pretended endpoint; what it is sent and bills it writes down itself."""

        def planned(number: int) -> PlannedUnit:
            unit = Unit("fake", WHO, f"{number:064d}", f"{number}.jpg", 7, {"n": number}, 5)
            digests = [hashlib.sha256(b"%d %d" % (number, n)).digest() for n in range(QUERIES)]

            def measure(_: Mapping[str, Outcome]) -> Outcome:
                note(self.begun, unit.hash)
                first = run.ledger.journal.sending(digests)
                for n in range(QUERIES):
                    note(self.sent, str(first + n))
                raw = RawAnswers(AnswerLevel.LOGITS, np.full((QUERIES, 5), float(number)))
                cache.keep(WHO, digests, raw, range(QUERIES))
                row = QueryRow("answered", 1.7e9, 0.01, 1, PRICE)
                run.ledger.journal.noted({first + n: row for n in range(QUERIES)})
                return Outcome({"value": np.full(50, float(number))}, {}, QUERIES, QUERIES, 0.01)

            return PlannedUnit(unit, measure)

        return [planned(number) for number in range(UNITS)]

    def live(self) -> None:
        """One life of a process that works on the run."""
        settings = RunSettings(version="0", settings={}, seed=5)
        with open_run(self.folder, settings) as run, AnswerCache(self.cache) as cache:
            run.ledger.journal.price = PRICE
            execute(self.plan(run, cache), run.store, ledger=run.ledger, claims=run.claims)

    def check(self, finished: set[str]) -> set[str]:
        """What must hold after each death, without help of the one who died; returns what is finished."""
        now = RunStore(self.folder).finished()
        assert finished <= now, "nothing that was finished is lost"
        for path in (self.folder / "ledger.sqlite", self.cache):
            if path.exists():
                with contextlib.closing(sqlite3.connect(path)) as base:
                    assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return now


def note(diary: Path, line: str) -> None:
    with diary.open("a") as file:
        file.write(line + "\n")


def lines(diary: Path) -> list[str]:
    return diary.read_text().splitlines() if diary.exists() else []


def drive(room: Path) -> None:
    """Let a process live and kill it, again and again; forked, so that nothing is imported a hundred times."""
    site, moments = Site(room), random.Random(11)
    finished: set[str] = set()
    kills = 0
    while kills < KILLS:
        begun = len(lines(site.begun))
        process = os.fork()
        if process == 0:
            with open(os.devnull, "w") as nothing, contextlib.redirect_stderr(nothing):
                site.live()
            os._exit(0)
        # Half of the deaths come while the folder is being opened, the others while units are being written.
        if kills % 2:
            while len(lines(site.begun)) == begun:
                time.sleep(0.001)
        time.sleep(moments.uniform(0, 0.03))
        os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        assert os.WIFSIGNALED(status), "the plan is too short"
        kills += 1
        again = set(lines(site.begun)[begun:])
        assert not again & finished, "nothing that was finished is measured again"
        if kills % 20 == 0:
            finished = site.check(finished)
    assert finished


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only here can a process be forked and killed")
def test_killed_at_a_hundred_random_moments(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = os.pathsep.join(entry for entry in sys.path if entry)
    environment = {**os.environ, "PYTHONPATH": path}
    subprocess.run([sys.executable, __file__, str(tmp_path)], env=environment, check=True)
    site = Site(tmp_path)

    sent = Counter(lines(site.sent))
    assert set(sent.values()) == {1}
    finished = RunStore(site.folder).finished()
    begun = Counter(lines(site.begun))
    assert finished <= set(begun)
    assert sum(begun.values()) <= len(finished) + KILLS, "at most the unit in flight is measured again"

    with open_run(site.folder, RunSettings(version="0", settings={}, seed=5)) as run:
        totals = run.ledger.totals()
    with Ledger.read(site.folder) as ledger:
        listed = [row for row in rows(ledger) if row[3] is not None]
        assert ledger.totals() == totals
    numbers = Counter(str(row[3]) for row in listed)
    assert set(numbers.values()) == {1}, "no query is counted twice"
    assert set(sent) <= set(numbers), "whatever was sent has its row"
    # A batch is noted before it is sent: of each death at most one batch has rows that were never sent.
    assert len(numbers) - len(sent) <= KILLS * QUERIES
    assert totals.transmissions == len(numbers)
    assert totals.cost == len(numbers) * PRICE
    by_unit: dict[str, Counter[str]] = {}
    for row in listed:
        by_unit.setdefault(row[0], Counter())[row[9]] += 1
    assert all(by_unit[unit_hash]["answered"] >= QUERIES for unit_hash in finished)
    assert "damaged" not in caplog.text
    with AnswerCache(site.cache) as cache:
        assert len(cache) >= QUERIES * len(finished) - KILLS * QUERIES
    assert "damaged" not in caplog.text
    assert not list(tmp_path.rglob("*.tmp"))


if __name__ == "__main__":
    drive(Path(sys.argv[1]))
