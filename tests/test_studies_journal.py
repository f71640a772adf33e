"""Journal and ledger of an endpoint's queries: nothing that was billed is lost, and nothing is counted twice."""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import json
import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from command_line import assert_refused, call, empty
from deepception.errors import InputError, ObserverError, RunFolderError
from deepception.sessions.journal import QueryRow
from deepception.studies import (
    Ledger,
    ObserverEntry,
    OpenRun,
    Outcome,
    RunSettings,
    RunStore,
    Unit,
    create_or_join,
    open_run,
)
from deepception.studies.accounting.accounts import COLUMNS, rows, summary, write_csv, write_parquet
from deepception.studies.accounting.journal import SPAN, FileJournal, journal_path
from deepception.studies.accounting.merging import OPENING, UNKNOWN

PRICE = 0.25


def unit(name: str) -> Unit:
    return Unit(name, "f" * 64, None, f"{name}.jpg", None, {}, 0)


def digests(count: int, start: int = 0) -> list[bytes]:
    return [hashlib.sha256(b"%d" % n).digest() for n in range(start, start + count)]


def settings() -> RunSettings:
    observer = ObserverEntry(name="far", spec="http://localhost", fingerprint="f" * 64)
    return RunSettings(version="0", settings={}, seed=0, observers=(observer,), command=("deepception", "x"))


@contextlib.contextmanager
def working(folder: Path) -> Iterator[OpenRun]:
    with open_run(folder, settings()) as run:
        run.ledger.journal.price = PRICE
        yield run


def answered(transmissions: int = 1) -> QueryRow:
    return QueryRow("answered", 1.7e9, 0.1, transmissions, transmissions * PRICE)


def ask(journal: FileJournal, count: int, retried: int = 0, start: int = 0) -> int:
    """Queries that are answered, the first ``retried`` of them at the second try; returns what was sent."""
    first = journal.sending(digests(count, start))
    journal.noted({first + n: answered(2 if n < retried else 1) for n in range(count)})
    return count + retried


def measure(run: OpenRun, name: str, count: int, retried: int = 0) -> None:
    run.ledger.start(unit(name))
    sent = ask(run.ledger.journal, count, retried)
    run.ledger.finish(run.store.save(unit(name).hash, unit(name), Outcome({}, {}, count, sent, 1.5)))


def queries(folder: Path) -> list[tuple[Any, ...]]:
    with Ledger.read(folder) as ledger:
        return [row for row in rows(ledger) if row[3] is not None]


def test_every_query_has_its_row(tmp_path: Path) -> None:
    with working(tmp_path) as run:
        measure(run, "a", 5, retried=2)
        run.ledger.start(unit("b"))
        run.ledger.journal.sending(digests(3, 100))
        first = run.ledger.journal.sending(digests(2, 200))
        run.ledger.journal.noted({first: QueryRow("timeout", 1.7e9, 30.0, 4, 4 * PRICE)})
        run.ledger.fail(unit("b"), ObserverError("It is too slow."), 8)
    listed = queries(tmp_path)
    assert [row[1] for row in listed] == ["a"] * 5 + ["b"] * 5
    assert [row[2] for row in listed[:1]] == ["a.jpg"]
    assert len({(row[0], row[3]) for row in listed}) == 10
    assert [row[4] for row in listed[:5]] == [digest.hex() for digest in digests(5)]
    assert [row[9] for row in listed[5:]] == ["unknown"] * 3 + ["timeout", "unknown"]
    assert listed[0][5] == "2023-11-14T22:13:20.000+00:00"
    with Ledger.read(tmp_path) as ledger:
        totals = ledger.totals()
        assert (totals.queries, totals.transmissions) == (5, 7 + 3 + 4 + 1)
        assert totals.cost == (7 + 3 + 4 + 1) * PRICE
        assert [failure.photograph for failure in ledger.failures()] == ["b.jpg"]


