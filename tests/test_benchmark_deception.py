"""The deception benchmark: fair counting, resuming, comparisons of known answer, and the page."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.deception import comparing
from benchmarks.deception.comparing import Results
from benchmarks.deception.keeping import Figures, Unit, find, read
from benchmarks.deception.methods import METHODS
from benchmarks.deception.methods.art_forwards import Forwards, Reached
from benchmarks.deception.methods.schedule import share
from benchmarks.deception.outcome import Outcome
from benchmarks.deception.photographs import Case, choose
from benchmarks.deception.running import Plan, price, run
from benchmarks.deception.settings import NINE, PHOTOGRAPHS, SETTINGS, Setting
from numpy.typing import NDArray

from deepception.deceive.bounds import Area, Linf
from deepception.deceive.goals import Targeted, Untargeted
from deepception.deceive.trials import Exhausted
from deepception.observers import restrict
from deepception.sessions import Session
from known import Known, picture
from onnx_models import linear

SIDE = 24
PATCH_METHODS = (
    "ours",
    "ours_plain",
    "random_square",
    "random_pixels",
    "grey_patch",
    "random_patch",
    "noise_pixels",
)


def brightness(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Class 1 where the picture is brighter than mid grey in red, else class 0; class 2 never."""
    red = images[..., 0].mean(axis=(1, 2))
    return np.stack([np.zeros(len(red)), red - 128, np.full(len(red), -50.0)], axis=1)


def photograph(mean: float) -> NDArray[np.uint8]:
    """A picture whose red has this mean."""
    frame = picture(SIDE, 3)
    frame[..., 0] = int(mean)
    return frame


def ask(level: str = "logits") -> Session:
    return Session(restrict(Known(brightness, SIDE, 3), level), batch_size=4)


@pytest.mark.parametrize("name", PATCH_METHODS)
def test_a_method_finds_what_is_planted_and_counts_every_query(name: str) -> None:
    session = ask()
    # 10 % of the frame in white red raises the mean by 13: searches find it, and colours at random do sometimes.
    outcome = METHODS[name].attack()(
        session, photograph(126), Untargeted(0, 0), Area(0.1), 300, np.random.default_rng(1)
    )
    assert outcome.total == session.queries <= 300
    if name != "grey_patch":  # grey is as dark as the photograph
        assert outcome.first is not None
        assert outcome.used is not None
        assert 0 < outcome.used <= Area(0.1).limit((SIDE, SIDE))
        assert outcome.first == outcome.total or name.startswith("ours")
    else:
        assert outcome.used is None or outcome.first is not None


@pytest.mark.parametrize("name", ["random_square", "random_pixels", "ours_plain"])
def test_a_search_uses_its_answers_and_keeps_to_its_budget(name: str) -> None:
    """Chance does not get there: all that is covered must be white in red, or nearly."""
    goal, bound = Untargeted(0, 0), Area(0.1)
    attack = METHODS[name].attack()
    outcome = attack(ask(), photograph(117.0), goal, bound, 900, np.random.default_rng(0))
    assert outcome.first is not None
    by_chance = METHODS["random_patch"].attack()
    assert by_chance(ask(), photograph(117.0), goal, bound, 900, np.random.default_rng(0)).first is None
    session = ask()
    failed = attack(session, photograph(40), goal, bound, 37, np.random.default_rng(0))
    assert (failed.first, failed.total, failed.used, session.queries) == (None, 37, None, 37)
    again = attack(ask(), photograph(117.0), goal, bound, 900, np.random.default_rng(0))
    assert again == outcome


@pytest.mark.parametrize(
    ("name", "level"),
    [("random_square", "top-2"), ("random_pixels", "top-2"), ("ours", "top-2"), ("ours", "label")],
)
def test_methods_work_on_less_than_scores(name: str, level: str) -> None:
    outcome = METHODS[name].attack()(
        ask(level), photograph(127), Untargeted(0, 0), Area(0.2), 60, np.random.default_rng(2)
    )
    assert outcome.total <= 60
    assert outcome.first is not None


@pytest.mark.parametrize("name", ["random_noise", "uniform_shift"])
def test_veil_controls_stay_within_their_levels(name: str) -> None:
    outcome = METHODS[name].attack()(
        ask(), photograph(128), Untargeted(0, 0), Linf(4 / 255), 40, np.random.default_rng(2)
    )
    assert outcome.first is not None
    assert outcome.used == 4


