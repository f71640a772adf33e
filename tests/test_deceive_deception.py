from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import deepception as dc
from deepception.deceive import (
    Area,
    Deception,
    DeceptionParameters,
    Found,
    Trials,
    Untargeted,
    deceive_subject,
    judge,
)
from deepception.deceive.dictionary import Dictionary
from deepception.errors import BudgetError, InputError
from deepception.observers import AnswerLevel, RawAnswers
from deepception.properties import Subject
from deepception.sessions import Session
from deepception.stimuli import load_photograph
from known import Known, ask, from_decades, picture, plant, subject

SIDE = 32
Images = NDArray[np.uint8]


def corners(images: Images) -> NDArray[np.int64]:
    """Pixels of a corner of the colours: there are none in `picture`."""
    return np.asarray(((images == 0) | (images == 255)).all(axis=3).sum(axis=(1, 2)))


def weak(images: Images) -> NDArray[np.float64]:
    """Decades of class 0: deceived by thirty such pixels, which is less than 5 % of the frame."""
    return 1.0 - corners(images) / 20


def firm(images: Images) -> NDArray[np.float64]:
    return np.full(len(images), 2.0)


class LabelsOnly(Known):
    """Tells the best class and has no score to read."""

    def __init__(self, decades: Callable[[Images], NDArray[np.float64]]) -> None:
        super().__init__(lambda images: from_decades(decades(images)), SIDE, 5)
        self.level = AnswerLevel.LABEL

    def answer(self, images: Images) -> RawAnswers:
        raw = super().answer(images)
        best = raw.scores.argmax(axis=1)[:, None].astype(np.int64)
        return RawAnswers(AnswerLevel.LABEL, np.empty((len(images), 0)), best)


def test_a_planted_weakness_is_found() -> None:
    session = plant(weak, SIDE)
    found = dc.deceive(session, picture(SIDE), 0, seed=1)
    assert found.reached
    assert found.first is not None
    assert found.first <= 3
    assert found.clean_top1 == found.label == 0
    assert found.top1 == 1
    assert found.log10_odds is not None
    assert corners(found.stimulus[None])[0] > 20
    assert found.correct
    assert found.source.startswith("dictionary")
    assert found.controls == {}
    # All that was sent: the clean answer, and what the attack showed.
    assert found.queries == 1 + found.attack_queries == session.observer.shown  # type: ignore[attr-defined]
    assert found.attack_queries >= found.first + 2, "the PNG, and the PNG moved by one pixel"


def test_pruning_leaves_less_and_costs_queries() -> None:
    pruned = dc.deceive(plant(weak, SIDE), picture(SIDE), 0, seed=1)
    whole = dc.deceive(plant(weak, SIDE), picture(SIDE), 0, seed=1, prune=False)
    assert pruned.first == whole.first
    assert pruned.used < whole.used
    assert pruned.attack_queries > whole.attack_queries == (whole.first or 0) + 2


@pytest.mark.parametrize("queries", [1, 2, 5, 40])
@pytest.mark.parametrize("decades", [weak, firm])
@pytest.mark.parametrize("area", [0.02, 0.1])
def test_no_query_and_no_pixel_beyond_what_was_given(
    queries: int, decades: Callable[[Images], NDArray[np.float64]], area: float, tmp_path: Path
) -> None:
    session, clean = plant(decades, SIDE), picture(SIDE)
    found = dc.deceive(session, clean, 0, area=area, queries=queries)
    assert found.attack_queries <= queries
    assert session.observer.shown <= queries + 1  # type: ignore[attr-defined]
    assert session.budget is None
    found.save(tmp_path / "shown.png")
    read = load_photograph(tmp_path / "shown.png")
    assert read.framed
    assert np.array_equal(read.pixels, found.stimulus)
    changed = int((read.pixels != clean).any(axis=2).sum())
    assert changed <= found.used <= found.limit == int(area * SIDE * SIDE)
    assert found.mask.sum() == found.used
    assert np.array_equal(read.pixels[~found.mask], clean[~found.mask])


def test_a_failure_gives_its_best_try() -> None:
    found = dc.deceive(plant(firm, SIDE), picture(SIDE), 0, queries=12)
    assert not found.reached
    assert (found.first, found.log10_odds, found.survives_shift) == (None, None, None)
    assert found.attack_queries == 12
    assert found.top1 == 0
    assert (found.stimulus != picture(SIDE)).any()


