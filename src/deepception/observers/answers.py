"""The check of every batch of answers."""

from __future__ import annotations

import numpy as np

from ..errors import ObserverError
from .protocol import AnswerLevel, RawAnswers


def check_answers(raw: RawAnswers, classes: int, n: int) -> None:
    """Refuse answers that mean nothing. Cheap: two passes over the scores.

    Args:
        raw: The answers to one batch.
        classes: K, the number of the observer's labels.
        n: Images in the batch.

    Raises ObserverError, with one sentence: where the shapes are wrong, scores are not finite, probabilities
    do not sum to one within max(1e-3, K·r/2) for scores of resolution r, or labels are not among the classes.
    """
    rows = raw.scores.shape[0] if raw.scores.ndim else 0
    if raw.scores.ndim != 2 or rows != n:
        raise ObserverError(
            f"the observer answered {list(raw.scores.shape)} for {n} images: one row each is needed."
        )
    if raw.level in (AnswerLevel.LOGITS, AnswerLevel.PROBABILITIES):
        if raw.scores.shape[1] != classes:
            raise ObserverError(
                f"{classes} labels for {raw.scores.shape[1]} outputs of the observer: give one label for "
                "each output."
            )
    else:
        _check_labels(raw, classes, n)
    if not np.isfinite(raw.scores).all():
        bad = int((~np.isfinite(raw.scores)).any(axis=1).sum())
        what = "NaN" if np.isnan(raw.scores).any() else "an infinite score"
        raise ObserverError(
            f"the observer answered {what} for {bad} of {n} images: check its preprocessing and its weights."
        )
    if raw.level is AnswerLevel.PROBABILITIES:
        _check_sums(raw, classes)
    elif raw.level is AnswerLevel.TOP_K and rows:
        excess = float(raw.scores.sum(axis=1, dtype=np.float64).max()) - 1
        if raw.scores.size and (raw.scores.min() < 0 or excess > _tolerance(raw, raw.scores.shape[1])):
            raise ObserverError(
                "the observer's listed scores are not probabilities: they are negative or sum to more than "
                "one."
            )
        if (np.diff(raw.scores.astype(np.float64), axis=1) > 0).any():
            raise ObserverError("the observer's listed scores are not in order: the best must come first.")


def _tolerance(raw: RawAnswers, classes: int) -> float:
    return max(1e-3, classes * raw.resolution / 2)


def _check_sums(raw: RawAnswers, classes: int) -> None:
    if not raw.scores.size:
        return
    sums = raw.scores.sum(axis=1, dtype=np.float64)
    worst = int(np.argmax(np.abs(sums - 1)))
    if abs(sums[worst] - 1) > _tolerance(raw, classes):
        low, high = float(raw.scores.min()), float(raw.scores.max())
        if low < 0 or high > 1 + 1e-3:
            why = 'they are not probabilities; if they are logits, say output "logits"'
        else:
            why = "independent sigmoids (several labels at once) are not measured: give a softmax or logits"
        raise ObserverError(f"the observer's probabilities sum to {sums[worst]:.4g} and not to one: {why}.")
    if raw.scores.min() < -_tolerance(raw, classes):
        raise ObserverError(
            'the observer\'s probabilities are negative; if they are logits, say output "logits".'
        )


def _check_labels(raw: RawAnswers, classes: int, n: int) -> None:
    """The labels of top-k and label answers."""
    wanted = (n, 1) if raw.level is AnswerLevel.LABEL else raw.scores.shape
    if raw.labels is None or raw.labels.shape != wanted or not np.issubdtype(raw.labels.dtype, np.integer):
        got = "none" if raw.labels is None else f"{raw.labels.dtype} {list(raw.labels.shape)}"
        raise ObserverError(f"the observer's labels must be integers {list(wanted)}, not {got}.")
    if raw.labels.size and (raw.labels.min() < 0 or raw.labels.max() >= classes):
        wrong = int(raw.labels.min() if raw.labels.min() < 0 else raw.labels.max())
        raise ObserverError(
            f"the observer answered the label {wrong}, which is not among its {classes} classes."
        )
    ordered = np.sort(raw.labels, axis=1)
    if (ordered[:, 1:] == ordered[:, :-1]).any():
        raise ObserverError("the observer listed a label twice for one image.")