def test_a_unit_that_is_measured_again_adds_to_what_it_cost(tmp_path: Path) -> None:
    for _ in range(2):
        with contextlib.suppress(ZeroDivisionError), working(tmp_path) as run:
            run.ledger.start(unit("a"))
            ask(run.ledger.journal, 3)
            raise ZeroDivisionError
    with working(tmp_path) as run:
        measure(run, "a", 3)
        assert run.ledger.totals().transmissions == 9
    numbers = [row[3] for row in queries(tmp_path)]
    assert [number // SPAN for number in numbers] == [1] * 3 + [2] * 3 + [3] * 3


def test_a_journal_is_merged_once_whoever_looks_how_often(tmp_path: Path) -> None:
    with working(tmp_path) as run:
        run.ledger.fail(unit("x"), ObserverError("No."), 5)
        run.ledger.journal.opened(2)
        measure(run, "a", 4)
        for _ in range(3):
            run.ledger.align()
            assert run.ledger.totals().transmissions == 5 + 2 + 4
            with Ledger.read(tmp_path) as other:
                assert other.totals() == run.ledger.totals()
    with working(tmp_path) as run:
        assert run.ledger.totals().transmissions == 5 + 2 + 4
        assert run.ledger.totals().queries == 4


def test_what_was_sent_and_never_answered_for_counts(tmp_path: Path) -> None:
    with working(tmp_path) as run:
        run.ledger.start(unit("a"))
        run.ledger.journal.sending(digests(6))
        copied = journal_path(tmp_path, 1).read_bytes()
    with working(tmp_path):
        pass
    assert journal_path(tmp_path, 1).read_bytes() == copied, "a journal is kept"
    with Ledger.read(tmp_path) as ledger:
        assert ledger.totals().transmissions == 6
        assert ledger.totals().cost == 6 * PRICE
        assert ledger.totals().queries == 0


def test_a_torn_line_is_left_and_a_damaged_one_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    create_or_join(tmp_path, settings())
    journal = FileJournal(tmp_path, 1)
    ask(journal, 2)
    journal.close()
    path = journal_path(tmp_path, 1)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(
        lines[0]
        + b"\xff\x00 no line\n"
        + b"[1, 2]\n"
        + b'{"unit": 3, "sending": null}\n'
        + lines[1]
        + b'{"unit": "", "sending": 9'
    )
    with caplog.at_level(logging.WARNING), working(tmp_path) as run:
        assert run.ledger.totals().transmissions == 2
    assert "2 line(s)" in caplog.text
    caplog.clear()
    with working(tmp_path) as run:
        assert run.ledger.totals().queries == 2
    assert caplog.text == ""


def test_a_full_disk_stops_before_anything_is_sent_and_spoils_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with working(tmp_path) as run:
        journal = run.ledger.journal
        run.ledger.start(unit("a"))
        ask(journal, 2)

        def full(*_: Any) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        assert journal._file is not None
        journal._file.write(b'{"unit": "cut sh')  # as much as there was room for
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            with pytest.raises(RunFolderError, match="is full"):
                journal.sending(digests(3))
        ask(journal, 1)
        run.ledger.align()
        # The line that did not reach the disk for sure may count, the one cut short may not.
        assert run.ledger.totals().queries == 3


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"no database" * 1000)])
def test_a_ledger_made_anew_knows_all_that_was_billed(tmp_path: Path, damage: Any) -> None:
    with working(tmp_path) as run:
        measure(run, "a", 5, retried=1)
        run.ledger.start(unit("b"))
        run.ledger.journal.sending(digests(3))
        run.ledger.fail(unit("b"), ObserverError("No."), 3)
        before, failures = run.ledger.totals(), run.ledger.failures()
    damage(tmp_path / "ledger.sqlite")
    with working(tmp_path) as run:
        assert run.ledger.totals() == before
        assert [f.hash for f in run.ledger.failures()] == [f.hash for f in failures]
    assert len(queries(tmp_path)) == 8


def empty_ledger(folder: Path) -> None:
    empty(folder / "ledger.sqlite")


def cut_journal(folder: Path) -> None:
    """Lose the ledger, and the journal from the middle of a line on."""
    (folder / "ledger.sqlite").unlink()
    path = journal_path(folder, 1)
    path.write_bytes(path.read_bytes()[:-100])


