"""The engine and its ledger: every unit once, in order, whatever fails or interrupts."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import empty
from deepception.errors import (
    BudgetError,
    Cancelled,
    InputError,
    ObserverError,
    PhotographError,
    RunFolderError,
    UnreachableError,
)
from deepception.studies import Ledger, Outcome, PlannedUnit, Progress, RunStore, Unit, execute
from deepception.studies.accounting import ledger_file


class Laboratory:
    """A plan of fake units that note when they run, fail on demand, and count what they send."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.store = RunStore(folder)
        self.ledger = Ledger.open(folder, self.store)
        self.ran: list[str] = []
        self.sent = 0
        self.failing: dict[str, BaseException] = {}
        self.given: dict[str, dict[str, Outcome]] = {}

    def unit(self, name: str, *depends: PlannedUnit) -> PlannedUnit:
        unit = Unit(
            name, "f" * 64, None, f"{name}.jpg", None, {}, 0, tuple(entry.unit.hash for entry in depends)
        )

        def run(outcomes: Mapping[str, Outcome]) -> Outcome:
            self.ran.append(name)
            self.given[name] = dict(outcomes)
            self.sent += 5
            if name in self.failing:
                raise self.failing[name]
            value = 1.0 + sum(float(outcome.arrays["value"]) for outcome in outcomes.values())
            return Outcome({"value": np.array(value)}, {"pair": (1, 2)}, 4, 5, 0.5)

        return PlannedUnit(unit, run)

    def execute(self, *plan: PlannedUnit, **options: Any) -> Any:
        return execute(plan, self.store, ledger=self.ledger, spent=lambda: self.sent, **options)


@pytest.fixture
def lab(tmp_path: Path) -> Laboratory:
    return Laboratory(tmp_path)


def names(entries: Any) -> list[str]:
    return [entry.unit.experiment for entry in entries]


def test_dependencies_come_first_and_each_unit_runs_once(lab: Laboratory) -> None:
    a = lab.unit("a")
    b = lab.unit("b", a)
    c = lab.unit("c", b, a)
    other = lab.unit("other")
    report = lab.execute(c, other, b, a, c)
    assert lab.ran == ["a", "b", "c", "other"]
    assert report.exit_code == 0
    assert len(report.finished) == 4
    assert float(lab.store.load(c.unit.hash).arrays["value"]) == 4.0
    assert lab.ledger.totals().queries == 16
    assert lab.ledger.totals().transmissions == 20
    assert lab.ledger.totals().seconds == 2.0


def test_what_is_finished_is_skipped_and_only_loaded_where_it_is_needed(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = lab.unit("a"), lab.unit("b")
    lab.execute(a, b)
    loaded: list[str] = []
    load = lab.store.load

    def note(key: str) -> Outcome:
        loaded.append(key)
        return load(key)

    monkeypatch.setattr(lab.store, "load", note)
    report = lab.execute(a, b, lab.unit("c", a), lab.unit("d", a))
    assert lab.ran == ["a", "b", "c", "d"]
    assert report.skipped == (a.unit.hash, b.unit.hash)
    assert loaded == [a.unit.hash]


def test_dependents_get_what_the_store_gives_back_interrupted_or_not(lab: Laboratory) -> None:
    a = lab.unit("a")
    lab.execute(a, lab.unit("b", a))
    assert lab.given["b"][a.unit.hash].record == {"pair": [1, 2]}


def test_a_dependency_may_be_finished_and_not_planned_but_not_unknown(lab: Laboratory) -> None:
    a = lab.unit("a")
    lab.execute(a)
    assert lab.execute(lab.unit("b", a)).exit_code == 0
    with pytest.raises(ValueError, match="not planned"):
        lab.execute(lab.unit("c", lab.unit("nowhere")))


def test_a_failed_unit_blocks_its_dependents_and_the_rest_goes_on(lab: Laboratory) -> None:
    bad = lab.unit("bad")
    lab.failing["bad"] = PhotographError("It is cut short.")
    child = lab.unit("child", bad)
    report = lab.execute(bad, child, lab.unit("grandchild", child), lab.unit("good"))
    assert lab.ran == ["bad", "good"]
    assert names(report.failed) == ["bad"]
    assert names(report.blocked) == ["child", "grandchild"]
    assert report.blocked[0].because == bad.unit.hash
    assert report.exit_code == 3
    (failure,) = lab.ledger.failures()
    assert failure.error == "PhotographError: It is cut short."
    assert failure.photograph == "bad.jpg"
    assert lab.ledger.totals().transmissions == 10
    assert lab.ledger.totals().queries == 4
    del lab.failing["bad"]
    assert lab.execute(bad, child).exit_code == 0
    assert lab.ledger.failures() == []
    assert lab.ledger.totals().transmissions == 20


@pytest.mark.parametrize(
    "error", [ObserverError("NaN."), PhotographError("No image."), InputError("Too large.")]
)
def test_where_nothing_at_all_could_be_measured_the_code_is_2(lab: Laboratory, error: Exception) -> None:
    lab.failing = {"a": error, "b": error}
    assert lab.execute(lab.unit("a"), lab.unit("b")).exit_code == 2
    assert lab.execute(lab.unit("a"), lab.unit("c")).exit_code == 3
    assert lab.execute(lab.unit("a"), lab.unit("c")).exit_code == 3, "what was measured before counts"


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (UnreachableError("Gone."), UnreachableError, 4),
        (BudgetError("Spent."), BudgetError, 3),
        (Cancelled("Stop."), Cancelled, 130),
        (KeyboardInterrupt(), Cancelled, 130),
        (RunFolderError("Full."), RunFolderError, 2),
    ],
)
def test_what_stops_the_run_keeps_what_was_measured(
    lab: Laboratory, error: BaseException, kind: type[Exception], code: int
) -> None:
    lab.failing["b"] = error
    plan = [lab.unit("a"), lab.unit("b"), lab.unit("c")]
    report = lab.execute(*plan)
    assert lab.ran == ["a", "b"]
    assert isinstance(report.stopped, kind)
    assert report.exit_code == code
    assert lab.store.finished() == {plan[0].unit.hash}
    assert lab.ledger.failures() == [], "an interrupted unit has not failed"
    assert lab.ledger.totals().transmissions == (5 if kind is RunFolderError else 10)
    lab.failing.clear()
    assert lab.execute(*plan).exit_code == 0
    assert lab.ran == ["a", "b", "b", "c"]


