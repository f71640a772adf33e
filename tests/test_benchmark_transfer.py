"""What the deception benchmark learns once and shows elsewhere, and the method with parts taken away."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.deception import transfer
from benchmarks.deception.keeping import Unit
from benchmarks.deception.methods import METHODS, ablations
from benchmarks.deception.patterns import keep_pattern, read_pattern
from benchmarks.deception.running import Plan
from benchmarks.deception.transfer import AREAS, OTHERS, SHUFFLED, Transfer, left_out
from benchmarks.deception.transfer_rows import read_row, read_rows
from numpy.typing import NDArray

from deepception.deceive.bounds import Area, Linf
from deepception.deceive.dictionary import Dictionary
from deepception.deceive.goals import Untargeted
from deepception.deceive.stencils import Stencil
from deepception.deceive.tiles import tiles_within
from deepception.sessions import Session
from known import Known, picture
from onnx_models import linear

SIDE = 24
VEIL = Linf(8 / 255)


def brightness(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Class 1 where the picture is brighter than mid grey in red, else class 0."""
    red = images[..., 0].mean(axis=(1, 2))
    return np.stack([np.zeros(len(red)), red - 128, np.full(len(red), -50.0)], axis=1)


def frame(red: int, blue: int) -> NDArray[np.uint8]:
    made = picture(SIDE, 3)
    made[..., 0], made[..., 2] = red, blue
    return made


def test_patterns_are_small_files_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    family = tiles_within(VEIL)
    texture = family.draw(np.random.default_rng(0))
    unit = Unit("tiny", "universal-veil-10", "ours_universal", 2)
    keep_pattern(tmp_path, unit, "f", VEIL, {"tile": family.to_json(texture), "queries": 7})
    path = tmp_path / "patterns" / unit.file
    assert path.stat().st_size < 2_000
    kept = read_pattern(path, VEIL)
    assert (kept.learned_on, kept.seed, kept.queries) == (("tiny",), 2, 7)
    assert kept.motif == texture
    assert kept.digest == read_pattern(path, VEIL).digest
    path.write_text(json.dumps({"tile": {**family.to_json(texture), "side": -1}}), encoding="utf-8")
    with pytest.raises(SystemExit, match="holds no pattern"):
        read_pattern(path, VEIL)


