"""Packs: what is packed is there as it was, whatever dies, breaks or reads meanwhile."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command_line import environment
from deepception.errors import RunFolderError
from deepception.studies import (
    Outcome,
    PlannedUnit,
    RunSettings,
    RunStore,
    Unit,
    compact,
    execute,
    open_run,
)
from deepception.studies.files import sweep
from deepception.studies.keeping import compacting as compacting_module
from deepception.studies.keeping.compacting import write_pack
from deepception.studies.keeping.pack_file import HEADER, Found, scan
from deepception.studies.keeping.pack_index import (
    MOST,
    PackIndex,
    index_of,
    merged,
    read_index,
    to_merge,
)
from deepception.studies.keeping.packs import Packs

FEW = 3


def unit(number: int) -> Unit:
    return Unit("fake", "f" * 64, f"{number:064d}", f"{number}.png", 7, {"n": number}, 5)


def outcome(number: int, seconds: float = 1.0) -> Outcome:
    arrays = {"map": np.arange(4.0) + number} if number % 3 else {}
    return Outcome(arrays, {"number": number}, queries=number, seconds=seconds)


def fill(folder: Path, *numbers: int) -> RunStore:
    store = RunStore(folder)
    for number in numbers:
        store.save(unit(number).hash, unit(number), outcome(number))
    return store


def assert_holds(folder: Path, *numbers: int) -> None:
    """A new reader finds these units, no others, each as it was measured, and each once."""
    store = RunStore(folder)
    hashes = {unit(number).hash for number in numbers}
    assert store.finished() == hashes
    found = list(store.records(hashes))
    assert sorted(record["number"] for _, record in found) == sorted(numbers)
    for number in numbers:
        loaded = RunStore(folder).load(unit(number).hash)
        assert loaded.record == {"number": number}
        assert loaded.arrays.keys() == outcome(number).arrays.keys()
        assert all(np.array_equal(loaded.arrays[k], v) for k, v in outcome(number).arrays.items())
        assert store.has(unit(number).hash)
        assert store.describe(unit(number).hash).unit == unit(number)


def packed(folder: Path, suffix: str = ".pack") -> list[Path]:
    return sorted((folder / "chunks" / "packs").glob(f"*{suffix}"))


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


# -- packing ------------------------------------------------------------------------------------------------


def test_packed_units_are_read_as_they_were_saved(tmp_path: Path) -> None:
    store = fill(tmp_path, *range(10))
    before = {h: (store.describe(h), store.export(h)) for h in store.finished()}
    assert compact(store, 10) == 10
    assert store.loose() == []
    assert len(packed(tmp_path)) == len(packed(tmp_path, ".index")) == 1
    again = RunStore(tmp_path)
    assert {h: (again.describe(h), again.export(h)) for h in again.finished()} == before
    assert_holds(tmp_path, *range(10))
    assert compact(store, 10) == 0


def test_fewer_than_a_pack_needs_stay_loose(tmp_path: Path) -> None:
    store = fill(tmp_path, *range(4))
    assert compact(store, 5) == 0
    assert len(store.loose()) == 4
    assert packed(tmp_path) == []
    assert compact(RunStore(tmp_path / "nothing"), 5) == 0


def test_packs_are_closed_where_they_hold_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compacting_module, "ENOUGH", 1)
    store = fill(tmp_path, *range(8))
    assert compact(store, FEW) == 6  # the other two are too few for a pack
    assert len(packed(tmp_path)) == 2
    assert len(store.loose()) == 2
    assert_holds(tmp_path, *range(8))


def test_without_the_lease_nothing_is_packed_and_nothing_removed(tmp_path: Path) -> None:
    store = fill(tmp_path, *range(5))
    assert compact(store, FEW, held=lambda: False) == 0
    assert packed(tmp_path) == []
    answers = iter([True, False, False])
    assert compact(store, FEW, held=lambda: next(answers)) == 0
    assert len(store.loose()) == 5
    assert_holds(tmp_path, *range(5))
    assert compact(store, FEW) == 0  # they are packed already: only the loose ones go
    assert store.loose() == []
    assert len(packed(tmp_path)) == 1
    assert_holds(tmp_path, *range(5))


def test_a_unit_that_was_measured_again_wins_loose_and_packed(tmp_path: Path) -> None:
    store = fill(tmp_path, 0, 1, 2)
    compact(store, FEW)
    store.save(unit(1).hash, unit(1), outcome(1, seconds=9.0))
    assert RunStore(tmp_path).describe(unit(1).hash).seconds == 9.0
    fill(tmp_path, 3, 4)
    assert compact(store, FEW) == 3
    assert len(packed(tmp_path)) == 2
    assert RunStore(tmp_path).describe(unit(1).hash).seconds == 9.0
    assert_holds(tmp_path, *range(5))


def test_many_indexes_are_merged_and_a_large_one_is_left_alone(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    numbers = 40
    for number in range(0, numbers, 2):
        fill(tmp_path, number, number + 1)
        compact(store, 2)
        assert len(packed(tmp_path, ".index")) <= MOST + 4
    assert len(packed(tmp_path)) == numbers // 2
    assert len(packed(tmp_path, ".index")) < numbers // 4
    assert_holds(tmp_path, *range(numbers))
    assert to_merge([1_000_000, *[1000] * MOST]) == list(range(1, MOST + 1))
    assert to_merge([1000] * MOST) == []


@given(st.lists(st.sets(st.integers(0, 30), min_size=1), min_size=1, max_size=6), st.randoms())
@settings(max_examples=60, deadline=None)
def test_merged_indexes_find_what_each_of_them_finds(packs: list[set[int]], chance: random.Random) -> None:
    # Keys of zeros and of highest bytes: nothing of them may be taken for padding or for a sign.
    keys = [bytes([0 if n % 2 else 255]) * 31 + bytes([n % 5]) + b"" for n in range(10)]
    keys += [hashlib.sha256(bytes([n])).digest()[:30] + b"\0\0" for n in range(21)]
    indexes, newest = [], {}
    for number, members in enumerate(packs):
        name = f"{number:08d}-x"
        records = [Found(keys[n], 7 * n + number, n, n + 1) for n in members]
        chance.shuffle(records)
        indexes.append(index_of(name, 10**6, records))
        newest.update({record.key: (name, record) for record in records})
    chance.shuffle(indexes)
    whole = merged(indexes)
    assert len(whole) == len(newest)
    assert {key: list(whole.find(key)) for key in newest} == {key: [at] for key, at in newest.items()}
    rows = whole.where(np.array(keys, dtype="S32"))
    for key, row in zip(keys, rows, strict=True):
        assert (row < 0) if key not in newest else whole.at(int(row)) == newest[key]


def test_an_index_comes_back_from_the_disk(tmp_path: Path) -> None:
    records = [Found(hashlib.sha256(bytes([n])).digest(), n, 2, 3) for n in range(7)]
    first = index_of("00000001-a", 99, records)
    read = read_index(first.write(tmp_path))
    assert (read.names, read.sizes) == (first.names, first.sizes)
    assert all(np.array_equal(read.columns[name], column) for name, column in first.columns.items())
    empty = read_index(PackIndex((), (), {k: v[:0] for k, v in first.columns.items()}).write(tmp_path))
    assert len(empty) == 0
    assert list(empty.find(records[0].key)) == []
    assert empty.where(np.array([records[0].key])).tolist() == [-1]


def test_a_run_is_packed_under_its_lease_and_goes_on(tmp_path: Path) -> None:
    ran: list[int] = []

    def planned(number: int) -> PlannedUnit:
        def run(given: Mapping[str, Outcome]) -> Outcome:
            ran.append(number)
            return outcome(number)

        depends = (unit(number - 1).hash,) if number == 5 else ()
        return PlannedUnit(replace(unit(number), depends=depends), run)

    for numbers in (range(4), range(7)):
        with open_run(tmp_path, RunSettings(version="0", settings={}, seed=0)) as run:
            report = execute([planned(n) for n in numbers], run.store, ledger=run.ledger, claims=run.claims)
            assert report.exit_code == 0
            assert compact(run.store, FEW, held=lambda run=run: run.lease.held) in (3, 4)
            assert run.ledger.totals().queries == sum(numbers)
    assert ran == [*range(7)]
    assert len(RunStore(tmp_path).finished()) == 7
    assert RunStore(tmp_path).loose() == []


# -- damage -------------------------------------------------------------------------------------------------


def test_a_bit_of_a_unit_makes_only_that_unit_absent_and_it_is_measured_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    compact(fill(tmp_path, *range(6)), FEW)
    (pack,) = packed(tmp_path)
    original = pack.read_bytes()
    for record in scan(pack):
        number = next(n for n in range(6) if unit(n).hash == record.key.hex())
        for at in (record.offset, record.offset + 40, record.offset + HEADER + 9, record.end - 3):
            flip(pack, at)
            caplog.clear()
            store = RunStore(tmp_path)
            with pytest.raises(RunFolderError, match=r"damaged .*run the study again"):
                store.load(record.key.hex())
            assert "measures it again" in caplog.text
            # From here on it is absent in every process, and nothing else is.
            for reader in (store, RunStore(tmp_path)):
                assert not reader.has(record.key.hex())
                assert len(reader.finished()) == 5
                assert len(list(reader.records([unit(n).hash for n in range(6)]))) == 5
            fill(tmp_path, number)
            assert_holds(tmp_path, *range(6))
            pack.write_bytes(original)
            for path in (*packed(tmp_path, ".damaged"), *RunStore(tmp_path).loose_files(record.key.hex())):
                path.unlink()


def test_a_damaged_unit_that_was_measured_again_is_packed_again(tmp_path: Path) -> None:
    compact(fill(tmp_path, *range(3)), FEW)
    (pack,) = packed(tmp_path)
    flip(pack, next(scan(pack)).offset + HEADER + 5)
    store = RunStore(tmp_path)
    lost = [
        n
        for n in range(3)
        if unit(n).hash not in {h for h, _ in store.records([unit(n).hash for n in range(3)])}
    ]
    assert len(lost) == 1
    compact(fill(tmp_path, *lost, 3, 4), FEW)
    assert RunStore(tmp_path).loose() == []
    assert_holds(tmp_path, *range(5))
    for number in range(5, 5 + 2 * MOST):  # through merges of its indexes too
        compact(fill(tmp_path, number), 1)
    assert_holds(tmp_path, *range(5 + 2 * MOST))


@pytest.mark.parametrize("damage", ["lost", "flipped", "cut", "emptied", "another's"])
def test_an_index_that_is_damaged_or_lost_is_made_again(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = fill(tmp_path, *range(8))
    compact(store, FEW)
    (index,) = packed(tmp_path, ".index")
    content = index.read_bytes()
    index.unlink()
    if damage != "lost":
        spoilt = {
            "flipped": content[:-9] + bytes([content[-9] ^ 4]) + content[-8:],
            "cut": content[:-30],
            "emptied": b"",
            "another's": b"x" * 500,
        }
        index.write_bytes(spoilt[damage])
    assert_holds(tmp_path, *range(8))
    assert ("made again" in caplog.text) == (damage != "lost")
    assert compact(RunStore(tmp_path), FEW) == 0
    (anew,) = packed(tmp_path, ".index")
    assert anew != index
    assert read_index(anew).columns["keys"].tobytes() == read_index_of(content, tmp_path / "old").tobytes()
    assert_holds(tmp_path, *range(8))


def read_index_of(content: bytes, path: Path) -> Any:
    path.write_bytes(content)
    return read_index(path).columns["keys"]


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_of_a_pack_that_is_cut_short_all_whole_units_count(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    compact(fill(folder, *range(4)), 1)
    (pack,) = packed(folder)
    records = list(scan(pack))
    size = data.draw(st.integers(0, pack.stat().st_size))
    os.truncate(pack, size)
    whole = {record.key.hex() for record in records if record.end <= size}
    assert RunStore(folder).finished() == whole  # with its index
    for index in packed(folder, ".index"):
        index.unlink()
    assert RunStore(folder).finished() == whole  # and without
    assert {h for h, _ in RunStore(folder).records([r.key.hex() for r in records])} == whole


def test_a_damaged_header_loses_its_unit_alone_where_the_index_is_lost_too(tmp_path: Path) -> None:
    compact(fill(tmp_path, *range(5)), 1)
    (pack,) = packed(tmp_path)
    second = list(scan(pack))[1]
    flip(pack, second.offset + 70)
    packed(tmp_path, ".index")[0].unlink()
    assert RunStore(tmp_path).finished() == {unit(n).hash for n in range(5)} - {second.key.hex()}


def test_a_pack_that_is_gone_takes_only_its_own_units_with_it(tmp_path: Path) -> None:
    store = fill(tmp_path, 0, 1)
    compact(store, 1)
    compact(fill(tmp_path, 2, 3), 1)
    packed(tmp_path)[0].unlink()
    assert_holds(tmp_path, 2, 3)
    with pytest.raises(RunFolderError, match="holds no result"):
        RunStore(tmp_path).load(unit(0).hash)
    with pytest.raises(RunFolderError, match=r"damaged .*run the study again"):
        store.load(unit(0).hash)  # which knew it before


def test_a_pack_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    compact(fill(tmp_path, 0), 1)
    (pack,) = packed(tmp_path)
    pack.write_bytes(pack.read_bytes().replace(b"deepception pack 1", b"deepception pack 2", 1))
    packed(tmp_path, ".index")[0].unlink()
    with pytest.raises(RunFolderError, match="newer version"):
        RunStore(tmp_path).finished()


def test_the_litter_of_others_does_no_harm(tmp_path: Path) -> None:
    compact(fill(tmp_path, 0, 1), 1)
    for name in ("note.txt", "x.damaged", ".hidden.index", ".half.pack"):
        (tmp_path / "chunks" / "packs" / name).write_bytes(b"litter")
    assert_holds(tmp_path, 0, 1)
    damaged = tmp_path / "chunks" / "packs" / "mine.pack"
    damaged.write_bytes(b"litter")
    compact(fill(tmp_path, 2), 1)
    assert_holds(tmp_path, 0, 1, 2)


# -- dying --------------------------------------------------------------------------------------------------

STEPS = ("fsync", "replace", "unlink", "open")


def count_steps(monkeypatch: pytest.MonkeyPatch, at: int, stop: Callable[[], None]) -> None:
    """Whatever compacting does to the disk is counted, and ``stop`` is called instead of one of these steps."""
    seen = iter(range(10**6))

    def counted(name: str) -> Any:
        real = getattr(os, name)

        def step(*given: Any, **options: Any) -> Any:
            if next(seen) == at:
                stop()
            return real(*given, **options)

        return step

    for name in STEPS:
        monkeypatch.setattr(os, name, counted(name))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it needs fork")
def test_killed_before_any_step_nothing_is_lost_or_counted_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child process dies at once, with all that it has open, before each of its steps in turn."""
    for at in range(200):
        folder = tmp_path / str(at)
        compact(fill(folder, 0, 1, 2), FEW)
        fill(folder, *range(2, 7))  # of which one is packed already
        child = os.fork()
        if child == 0:
            with monkeypatch.context() as patched:
                count_steps(patched, at, lambda: os._exit(9))
                compact(RunStore(folder), FEW)
            os._exit(0)
        died = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        assert_holds(folder, *range(7))
        sweep(folder)
        compact(RunStore(folder), FEW)
        assert_holds(folder, *range(7))
        left = {path.suffix for path in (folder / "chunks").rglob("*") if path.is_file()}
        assert left <= {".pack", ".index"}, "litter is left"
        if not died:
            break
    assert at > 15