def test_without_a_label_the_clean_answer_is_the_class() -> None:
    session = plant(weak, SIDE)
    found = dc.deceive(session, picture(SIDE))
    assert not found.labelled
    assert found.label == found.clean_top1 == 0
    assert found.queries == 1 + found.attack_queries == session.queries


def test_wrong_photographs_are_attacked_from_their_clean_answer() -> None:
    session = plant(weak, SIDE)
    # Deceived, this observer answers class 1, the true one: that is no deception.
    found = dc.deceive(session, picture(SIDE), 1, queries=20)
    assert not found.correct
    assert not found.reached
    assert dc.deceive(session, picture(SIDE), 2, queries=20).reached


@pytest.mark.parametrize(("y", "x", "survives"), [(5, 5, True), (9, SIDE - 1, False)])
def test_survival_of_a_shift_is_shown(y: int, x: int, survives: bool) -> None:
    session = plant(lambda images: 1.0 - 2.0 * (corners(images) > 0), SIDE)
    clean = picture(SIDE)
    stimulus = clean.copy()
    stimulus[y, x] = 255
    trials = Trials(session, clean, Untargeted(0), Area(0.05), queries=5)
    shown = trials.show(stimulus, 1)
    judged = judge(trials, Found(stimulus, (stimulus != clean).any(axis=2), shown, "search", 1))
    assert judged.reached
    assert judged.survives_shift is survives
    assert trials.spent == 3


def test_what_is_not_confirmed_is_no_deception() -> None:
    """An observer that answers each picture wrong the first time only."""
    seen: set[bytes] = set()

    def forgetful(images: Images) -> NDArray[np.float64]:
        known = np.array([image.tobytes() in seen for image in images])
        seen.update(image.tobytes() for image in images)
        return np.where(known | (corners(images) == 0), 1.0, -1.0)

    found = dc.deceive(plant(forgetful, SIDE), picture(SIDE), 0, prune=False, queries=9)
    assert not found.reached
    assert found.first is None
    assert found.top1 == 0


def test_labels_alone_suffice() -> None:
    found = dc.deceive(Session(LabelsOnly(weak), batch_size=4), picture(SIDE), 0, queries=60)
    assert found.reached
    assert found.log10_odds is None
    assert found.survives_shift is not None


def test_the_same_seed_gives_the_same_bits() -> None:
    # Too weak for the dictionary to win at once: the random search decides.
    def stubborn(images: Images) -> NDArray[np.float64]:
        return 1.0 - (images[:, ::3, ::5] == 255).all(axis=3).sum(axis=(1, 2)) / 9

    first, again, other = (
        dc.deceive(plant(stubborn, SIDE), picture(SIDE), 0, seed=seed, queries=120) for seed in (4, 4, 5)
    )
    assert np.array_equal(first.stimulus, again.stimulus)
    assert first.record() == again.record()
    assert not np.array_equal(first.stimulus, other.stimulus)


def test_a_veil_has_no_mask_and_stays_within_its_levels() -> None:
    def rough(images: Images) -> NDArray[np.float64]:
        steps = np.abs(np.diff(images.astype(float), axis=2)).mean(axis=(1, 2, 3))
        return np.asarray(np.where(steps > 8, -1.0, 1.0))

    flat = picture(SIDE, cells=4)
    found = dc.deceive(plant(rough, SIDE), flat, 0, linf="10/255", queries=40, controls=True)
    assert found.reached
    assert found.mask.shape == (0, 0)
    assert found.bound == "L∞ 10/255"
    assert found.used == found.limit == 10
    assert found.survives_shift
    assert list(found.controls)[:3] == ["scramble", "random noise", "uniform shift"]
    assert not found.controls["uniform shift"]["reached"]


def test_a_dictionary_of_stencils_is_none_for_veils() -> None:
    with pytest.raises(InputError, match="leave it out for an L∞ bound"):
        dc.deceive(ask(toward, SIDE), picture(SIDE), 0, linf="10/255", dictionary=Dictionary(()))


# --- targets -----------------------------------------------------------------------------------------------------


def toward(images: Images) -> NDArray[np.float64]:
    """Logits of five classes: pixels of full red speak for class 3, and for no other."""
    z = np.zeros((len(images), 5))
    z[:, 0] = 3.0
    z[:, 3] = (images == (255, 0, 0)).all(axis=3).sum(axis=(1, 2)) / 5
    return z


def test_a_target_is_reached() -> None:
    found = dc.deceive(ask(toward, SIDE), picture(SIDE), 0, area=0.1, target="class 3", queries=300, seed=2)
    assert found.reached
    assert (found.goal, found.target, found.top1) == ("targeted", 3, 3)


