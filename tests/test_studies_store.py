"""Units, chunks and the disk: what is saved is there, whole, or counts as not there."""

from __future__ import annotations

import errno
import json
import logging
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from deepception.errors import RunFolderError
from deepception.studies import Outcome, PlannedUnit, RunSettings, RunStore, Unit, execute, open_run
from deepception.studies.canonical import canonical_json
from deepception.studies.keeping.npz import pack, unpack

UNIT = Unit("local", "f" * 64, "a" * 64, "cat.jpg", 281, {"grid": [7, 7], "canvas": "grey"}, 3, (), 1)


def changed(**fields: Any) -> Unit:
    return Unit.from_json({**UNIT.to_json(), **fields})


def outcome(seed: int = 0) -> Outcome:
    noise = np.random.default_rng(seed)
    arrays: dict[str, NDArray[Any]] = {
        "map": noise.normal(size=(7, 7)),
        "shown": noise.integers(0, 256, (4, 5, 3), dtype=np.uint8),
        "nothing": np.zeros((0, 3), np.float32),
        "scalar": np.array(1.5),
    }
    return Outcome(arrays, {"range": 0.1 + 0.2, "names": ["a", "ü"], "unknown": None}, 60, 64, 1.25)


def paths(folder: Path, unit: Unit) -> tuple[Path, Path]:
    stem = folder / "chunks" / unit.hash[:2] / unit.hash
    return stem.with_suffix(".npz"), stem.with_suffix(".json")


# -- identity ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"experiment": "spatial"},
        {"observer": "e" * 64},
        {"photograph": None},
        {"label": None},
        {"parameters": {"grid": [7, 8], "canvas": "grey"}},
        {"seed": 4},
        {"depends": ("b" * 64,)},
        {"schema": 2},
    ],
)
def test_all_that_may_change_a_result_changes_the_hash(fields: dict[str, Any]) -> None:
    assert changed(**fields).hash != UNIT.hash


def test_a_name_and_the_order_of_parameters_do_not_change_the_hash() -> None:
    assert changed(photograph_name="other.jpg").hash == UNIT.hash
    assert changed(parameters={"canvas": "grey", "grid": (7, 7)}).hash == UNIT.hash