def test_the_schedule_shrinks() -> None:
    divisors = ((0.1, 2), (1.0, 8))
    assert [share(0.4, passed, divisors) for passed in (0, 0.1, 0.11, 1.0, 1.5)] == [
        0.2,
        0.2,
        0.05,
        0.05,
        0.05,
    ]


def test_art_is_charged_for_an_image_once_and_for_every_new_one() -> None:
    clean = photograph(126)
    forwards = Forwards(ask(), clean, Untargeted(0, 0), Linf(4 / 255), 3)
    image = clean[None].astype(np.float32)
    assert forwards(image).argmax(axis=1).tolist() == [0]
    assert forwards.trials.spent == 0  # the clean answer is counted apart
    darker = np.concatenate([image - 1, image - 1.4, image - 0.6])  # all the same in 8 bits
    assert len(np.unique(forwards(darker), axis=0)) == 1
    assert forwards.trials.spent == 1
    assert forwards(image + 90).argmax() == 1  # answered wrong, but not within the bound
    assert forwards.first is None
    with pytest.raises(Reached):
        forwards(image + 4)
    assert (forwards.first, forwards.trials.spent) == (3, 3)
    with pytest.raises(Exhausted):
        forwards(image + 2)


def test_art_gets_the_log_probabilities_and_labels_where_there_is_no_more() -> None:
    clean = photograph(126)
    z = brightness(clean[None] - np.uint8(1))
    expected = z - np.log(np.exp(z).sum())
    scores = Forwards(ask(), clean, Untargeted(0, 0), Linf(0.1), 5)(clean[None] - 1.0)
    assert scores == pytest.approx(expected, abs=1e-4)
    labels = Forwards(ask("label"), clean, Untargeted(0, 0), Linf(0.1), 5)(clean[None] - 1.0)
    assert labels.tolist() == [[1, 0, 0]]


@pytest.mark.parametrize("name", ["art_square", "art_hopskipjump"])
def test_attacks_of_art_run(name: str) -> None:
    pytest.importorskip("art")
    attack = METHODS[name].attack()
    level = "label" if name == "art_hopskipjump" else "logits"
    made = [
        attack(ask(level), photograph(126), Untargeted(0, 0), Linf(20 / 255), 300, np.random.default_rng(5))
        for _ in range(2)
    ]
    assert made[0] == made[1]
    assert made[0].first == made[0].total <= 300
    assert made[0].used is not None
    assert made[0].used <= 20


def test_every_setting_names_methods_and_networks_that_exist() -> None:
    for setting in SETTINGS.values():
        assert set(setting.methods) <= set(METHODS)
        assert set(setting.networks) <= set(NINE)
    for method in METHODS.values():
        assert method.needs is not None or callable(method.attack())


def test_as_many_photographs_as_give_sixty_correct_ones() -> None:
    assert set(PHOTOGRAPHS) == set(NINE)
    for name, setting in SETTINGS.items():
        counts = {setting.count(network) for network in NINE}
        if name.startswith("universal"):
            assert counts == {None}
        else:
            assert counts == ({30} if setting.targeted else set(PHOTOGRAPHS.values()))


def test_targets_are_neither_the_label_nor_the_clean_answer() -> None:
    goals = []
    for clean in (1, 2, 3):
        goal = Case(1, "photo", np.zeros((1, 1, 3), np.uint8), clean).goal(4, targeted=True)
        assert isinstance(goal, Targeted)
        assert goal.target not in (1, clean)
        goals.append(goal.target)
    assert len(set(goals)) < 3  # drawn by the photograph: another clean answer changes it only where it must