def test_a_random_target_is_neither_the_class_nor_the_clean_answer() -> None:
    made = {
        dc.deceive(ask(toward, SIDE), picture(SIDE, seed), 1, target="random", queries=1).target
        for seed in range(12)
    }
    assert made == {2, 3, 4}


@pytest.mark.parametrize("target", [0, 1])
def test_a_target_that_the_photograph_has_is_refused(target: int) -> None:
    with pytest.raises(InputError, match="give another target"):
        dc.deceive(ask(toward, SIDE), picture(SIDE), 1, target=target)


def test_among_many_it_is_counted_apart() -> None:
    made = dc.deceive_all(
        ask(toward, SIDE), [picture(SIDE, s) for s in range(3)], [0, 3, 0], target=3, queries=2
    )
    assert [d.attacked for d in made.deceptions] == [True, False, True]
    assert made.deceptions[1].queries == 1
    assert made.figures["left_out"] == 1
    assert made.figures["fooling_ratio"]["n"] == 2


# --- many --------------------------------------------------------------------------------------------------------


def test_many_are_counted() -> None:
    session = plant(weak, SIDE)
    images = [picture(SIDE, s) for s in range(4)]
    made = dc.deceive_all(session, images, [0, 0, 2, None], queries=20, controls=True)
    assert len(made) == 4
    told = made.to_json()
    json.dumps(told, allow_nan=False)
    assert told["fooling_ratio"] == {"value": 1.0, "low": pytest.approx(0.51, abs=0.01), "high": 1.0, "n": 4}
    assert told["success_rate"]["n"] == 3
    assert told["queries"]["clean"] == 4
    # Every image that was sent is counted, and in one place only.
    assert told["queries"]["total"] == session.queries == sum(d.queries for d in made.deceptions)
    assert {"grey fill", "random patch", "grey patch", "random pixels", "scramble"} <= set(told["controls"])
    assert told["controls"]["grey fill"]["fooling_ratio"]["value"] == 0
    assert told["controls"]["grey fill"]["margin"]["value"] == 1.0
    # Any place of black and white deceives this observer, so it is no rival that the scramble loses to.
    assert told["margin"] == {"control": "scramble", **told["controls"]["scramble"]["margin"]}
    assert told["margin"]["value"] == 0.0
    assert len(told["images"]) == 4
    assert "stimulus" not in told["images"][0]


def test_crops_are_of_other_classes() -> None:
    session = plant(firm, SIDE)
    images = [picture(SIDE, s) for s in range(4)]
    made = dc.deceive_all(session, images, [0, 0, 1, 2], queries=1, controls=True)
    crops = [d.controls["crops of other classes"]["queries"] for d in made.deceptions]
    # The clean answer is class 0 for all, so photographs of class 0 are barred as well.
    assert crops == [2, 2, 1, 1]


@pytest.mark.parametrize(
    ("classes", "near", "others"),
    # A bathtub (435) and a tub (876) are one thing under two names among the classes of ImageNet, and only there.
    [(1000, 2, 1), (900, 1, 2)],
)
def test_crops_of_the_target_or_a_near_synonym_stand_apart(classes: int, near: int, others: int) -> None:
    session = Session(Known(lambda i: from_decades(firm(i), classes), SIDE, classes), batch_size=4)
    pool = [subject(SIDE, seed, label=label) for seed, label in enumerate((876, 435, 7, 0), start=1)]
    found = dc.deceive(session, picture(SIDE), 5, target=435, queries=2, controls=True, crops_from=pool)
    shown = {name: found.controls[name]["queries"] for name in ("contains t", "crops of other classes")}
    assert shown == {"contains t": near, "crops of other classes": others}
    plain = dc.deceive(session, picture(SIDE), 5, queries=2, controls=True, crops_from=pool)
    assert "contains t" not in plain.controls
    assert plain.controls["crops of other classes"]["queries"] == 3


def test_one_label_may_stand_for_all() -> None:
    made = dc.deceive_all(plant(weak, SIDE), [picture(SIDE, 1), picture(SIDE, 2)], "class 0", queries=5)
    assert [d.label for d in made.deceptions] == [0, 0]
    with pytest.raises(InputError, match="1 labels were given for 2"):
        dc.deceive_all(plant(weak, SIDE), [picture(SIDE), picture(SIDE)], [0])


