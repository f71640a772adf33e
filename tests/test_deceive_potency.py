"""Potency: what patches answer alone is learned once, is right, and serves the search for any class."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from deepception.deceive import fool, make_bank, measure_potency
from deepception.deceive.collage import repeated
from deepception.errors import BudgetError, InputError
from deepception.observers import AnswerLevel, RawAnswers
from deepception.sessions import Session
from known import Known, plant, subject

SIDE, CLASSES = 28, 5
SHAPE = (SIDE, SIDE)
Images = NDArray[np.uint8]
BANK = make_bank([subject(SIDE, seed, label) for seed, label in enumerate((1, 2, 3, 4))], SHAPE)
CANVASES = np.stack([repeated(patch.pixels, SHAPE) for patch in BANK.patches])
HUES = np.random.default_rng(3).normal(size=(3, CLASSES))


def scores(images: Images) -> NDArray[np.float64]:
    """Logits by the mean colour."""
    return np.asarray((images.mean(axis=(1, 2)) / 128 - 1) @ HUES * 4)


class Labels(Known):
    """The same observer, which tells the best class alone."""

    def __init__(self) -> None:
        super().__init__(scores, SIDE, CLASSES)
        self.level = AnswerLevel.LABEL

    def answer(self, images: Images) -> RawAnswers:
        best = super().answer(images).scores.argmax(axis=1)[:, None].astype(np.int64)
        return RawAnswers(AnswerLevel.LABEL, np.empty((len(images), 0)), best)


def asked(make: Callable[[], Known] = lambda: Known(scores, SIDE, CLASSES)) -> Session:
    return Session(make(), batch_size=1)


def test_it_is_what_each_patch_answers_alone() -> None:
    with asked() as session:
        potency = measure_potency(session, BANK, 10_000)
        answers = session.ask_images(CANVASES)
    assert np.array_equal(potency.shown, np.arange(len(BANK)))
    np.testing.assert_allclose(potency.odds, answers.log_odds, rtol=1e-5)
    # A uniform colour makes one canvas at any size of the patch.
    uniform = [patch.pixels for patch in BANK.patches if (patch.pixels == patch.pixels[0, 0]).all()]
    colours = {pixels[0, 0].tobytes() for pixels in uniform}
    assert potency.queries == len(BANK) - len(uniform) + len(colours) < len(BANK)


def test_few_queries_show_one_patch_of_every_photograph_first() -> None:
    groups = len(set(BANK.groups.tolist()))
    with asked() as session:
        potency = measure_potency(session, BANK, groups, seed=4)
        assert session.queries == potency.queries == groups
        again = measure_potency(session, BANK, groups, seed=4)
        other = measure_potency(session, BANK, groups, seed=5)
    assert set(BANK.groups[potency.shown].tolist()) == set(BANK.groups.tolist())
    assert np.array_equal(again.shown, potency.shown)
    assert not np.array_equal(other.shown, potency.shown)


def test_of_a_bank_without_some_classes() -> None:
    with asked() as session:
        potency = measure_potency(session, BANK, 40)
    kept = BANK.kept({2, 3})
    patches, odds = potency.of(1, kept)
    usable = BANK.without({2, 3})
    assert len(patches) == len(odds) < len(potency.shown)
    with asked() as session:
        canvases = np.stack([repeated(usable.patches[i].pixels, SHAPE) for i in patches])
        np.testing.assert_allclose(odds, session.ask_images(canvases).log_odds[:, 1], rtol=1e-5)


def test_labels_tell_which_class_was_answered() -> None:
    with asked(Labels) as session:
        potency = measure_potency(session, BANK, 10_000)
    best = scores(CANVASES).argmax(axis=1)
    assert np.array_equal(potency.odds.argmax(axis=1), best)
    assert set(np.unique(potency.odds)) == {0, 1}
    with asked(Labels) as session:
        found = fool(session, int(best[0]), BANK, queries=100, potency=potency)
    assert found.first_top1 == 1


@pytest.mark.parametrize("target", range(CLASSES))
def test_the_search_begins_with_the_best_patches(target: int) -> None:
    with asked() as session:
        potency = measure_potency(session, BANK, 10_000)
        before = session.queries
        found = fool(session, target, BANK, queries=1500, potency=potency)
        assert session.queries - before == found.queries
        same = fool(session, target, BANK, queries=1500, potency=potency)
        without = fool(session, target, BANK, queries=1500)
    assert found.to_json() == same.to_json()
    assert (found.learning, without.learning) == (potency.queries, 0)
    patches, odds = potency.of(target, BANK.kept({target}))
    best = float(odds.max())
    assert target not in set(BANK.classes[BANK.kept({target})[patches]].tolist())
    nearest = float(np.log(0.9 / 0.1))
    if best >= nearest:
        assert found.first == 1
    if found.first is not None and without.first is not None:
        assert found.first <= without.first


def test_where_all_patches_answer_alike_nothing_is_known() -> None:
    def never(images: Images) -> NDArray[np.float64]:
        return np.full(len(images), -2.0)

    session = plant(never, SIDE)
    potency = measure_potency(session, BANK, 30)
    plain = fool(session, 0, BANK, queries=150)
    known = fool(session, 0, BANK, queries=150, potency=potency)
    assert np.array_equal(plain.stimulus, known.stimulus)


def test_what_cannot_be_used_is_refused() -> None:
    with asked() as session:
        with pytest.raises(InputError, match="learn queries"):
            measure_potency(session, BANK, 0)
        potency = measure_potency(session, BANK, 5)
        with pytest.raises(InputError, match="another bank"):
            fool(session, 0, BANK.scramble(), queries=50, potency=potency)
    with Session(Known(scores, SIDE, CLASSES), batch_size=1, budget=20) as short, pytest.raises(BudgetError):
        measure_potency(short, BANK, 50)


def test_a_scramble_does_not_depend_on_the_other_patches() -> None:
    """So that what scrambled patches answer is the same whichever class is left out."""
    whole, part = BANK.scramble(seed=1), BANK.without({2}).scramble(seed=1)
    for index, patch in zip(BANK.kept({2}), part.patches, strict=True):
        assert np.array_equal(whole.patches[index].pixels, patch.pixels)