# --- showing elsewhere ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tiny networks of different frames, and photographs of all splits."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("data")
    (folder / "models").mkdir()
    (folder / "photos").mkdir()
    for name, side, seed in (("a", SIDE, 0), ("b", SIDE + 8, 1)):
        matrix = np.random.default_rng(seed).normal(size=(3, 20)).astype(np.float32) / 8
        linear(folder / "models" / f"{name}.onnx", classes=20, side=side, matrix=matrix)
    rows = ["file,index,wnid,name"]
    for index in range(0, 20, 2):
        pixels = np.random.default_rng(index).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "photos" / f"{index}.png")
        rows.append(f"{index}.png,{index},n{index},name {index}")
    (folder / "photos" / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def planned(data: Path, folder: Path, **more: Any) -> Transfer:
    plan = Plan(data, folder, folder / "learned", ("a", "b"), (), seeds=1, threads=1)
    return Transfer(replace(plan, **more), teachers=("a", "b"), held_out=("a",), queries=120)


def known_pattern(folder: Path, network: str, seed: int) -> None:
    bound = transfer.BOUNDS["veil-10"]
    family = tiles_within(bound)
    motif = family.draw(np.random.default_rng(seed))
    unit = Unit(network, "universal-veil-10-alone", "ours_universal_alone", 0)
    (folder / "patterns" / unit.file).unlink(missing_ok=True)
    keep_pattern(folder, unit, "f", bound, {"tile": family.to_json(motif), "queries": 7})


def test_rows_are_shown_to_all_and_not_twice(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known_pattern(tmp_path, "a", 0)
    made = planned(data, tmp_path)
    learning, showing = made.price()
    assert learning == 120
    dictionaries = len(AREAS) * 10  # eight networks, all others, no order
    assert showing == 2 * 5 * (1 + dictionaries * 12)
    made.show_price()
    assert "veil-10 waits for the patterns of b" in capsys.readouterr().err
    made.run()
    rows = {(row.what, row.learned_on): row for row in read_rows(tmp_path)}
    assert len(rows) == 2 + dictionaries
    assert ("veil-10", left_out("a")) in rows
    assert {OTHERS, SHUFFLED, "googlenet_bvlc_224"} < {name for what, name in rows if what == "dictionary-5"}
    for row in rows.values():
        assert set(row.columns) == {"a", "b"}
        assert all(column.index == (2, 6, 10, 14, 18) for column in row.columns.values())
        most = 12 if row.what in AREAS else 1
        assert all(one is None or 1 <= one <= most for c in row.columns.values() for one in c.first)
    assert made.price() == (0, 0)
    files = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
    capsys.readouterr()
    made.run()
    assert "shown to" not in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.json")} == files


def test_a_row_of_another_pattern_or_split_is_begun_anew(data: Path, tmp_path: Path) -> None:
    known_pattern(tmp_path, "a", 0)
    made = planned(data, tmp_path)
    made.run()
    known_pattern(tmp_path, "a", 5)
    assert made.price() == (0, 2 * 5)  # this row alone, on both networks
    assert planned(data, tmp_path, split="develop").price()[1] > 0


def test_time_stops_between_columns_and_the_rest_follows(data: Path, tmp_path: Path) -> None:
    known_pattern(tmp_path, "a", 0)
    planned(data, tmp_path, minutes=1e-9).run()
    assert read_rows(tmp_path) == []
    planned(data, tmp_path, networks=("b",)).run()
    assert {network for row in read_rows(tmp_path) for network in row.columns} == {"b"}
    planned(data, tmp_path).run()
    assert all(set(row.columns) == {"a", "b"} for row in read_rows(tmp_path))


def test_other_files_are_no_rows(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}", encoding="utf-8")
    with pytest.raises(SystemExit, match="holds no transfer"):
        read_row(tmp_path / "x.json")


# --- ablations --------------------------------------------------------------------------------------------------

PARTS = ("without_places", "without_order", "without_contents", "without_repetition", "without_pruning")


@pytest.mark.parametrize("name", PARTS)
def test_a_method_without_a_part_still_counts_and_finds(name: str) -> None:
    outcomes = []
    for _ in range(2):
        session = Session(Known(brightness, SIDE, 3), batch_size=4)
        outcome = METHODS[name].attack()(
            session, frame(122, 0), Untargeted(0, 0), Area(0.1), 400, np.random.default_rng(3)
        )
        assert outcome.total == session.queries <= 400
        outcomes.append(outcome)
    assert outcomes[0] == outcomes[1]
    assert outcomes[0].first is not None
    assert outcomes[0].used is not None
    assert outcomes[0].used <= Area(0.1).limit((SIDE, SIDE))
    failed = METHODS[name].attack()(
        Session(Known(brightness, SIDE, 3), batch_size=4),
        frame(20, 0),
        Untargeted(0, 0),
        Area(0.1),
        30,
        np.random.default_rng(3),
    )
    assert (failed.first, failed.total) == (None, 30)


def test_without_repetition_all_lies_in_one_square() -> None:
    boxes = []

    def watching(images: NDArray[np.uint8]) -> NDArray[np.float64]:
        for image in images:
            y, x = np.nonzero((image != clean).any(axis=2))
            boxes.append((np.ptp(y) + 1, np.ptp(x) + 1) if len(y) else (0, 0))
        return brightness(images)

    clean = frame(100, 0)
    session = Session(Known(watching, SIDE, 3), batch_size=4)
    bound = Area(0.1)
    METHODS["without_repetition"].attack()(
        session, clean, Untargeted(0, 0), bound, 120, np.random.default_rng(0)
    )
    assert len(boxes) >= 120
    sides = ablations.square_of(bound.limit((SIDE, SIDE)), (SIDE, SIDE))
    assert all(height <= sides[0] and width <= sides[1] for height, width in boxes)
    assert max(boxes) == sides


def test_dictionaries_lose_one_part_and_keep_the_others() -> None:
    stencils = tuple(
        Stencil("dots", 1, 4.0 + i, (0.0, 0.0), 5, (0.1, 0.9), 1.0, "contrast") for i in range(20)
    )
    whole = Dictionary(stencils)
    rng = np.random.default_rng(0)
    moved = ablations._moved(whole, rng).stencils
    assert all(
        replace(m, centre=s.centre, phase=s.phase) == s != m for m, s in zip(moved, stencils, strict=True)
    )
    shuffled = ablations._shuffled(whole, rng).stencils
    assert shuffled != stencils
    assert set(shuffled) == set(stencils)
    painted = ablations._repainted(whole, rng).stencils
    assert all(replace(p, content=s.content) == s for p, s in zip(painted, stencils, strict=True))
    assert len({p.content for p in painted}) > 4
