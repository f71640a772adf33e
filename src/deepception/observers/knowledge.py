"""Knowing less than an observer tells: the same answers cut down to another answer level (``--knowledge``)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, ObserverError
from ..stimuli import Frame
from .answers import check_answers
from .protocol import AnswerLevel, Observer, RawAnswers

# What each level tells, from least to most.
_FULLNESS = (AnswerLevel.LABEL, AnswerLevel.TOP_K, AnswerLevel.PROBABILITIES, AnswerLevel.LOGITS)


def read_knowledge(text: str) -> tuple[AnswerLevel, int]:
    """The answer level that a word means, and how many classes it lists (0 where that is no question).

    Args:
        text: ``"logits"``, ``"probabilities"``, ``"top-5"`` (any number from 1 on) or ``"label"``.

    Raises:
        InputError: The word is none of these.
    """
    listed = re.fullmatch(r"top-([1-9][0-9]{0,5})", text)
    if listed:
        return AnswerLevel.TOP_K, int(listed[1])
    if text in (AnswerLevel.LOGITS, AnswerLevel.PROBABILITIES, AnswerLevel.LABEL):
        return AnswerLevel(text), 0
    raise InputError(f"there is no knowledge {text!r}: use logits, probabilities, top-5 or label.")


def restrict(observer: Observer, knowledge: str) -> Observer:
    """The same observer, telling no more than this.

    Args:
        observer: Any observer.
        knowledge: See ``read_knowledge``.

    Returns:
        An observer of the same name, frame, labels and batch size; the observer itself where it tells exactly
        this already. Its top-1 is the observer's own, bit for bit.

    Raises:
        InputError: The word is unknown, or the observer tells less than this.
    """
    level, count = read_knowledge(knowledge)
    if _FULLNESS.index(level) > _FULLNESS.index(observer.level):
        raise InputError(
            f"{observer.name} answers with {observer.level.value} only, which is less than {knowledge}: "
            "leave the knowledge out or ask for less."
        )
    if level is observer.level and level is not AnswerLevel.TOP_K:
        return observer
    return RestrictedObserver(observer, level, count)


class RestrictedObserver:
    """An observer of whose answers only a part is passed on; made by ``restrict``.

    Attributes:
        settings: Those of the observer behind it, where it has any.
        device: Where the observer behind it takes tensors on its own device: that device.
        answer_tensor: Likewise: as ``answer``, for a uint8 tensor ``[N, H, W, 3]`` on that device.
    """

    device: Any
    answer_tensor: Callable[[Any], RawAnswers]

    def __init__(self, observer: Observer, level: AnswerLevel, count: int = 0) -> None:
        self._observer, self._level, self._count = observer, level, count
        self.settings = getattr(observer, "settings", None)
        tensors = getattr(observer, "answer_tensor", None)
        if tensors is not None:
            self.device = getattr(observer, "device", None)
            self.answer_tensor = lambda images: self._less(tensors(images), len(images))

    @property
    def name(self) -> str:
        """The observer's name."""
        return self._observer.name

    @property
    def frame(self) -> Frame:
        """The observer's frame."""
        return self._observer.frame

    @property
    def labels(self) -> tuple[str, ...]:
        """The observer's labels."""
        return self._observer.labels

    @property
    def level(self) -> AnswerLevel:
        """What is passed on."""
        return self._level

    @property
    def fixed_batch(self) -> int | None:
        """The observer's fixed batch size, or ``None``."""
        return self._observer.fixed_batch

    @property
    def identity(self) -> dict[str, Any]:
        """The observer's identity and what is passed on of its answers."""
        knowledge = f"top-{self._count}" if self._level is AnswerLevel.TOP_K else self._level.value
        return {**self._observer.identity, "knowledge": knowledge}

    def answer(self, images: NDArray[np.uint8]) -> RawAnswers:
        """Answers to uint8 ``[N, H, W, 3]`` images, cut down.

        Raises ObserverError where the observer fails or answers nonsense, even where only the label would be
        passed on, and what it raises itself.
        """
        return self._less(self._observer.answer(images), len(images))

    def close(self) -> None:
        """Close the observer behind it."""
        self._observer.close()

    def _less(self, raw: RawAnswers, n: int) -> RawAnswers:
        # After the cut a NaN could no longer be told from an answer.
        check_answers(raw, len(self.labels), n)
        if self._level is AnswerLevel.LABEL:
            return _label(raw)
        if self._level is AnswerLevel.TOP_K:
            return self._listed(raw)
        return RawAnswers(AnswerLevel.PROBABILITIES, _softmax(raw.scores))

    def _listed(self, raw: RawAnswers) -> RawAnswers:
        count = self._count
        if raw.level is AnswerLevel.TOP_K:
            if raw.labels is None or raw.scores.shape[1] < count:
                raise ObserverError(
                    f"{self.name} lists {raw.scores.shape[1]} classes and not the {count} asked for: ask for less."
                )
            return RawAnswers(raw.level, raw.scores[:, :count], raw.labels[:, :count], raw.resolution)
        # Of tied classes the first comes first, as everywhere; logits are sorted before rounding could tie them.
        order = np.argsort(-raw.scores.astype(np.float64), axis=1, kind="stable")[:, :count]
        scores = _softmax(raw.scores) if raw.level is AnswerLevel.LOGITS else raw.scores
        listed = np.take_along_axis(scores, order, axis=1)
        return RawAnswers(AnswerLevel.TOP_K, listed, order.astype(np.int64), raw.resolution)


def _label(raw: RawAnswers) -> RawAnswers:
    """The first answer, without any score."""
    best = (
        raw.scores.argmax(axis=1, keepdims=True).astype(np.int64) if raw.labels is None else raw.labels[:, :1]
    )
    return RawAnswers(AnswerLevel.LABEL, np.empty((len(best), 0), dtype=np.float64), best)


def _softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Probabilities in float64, in which the top-1 of float32 logits stays the only one."""
    z = logits.astype(np.float64)
    weights = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)
