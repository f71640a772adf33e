"""Comparing runs: what was planted between observers is found, equal ones are not told apart."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepception.deceive.counting import count_deceptions
from deepception.errors import InputError
from deepception.properties import LocalResult, Result, experiments
from deepception.properties.headline import make_headline
from deepception.properties.result import jsonable
from deepception.reports import read_run
from deepception.reports.claims import CLAIMS
from deepception.reports.comparison_page import render_comparison
from deepception.reports.comparison_tables import agreement_table
from deepception.reports.comparison_text import summary_lines
from deepception.reports.comparison_words import outcome_of
from deepception.statistics import bca, holm
from deepception.studies.comparison import Compared, compare, find_figures, read_figures
from deepception.studies.comparison.measures import COLUMNS, reader_of

N = 12
CLASSES = tuple(f"class {k}" for k in range(20))
PARAMETERS = {
    "local": {"regions": "grid", "count": 7, "canvases": ["grey"]},
    "deception": {
        "area": 0.05,
        "linf": None,
        "target": None,
        "queries": 30,
        "prune": True,
        "universal": False,
    }
    | {"learn_queries": 0, "applied": None, "controls": True, "crops": 0},
}


@dataclass
class Planted:
    """A run with planted figures: what ``compare`` asks of a run, and no more."""

    name: str
    results: dict[str, Any]
    pending: int = 0
    maps: dict[str, np.ndarray] = field(default_factory=dict)
    bounded: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))

    def result(self, experiment: str, sha256: str) -> Result | None:
        """A local result whose map is planted."""
        if sha256 not in self.maps:
            return None
        values = self.maps[sha256]
        side = round(len(values) ** 0.5)
        boxes = [[10 * y, 10 * x, 10, 10] for y in range(side) for x in range(side)]
        none = np.zeros((1, 0))
        return LocalResult(
            name=sha256,
            sha256=sha256,
            label=0,
            queries=1,
            kind="grid",
            canvases=("grey",),
            boxes=np.array(boxes, dtype=np.int32),
            areas=np.full(len(values), 100),
            label_map=np.zeros((0, 0), dtype=np.int32),
            sufficiency=values[None, None],
            log10_p=values[None, None],
            rank=np.zeros((1, 1, len(values)), dtype=np.int32),
            scrambled=none[None],
            necessity=values[None],
            scrambled_necessity=np.zeros(0),
            others_range=none,
            empty=np.zeros(1),
            empty_rank=np.zeros(1, dtype=np.int32),
            empty_top=np.zeros(1, dtype=np.int64),
            clean=0.0,
            clean_top=0,
            censored=0.0,
            seed=0,
            moments=np.zeros((0, 2, 3), dtype=np.float32),
            scrambled_moments=np.zeros((1, 0, 0, 2, 3), dtype=np.float32),
            bounded=self.bounded,
        )


def plant(
    name: str,
    effects: Any = None,
    *,
    right: Any = None,
    reached: Any = None,
    shas: Any = None,
    side: int = 7,
    folder: str = "",
) -> Planted:
    """A run of an observer with these local effects beyond a control of 1, right answers and deceptions."""
    shas = [f"{i:064x}" for i in range(N)] if shas is None else shas
    photographs = [
        {
            "name": f"{sha[-2:]}.png",
            "sha256": sha,
            "label": i % len(CLASSES),
            "labelled": right is not None,
            "clean": {"top": [0], "log10_p": [0.0]},
            "correct": None if right is None else bool(right[i]),
        }
        for i, sha in enumerate(shas)
    ]
    properties: dict[str, Any] = {}
    heads = [{"name": p["name"], "sha256": p["sha256"], "label": p["label"]} for p in photographs]
    if effects is not None:
        rows = [
            head
            | {"range": 1.0 + e, "scrambled_range": 1.0, "crops_range": None, "other_classes_range": None}
            | {"regions": side * side}
            for head, e in zip(heads, effects, strict=True)
        ]
        column = np.array([row["range"] for row in rows])
        headline = make_headline(
            "local", "range", column, {"scrambled regions": np.ones(len(rows))}, queries=len(rows)
        )
        properties["local"] = {
            "headline": jsonable(headline),
            "figures": {},
            "rows": rows,
            "open_questions": [],
        }
    if reached is not None:
        properties["deception"] = _deceived(heads, reached)
    share = None
    if right is not None:
        value = float(np.mean(right))
        share = {
            "top1": {"count": int(np.sum(right)), "n": len(shas), "value": value, "low": 0.0, "high": 1.0}
        }
        share["top5"] = None
    results = {
        "version": "1",
        "observer": {"name": name, "fingerprint": name, "identity": {}, "level": "logits"},
        "settings": {
            "setting": "quick",
            "parameters": copy.deepcopy(PARAMETERS),
            "frame": [10 * side, 10 * side],
            "labels": list(CLASSES),
            "as_is": False,
            "max_pixels": 1,
            "pool": [],
        },
        "seed": 0,
        "photographs": photographs,
        "accuracy": share,
        "properties": properties,
        "failures": [],
        "cost": {"queries": 100},
        "warnings": [],
    }
    return Planted(folder or f"run-{name}", results)


def _deceived(heads: list[dict[str, Any]], reached: Any) -> dict[str, Any]:
    rows = [
        head
        | {"attacked": True, "reached": bool(r), "correct": True, "survives_shift": None, "log10_odds": None}
        | {"first": 1 if r else None, "budget": 30, "attack_queries": 3, "control_queries": 1, "controls": {}}
        | {"target": None, "used": 1, "limit": 2, "bound": "area 0.05", "goal": "untargeted"}
        for head, r in zip(heads, reached, strict=True)
    ]
    figures = {"bound": "area 0.05", "goal": "untargeted", **count_deceptions(rows)}
    return {"headline": None, "figures": figures, "rows": rows, "open_questions": []}


def measure(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(m for m in document["measures"] if m["measure"] == name)


def noise(seed: int, scale: float = 0.1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, scale, N)


# --- differences ----------------------------------------------------------------------------------------------


def test_a_planted_difference_is_found_with_its_size() -> None:
    common = noise(0, 1.0)  # what photographs have in common cancels in pairs
    document = compare([plant("a", common + noise(1)), plant("b", common + 1.5 + noise(2))])
    (pair,) = measure(document, "local")["pairs"]
    assert pair["told_apart"] is True
    assert pair["difference"]["low"] < -1.5 < pair["difference"]["high"]
    assert pair["difference"]["value"] == pytest.approx(-1.5, abs=0.15)
    assert (pair["more_first"], pair["more_second"]) == (0, N)
    assert pair["p"] == pytest.approx(2 / 2**N)  # all signs alike
    assert pair["n"] == N
    assert document["told_apart"] == 1


def test_the_test_is_of_the_median_that_is_told() -> None:
    """One photograph that moves the mean far moves neither the median nor its test."""
    effects = np.zeros(N)
    effects[: N // 2], effects[N // 2 :] = 0.1, -0.1
    found = []
    for far in (0.0, 1000.0):
        moved = effects + np.eye(N)[0] * far
        (pair,) = measure(compare([plant("a", moved), plant("b", np.zeros(N))]), "local")["pairs"]
        found.append((pair["p"], pair["told_apart"], pair["difference"]["value"]))
    assert found[0] == found[1]
    assert found[0][0] == 1


def test_who_has_more_is_told_by_the_photographs_and_not_by_one() -> None:
    effects = np.full(N, 0.1)
    effects[0] = -100.0
    document = compare([plant("a", effects), plant("b", np.zeros(N))])
    (pair,) = measure(document, "local")["pairs"]
    assert pair["told_apart"]
    assert "a has the larger effect" in outcome_of(measure(document, "local"))


def test_equal_observers_cannot_be_told_apart() -> None:
    effects = noise(0)
    document = compare([plant("a", effects, right=[1] * N), plant("b", effects, right=[1] * N)])
    assert [p["told_apart"] for m in document["measures"] for p in m["pairs"]] == [False, False]
    board = measure(document, "local")["leaderboards"][0]
    assert board["ranked"]
    assert [(row["best_rank"], row["worst_rank"]) for row in board["rows"]] == [(1, 2), (1, 2)]


def test_holm_is_over_every_test_of_the_comparison() -> None:
    right = np.arange(N) < 6
    document = compare(
        [
            plant("a", noise(1), right=right, reached=right),
            plant("b", noise(2) + 0.1, right=~right, reached=np.ones(N)),
            plant("c", noise(3) + 0.2, right=np.ones(N), reached=np.zeros(N)),
        ]
    )
    pairs = [pair for m in document["measures"] for pair in m["pairs"]]
    assert document["tests"] == len(pairs) == 9
    np.testing.assert_allclose([p["p_holm"] for p in pairs], holm([p["p"] for p in pairs]))
    assert any(p["p"] < 0.05 <= p["p_holm"] for p in pairs)
    assert document["told_apart"] == sum(p["p_holm"] < 0.05 for p in pairs)


def test_shares_are_compared_by_the_exact_test_of_mcnemar() -> None:
    few, most = np.arange(N) < 2, np.arange(N) > 0
    document = compare([plant("a", right=few, reached=few), plant("b", right=most, reached=most)])
    for name in ("accuracy", "deception"):
        (pair,) = measure(document, name)["pairs"]
        assert (pair["more_first"], pair["more_second"]) == (1, 10)
        assert pair["p"] == pytest.approx(2 * (1 + 11) / 2**11)
        assert pair["difference"]["value"] == pytest.approx(-9 / 12)
    assert [row["key"] for row in measure(document, "accuracy")["leaderboards"][0]["rows"]] == ["b", "a"]
    assert [row["key"] for row in measure(document, "deception")["leaderboards"][0]["rows"]] == ["a", "b"]


def test_ranks_are_those_that_the_tests_leave_open() -> None:
    common = noise(0)
    runs = [plant("low", common), plant("twin", common + 1e-9), plant("high", common + 2 + noise(1, 0.01))]
    rows = measure(compare(runs), "local")["leaderboards"][0]["rows"]
    assert [row["key"] for row in rows] == ["high", "twin", "low"]
    ranks = [(row["best_rank"], row["worst_rank"]) for row in rows]
    assert ranks[0] == (1, 1)
    # A twin that is larger on every photograph, by however little, is told apart.
    assert ranks[1:] == [(2, 2), (3, 3)]


def test_the_difference_is_the_headlines_own() -> None:
    run = plant("a", noise(0))
    entry = measure(compare([run, plant("b", noise(1))]), "local")["observers"][0]
    headline = run.results["properties"]["local"]["headline"]
    assert entry["difference"] == headline["difference"]
    assert entry["holds"] == headline["holds"]


def test_below_six_shared_photographs_nothing_is_tested() -> None:
    shas = [f"{i:064x}" for i in range(5)]
    document = compare([plant("a", noise(0)[:5], shas=shas), plant("b", noise(1)[:5] + 9, shas=shas)])
    (pair,) = measure(document, "local")["pairs"]
    assert pair["p"] is pair["p_holm"] is pair["told_apart"] is None
    assert "too few" in pair["reason"]
    assert document["tests"] == 0


# --- what may be compared -------------------------------------------------------------------------------------


def test_only_shared_photographs_enter_and_the_others_are_counted() -> None:
    others = [f"{i:064x}" for i in range(4, 4 + N)]
    document = compare([plant("a", noise(0)), plant("b", noise(1), shas=others)])
    found = measure(document, "local")
    assert found["groups"][0]["n"] == N - 4
    assert found["groups"][0]["left_out"] == {
        "not among its photographs (b)": 4,
        "not among its photographs (a)": 4,
    }
    board = found["leaderboards"][0]
    assert not board["ranked"]
    assert "photographs are not the same" in board["reason"]
    assert {row["rank"] for row in board["rows"]} == {None}
    assert document["photographs"] == {"all": 16, "shared": 8, "missing": {"a": 4, "b": 4}}


def test_another_seed_is_compared_but_not_ranked() -> None:
    other = plant("b", noise(1))
    other.results["seed"] = 7
    document = compare([plant("a", noise(0)), other])
    found = measure(document, "local")
    assert found["pairs"]
    assert "(seed)" in found["leaderboards"][0]["reason"]
    assert document["differences"] == [{"name": "seed", "values": {"a": "0", "b": "7"}}]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda r: r["settings"]["parameters"]["local"].update(canvases=["grey", "mean"]), "local.canvases"),
        (lambda r: r["settings"]["parameters"]["local"].update(regions="windows"), "local.regions"),
        (lambda r: r["settings"].update(as_is=True), "as is"),
        (lambda r: r["observer"].update(identity={"knowledge": "top-5"}), "what is told of the answers"),
        (lambda r: r["settings"].update(answers="label"), "different scales"),
    ],
)
def test_what_was_measured_otherwise_is_not_compared(change: Any, word: str) -> None:
    other = plant("b", noise(1))
    change(other.results)
    found = measure(compare([plant("a", noise(0)), other]), "local")
    assert found["pairs"] == []
    assert word in found["not_compared"][0]
    assert not found["leaderboards"][0]["ranked"]


def test_other_settings_of_a_deceptions_controls_are_no_hindrance_but_another_budget_is() -> None:
    first, crops, budget = (plant(name, reached=np.ones(N)) for name in "abc")
    crops.results["settings"]["parameters"]["deception"]["crops"] = 5
    budget.results["settings"]["parameters"]["deception"]["queries"] = 99
    found = measure(compare([first, crops, budget]), "deception")
    assert [(p["first"], p["second"]) for p in found["pairs"]] == [("a", "b")]
    assert "(queries)" in found["not_compared"][0]


def test_one_bound_written_in_two_ways_is_one_bound() -> None:
    runs = [plant(name, reached=np.ones(N)) for name in "ab"]
    for run, written in zip(runs, ("10/255", 10 / 255), strict=True):
        run.results["settings"]["parameters"]["deception"].update(area=None, linf=written)
    document = compare(runs)
    assert document["differences"] == []
    assert len(measure(document, "deception")["pairs"]) == 1


def test_ranges_over_different_numbers_of_regions_are_left_out() -> None:
    found = measure(compare([plant("a", noise(0)), plant("b", noise(1), side=8)]), "local")
    assert found["groups"][0]["n"] == 0
    (why,) = found["groups"][0]["left_out"]
    assert "different numbers of regions" in why


def test_photographs_that_are_labelled_differently_are_left_out() -> None:
    other = plant("b", noise(1), right=np.ones(N))
    other.results["photographs"][3]["label"] = 19
    document = compare([plant("a", noise(0), right=np.ones(N)), other])
    assert measure(document, "accuracy")["groups"][0]["left_out"] == {"labelled differently": 1}
    assert "same labels" in measure(document, "accuracy")["leaderboards"][0]["reason"]


def test_the_same_observer_twice_is_said_and_its_answers_count_once() -> None:
    runs = [plant("a", noise(0), right=np.ones(N), folder=f) for f in ("one", "two")]
    document = compare([*runs, plant("b", noise(1), right=np.ones(N))])
    assert document["same_observer"] == [["a@one", "a@two"]]
    assert len(measure(document, "local")["pairs"]) == 3
    assert len(measure(document, "accuracy")["pairs"]) == 1


def test_runs_of_one_name_and_folder_are_told_apart_by_a_number() -> None:
    runs = [plant("a", noise(i), folder="run") for i in range(3)]
    assert [run["key"] for run in compare(runs)["runs"]] == ["a@run", "a@run-2", "a@run-3"]


def test_one_run_is_refused() -> None:
    with pytest.raises(InputError, match="two run folders"):
        compare([plant("a", noise(0))])


# --- maps -----------------------------------------------------------------------------------------------------


def with_maps(name: str, maps: np.ndarray) -> Planted:
    run = plant(name, noise(0), side=round(maps.shape[1] ** 0.5))
    run.maps = dict(zip([p["sha256"] for p in run.results["photographs"]], maps, strict=True))
    return run


def test_observers_that_look_at_the_same_places_agree_beyond_a_common_habit() -> None:
    rng = np.random.default_rng(0)
    centre = 3 * np.exp(-((np.indices((7, 7)) - 3) ** 2).sum(axis=0) / 8).ravel()
    own = rng.normal(size=(N, 49))
    agree = compare([with_maps(n, centre + own + rng.normal(0, 0.3, own.shape)) for n in "ab"])
    habit = compare([with_maps(n, centre + rng.normal(size=own.shape)) for n in "ab"])
    (same,), (only,) = (d["agreement"][0]["pairs"] for d in (agree, habit))
    assert same["same"]["value"] > 0.8
    assert same["beyond"]["low"] > 0.2
    assert same["agree"] is True
    assert only["agree"] is False
    # A common liking for the middle correlates, but as much with another photograph.
    assert only["same"]["low"] > 0.1
    assert only["other"]["low"] > 0.1
    assert only["beyond"]["low"] < 0 < only["beyond"]["high"]


def test_agreement_is_corrected_over_all_pairs_of_maps() -> None:
    """Of many pairs without agreement one lies above by chance; corrected, none does."""
    rng = np.random.default_rng(3)
    document = compare([with_maps(f"net {i}", rng.normal(size=(N, 49))) for i in range(9)])
    pairs = document["agreement"][0]["pairs"]
    assert document["agreement_tests"] == len(pairs) == 36
    np.testing.assert_allclose([p["p_holm"] for p in pairs], holm([p["p"] for p in pairs]))
    assert any(p["beyond"]["low"] > 0 for p in pairs)  # by itself
    assert not any(p["agree"] for p in pairs)
    page = render_comparison(document)
    assert "corrected over all 36 pairs of maps" in page
    assert not any(agreement_table(document["agreement"][0]).strong)
    named = next(f for f in document["figures"] if f["quantity"] == "correlation_beyond")
    assert named["p_holm"] == pairs[0]["p_holm"]


def test_maps_that_are_mostly_bounds_are_left_out() -> None:
    rng = np.random.default_rng(0)
    runs = [with_maps(n, rng.normal(size=(N, 49))) for n in "ab"]
    runs[0].bounded = np.full((1, 49), 0.9, dtype=np.float32)
    (pair,) = compare(runs)["agreement"][0]["pairs"]
    assert pair["n"] == 0
    assert pair["left_out"] == {"maps that are mostly bounds, which rank nothing": N}
    assert pair["p"] is pair["agree"] is None


def test_figures_that_are_bounds_are_marked_as_on_the_page_of_a_run() -> None:
    runs = [plant("a", noise(1) + 1.0), plant("b", noise(2) + 1.0), plant("c", np.zeros(N))]
    for row in runs[1].results["properties"]["local"]["rows"]:
        row["range_touches_limit"] = True
    for row in runs[2].results["properties"]["local"]["rows"]:
        row["bounds"] = {"alone": 0.9, "scrambled": 0.9}
    entries = measure(compare(runs), "local")["observers"]
    assert [entry["touches_limit"] for entry in entries] == [False, True, False]
    assert [entry["only_bounds"] for entry in entries] == [False, False, True]
    told = [
        line.split() for line in summary_lines(compare(runs)) if line.startswith(("  a  ", "  b  ", "  c  "))
    ]
    plain, bound, equal = (" ".join(line) for line in told)
    assert "≥" not in plain
    assert "≥" in bound
    assert equal.count("(bounds only)") == 2  # the effect, and what it exceeds its control by
    assert "all equal" not in equal


def test_maps_of_other_grids_are_not_compared() -> None:
    rng = np.random.default_rng(0)
    runs = [with_maps("a", rng.normal(size=(N, 49))), with_maps("b", rng.normal(size=(N, 64)))]
    (pair,) = compare(runs)["agreement"][0]["pairs"]
    assert pair["n"] == 0
    assert pair["left_out"] == {"other regions or places": N}


def test_the_order_of_two_runs_changes_no_agreement() -> None:
    rng = np.random.default_rng(0)
    a, b = with_maps("a", rng.normal(size=(N, 49))), with_maps("b", rng.normal(size=(N, 49)))
    (one,), (other,) = (compare(runs)["agreement"][0]["pairs"] for runs in ([a, b], [b, a]))
    assert one["same"] == other["same"]
    assert one["other"]["value"] == pytest.approx(other["other"]["value"])


# --- transfer -------------------------------------------------------------------------------------------------


def learned(name: str, on: str, share: int, *, brought: bool) -> Planted:
    run = plant(name, reached=np.arange(N) < share, folder=f"{on}-{name}")
    facts = {"observer": on, "fingerprint": on}
    run.results["properties"]["deception"]["figures"]["learned"] = {
        "kind": "pattern",
        "brought": brought,
        "spent": 100,
        "facts": facts,
    }
    run.results["settings"]["parameters"]["deception"]["applied"] = on if brought else None
    return run


def test_what_was_learned_on_one_and_shown_to_another_is_a_matrix() -> None:
    runs = [
        learned("a", "a", 12, brought=False),
        learned("b", "a", 6, brought=True),
        learned("b", "b", 9, brought=False),
    ]
    (matrix,) = compare(runs)["transfer"]
    cells = {(c["learned_on"], c["shown_to"]): (c["fooling_ratio"]["value"], c["n"]) for c in matrix["cells"]}
    assert cells == {("a", "a"): (1.0, N), ("a", "b"): (0.5, N), ("b", "b"): (0.75, N)}
    assert matrix["same_photographs"]
    assert matrix["bound"] == "area 0.05"


def test_without_such_runs_there_is_no_matrix() -> None:
    assert compare([plant(n, reached=np.ones(N)) for n in "ab"])["transfer"] == []
    one = [learned("a", "a", 12, brought=False), learned("a", "a", 12, brought=True)]
    assert compare(one)["transfer"] == []


# --- figures --------------------------------------------------------------------------------------------------


def test_figures_are_named_and_found() -> None:
    document = compare([plant("a.x", noise(0), reached=np.zeros(N)), plant("b", noise(1) + 3)])
    figures = read_figures(document)
    assert len({figure.name for figure in figures}) == len(figures)
    local = measure(document, "local")
    own = {entry["key"]: entry for entry in local["observers"]}
    assert find_figures(figures, "a.x.local.effect") == [("a.x.local.effect", own["a.x"]["effect"]["value"])]
    assert find_figures(figures, "b.local.difference.low")[0][1] == own["b"]["difference"]["low"]
    assert [name for name, _ in find_figures(figures, "*.local.difference")] == [
        "a.x.local.difference",
        "b.local.difference",
    ]
    (found,) = find_figures(figures, "pairs.*.local.difference.p_holm")
    assert found == ("pairs.a.x:b.local.difference.p_holm", local["pairs"][0]["p_holm"])
    assert find_figures(figures, "pairs.told_apart") == [("pairs.told_apart", 1.0)]
    assert find_figures(figures, "a.local.effect") == []
    # Most photographs take more queries than there were.
    assert find_figures(figures, "a.x.deception.queries") == [("a.x.deception.queries", float("inf"))]


def test_a_comparison_is_plain_json_and_the_same_again() -> None:
    runs = [plant("a", noise(0), right=np.ones(N)), plant("b", noise(1), right=np.zeros(N))]
    text = json.dumps(compare(runs), allow_nan=False)
    assert json.loads(text) == json.loads(json.dumps(compare(runs)))


def test_every_property_of_this_package_has_its_columns() -> None:
    assert set(COLUMNS) == set(CLAIMS) == set(experiments()) - {"deception"}
    for name, claim in CLAIMS.items():
        assert COLUMNS[name].effect == claim.effect
        assert COLUMNS[name].controls == claim.controls


def test_the_columns_give_the_difference_of_every_stored_headline(finished: Path) -> None:
    run = Compared("a", read_run(finished))
    for name in COLUMNS:
        summary = run.results["properties"][name]
        read = reader_of(run, name)
        values = [read(row["sha256"])[0] for row in summary["rows"]]
        assert bca(values).to_json() == summary["headline"]["difference"]


@pytest.mark.parametrize(
    ("name", "best", "columns", "expected"),
    [
        ("spatial", "scrambles", {"range": 3.0, "scrambled_range": 1.0, "range_on_first_canvas": 9.0}, 2.0),
        (
            "spatial",
            "crops of other classes",
            {"range": 3.0, "crops_range": 1.0, "range_on_first_canvas": 9.0},
            8.0,
        ),
        # Matched crops are compared alike only where no crops are shared.
        (
            "spatial",
            "matched crops of other classes",
            {"range": 3.0, "crops_range": None, "matched_crops_range": 1.0, "range_on_first_canvas": 9.0},
            8.0,
        ),
        (
            "spatial",
            "matched crops of other classes",
            {"range": 3.0, "crops_range": 0.0, "matched_crops_range": 1.0, "range_on_first_canvas": 9.0},
            2.0,
        ),
        (
            "activation",
            "patches of other classes",
            {"amplitude": 3.0, "control_patches_amplitude": 1.0, "amplitude_as_controls": 5.0},
            4.0,
        ),
        ("cumulative", "one enlarged patch", {"slope": 3.0, "enlarged_slope": None}, np.nan),
    ],
)
def test_an_effect_is_held_against_a_control_as_that_was_measured(
    name: str, best: str, columns: dict[str, Any], expected: float
) -> None:
    run = plant("a")
    rows = [{"sha256": photograph["sha256"], **columns} for photograph in run.results["photographs"]]
    run.results["properties"][name] = {"headline": {"best_control": best}, "rows": rows}
    value, why = reader_of(Compared("a", run), name)(rows[0]["sha256"])
    np.testing.assert_equal(value, expected)
    assert bool(why) == np.isnan(expected)
