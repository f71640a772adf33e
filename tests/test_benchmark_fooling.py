"""The benchmark of fooling images: resuming by the class, fair counting, and its section of the page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.deception.fooling import CLASSES, Fooling, drawn_classes
from benchmarks.deception.fooling_page import fooling_rates, fooling_section
from benchmarks.deception.fooling_rows import METHODS, OURS, PLAIN, SCRAMBLED, Made, Rows, read_made, read_one
from benchmarks.deception.running import Plan
from PIL import Image

from onnx_models import linear

SIDE, TINY_CLASSES, QUERIES = 24, 20, 100


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network and photographs, two of them of the learn split."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "models").mkdir()
    (folder / "photos").mkdir()
    turns = np.linspace(0, 2 * np.pi, TINY_CLASSES, endpoint=False)
    matrix = (100 * np.stack([np.cos(turns), np.sin(turns), 0 * turns])).astype(
        np.float32
    )  # each has its hue
    linear(folder / "models" / "tiny.onnx", classes=TINY_CLASSES, side=SIDE, matrix=matrix)
    rows = ["file,index"]
    for index in (0, 2, 4, 8):
        pixels = np.random.default_rng(index).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "photos" / f"{index}.png")
        rows.append(f"{index}.png,{index}")
    (folder / "photos" / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def fooling(data: Path, folder: Path, **more: Any) -> Fooling:
    given = {"seeds": 1, "limit": 3, "threads": 1, "most": QUERIES, **more}
    return Fooling(Plan(data, folder, folder / "learned", ("tiny",), (), **given), ("tiny",), TINY_CLASSES)


def test_forty_classes_are_drawn_once_for_all() -> None:
    classes = drawn_classes()
    assert len(set(classes)) == len(classes) == CLASSES == 40
    assert drawn_classes(3) == classes[:3]
    assert max(classes) < 1000


def test_it_goes_on_at_the_class_and_gives_the_same(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pieces, whole = tmp_path / "pieces", tmp_path / "whole"
    fooling(data, pieces).show_price()
    assert f"at most {3 * 3 * QUERIES:,} queries (9 images)" in capsys.readouterr().err
    fooling(data, pieces, limit=1).run()
    first = {path.name: read_one(path).made for path in (pieces / "fooling").iterdir()}
    assert [len(made) for made in first.values()] == [1, 1, 1]
    fooling(data, pieces).show_price()
    assert f"at most {2 * 3 * QUERIES:,} queries (6 images)" in capsys.readouterr().err
    fooling(data, pieces).run()
    fooling(data, whole).run()
    made = read_made(whole)
    assert {(rows.method, len(rows.made)) for rows in made} == {(method, 3) for method in METHODS}
    assert [rows.made for rows in made] == [rows.made for rows in read_made(pieces)]
    for rows in made:
        assert rows.facts["photographs"] == 2  # the learn split alone
        assert (rows.learning > 0) == (rows.method != PLAIN)
        for target, one in rows.made.items():
            assert 0 < one.total <= QUERIES
            assert (one.first is not None) == (one.p is not None and one.p >= 0.9 and one.top1 == target)
            if one.first is not None:
                assert one.first_top1 is not None
                assert one.first_top1 <= one.first < one.total
    assert any(one.first is not None for rows in made for one in rows.made.values())
    fooling(data, whole).run()  # nothing is left
    assert [rows.made for rows in read_made(whole)] == [rows.made for rows in made]


def test_no_time_stops_it_and_other_facts_are_not_mixed(data: Path, tmp_path: Path) -> None:
    fooling(data, tmp_path, minutes=0.0).run()
    assert read_made(tmp_path) == []
    fooling(data, tmp_path, limit=1, methods=(OURS,)).run()
    assert [rows.method for rows in read_made(tmp_path)] == [OURS]
    with pytest.raises(SystemExit, match="another queries"):
        fooling(data, tmp_path, most=9).run()
    (tmp_path / "fooling" / "x.json").write_text("{}")
    with pytest.raises(SystemExit, match="no fooling images"):
        read_made(tmp_path)


def planted() -> list[Rows]:
    """Twenty classes: ours reaches 15 (class c at query 100 + c) and answers 18, the control reaches 5."""
    ours = {
        c: Made(
            100 + c if c < 15 else None,
            10 + c if c < 18 else None,
            0.95 if c < 15 else 0.5,
            c if c < 18 else 99,
            900,
            4,
        )
        for c in range(20)
    }
    control = {
        c: Made(500 if c < 5 else None, 400 if c < 6 else None, 0.9, c if c < 5 else 99, 900, 4)
        for c in range(20)
    }
    facts = {"fingerprint": "f", "queries": 2000}
    name = "squeezenet_v11_224"
    plain = {c: replace(made, first=made.first and made.first + 300) for c, made in ours.items()}
    return [
        Rows(name, OURS, 0, facts, ours, learning=2_250),
        Rows(name, SCRAMBLED, 0, facts, control),
        Rows(name, PLAIN, 0, facts, plain),
    ]


def test_the_section_says_what_was_planted() -> None:
    section = fooling_section(planted())
    assert section is not None
    ours, plain, control = (line for line in section.splitlines() if line.startswith("| SqueezeNet"))
    assert ours.endswith("| 2,250 |")
    # 300 queries are saved on each of 15 of 20 classes, 225 on the average.
    assert plain.endswith("| 0 : 0 | 1.000 | 10 |")
    assert "| 20 | 75.0 % [" in ours
    assert "| 90.0 % [" in ours
    assert ours.split("|")[5].startswith(" 19 [")  # median of 10 … 27 and two failures
    assert ours.split("|")[6].startswith(" 109 [")
    # An image that was answered with the class once, but is not, does not count: the sixth of the control.
    assert control.count("25.0 %") == 2
    assert "> 2,000" in control
    assert "| 10 : 0 | 0.002 |" in control
    rate = fooling_rates(planted())["squeezenet_v11_224"]
    assert (rate.value, rate.n) == (0.75, 20)


def test_nothing_measured_is_no_section() -> None:
    assert fooling_section([]) is None
    assert fooling_rates([]) == {}
    alone = fooling_section(planted()[1:])
    assert alone is not None
    assert fooling_rates(planted()[1:]) == {}
