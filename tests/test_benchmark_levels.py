"""The comparison of answer levels: what is kept, what is refused, and the table that is made of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks.answer_levels import measuring
from benchmarks.answer_levels.keeping import Figures, going_on, read
from benchmarks.answer_levels.settings import FULL, LEVELS, MAPS, NETWORKS, Level, parameters, price
from benchmarks.answer_levels.table import BEGIN, END, correlations, render, verdicts, write_between_marks

from known import GREY, Known, subject

SIDE = 56
NETWORK = NETWORKS[0]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Figures of two photographs at three levels, with few showings."""
    folder = tmp_path_factory.mktemp("levels")
    weights = np.random.default_rng(0).normal(size=(SIDE // 4 * (SIDE // 4) * 3, 8)) / 100

    def logits(images: np.ndarray) -> np.ndarray:
        return (images[:, ::4, ::4].reshape(len(images), -1).astype(np.float64) - GREY) @ weights

    def few(level: Level) -> dict[str, object]:
        design = parameters(level)
        less = {"canvases": ("grey",), "others": 0 if level.labels_only else 3}
        return {
            "local": replace(design["local"], **less),
            "spatial": replace(design["spatial"], places=2, phases=3, **less),
            "activation": replace(design["activation"], places=2, repeats=3, **less),
            "cumulative": replace(design["cumulative"], doses=(1, 2, 4), draws=3, **less),
        }

    observer = Known(logits, SIDE, 8)
    subjects = [subject(SIDE, seed) for seed in (1, 2)]
    subjects = [replace(s, label=int(logits(s.pixels[None]).argmax())) for s in subjects]
    pool = [subject(SIDE, seed, label=-1) for seed in (3, 4)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "parameters", few)
        made = {name: Figures(NETWORK, name, {"seed": 0}) for name in (FULL, "top-5", "label")}
        for me in subjects:
            local = None
            for name, figures in made.items():
                entry, chosen = measuring.measure_photograph(observer, Level(name), me, pool, local)
                figures.photographs[me.name] = entry
                assert local is None or chosen is local
                local = chosen
        for figures in made.values():
            figures.write(folder)
    return folder


def test_every_level_has_the_same_maps(measured: Path) -> None:
    full, labels = read(measured, NETWORK, FULL), read(measured, NETWORK, "label")
    assert full is not None
    assert labels is not None
    for name in MAPS:
        for photograph, entry in labels.photographs.items():
            assert len(entry["maps"][name]) == len(full.photographs[photograph]["maps"][name])
        assert correlations(full, full, name) == [1.0, 1.0]
        assert all(np.isnan(value) or abs(value) < 1.001 for value in correlations(labels, full, name))
    assert all(
        entry["rows"]["local"]["scale"] == "points of opacity" for entry in labels.photographs.values()
    )
    # Two photographs are too few for any verdict.
    assert set(verdicts(labels).values()) == {None}


def test_the_table_has_a_row_for_what_is_measured(measured: Path, tmp_path: Path) -> None:
    text = render(measured)
    rows = [line for line in text.splitlines() if line.startswith("| MCUNet")]
    assert [row.split("|")[1].strip() for row in rows] == ["MCUNet, logits", "MCUNet, top-5", "MCUNet, label"]
    assert {row.split("|")[2].strip() for row in rows} == {"2"}
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    write_between_marks(page, text)
    write_between_marks(page, text)
    assert page.read_text(encoding="utf-8") == f"before\n{BEGIN}\n{text}\n{END}\nafter\n"
    assert render(tmp_path) == "Nothing is measured yet."


def test_figures_are_gone_on_with_only_as_they_were_measured(measured: Path) -> None:
    there = going_on(measured, NETWORK, "label", {"seed": 0})
    assert len(there.photographs) == 2
    with pytest.raises(SystemExit, match="another seed"):
        going_on(measured, NETWORK, "label", {"seed": 1})
    assert not going_on(measured, NETWORK, "probabilities@0.01", {"seed": 1}).photographs


def test_labels_cost_more_and_everything_is_told_before() -> None:
    costs = {name: price(Level(name), (224, 224)) for name in LEVELS}
    assert costs["label"] == 14 * costs[FULL]
    assert len({costs[name] for name in LEVELS if name != "label"}) == 1


def test_the_committed_table_is_that_of_the_committed_figures() -> None:
    root = Path(__file__).resolve().parents[1]
    page = (root / "docs" / "observers.md").read_text(encoding="utf-8")
    told = page.split(BEGIN)[1].split(END)[0].strip()
    assert told == render(root / "benchmarks" / "results" / "answer_levels").strip(), (
        "run: python -m benchmarks.answer_levels --table"
    )