def lose_lines(folder: Path) -> None:
    """Lose the ledger, and whole lines of the journal."""
    (folder / "ledger.sqlite").unlink()
    path = journal_path(folder, 1)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (empty_ledger, []),
        (cut_journal, ["The last line of ", "is cut short", "1 finished unit has fewer queries"]),
        (lose_lines, ["1 finished unit has fewer queries", "than they took", "is in no sum"]),
    ],
)
def test_what_is_lost_is_told_and_nothing_else(
    tmp_path: Path, damage: Any, words: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with working(tmp_path) as run:
        measure(run, "a", 5)
        measure(run, "b", 5)
        before = run.ledger.totals()
    told = call("ledger", tmp_path)
    assert (told.code, told.err) == (0, "")
    damage(tmp_path)
    lost = call("ledger", tmp_path)
    assert_refused(lost, "start the command that made the run again, which makes it anew")
    with caplog.at_level(logging.WARNING), working(tmp_path) as run:
        assert len(run.store.finished()) == 2
        assert (run.ledger.totals() == before) is (not words)
    assert "lost or damaged: it is made anew" in caplog.messages[0]
    assert all(word in " ".join(caplog.messages[1:]) for word in words)
    assert bool(caplog.messages[1:]) is bool(words)
    caplog.clear()
    told = call("ledger", tmp_path)
    assert told.code == 0
    assert all(word in told.err for word in words)
    assert bool(told.err) is bool(words)
    with caplog.at_level(logging.WARNING), working(tmp_path):
        assert caplog.messages == [], "once, and whenever the ledger is asked for"


def test_a_last_line_that_is_on_its_way_is_no_loss(tmp_path: Path) -> None:
    with working(tmp_path) as run:
        measure(run, "a", 2)
        path = journal_path(tmp_path, 1)
        with path.open("ab") as file:
            file.write(b'{"unit": "')
        with Ledger.read(tmp_path) as ledger:
            assert ledger.missing() == []
    with Ledger.read(tmp_path) as ledger:
        (sentence,) = ledger.missing()
        assert str(path) in sentence


# -- ledgers of other versions ----------------------------------------------------------------------------

FIRST = """
CREATE TABLE units (hash TEXT PRIMARY KEY, experiment TEXT NOT NULL, photograph TEXT, state TEXT NOT NULL,
  queries INTEGER NOT NULL, transmissions INTEGER NOT NULL, seconds REAL NOT NULL, finished_at TEXT NOT NULL);
CREATE TABLE failures (hash TEXT NOT NULL, error TEXT NOT NULL, at TEXT NOT NULL, transmissions INTEGER NOT NULL);
CREATE TABLE sessions (id INTEGER PRIMARY KEY, started TEXT NOT NULL, ended TEXT, command TEXT NOT NULL);
INSERT INTO sessions VALUES (7, '2026-01-01T00:00:00+00:00', '2026-01-01T01:00:00+00:00', 'deepception audit');
INSERT INTO failures VALUES ('{hash}', 'ObserverError: No.', '2026-01-01T00:00:00+00:00', 3);
INSERT INTO units VALUES ('{hash}', 'a', 'a.jpg', 'failed', 0, 0, 0, '2026-01-01T00:00:00+00:00');
"""


def test_a_ledger_of_the_first_version_is_read_and_gone_on_with(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    create_or_join(tmp_path, settings())
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as old:
        old.executescript(FIRST.format(hash=unit("a").hash))
    with Ledger.read(tmp_path) as ledger:
        assert ledger.totals().transmissions == 3
    with caplog.at_level(logging.WARNING), working(tmp_path) as run:
        assert [failure.experiment for failure in run.ledger.failures()] == ["a"]
        measure(run, "b", 2)
        assert run.ledger.totals().transmissions == 5
        assert [sitting.command for sitting in run.ledger.sittings()] == [
            "deepception audit",
            "deepception x",
        ]
        assert journal_path(tmp_path, 8).exists(), "numbers go on from those of the ledger"
    assert caplog.text == ""


def test_a_ledger_without_what_the_cache_knew_is_brought_up_to_date(tmp_path: Path) -> None:
    with working(tmp_path) as run:
        measure(run, "a", 2)
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as old:
        old.executescript("ALTER TABLE units DROP COLUMN cached; PRAGMA user_version = 2;")
    with Ledger.read(tmp_path) as ledger:
        assert ledger.totals().queries == 2
    with working(tmp_path) as run:
        measure(run, "b", 3)
        assert (run.ledger.totals().queries, run.ledger.totals().cached) == (5, 0)


def test_a_ledger_of_a_newer_version_is_refused_and_left(tmp_path: Path) -> None:
    with working(tmp_path):
        pass
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as base:
        base.execute("PRAGMA user_version = 99")
    for look in (lambda: Ledger.open(tmp_path, RunStore(tmp_path)), lambda: Ledger.read(tmp_path)):
        with pytest.raises(RunFolderError, match="newer version"):
            look()
    assert not list(tmp_path.glob("*.damaged"))


# -- summary and export -----------------------------------------------------------------------------------


@pytest.fixture
def told(tmp_path: Path) -> Path:
    with working(tmp_path) as run:
        run.ledger.journal.opened(3)
        measure(run, "a", 5, retried=2)
        run.ledger.start(unit("b"))
        first = run.ledger.journal.sending(digests(4))
        run.ledger.journal.noted(
            {
                first: QueryRow("http 503", 1.7e9, 0.2, 8, 8 * PRICE),
                first + 2: QueryRow("not sent", 0.0, 0.0, 0, 0.0),
                first + 3: QueryRow("no connection", 1.7e9, 0.1, 0, 0.0),
            }
        )
        run.ledger.interrupt(unit("b"), ObserverError("It cannot be reached."), 9)
        local = unit("local")  # as if one run had been measured by both kinds of engine
        run.ledger.finish(run.store.save(local.hash, local, Outcome({}, {}, 10, 11, 2.0, 3)))
        run.ledger.fail(unit("c"), ObserverError("NaN."), 4)
    return tmp_path


def test_the_summary_adds_up(told: Path) -> None:
    with Ledger.read(told) as ledger:
        found = summary(told, ledger)
        totals = ledger.totals()
    assert found["observer"] == "far"
    assert (found["queries"], found["transmissions"]) == (5 + 7, 3 + 7 + 9 + 11 + 4)
    assert found["cached"] == totals.cached == 3, "what was known is no query"
    assert (found["queries"], found["transmissions"]) == (totals.queries, totals.transmissions)
    assert found["cost"] == totals.cost == (3 + 7 + 9) * PRICE
    assert found["retries"] == 2 + 7
    assert found["failures"] == 1 + 1, "an image, and a unit of a local engine"
    assert (found["unknown"], found["not_sent"]) == (1, 2)
    outcomes = {"answered": 5, "http 503": 1, "no connection": 1, "not sent": 1, "opening": 1, "unknown": 1}
    assert found["outcomes"] == outcomes
    endpoint = [part for name, part in found["experiments"].items() if name in ("a", "b")]
    asked = sum(p[name] for p in endpoint for name in ("queries", "failures", "unknown", "retries"))
    assert asked == sum(p["transmissions"] for p in endpoint), "each transmission has one reason"
    assert found["units"] == {"finished": 2, "failed": 1}
    parts = found["experiments"]
    assert [name for name in parts if name not in ("local", "c")] == ["opening", "a", "b"], "as they came"
    assert set(parts) == {"opening", "a", "b", "local", "c"}
    for name in parts["a"]:
        assert sum(part[name] for part in parts.values()) == found[name], name
    assert len(found["processes"]) == 1
    json.dumps(found, allow_nan=False)


def test_exports_hold_every_row(told: Path, tmp_path: Path) -> None:
    with Ledger.read(told) as ledger:
        assert write_csv(ledger, tmp_path / "rows.csv") == 12
        with (tmp_path / "rows.csv").open(newline="") as file:
            listed = list(csv.DictReader(file))
        assert tuple(listed[0]) == COLUMNS
        assert sum(int(row["transmissions"]) for row in listed) == ledger.totals().transmissions
        assert sum(int(row["queries"]) for row in listed) == ledger.totals().queries
        assert sum(float(row["cost"]) for row in listed) == ledger.totals().cost
        with pytest.raises(InputError, match="folder that exists"):
            write_csv(ledger, tmp_path / "nowhere" / "rows.csv")
        assert [row["at"] for row in listed if row["outcome"] == "not sent"] == [""]
        sequence = [int(row["sequence"]) for row in listed if row["sequence"]]
        assert sequence == sorted(sequence)
        pq = pytest.importorskip("pyarrow.parquet")
        assert write_parquet(ledger, tmp_path / "rows.parquet") == 12
        table = pq.read_table(tmp_path / "rows.parquet")
        assert tuple(table.column_names) == COLUMNS
        assert [row["sequence"] for row in table.to_pylist()] == [
            int(row["sequence"]) if row["sequence"] else None for row in listed
        ]


def test_every_outcome_is_documented() -> None:
    root = Path(__file__).parents[1]
    source = "\n".join(path.read_text(encoding="utf-8") for path in (root / "src").rglob("*.py"))
    named = set(re.findall(r'(?:TransientError\(\s*|outcome(?:: str)? = )"([a-z ]+)"', source))
    assert {"answered", "not sent", "refused", "timeout", "bad answer"} <= named
    documented = (root / "docs" / "runs.md").read_text(encoding="utf-8").split("| outcome | meaning |")[1]
    told = set(re.findall("`([a-z ]+)`", documented.split("\n\n")[0]))
    assert named | {OPENING, UNKNOWN, "finished"} <= told


def test_an_empty_ledger_can_be_exported(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    with working(tmp_path):
        pass
    with Ledger.read(tmp_path) as ledger:
        assert write_parquet(ledger, tmp_path / "rows.parquet") == 0
        assert write_csv(ledger, tmp_path / "rows.csv") == 0
        assert summary(tmp_path, ledger)["queries"] == 0


def test_without_pyarrow_the_remedy_is_named(told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with (
        Ledger.read(told) as ledger,
        pytest.raises(InputError, match=r"pip install 'deepception\[parquet\]'"),
    ):
        write_parquet(ledger, told / "rows.parquet")
