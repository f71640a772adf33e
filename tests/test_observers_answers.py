from __future__ import annotations

import numpy as np
import pytest

from deepception.errors import ObserverError
from deepception.observers import AnswerLevel, RawAnswers, check_answers


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


Z = np.random.default_rng(0).normal(size=(4, 10)) * 3
K3 = np.array([[0.5, 0.3, 0.1]] * 4)
L3 = np.array([[1, 2, 3]] * 4)


@pytest.mark.parametrize(
    "raw",
    [
        RawAnswers(AnswerLevel.LOGITS, Z.astype(np.float32)),
        RawAnswers(AnswerLevel.PROBABILITIES, softmax(Z).astype(np.float16)),
        RawAnswers(AnswerLevel.PROBABILITIES, np.round(softmax(Z), 2), resolution=0.01),
        RawAnswers(AnswerLevel.TOP_K, K3, L3),
        RawAnswers(AnswerLevel.LABEL, np.empty((4, 0)), np.array([[0], [9], [3], [3]])),
    ],
)
def test_sound_answers_pass(raw: RawAnswers) -> None:
    check_answers(raw, 10, 4)


def spoilt(value: float) -> np.ndarray:
    z = Z.copy()
    z[1, 3] = z[2, 0] = value
    return z


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (RawAnswers(AnswerLevel.LOGITS, spoilt(np.nan)), "NaN for 2 of 4 images"),
        (RawAnswers(AnswerLevel.LOGITS, spoilt(np.inf)), "an infinite score for 2 of 4 images"),
        (RawAnswers(AnswerLevel.LOGITS, Z[:, :9]), "10 labels for 9 outputs"),
        (RawAnswers(AnswerLevel.LOGITS, Z[:3]), "for 4 images"),
        (RawAnswers(AnswerLevel.LOGITS, Z[0]), "for 4 images"),
        (RawAnswers(AnswerLevel.PROBABILITIES, 1 / (1 + np.exp(-Z))), "independent sigmoids"),
        (RawAnswers(AnswerLevel.PROBABILITIES, Z), "if they are logits"),
        (RawAnswers(AnswerLevel.PROBABILITIES, softmax(Z) * 1.002), "sum to 1.002"),
        (RawAnswers(AnswerLevel.TOP_K, K3[:, ::-1], L3), "not in order"),
        (RawAnswers(AnswerLevel.TOP_K, K3 + 0.3, L3), "more than one"),
        (RawAnswers(AnswerLevel.TOP_K, K3, L3[:, [0, 0, 1]]), "twice"),
        (RawAnswers(AnswerLevel.TOP_K, K3, L3 + 7), "label 10"),
        (RawAnswers(AnswerLevel.TOP_K, K3), "not none"),
        (RawAnswers(AnswerLevel.LABEL, np.empty((4, 0)), np.array([[0], [-1], [3], [3]])), "label -1"),
        (RawAnswers(AnswerLevel.LABEL, np.empty((4, 0)), L3), r"integers \[4, 1\]"),
    ],
)
def test_nonsense_is_refused_with_a_sentence(raw: RawAnswers, sentence: str) -> None:
    with pytest.raises(ObserverError, match=sentence):
        check_answers(raw, 10, 4)


def test_the_sum_s_tolerance_follows_the_resolution() -> None:
    rounded = softmax(Z)
    rounded[:, 0] += 0.04
    check_answers(RawAnswers(AnswerLevel.PROBABILITIES, rounded, resolution=0.01), 10, 4)
    with pytest.raises(ObserverError, match=r"sum to 1\.04"):
        check_answers(RawAnswers(AnswerLevel.PROBABILITIES, rounded, resolution=0.001), 10, 4)
