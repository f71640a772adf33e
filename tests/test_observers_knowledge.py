"""Observers that are known by a part of their answers only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deepception.errors import InputError, ObserverError
from deepception.observers import (
    AnswerLevel,
    FunctionObserver,
    RawAnswers,
    fingerprint,
    open_observer,
    read_knowledge,
    restrict,
)
from deepception.observers.protocol import resolution_of
from deepception.sessions import Session
from deepception.stimuli import Frame
from known import Known

SIDE, CLASSES = 8, 7
IMAGES = np.random.default_rng(3).integers(0, 256, (5, SIDE, SIDE, 3), dtype=np.uint8)


def logits(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    weights = np.random.default_rng(1).normal(size=(SIDE * SIDE * 3, CLASSES))
    return np.asarray(images.reshape(len(images), -1) @ weights / 500)


def softmax(z: NDArray[np.float64]) -> NDArray[np.float64]:
    weights = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def full() -> Known:
    return Known(logits, SIDE, CLASSES)


def listing(k: int) -> FunctionObserver:
    def answer(images: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        order = np.argsort(-logits(images), axis=1)[:, :k]
        return order, np.take_along_axis(softmax(logits(images)), order, axis=1)

    return FunctionObserver(answer, Frame(SIDE, SIDE), classes=CLASSES, level="top-k", version="1")


@pytest.mark.parametrize("knowledge", ["logits", "probabilities", "top-3", "label"])
def test_the_top_answer_is_the_observers_own_at_every_level(knowledge: str) -> None:
    less = restrict(full(), knowledge)
    asked = Session(less, batch_size=2).ask_images(IMAGES)
    assert asked.level.value == knowledge.replace("top-3", "top-k")
    assert np.array_equal(asked.top[:, 0], logits(IMAGES).argmax(axis=1))
    assert less.name == "known"
    assert less.frame == full().frame
    assert less.labels == full().labels


def test_probabilities_and_lists_are_those_of_the_logits() -> None:
    p = softmax(logits(IMAGES))
    assert restrict(full(), "probabilities").answer(IMAGES).scores == pytest.approx(p, rel=1e-12)
    listed = restrict(full(), "top-3").answer(IMAGES)
    assert listed.labels is not None
    assert np.array_equal(listed.labels, np.argsort(-p, axis=1)[:, :3])
    assert listed.scores == pytest.approx(-np.sort(-p, axis=1)[:, :3], rel=1e-12)
    shorter = restrict(listing(4), "top-2").answer(IMAGES)
    assert np.array_equal(shorter.labels, listed.labels[:, :2])


def test_a_label_is_passed_on_without_any_score() -> None:
    for observer in (full(), listing(4), restrict(full(), "top-2")):
        raw = restrict(observer, "label").answer(IMAGES)
        assert raw.level is AnswerLevel.LABEL
        assert raw.scores.shape == (5, 0)
        assert np.array_equal(raw.labels, logits(IMAGES).argmax(axis=1)[:, None])


def test_ties_go_to_the_first_class() -> None:
    flat = Known(lambda images: np.zeros((len(images), CLASSES)), SIDE, CLASSES)
    for knowledge in ("probabilities", "top-3", "label"):
        assert Session(restrict(flat, knowledge), batch_size=1).ask_images(IMAGES).top[0, 0] == 0
    assert restrict(flat, "top-3").answer(IMAGES).labels[0].tolist() == [0, 1, 2]  # type: ignore[index]


def test_more_than_is_told_is_refused() -> None:
    labels = FunctionObserver(
        lambda images: logits(images).argmax(axis=1), Frame(SIDE, SIDE), classes=CLASSES, level="label"
    )
    for observer, knowledge in ((labels, "top-1"), (listing(2), "probabilities"), (labels, "logits")):
        with pytest.raises(InputError, match="less than"):
            restrict(observer, knowledge)
    with pytest.raises(ObserverError, match="lists 2 classes"):
        restrict(listing(2), "top-5").answer(IMAGES)


@pytest.mark.parametrize(
    "word", ["top5", "top-", "top-k", "labels", "", "Label", "label@0.1", "logits@0.01", "@0.1"]
)
def test_unknown_words_are_refused(word: str) -> None:
    with pytest.raises(InputError, match="no knowledge"):
        read_knowledge(word)


def test_what_is_known_is_part_of_the_fingerprint() -> None:
    observer = full()
    assert restrict(observer, "logits") is observer
    words = ("probabilities", "top-3", "top-5", "label", "top-3@0.01", "probabilities@0.1")
    prints = {fingerprint(observer), *(fingerprint(restrict(observer, word)) for word in words)}
    assert len(prints) == 7


@pytest.mark.parametrize("word", ["top-5@", "top-5@0", "top-5@-0.1", "probabilities@x", "probabilities@0.6"])
def test_unknown_steps_are_refused(word: str) -> None:
    with pytest.raises(InputError, match="no step of rounding"):
        read_knowledge(word)


def test_rounded_scores_are_multiples_of_their_step_and_bounds_below_it() -> None:
    p = softmax(logits(IMAGES))
    rounded = restrict(full(), "probabilities@0.05").answer(IMAGES)
    assert rounded.resolution == 0.05
    assert rounded.scores == pytest.approx(np.round(p / 0.05) * 0.05)
    answers = Session(restrict(full(), "probabilities@0.05"), batch_size=5).ask_images(IMAGES)
    assert np.array_equal(answers.censored, p < 0.025)
    assert answers.censored.any()
    assert not answers.censored.all()
    listed = restrict(full(), "top-3@0.05").answer(IMAGES)
    assert np.array_equal(listed.labels, np.argsort(-p, axis=1)[:, :3])
    assert listed.scores == pytest.approx(np.round(-np.sort(-p, axis=1)[:, :3] / 0.05) * 0.05)
    assert str(read_knowledge("top-3@0.05")) == "top-3@0.05"


def test_what_is_rounded_already_is_not_rounded_to_a_finer_step() -> None:
    coarse = restrict(full(), "probabilities@0.1")
    again = restrict(coarse, "probabilities@0.01").answer(IMAGES)
    assert again.resolution == resolution_of(restrict(coarse, "probabilities@0.01")) == 0.1
    assert resolution_of(restrict(coarse, "probabilities@0.3")) == pytest.approx(0.4)
    assert resolution_of(restrict(coarse, "label")) == resolution_of(full()) == 0
    assert np.array_equal(again.scores, coarse.answer(IMAGES).scores)
    assert restrict(coarse, "probabilities@0.3").answer(IMAGES).resolution == pytest.approx(0.4)


def test_a_list_of_no_class_or_of_more_than_there_are_is_refused() -> None:
    assert restrict(full(), f"top-{CLASSES}").answer(IMAGES).scores.shape == (5, CLASSES)
    with pytest.raises(InputError, match=f"has {CLASSES} classes, fewer than top-50 would list"):
        restrict(full(), "top-50")
    with pytest.raises(InputError, match="top-0 lists no class"):
        restrict(full(), "top-0")


def test_nonsense_is_not_hidden_by_the_cut() -> None:
    broken = Known(lambda images: np.full((len(images), CLASSES), np.nan), SIDE, CLASSES)
    with pytest.raises(ObserverError, match="NaN"):
        restrict(broken, "label").answer(IMAGES)


def test_fixed_batches_rounding_and_closing_are_the_observers() -> None:
    p = np.round(softmax(logits(IMAGES)), 2)
    p[:, 0] += 1 - p.sum(axis=1)
    observer = FunctionObserver(
        lambda images: p[: len(images)],
        Frame(SIDE, SIDE),
        classes=CLASSES,
        level="probabilities",
        resolution=0.01,
        fixed_batch=5,
    )
    less = restrict(observer, "top-4")
    assert less.fixed_batch == 5
    assert less.answer(IMAGES).resolution == 0.01
    less.close()


def test_an_observer_on_a_device_stays_there() -> None:
    class OnDevice(Known):
        device = "elsewhere"

        def answer_tensor(self, images: Any) -> RawAnswers:
            return self.answer(np.asarray(images))

    less: Any = restrict(OnDevice(logits, SIDE, CLASSES), "label")
    assert less.device == "elsewhere"
    assert less.answer_tensor(IMAGES).scores.shape == (5, 0)
    assert not hasattr(restrict(full(), "label"), "answer_tensor")


def test_the_embedded_network_by_its_labels() -> None:
    observer = open_observer("default", threads=1)
    height, width = observer.frame.shape
    images = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    with Session(observer, batch_size=1) as whole, Session(restrict(observer, "label")) as part:
        part.batch_size = 1
        top = whole.ask_images(images).top[:, 0]
        asked = part.ask_images(images, [0])
    assert np.array_equal(asked.top[:, 0], top)
    assert np.isnan(asked.log_odds).all()
    observer.close()