def test_what_a_dictionary_cost_is_counted(tmp_path: Path) -> None:
    learned = dc.learn_dictionary(plant(weak, SIDE), [picture(SIDE, 9 + s) for s in range(8)], 0, queries=64)
    learned.save(tmp_path / "dictionary.json")
    images = [picture(SIDE, s) for s in range(2)]
    made = dc.deceive_all(plant(weak, SIDE), images, 0, queries=9, dictionary=tmp_path / "dictionary.json")
    # It was learned before, in another session: what was asked here does not hold it.
    asked = made.figures["queries"]
    assert (asked["learned_with"], asked["learning"]) == (64, 0)
    assert asked["total"] == sum(d.queries for d in made.deceptions) <= 2 * 10
    assert dc.deceive_all(plant(weak, SIDE), images, 0, queries=9).figures["queries"]["learned_with"] == 0


def test_photographs_that_a_dictionary_was_learned_on_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    images = [picture(SIDE, s) for s in range(8)]
    learned = dc.learn_dictionary(plant(weak, SIDE), images, 0, queries=64)
    others = [picture(SIDE, 9), images[3], picture(SIDE, 10), images[0]]
    session = plant(weak, SIDE)
    made = dc.deceive_all(session, others, [0, 3, 0, 4], queries=9, dictionary=learned)
    assert "2 of 4 photographs are left out" in caplog.text
    assert len(made) == made.figures["fooling_ratio"]["n"] == 2
    assert made.rows == dc.deceive_all(plant(weak, SIDE), others[::2], 0, queries=9, dictionary=learned).rows
    assert session.queries == made.figures["queries"]["total"], "those left out are not asked for"
    before = session.queries
    with pytest.raises(InputError, match="was learned on all these"):
        dc.deceive_all(session, images, 0, queries=9, dictionary=learned)
    assert session.queries == before
    # A single photograph is no figure.
    assert dc.deceive(session, images[0], 0, queries=9, dictionary=learned).reached


def test_many_are_deceived_with_the_options_of_one() -> None:
    one, many = (inspect.signature(verb).parameters for verb in (dc.deceive, dc.deceive_all))
    options = {name: p for name, p in one.items() if p.kind is p.KEYWORD_ONLY and name != "crops_from"}
    assert options == {name: p for name, p in many.items() if p.kind is p.KEYWORD_ONLY}


def test_a_result_survives_its_storage() -> None:
    found = dc.deceive(plant(weak, SIDE), picture(SIDE), 0, queries=20, controls=True)
    again = Deception.from_parts(found.arrays(), json.loads(json.dumps(found.record())))
    assert again.record() == found.record()
    assert again.row() == found.row()
    assert np.array_equal(again.stimulus, found.stimulus)
    assert again.controls == found.controls
    assert set(found.arrays()) == set(Deception.axes)


# --- errors, and the name ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"queries": 0}, "give 1 or more"),
        ({"area": 0.0001}, "less than one pixel"),
        ({"area": 0.1, "linf": "10/255"}, "exclude each other"),
        ({"target": "penguin"}, "penguin"),
        ({"label": 9}, "not among"),
        ({"dictionary": "nowhere.json"}, "nowhere.json"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        dc.deceive(plant(weak, SIDE), picture(SIDE), **{"label": 0, **given})


def test_the_budget_of_the_session_binds() -> None:
    session = Session(Known(lambda i: from_decades(firm(i)), SIDE, 5), budget=10, batch_size=1)
    with pytest.raises(BudgetError):
        dc.deceive(session, picture(SIDE), 0, queries=50)
    assert session.transmissions == 10


def test_a_subject_whose_clean_answer_is_known_is_not_asked_for_it() -> None:
    me = subject(SIDE)
    found = deceive_subject(
        plant(weak, SIDE), me, DeceptionParameters(queries=9, prune=False), clean_top1=0, asked=0
    )
    assert found.queries == found.attack_queries
    unlabelled = Subject(me.pixels, 0, me.name, me.sha256, labelled=False)
    assert dc.deceive(plant(weak, SIDE), unlabelled, queries=9).queries <= 9


@pytest.mark.parametrize(
    "before", ["", "import deepception.deceive.bounds; ", "from deepception import deceive; "]
)
def test_the_room_is_the_verb(before: str) -> None:
    code = (
        f"{before}import inspect, deepception as dc; import deepception.deceive.goals as goals; "
        "assert callable(dc.deceive) and callable(dc.deceive_all); "
        "assert dc.deceive.deceive_all is dc.deceive_all; "
        "print(*inspect.signature(dc.deceive).parameters)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[:3] == ["session", "image", "label"]