def test_a_budget_that_suffices_for_nothing_gives_2(lab: Laboratory) -> None:
    lab.failing["a"] = BudgetError("Spent.")
    assert lab.execute(lab.unit("a"), lab.unit("b")).exit_code == 2


def test_cancelling_ends_before_the_next_unit(lab: Laboratory) -> None:
    report = lab.execute(lab.unit("a"), lab.unit("b"), cancel=lambda: bool(lab.ran))
    assert lab.ran == ["a"]
    assert report.exit_code == 130
    everything_done = lab.execute(lab.unit("a"), cancel=lambda: True)
    assert everything_done.exit_code == 0


def test_a_mistake_in_the_program_is_not_hidden_and_loses_nothing(lab: Laboratory) -> None:
    lab.failing["b"] = ZeroDivisionError()
    a = lab.unit("a")
    with pytest.raises(ZeroDivisionError):
        lab.execute(a, lab.unit("b"))
    assert lab.store.finished() == {a.unit.hash}


def test_a_full_disk_stops_the_run_at_the_unit_that_does_not_fit(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = lab.store.save

    def full(key: str, unit: Unit, outcome: Outcome) -> Any:
        if unit.experiment == "b":
            raise RunFolderError("The disk is full.")
        return save(key, unit, outcome)

    monkeypatch.setattr(lab.store, "save", full)
    report = lab.execute(lab.unit("a"), lab.unit("b"), lab.unit("c"))
    assert lab.ran == ["a", "b"]
    assert isinstance(report.stopped, RunFolderError)
    assert report.exit_code == 2
    assert len(report.finished) == 1


def test_progress_tells_every_step(lab: Laboratory) -> None:
    a = lab.unit("a")
    lab.execute(a)
    bad = lab.unit("bad")
    lab.failing["bad"] = PhotographError("No.")
    seen: list[Progress] = []
    lab.execute(a, bad, lab.unit("child", bad), lab.unit("b"), on_progress=seen.append)
    assert [(step.unit.experiment, step.state) for step in seen] == [
        ("a", "skipped"),
        ("bad", "started"),
        ("bad", "failed"),
        ("child", "blocked"),
        ("b", "started"),
        ("b", "finished"),
    ]
    last = seen[-1]
    assert (last.total, last.finished, last.skipped, last.failed, last.blocked) == (4, 1, 1, 1, 1)


# -- the ledger -------------------------------------------------------------------------------------------


def overwrite(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def spoil_pages(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = b"\x7f" * (len(content) - 4096)
    path.write_bytes(bytes(content))


def other_tables(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE units (something TEXT)")
    connection.close()


@pytest.mark.parametrize("damage", [Path.unlink, empty, overwrite, cut, spoil_pages, other_tables])
def test_a_lost_or_damaged_ledger_is_made_anew_and_says_so(
    tmp_path: Path, damage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    lab = Laboratory(tmp_path)
    plan = [lab.unit(str(number)) for number in range(40)]
    lab.execute(*plan)
    before = lab.ledger.totals()
    lab.ledger.close()
    damage(tmp_path / "ledger.sqlite")
    with caplog.at_level(logging.WARNING):
        again = Laboratory(tmp_path)
    assert "lost or damaged: it is made anew" in caplog.text
    assert again.ledger.totals() == before
    again.ledger.close()


def test_a_healthy_ledger_is_opened_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lab = Laboratory(tmp_path)
    lab.execute(lab.unit("a"))
    lab.ledger.close()
    with caplog.at_level(logging.WARNING):
        Laboratory(tmp_path).ledger.close()
    assert caplog.text == ""


def test_the_chunks_are_the_truth(tmp_path: Path) -> None:
    lab = Laboratory(tmp_path)
    a, b = lab.unit("a"), lab.unit("b")
    lab.execute(a)
    lab.store.save(b.unit.hash, b.unit, Outcome(queries=7, transmissions=8))  # killed before it was noted
    (tmp_path / "chunks" / a.unit.hash[:2] / f"{a.unit.hash}.json").unlink()
    lab.ledger.close()
    with Ledger.open(tmp_path, RunStore(tmp_path)) as ledger:
        assert (ledger.totals().queries, ledger.totals().transmissions) == (7, 8)


def test_a_ledger_is_read_while_its_owner_works(tmp_path: Path) -> None:
    lab = Laboratory(tmp_path)
    sitting = lab.ledger.begin("deepception audit net.onnx \udcff.jpg")
    lab.execute(lab.unit("a"))
    with Ledger.read(tmp_path) as reader:
        assert reader.totals().queries == 4
        assert [entry.ended for entry in reader.sittings()] == [None]
        with pytest.raises(RunFolderError, match="readonly"):
            reader.begin("not mine")
    lab.ledger.end(sitting)
    with Ledger.read(tmp_path) as reader:
        assert reader.sittings()[0].ended is not None


def beside(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("ledger.sqlite*"))


def test_whoever_reads_leaves_nothing_beside_the_ledger(tmp_path: Path) -> None:
    lab = Laboratory(tmp_path)
    lab.execute(lab.unit("a"))
    with Ledger.read(tmp_path) as reader:  # what waits in the log is read, too
        assert reader.totals().queries == 4
    lab.ledger.close()
    assert beside(tmp_path) == ["ledger.sqlite"]
    for leftovers in (False, True):
        if leftovers:  # of a version that left them
            with closing(sqlite3.connect(f"file:{tmp_path}/ledger.sqlite?mode=ro", uri=True)) as base:
                base.execute("SELECT count(*) FROM units").fetchone()
        before = beside(tmp_path)
        with Ledger.read(tmp_path) as reader:
            assert reader.totals().queries == 4
            assert beside(tmp_path) == before
        assert beside(tmp_path) == before


def test_a_ledger_that_changes_as_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Laboratory(tmp_path)
    lab.ledger.close()
    looked = ledger_file._at_rest
    looks = []

    def meanwhile(path: Path) -> tuple[int, int] | None:
        looks.append(looked(path))
        if len(looks) == 1:  # somebody begins to work just then
            lab.ledger = Ledger.open(tmp_path, RunStore(tmp_path))
            lab.execute(lab.unit("a"))
        return looks[-1]

    monkeypatch.setattr(ledger_file, "_at_rest", meanwhile)
    with Ledger.read(tmp_path) as reader:
        assert reader.totals().queries == 4
    lab.ledger.close()


def test_a_ledger_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    remedy = "start the command that made the run again, which makes it anew"
    with pytest.raises(RunFolderError, match=rf"ledger\.sqlite in .* is missing: {remedy}"):
        Ledger.read(tmp_path)
    for content, why in ((b"no database" * 100, "cannot be read"), (b"", "is empty")):
        (tmp_path / "ledger.sqlite").write_bytes(content)
        with pytest.raises(RunFolderError, match=f"{why}.*: {remedy}"):
            Ledger.read(tmp_path)
    with pytest.raises(RunFolderError, match="cannot be used"):
        Ledger.open(tmp_path / "nowhere", RunStore(tmp_path / "nowhere"))


def test_a_ledger_on_a_full_disk_is_a_sentence(lab: Laboratory) -> None:
    lab.ledger._connection.execute("PRAGMA max_page_count = 1")
    with pytest.raises(RunFolderError, match="is full: free some space"):
        lab.ledger.begin("x" * 100_000)
