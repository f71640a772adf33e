"""The page of the deception benchmark: made of the figures alone, its verdicts on planted figures, and fresh."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from benchmarks.deception import page, tables
from benchmarks.deception.keeping import FOLDER, Figures, Unit
from benchmarks.deception.outcome import Outcome
from benchmarks.deception.settings import EIGHT, NINE, SETTINGS, TITLES
from benchmarks.deception.transfer import OTHERS, left_out
from benchmarks.deception.transfer_rows import Column, Row

from deepception.statistics import Interval

ROOT = Path(__file__).resolve().parents[1]
INF = math.inf


def keep(
    folder: Path,
    network: str,
    setting: str,
    method: str,
    first: Sequence[float],
    *,
    seed: int = 0,
    learning: int = 0,
    fingerprint: str | None = None,
    survives: bool | None = None,
) -> None:
    """Figures of photographs that were all right before."""
    queries = SETTINGS[setting].queries
    outcomes = [
        Outcome(None, queries, None) if math.isinf(f) else Outcome(int(f), min(queries, int(f)), 9, survives)
        for f in first
    ]
    rows = {2 + 4 * i: (True, outcome) for i, outcome in enumerate(outcomes)}
    facts = {"queries": queries, "fingerprint": fingerprint or network}
    Figures(Unit(network, setting, method, seed), facts, rows, learning).write(folder)


def text_of(folder: Path) -> str:
    return page.page_text(folder, folder / "docs" / "deception.md")


def row_of(text: str, *beginning: str) -> list[str]:
    """Cells of the only row that begins so."""
    start = "| " + " | ".join(beginning) + " |"
    (line,) = [line for line in text.splitlines() if line.startswith(start)]
    return line.strip("| ").split(" | ")


def section(text: str, title: str) -> str:
    """What stands below a heading, up to the next one of its rank or above."""
    rank = title.split(" ")[0]
    after = text.split(f"\n{title}", 1)[1]
    return after.split(f"\n{rank} ", 1)[0]


def test_the_page_and_its_pictures_are_made_from_the_figures_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for network in NINE[:2]:
        for method, scale in (("ours", 5), ("random_square", 80), ("grey_patch", 900)):
            first = np.ceil(rng.exponential(scale, 40))
            keep(tmp_path, network, "patch-5", method, np.where(first > 1_000, INF, first).tolist())
    written, picture = tmp_path / "docs" / "deception.md", tmp_path / "docs" / "deception" / "patch-5.svg"
    page.write_page(tmp_path, written)
    text, drawn = written.read_text(encoding="utf-8"), picture.read_bytes()
    assert "](deception/patch-5.svg)" in text
    assert "nan" not in text
    assert "## Research log" in text
    assert text.index("## Targets") < text.index("## Patches, 5 %") < text.index("## Research log")
    assert len(drawn) < 200_000
    page.write_page(tmp_path, written)
    assert (written.read_text(encoding="utf-8"), picture.read_bytes()) == (text, drawn)


def test_in_short_counts_what_goes_beyond_the_best_control(tmp_path: Path) -> None:
    for network, ours, control in ((NINE[0], 1.0, 900.0), (NINE[1], 7.0, INF)):
        keep(tmp_path, network, "patch-5", "ours", [ours] * 19 + [INF])
        keep(tmp_path, network, "patch-5", "random_square", [15.0] * 10 + [INF] * 10)
        keep(tmp_path, network, "patch-5", "random_pixels", [20.0] * 18 + [INF] * 2)
        keep(tmp_path, network, "patch-5", "grey_patch", [control] * 19 + [INF])
    row = row_of(section(text_of(tmp_path), "## In short"), SETTINGS["patch-5"].title)
    assert row[1:] == ["2", "95 %", "1 … 7", "90 %", "20", "0 … 95 %", "1 of 2"]


def test_a_page_without_figures_says_what_is_missing(tmp_path: Path) -> None:
    text = text_of(tmp_path)
    waiting = section(text, "## Not measured yet")
    assert all(f"- {setting.title}" in waiting for setting in SETTINGS.values())
    assert section(text, "## Targets").count("not measured yet") >= 11
    assert "Each network" not in text
    assert "## In short" not in text
    assert "develop split, with fewer" not in text
    assert "develop split, with fewer" in page.page_text(tmp_path, tmp_path / "x.md", small=True)


def test_pieces_that_are_missing_or_given_up_break_nothing(tmp_path: Path) -> None:
    keep(tmp_path, NINE[0], "patch-5", "random_square", [3.0])  # nothing of ours, one photograph
    keep(tmp_path, NINE[1], "patch-5", "ours", [INF] * 3)
    keep(tmp_path, NINE[1], "patch-5", "ours_learned", [INF] * 3, learning=8_000)
    keep(tmp_path, NINE[2], "ablation-2", "without_order", [3.0] * 3)  # the whole method is not measured
    keep(tmp_path, NINE[2], "label-patch-5", "ours", [3.0] * 3)
    keep(tmp_path, NINE[2], "universal-veil-10-alone", "ours_universal_alone", [1.0] * 3)
    facts = {"queries": 1_000, "fingerprint": "a"}
    wrong = {2: (False, Outcome(1, 1, 3)), 6: (False, Outcome(None, 1_000, None))}  # none was right before
    Figures(Unit(NINE[3], "patch-2", "ours", 0), facts, wrong).write(tmp_path)
    Figures(Unit(NINE[3], "patch-2", "grey_patch", 0), facts, wrong).write(tmp_path)
    for unit in (Unit(NINE[3], "patch-7", "ours", 0), Unit(NINE[3], "patch-5", "given_up", 0)):
        Figures(unit, facts, wrong).write(tmp_path)
    text = text_of(tmp_path)
    assert "given_up" not in text
    assert "nan" not in text
    patches = section(text, f"## {SETTINGS['patch-2'].title}")
    assert f"| {TITLES[NINE[3]]} | – | 50.0 % [9, 91] (n 2) |" in patches
    page.write_page(tmp_path, tmp_path / "docs" / "deception.md")


def test_targets_are_judged_by_their_point_estimates(tmp_path: Path) -> None:
    met, missed, small = NINE[:3]
    keep(tmp_path, met, "patch-5", "ours", [3.0] * 19 + [INF])  # 95 %
    keep(tmp_path, met, "patch-5", "random_square", [15.0] * 20)  # a fifth
    keep(tmp_path, missed, "patch-5", "ours", [4.0] * 18 + [INF] * 2)
    keep(tmp_path, missed, "patch-5", "random_square", [15.0] * 20)
    keep(tmp_path, small, "patch-5", "ours", [2.0] * 20)  # two queries are enough, whatever the square needs
    keep(tmp_path, small, "patch-5", "random_square", [3.0] * 20)
    text = text_of(tmp_path)
    targets = section(text, "## Targets")
    assert row_of(targets, "patches, 5 % of the frame, 1,000 queries", "success ≥ 95 %")[2:] == [
        "2 of 3 (5 not measured yet)",
        f"{TITLES[missed]}: 90.0 % [70, 97] (n 20)",
    ]
    asked = "median ≤ 1/5 of the square's, or ≤ 2"
    assert (
        row_of(targets, "patches, 5 % of the frame, 1,000 queries", asked)[2] == "2 of 3 (5 not measured yet)"
    )
    assert row_of(targets, TITLES[met])[1:3] == [
        "95.0 % [76, 99] (n 20) ✓",
        "3 : 15 = 0.2 [0.2, 0.2] (n 20) ✓",
    ]
    cells = row_of(targets, TITLES[missed])
    assert (cells[1][-1], cells[2][-1], cells[3]) == ("✗", "✗", "–")
    assert row_of(targets, TITLES[small])[2].endswith("✓")


def test_a_median_beyond_the_budget_meets_no_target(tmp_path: Path) -> None:
    keep(tmp_path, NINE[0], "patch-5", "ours", [1.0] * 4 + [INF] * 6)
    keep(tmp_path, NINE[0], "patch-5", "random_square", [INF] * 10)
    assert row_of(section(text_of(tmp_path), "## Targets"), TITLES[NINE[0]])[2].endswith("✗")


def test_labels_are_compared_with_full_knowledge_of_the_same_network(tmp_path: Path) -> None:
    for network, lost in ((NINE[0], 3), (NINE[1], 4)):
        keep(tmp_path, network, "patch-5", "ours", [1.0] * 20)
        keep(tmp_path, network, "patch-5", "grey_patch", [9.0] * 5 + [INF] * 15)
        first = [5.0] * (20 - lost) + [INF] * lost
        keep(tmp_path, network, "label-patch-5", "ours", first, fingerprint=f"{network} restricted to labels")
    text = text_of(tmp_path)
    asked = row_of(text, "labels only: patches, 5 %, 1,000 queries", "within 15 points of full knowledge")
    assert asked[2] == "1 of 2 (6 not measured yet)"
    assert asked[3].startswith(f"{TITLES[NINE[1]]}: −20 [")
    # Its controls are those of the setting with scores, for they read none.
    labels = section(text, f"## {SETTINGS['label-patch-5'].title}")
    assert row_of(labels, TITLES[NINE[0]], "grey square")[2:5] == [
        "1,000",
        "25.0 % [11, 47]",
        "+60 [+35, +80]",
    ]


def test_the_binary_network_is_set_beside_the_lowest_of_the_eight(tmp_path: Path) -> None:
    binary = next(name for name in NINE if name not in EIGHT)
    for network, reached in ((NINE[0], 18), (NINE[1], 20), (binary, 18)):
        keep(tmp_path, network, "patch-5", "ours", [1.0] * reached + [INF] * (20 - reached))
        keep(tmp_path, network, "patch-2", "ours", [1.0] * (reached - (network == binary)) + [INF] * 2)
    text = text_of(tmp_path)
    verdict = row_of(text, "the binary ResNet-18")
    assert verdict[2] == "1 of 2 settings"
    assert verdict[3].startswith("patch-2 89 % (lowest 90 %)")
    assert "✓" not in row_of(section(text, "## Targets"), TITLES[binary])[1]


def test_the_best_control_is_the_one_that_counts(tmp_path: Path) -> None:
    network = NINE[0]
    keep(tmp_path, network, "patch-5", "ours", [2.0] * 18 + [INF] * 2, survives=True)
    keep(tmp_path, network, "patch-5", "grey_patch", [9.0] * 6 + [INF] * 14)
    keep(tmp_path, network, "patch-5", "noise_pixels", [9.0] * 9 + [INF] * 11)
    text = section(text_of(tmp_path), f"## {SETTINGS['patch-5'].title}")
    cells = row_of(text, TITLES[network], "noise pixels")
    assert cells[2:4] + cells[5:] == ["1,000", "45.0 % [26, 66]", "9 : 0", "0.004"]
    assert row_of(text, TITLES[network], "90.0 % [70, 97] (n 20)")[-1] == "100.0 % [82, 100]"
    assert row_of(text, TITLES[network], "30 [15, 52]")[2] == "45 [26, 66]"


def test_learning_is_charged(tmp_path: Path) -> None:
    network = NINE[0]
    keep(tmp_path, network, "patch-5", "ours_learned", [1.0] * 20, learning=8_000)
    keep(tmp_path, network, "patch-5", "random_square", [81.0] * 20)
    keep(tmp_path, network, "patch-5", "ours_plain", [5.0] * 15 + [INF] * 5)
    keep(tmp_path, network, "patch-5-paid", "random_square", [1_700.0] * 20)
    text = section(text_of(tmp_path), "## Learning is paid for")
    cells = row_of(text, TITLES[network], "8,000")
    assert cells[3].startswith("+25 [")
    assert cells[4:] == ["–", "–", str(math.ceil(8_000 / (0.75 * 5 + 0.25 * 1_000 - 1))), "100"]
    # A tenth of the learning queries suffices for the baseline; a hundredth does not.
    assert row_of(text, TITLES[network], "10", "800")[3:] == [
        "100.0 % [84, 100]",
        "100.0 % [84, 100]",
        "0 : 0",
        "1.000",
    ]
    assert row_of(text, TITLES[network], "100", "80")[4:] == ["0.0 % [0, 16]", "20 : 0", "< 0.001"]


def test_ablations_say_what_a_part_buys(tmp_path: Path) -> None:
    network = "efficientnet_lite0"
    keep(tmp_path, network, "patch-5", "ours", [2.0] * 20, survives=False)
    keep(tmp_path, network, "ablation-5", "without_repetition", [12.0] * 10 + [INF] * 10)
    keep(tmp_path, network, "ablation-5", "without_order", [2.0] * 20)
    keep(tmp_path, network, "ablation-5", "without_pruning", [2.0] * 20, survives=True)
    text = section(text_of(tmp_path), "## Ablations")
    cells = row_of(text, TITLES[network], "repetition")
    assert cells[5].startswith("+50 [+30, ")
    assert cells[6].startswith("−504 [")
    assert row_of(text, TITLES[network], "order")[5:] == ["0 [0, 0]", "0 [0, 0]"]
    assert row_of(text, TITLES[network], "yes")[-1] == "0.0 % [0, 16]"
    assert row_of(text, TITLES[network], "no")[-1] == "100.0 % [84, 100]"
    assert "ablation-5.svg" not in text_of(tmp_path)


def test_the_transfer_matrix_shows_what_was_learned_where(tmp_path: Path) -> None:
    a, b = EIGHT[:2]
    index = tuple(range(2, 42, 4))
    right = (True,) * 8 + (False,) * 2

    def shown(reached: int, number: int = 1) -> Column:
        return Column("f", index, right, (number,) * reached + (None,) * (10 - reached))

    for row in (
        Row("veil-10", a, 0, columns={a: shown(10), b: shown(4)}),
        Row("veil-10", a, 1, columns={a: shown(8), b: shown(6)}),  # another learning seed
        Row("veil-10", b, 0, columns={a: shown(3), b: shown(9)}),
        Row("veil-10", left_out(a), 0, columns={a: shown(7)}),
        Row("dictionary-5", b, 0, columns={a: shown(4)}),
        Row("dictionary-5", OTHERS, 0, columns={a: shown(8, 12)}),
    ):
        row.write(tmp_path)
    text = section(text_of(tmp_path), "## Transfer")
    veils = section(text, "### Universal veils")
    assert row_of(veils, TITLES[a], "**90**") == [TITLES[a], "**90**", "50", "50"]
    assert row_of(veils, TITLES[b], "30") == [TITLES[b], "30", "**90**", "30"]
    assert row_of(veils, TITLES[a], "70.0 % [40, 89] (n 10)")[2:] == [
        "30 %",
        f"30.0 % [11, 60] ({TITLES[b]})",
        "90.0 % [60, 98]",
    ]
    stencils = section(text, "### Dictionaries, 5 %")
    assert row_of(stencils, TITLES[b])[1] == "50 / 50"  # of those that were right before
    assert row_of(stencils, OTHERS)[1] == "0 / 100"


def test_numbers_are_written_for_readers() -> None:
    assert tables.percent(Interval(0.984, 0.92, 1.0, 63), n=True) == "98.4 % [92, 100] (n 63)"
    assert tables.percent(Interval(math.nan, math.nan, math.nan, 0)) == "–"
    assert tables.queries(Interval(INF, 300.0, INF, 9), 1_000) == "> 1,000 [300, > 1,000]"
    assert tables.points(Interval(-0.004, -0.2, 0.123, 9)) == "−0.4 [−20, +12]"
    assert tables.more(Interval(0.0, -0.01, 1234.0, 9)) == "0 [0, +1,234]"


def test_the_page_is_what_the_committed_figures_make() -> None:
    if not FOLDER.is_dir():
        pytest.skip("nothing is measured yet")
    written = ROOT / "docs" / "deception.md"
    expected = page.page_text(FOLDER, written)
    assert written.read_text(encoding="utf-8") == expected, "run: python -m benchmarks.deception --page"
    pictures = {line.split("](")[1].rstrip(")") for line in expected.splitlines() if line.startswith("![")}
    assert all((written.parent / name).is_file() for name in pictures)