def test_a_unit_survives_json() -> None:
    read = Unit.from_json(json.loads(json.dumps(UNIT.to_json())))
    assert read == UNIT
    assert read.hash == UNIT.hash
    assert len({read, UNIT}) == 1


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), {1: 2}, {"a": {3: 1}}, {"a": np.float32(1)}, {1, 2}]
)
def test_what_is_not_plain_json_has_no_canonical_form(value: Any) -> None:
    with pytest.raises(ValueError, match="plain JSON"):
        canonical_json(value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_canonical_json_reads_back_and_does_not_depend_on_order(value: Any) -> None:
    text = canonical_json(value)
    assert canonical_json(json.loads(text)) == text
    if isinstance(value, dict):
        assert canonical_json(dict(reversed(value.items()))) == text


@pytest.mark.parametrize(
    "fields",
    [
        {"arrays": {"a/b": np.zeros(1)}},
        {"arrays": {"a": np.array([object()])}},
        {"arrays": {"a": [1, 2]}},
        {"record": {"p": float("nan")}},
        {"queries": -1},
    ],
)
def test_an_outcome_that_could_not_be_kept_is_refused_at_once(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"array|JSON|negative"):
        Outcome(**fields)


# -- arrays -----------------------------------------------------------------------------------------------


def test_equal_arrays_give_equal_bytes_whenever_and_however_laid_out(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.arange(24.0).reshape(4, 6)
    first = pack({"b": image, "a": np.array(3)})
    tomorrow = time.time() + 86400
    monkeypatch.setattr(time, "time", lambda: tomorrow)
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(tomorrow))
    assert pack({"a": np.array(3), "b": np.asfortranarray(image)}) == first
    assert pack({"a": np.array(3), "b": image + 1}) != first


def test_arrays_come_back_bit_for_bit() -> None:
    arrays = {**outcome().arrays, "strange": np.array([np.nan, -0.0, np.inf, 5e-324])}
    back = unpack(pack(arrays))
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype
        assert back[name].shape == array.shape
        assert back[name].tobytes() == array.tobytes()
    assert unpack(pack({})) == {}


def test_nothing_is_unpickled() -> None:
    with pytest.raises(ValueError, match="pickle"):
        pack({"a": np.array([{}], dtype=object)})
    with pytest.raises(ValueError, match="archive"):
        unpack(b"PK\x03\x04 no archive")


# -- chunks -----------------------------------------------------------------------------------------------


def test_a_saved_outcome_is_loaded_as_it_was(tmp_path: Path) -> None:
    assert not RunStore(tmp_path).has(UNIT.hash)
    written = RunStore(tmp_path).save(UNIT.hash, UNIT, outcome())
    store = RunStore(tmp_path)
    assert store.finished() == {UNIT.hash}
    loaded = store.load(UNIT.hash)
    assert loaded.record == outcome().record
    assert (loaded.queries, loaded.transmissions, loaded.seconds) == (60, 64, 1.25)
    assert all(np.array_equal(loaded.arrays[name], array) for name, array in outcome().arrays.items())
    assert store.describe(UNIT.hash) == written
    assert written.unit == UNIT


def test_the_content_digest_is_that_of_the_results_not_of_the_cost(tmp_path: Path) -> None:
    def content(name: str, result: Outcome) -> str:
        return RunStore(tmp_path / name).save(UNIT.hash, UNIT, result).content

    first = content("a", outcome())
    same = outcome()
    assert content("b", Outcome(same.arrays, same.record, same.queries, 99, 7.0)) == first
    assert content("c", outcome(seed=1)) != first
    assert content("d", Outcome(same.arrays, {**same.record, "range": 0.3}, same.queries)) != first
    assert paths(tmp_path / "a", UNIT)[0].read_bytes() == paths(tmp_path / "b", UNIT)[0].read_bytes()


def spoil_json(change: dict[str, Any]) -> Any:
    def spoil(npz: Path, mark: Path) -> None:
        mark.write_text(json.dumps({**json.loads(mark.read_text()), **change}))

    return spoil


DAMAGES = {
    "arrays cut short": lambda npz, mark: npz.write_bytes(npz.read_bytes()[:-20]),
    "arrays emptied": lambda npz, mark: npz.write_bytes(b""),
    "one bit of the arrays": lambda npz, mark: npz.write_bytes(
        npz.read_bytes()[:200] + bytes([npz.read_bytes()[200] ^ 1]) + npz.read_bytes()[201:]
    ),
    "arrays missing": lambda npz, mark: npz.unlink(),
    "record cut short": lambda npz, mark: mark.write_bytes(mark.read_bytes()[:100]),
    "record emptied": lambda npz, mark: mark.write_bytes(b""),
    "record no text": lambda npz, mark: mark.write_bytes(b"\xff\xfe\x00"),
    "record a list": lambda npz, mark: mark.write_text("[1]"),
    "record altered": spoil_json({"queries": 61}),
    "record with NaN": spoil_json({"record": {"p": float("nan")}}),
    "another unit's": spoil_json({"hash": "0" * 64}),
    "cost missing": spoil_json({"cost": None}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_chunk_counts_as_absent_is_told_and_can_be_replaced(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    RunStore(tmp_path).save(UNIT.hash, UNIT, outcome())
    DAMAGES[damage](*paths(tmp_path, UNIT))
    store = RunStore(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert not store.has(UNIT.hash)
    assert "measures it again" in caplog.text
    assert store.finished() == set()
    with pytest.raises(RunFolderError, match=r"damaged .*run the study again"):
        store.load(UNIT.hash)
    store.save(UNIT.hash, UNIT, outcome())
    assert RunStore(tmp_path).finished() == {UNIT.hash}


def test_a_chunk_of_a_newer_version_is_not_overwritten_but_refused(tmp_path: Path) -> None:
    RunStore(tmp_path).save(UNIT.hash, UNIT, outcome())
    spoil_json({"chunk": 99})(*paths(tmp_path, UNIT))
    with pytest.raises(RunFolderError, match="newer version"):
        RunStore(tmp_path).has(UNIT.hash)


def test_what_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no result of the unit"):
        RunStore(tmp_path).load(UNIT.hash)
    with pytest.raises(ValueError, match="not that of the unit"):
        RunStore(tmp_path).save("0" * 64, UNIT, outcome())


# -- the disk ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "is full: free some space"),
        (errno.EDQUOT, "is full: free some space"),
        (errno.EROFS, "read-only file system.*name another folder"),
        (errno.EACCES, "permission denied.*change its permissions"),
        (errno.EIO, "cannot be used as a run folder"),
    ],
)
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_what_the_disk_answers_is_one_sentence_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, sentence: str, step: str
) -> None:
    store = RunStore(tmp_path)
    store.save(UNIT.hash, UNIT, outcome())
    other = changed(seed=9)

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, step, refuse)
        with pytest.raises(RunFolderError, match=sentence) as caught:
            store.save(other.hash, other, outcome())
    assert caught.value.exit_code == 2
    assert RunStore(tmp_path).finished() == {UNIT.hash}
    assert not list(tmp_path.rglob("*.tmp"))
    store.save(other.hash, other, outcome())
    assert RunStore(tmp_path).finished() == {UNIT.hash, other.hash}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own of 1 MB, where this machine lets us mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        done = False
    if not done:
        pytest.skip("a small disk can only be mounted by root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_on_a_disk_that_is_really_full_what_was_measured_is_kept(small_disk: Path) -> None:
    store = RunStore(small_disk)
    units = [changed(seed=seed) for seed in range(20)]
    saved = set()
    with pytest.raises(RunFolderError, match="is full"):  # noqa: PT012 - which of them fails is the disk's choice
        for unit in units:
            store.save(unit.hash, unit, Outcome({"a": np.full(20_000, float(unit.seed))}))
            saved.add(unit.hash)
    assert 2 <= len(saved) < 20
    assert RunStore(small_disk).finished() == saved
    for unit in units[: len(saved)]:
        assert store.load(unit.hash).arrays["a"][0] == unit.seed


def test_a_run_on_a_disk_that_fills_up_stops_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    settings = RunSettings(version="0", settings={}, seed=0)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 750_000)
    ran = []

    def planned(seed: int) -> PlannedUnit:
        def run(_: object) -> Outcome:
            ran.append(seed)
            return Outcome({"a": np.full(1000, float(seed))}, queries=1)

        return PlannedUnit(changed(seed=seed), run)

    plan = [planned(seed) for seed in range(12)]
    folder = small_disk / "run"
    try:
        with open_run(folder, settings) as opened:
            report = execute(plan, opened.store, ledger=opened.ledger)
            assert isinstance(report.stopped, RunFolderError)
            raise report.stopped
    except RunFolderError as error:
        assert "is full" in str(error)  # noqa: PT017 - closing the ledger on the full disk may say it too
    kept = RunStore(folder).finished()
    assert 0 < len(kept) < 12
    ballast.unlink()
    before = len(ran)
    with open_run(folder, settings) as opened:
        assert execute(plan, opened.store, ledger=opened.ledger).exit_code == 0
        assert opened.ledger.totals().queries == 12
    assert len(ran) - before == 12 - len(kept)


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot be used as a run folder"):
        RunStore(tmp_path / "file" / "run").save(UNIT.hash, UNIT, outcome())