@pytest.mark.parametrize("number", [28, 13, 5])
def test_what_the_disk_refuses_is_one_sentence_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    refused = 0
    for at in range(12):
        folder = tmp_path / str(at)
        store = fill(folder, *range(5))

        def refuse() -> None:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patched:
            count_steps(patched, at, refuse)
            try:
                compact(store, FEW)
            except RunFolderError:
                refused += 1
        assert_holds(folder, *range(5))
        assert not list(folder.rglob("*.tmp"))
        assert compact(store, FEW) in (0, 5)
        assert store.loose() == []
        assert_holds(folder, *range(5))
    assert refused >= 4


CHURN = """
import sys
from test_studies_packs import fill, outcome, unit
from deepception.studies import compact
number = int(sys.argv[2])
while True:
    store = fill(__import__("pathlib").Path(sys.argv[1]), number)
    print(number, flush=True)
    number += 1
    if number % 3 == 0:
        compact(store, 2)
"""


def test_killed_at_random_moments_nothing_that_was_saved_is_lost(tmp_path: Path) -> None:
    chance = random.Random(4)
    told = 0
    for _ in range(5):
        child = subprocess.Popen(
            [sys.executable, "-c", CHURN, str(tmp_path / "run"), str(told)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment(Path(__file__).parent),
        )
        assert child.stdout is not None
        told = int(child.stdout.readline()) + 1
        time.sleep(chance.uniform(0.05, 0.3))
        child.send_signal(signal.SIGKILL)
        lines = child.communicate()[0].split()
        told = max([told, *(int(line) + 1 for line in lines)])
        found = RunStore(tmp_path / "run").finished()
        assert {unit(n).hash for n in range(told)} <= found
        assert found <= {unit(n).hash for n in range(told + 1)}  # it may not have told the last one any more
        told = len(found)
    assert told > 6
    assert packed(tmp_path / "run")
    assert_holds(tmp_path / "run", *range(told))


# -- readers ------------------------------------------------------------------------------------------------


def test_a_reader_finds_what_is_packed_behind_its_back(tmp_path: Path) -> None:
    fill(tmp_path, *range(6))
    early = RunStore(tmp_path)
    assert early.has(unit(0).hash)
    assert not early.has(unit(9).hash)
    compact(RunStore(tmp_path), FEW)
    assert early.has(unit(5).hash)
    assert early.load(unit(4).hash).record == {"number": 4}
    compact(fill(tmp_path, 9, 10, 11), FEW)
    assert early.has(unit(9).hash)
    assert len(early.finished()) == 9


def test_a_reader_never_misses_a_unit_while_others_pack(tmp_path: Path) -> None:
    """Before each step of a compaction another store reads all units, and reads them right."""
    store = fill(tmp_path, *range(5))
    reader = RunStore(tmp_path)
    looks = iter(range(10**6))
    busy = []

    def look() -> None:
        if busy:
            return
        busy.append(True)
        number = next(looks) % 5
        assert reader.load(unit(number).hash).record == {"number": number}
        assert RunStore(tmp_path).has(unit(number).hash)
        assert len(reader.finished()) == 5
        busy.clear()

    with pytest.MonkeyPatch.context() as patched:
        for name in STEPS:
            real = getattr(os, name)

            def step(*given: Any, _real: Any = real, **options: Any) -> Any:
                look()
                return _real(*given, **options)

            patched.setattr(os, name, step)
        compact(store, FEW)
    assert next(looks) > 10


def test_two_who_both_believe_to_have_the_lease_lose_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One packs in the middle of the other's packing, before each of its steps in turn."""
    for at in range(60):
        folder = tmp_path / str(at)
        store = fill(folder, *range(4))
        done = []

        def intrude(folder: Path = folder, done: list[int] = done) -> None:
            done.append(1)
            compact(RunStore(folder), 2)

        with monkeypatch.context() as patched:
            count_steps(patched, at, intrude)
            compact(store, 2)
        assert_holds(folder, *range(4))
        compact(RunStore(folder), 2)
        assert_holds(folder, *range(4))
        if not done:
            break
    assert at > 8


def test_counting_reads_no_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packs = Packs(tmp_path / "chunks" / "packs")
    numbers = 5000
    keys = [hashlib.sha256(b"%d" % n).digest() for n in range(numbers)]
    write_pack(packs, ((key, b"{}", b"") for key in keys))
    monkeypatch.setattr(Packs, "_opened", None)
    store = RunStore(tmp_path)
    assert store.finished() == {key.hex() for key in keys}
    assert all(store.has(key.hex()) for key in keys)
    assert not store.has("0" * 64)


def test_the_record_in_a_pack_is_the_chunk_byte_by_byte(tmp_path: Path) -> None:
    store = fill(tmp_path, 1)
    text = store.loose_files(unit(1).hash)[1].read_bytes()
    compact(store, 1)
    assert text in packed(tmp_path)[0].read_bytes()
    assert json.loads(text)["record"] == {"number": 1}