# --- running and resuming ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network and photographs of the test split."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("data")
    (folder / "models").mkdir()
    (folder / "photos").mkdir()
    matrix = np.random.default_rng(0).normal(size=(3, 20)).astype(np.float32) / 8
    linear(folder / "models" / "tiny.onnx", classes=20, side=SIDE, matrix=matrix)
    rows = ["file,index,wnid,name"]
    for index in range(0, 20, 2):
        pixels = np.random.default_rng(index).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "photos" / f"{index}.png")
        rows.append(f"{index}.png,{index},n{index},name {index}")
    (folder / "photos" / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


TINY = Setting("tiny-patch", "Tiny", Area(0.1), 12, ("ours", "grey_patch"), networks=("tiny",))


def plan(data: Path, folder: Path, **more: Any) -> Plan:
    return Plan(data, folder, folder / "learned", ("tiny",), (TINY,), **{"seeds": 2, "threads": 1, **more})


def test_splits_share_no_photograph(data: Path) -> None:
    indices = {
        split: [i for i, _ in choose(data / "photos", split, None)] for split in ("learn", "develop", "test")
    }
    assert indices == {"learn": [0, 8, 16], "develop": [4, 12], "test": [2, 6, 10, 14, 18]}
    assert [i for i, _ in choose(data / "photos", "test", 2)] == [2, 10]


def test_a_run_is_gone_on_with_and_gives_the_same(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = plan(data, tmp_path / "pieces", limit=2)
    assert sum(queries for _, _, queries in price(few)) == 3 * 2 * 12  # two seeds of ours, one of the control
    run(few)
    assert price(few) == []
    assert [(unit.method, count) for unit, count, _ in price(plan(data, tmp_path / "pieces"))] == [
        ("ours", 3),
        ("grey_patch", 3),
        ("ours", 3),
    ]
    run(plan(data, tmp_path / "pieces"))
    run(plan(data, tmp_path / "whole"))
    for path in sorted((tmp_path / "whole").glob("*.json")):
        whole, pieces = read(path), read(tmp_path / "pieces" / path.name)
        assert whole.rows == pieces.rows
        assert len(whole.rows) == 5
        assert whole.sent <= 5 * 12
    assert "correct ones deceived" in capsys.readouterr().err


def test_figures_of_another_budget_are_not_mixed(data: Path, tmp_path: Path) -> None:
    run(plan(data, tmp_path, limit=1))
    with pytest.raises(SystemExit, match="another queries"):
        run(plan(data, tmp_path, limit=2, most=5))


def test_no_time_left_stops_at_a_photograph(data: Path, tmp_path: Path) -> None:
    run(plan(data, tmp_path, minutes=1e-9))
    assert all(len(read(path).rows) <= 1 for path in tmp_path.glob("*.json"))
    run(plan(data, tmp_path))
    assert len(list(tmp_path.glob("*.json"))) == 3


def test_learned_dictionaries_are_paid_for(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.deception.methods import ours, random_square_learned

    from deepception.deceive import learning

    monkeypatch.setattr(learning, "FEWEST", 3)
    monkeypatch.setattr(ours, "LEARNING_QUERIES", 33)
    monkeypatch.setattr(random_square_learned, "LEARNING_QUERIES", 33)
    setting = replace(TINY, methods=("ours_learned", "random_square_learned"))
    run(replace(plan(data, tmp_path, seeds=1), settings=(setting,)))
    asked = {path.name.split("--")[2]: read(path).learning for path in tmp_path.glob("*.json")}
    # 3 clean answers, and a stencil a stage on 3 photographs; or searches, and as many squares as are left for.
    assert asked["ours_learned"] == 3 + 8 * 3
    assert 30 <= asked["random_square_learned"] <= 33
    assert len(list((tmp_path / "learned").iterdir())) == 2


@pytest.mark.parametrize("bound", [Area(0.1), Linf(10 / 255)], ids=str)
def test_universal_patterns_are_learned_elsewhere_and_shown_once(
    bound: Area | Linf, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.deception.methods import universal

    monkeypatch.setattr(universal, "LEARNING_QUERIES", 60)
    setting = replace(TINY, bound=bound, queries=1, methods=("best_drawn", "random_pattern"))
    run(replace(plan(data, tmp_path), settings=(setting,)))
    figures = {path.name: read(path) for path in tmp_path.glob("*.json")}
    assert len(figures) == 3  # two learning seeds, one control
    for name, one in figures.items():
        assert 3 < one.learning <= 60 if "best" in name else one.learning == 0
        assert {outcome.total for _, outcome in one.rows.values()} == {1}
        limit = bound.limit((SIDE, SIDE))
        assert all(o.used is None or o.used <= limit for _, o in one.rows.values())


def test_ablations_draw_what_the_whole_method_draws(data: Path, tmp_path: Path) -> None:
    """Without pruning, the first success is the same showing."""
    ablation = replace(TINY, name="ablation", methods=("without_pruning",), ablates="tiny-patch", seeds=1)
    run(replace(plan(data, tmp_path, seeds=None), settings=(TINY, ablation)))
    whole = read(tmp_path / "tiny--tiny-patch--ours--0.json").rows
    part = read(tmp_path / "tiny--ablation--without_pruning--0.json").rows
    assert [outcome.first for _, outcome in part.values()] == [outcome.first for _, outcome in whole.values()]
    assert any(outcome.first for _, outcome in part.values())
    assert len(list(tmp_path.glob("*--ours--*.json"))) == 3  # the setting's own number of seeds
    assert len(list(tmp_path.glob("*--without_pruning--*.json"))) == 1


def test_what_survives_a_shift_is_kept(tmp_path: Path) -> None:
    unit = Unit("tiny", "patch-5", "ours", 0)
    rows = {
        2: (True, Outcome(1, 3, 7, True)),
        6: (True, Outcome(2, 9, 7, False)),
        10: (True, Outcome(None, 9, None)),
    }
    Figures(unit, {"queries": 9, "fingerprint": "a"}, rows).write(tmp_path)
    figures = read(tmp_path / unit.file)
    assert figures.rows == rows
    ((one,),) = comparing.gather([figures]).values()
    kept = comparing.survival(one)
    assert (kept.value, kept.n) == (0.5, 2)
    without = Figures(unit, figures.facts, {2: (True, Outcome(1, 3, 7))})
    without.write(tmp_path)  # as it was before
    assert "survives" not in json.loads((tmp_path / unit.file).read_text(encoding="utf-8"))
    assert read(tmp_path / unit.file).rows == without.rows


def test_a_unit_is_a_small_file(tmp_path: Path) -> None:
    unit = Unit("mobilenet_v2_100_224", "patch-5", "ours", 0)
    figures = find(tmp_path, unit, {"queries": 1000})
    figures.rows.update({2 + 4 * i: (i % 3 > 0, Outcome(i % 1000 + 1, 1000, 2508)) for i in range(250)})
    figures.rows[2] = (False, Outcome(None, 1000, None))
    figures.write(tmp_path)
    assert (tmp_path / unit.file).stat().st_size < 15_000
    assert find(tmp_path, unit, {"queries": 1000}).rows == figures.rows
    assert figures.missing([2, 3]) == [3]


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"schema": 99}), encoding="utf-8")
    with pytest.raises(SystemExit, match="holds no figures"):
        read(tmp_path / "x.json")


# --- comparing --------------------------------------------------------------------------------------------------


def results(first: Any, *, method: str = "ours", queries: int = 100, **more: Any) -> Results:
    """Results of photographs that were all correct before, first [seeds, n]."""
    columns = np.atleast_2d(np.array(first, dtype=np.float64))
    n = columns.shape[1]
    facts: dict[str, Any] = {
        "learning": 0.0,
        "index": np.arange(n),
        "correct": np.ones(n, bool),
        "total": np.minimum(columns, queries),
        "used": columns,
        "fingerprint": "a",
        **more,
    }
    return Results(method, queries, first=columns, **facts)


def test_seeds_are_reduced_before_photographs_are_counted() -> None:
    made = results([[1, 5, math.inf, 9], [3, math.inf, math.inf, 9], [2, math.inf, math.inf, 7]])
    assert made.reached.tolist() == [1.0, pytest.approx(1 / 3), 0.0, 1.0]
    assert made.typical.tolist() == [2, math.inf, math.inf, 9]
    rate = comparing.fooling_ratio(made)
    assert (rate.value, rate.n) == (pytest.approx(7 / 12), 4)
    assert comparing.median_queries(made).value == 9
    assert comparing.mean_queries(made).value == pytest.approx((2 + (5 + 200) / 3 + 100 + 25 / 3) / 4)


def test_query_figures_are_of_those_that_were_right_before() -> None:
    made = results([4, 1, math.inf], correct=np.array([True, False, True]))
    assert comparing.median_queries(made).value == 4
    assert comparing.success_rate(made).value == 0.5
    assert comparing.fooling_ratio(made).value == pytest.approx(2 / 3)
    assert comparing.robust_error(made).value == pytest.approx(2 / 3)
    at, shares = comparing.curve(made)
    assert at.tolist() == [1, 4, 100]
    assert shares.tolist() == [0, 0.5, 0.5]


def test_methods_are_compared_on_the_same_photographs() -> None:
    ours = results([2.0] * 6, learning=40.0, index=np.arange(6))
    theirs = results([10.0] * 5 + [math.inf], method="random_square", index=np.arange(1, 7))
    compared = comparing.against(ours, theirs)
    assert compared is not None
    assert (compared.n, compared.ratio.value, compared.censored) == (5, pytest.approx(0.2), False)
    assert (compared.ours_only, compared.theirs_only, compared.p) == (0, 0, 1.0)
    assert compared.break_even == pytest.approx(40 / 8)
    never = comparing.against(theirs, ours)
    assert never is not None
    assert never.break_even == 0.0  # nothing was learned
    assert comparing.against(replace(theirs, learning=1.0), ours).break_even == math.inf  # type: ignore[union-attr]
    assert comparing.against(ours, replace(theirs, fingerprint="b")) is None


def test_failures_count_as_the_budget_and_are_said() -> None:
    ours, theirs = results([1.0] * 8), results([math.inf] * 6 + [3, 4], method="grey_patch", queries=50)
    compared = comparing.against(ours, theirs)
    assert compared is not None
    assert (compared.ratio.value, compared.censored) == (pytest.approx(1 / 50), True)
    assert (compared.ours_only, compared.theirs_only) == (6, 0)
    assert compared.p == pytest.approx(2 * 0.5**6)


def test_a_baseline_is_given_what_learning_cost() -> None:
    ours = results([[5.0] * 6 + [math.inf] * 2], learning=500.0)
    theirs = results([[120.0, 140, 151, 180, 190, 200, 110, 9]], method="random_square", queries=200)
    over_ten = comparing.paid(ours, theirs, 10)  # 50 more: up to 150
    assert over_ten is not None
    assert (over_ten.extra, over_ten.ours.value, over_ten.theirs.value) == (50, 0.75, 0.5)
    assert (over_ten.ours_only, over_ten.theirs_only) == (4, 2)
    assert comparing.paid(ours, theirs, 1) is None  # the baseline was never given 500 more
    assert comparing.paid(ours, replace(theirs, fingerprint="b"), 10) is None


def test_differences_are_paired_and_signed() -> None:
    whole = results([[1.0, 2, 3, 4, 5, 6]], index=np.arange(6))
    part = results(
        [[math.inf, math.inf, 3, 4, 5, 6]], method="part", index=np.arange(6), total=np.full((1, 6), 100)
    )
    compared = comparing.difference(whole, part)
    assert compared is not None
    assert (compared.n, compared.first_only, compared.second_only) == (6, 2, 0)
    assert compared.success.value == pytest.approx(2 / 6)
    assert compared.queries.value == pytest.approx(-(99 + 98) / 6)
    assert compared.success.low <= compared.success.value <= compared.success.high
    assert comparing.difference(whole, replace(part, fingerprint="b")) is None
    assert comparing.success_within(whole, 3).value == 0.5
    longer = replace(whole, queries=1_000, first=whole.first + 97)  # only three within the others' budget
    assert comparing.difference(longer, part).first_only == 2  # type: ignore[union-attr]
    assert comparing.difference(longer, part).second_only == 3  # type: ignore[union-attr]


def test_seeds_of_one_method_are_gathered() -> None:
    facts = {"queries": 100, "fingerprint": "a"}
    units = [Unit("net", "patch-5", "ours", seed) for seed in (0, 1)]
    rows = {i: (True, Outcome(i + 1, 9, 7)) for i in range(4)}
    figures = [Figures(units[0], facts, rows, 10), Figures(units[1], facts, {1: rows[1], 3: rows[3]}, 20)]
    (made,) = comparing.gather(figures)["patch-5", "net"]
    assert made.index.tolist() == [1, 3]
    assert made.first.tolist() == [[2, 4], [2, 4]]
    assert (made.learning, made.seeds) == (15, 2)


def test_seeds_of_different_engines_are_not_gathered() -> None:
    rows = {i: (True, Outcome(i + 1, 9, 7)) for i in range(4)}
    figures = [
        Figures(Unit("net", "patch-5", "ours", seed), {"queries": 100, "fingerprint": who}, rows)
        for seed, who in enumerate("ab")
    ]
    with pytest.raises(SystemExit, match="other engines or devices"):
        comparing.gather(figures)
