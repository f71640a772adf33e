"""Knowing less than an observer tells: the same answers cut down to another answer level (``--knowledge``)."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, ObserverError
from ..stimuli import Frame
from .answers import check_answers
from .protocol import AnswerLevel, Observer, RawAnswers, resolution_of
from .remote import Limits, RemoteObserver, TransientError, is_remote

# What each level tells, from least to most.
_FULLNESS = (AnswerLevel.LABEL, AnswerLevel.TOP_K, AnswerLevel.PROBABILITIES, AnswerLevel.LOGITS)
_WITHOUT_LISTS = (AnswerLevel.LABEL, AnswerLevel.PROBABILITIES, AnswerLevel.LOGITS)


@dataclass(frozen=True)
class Knowledge:
    """How much of the answers is used.

    Attributes:
        level: The answer level.
        count: How many classes are listed, 0 where that is no question.
        resolution: The step to which probabilities are rounded, 0 where they are not.
    """

    level: AnswerLevel
    count: int = 0
    resolution: float = 0.0

    def __str__(self) -> str:
        word = f"top-{self.count}" if self.level is AnswerLevel.TOP_K else self.level.value
        return f"{word}@{self.resolution:g}" if self.resolution else word


def read_knowledge(text: str) -> Knowledge:
    """The knowledge that a word means.

    Args:
        text: ``"logits"``, ``"probabilities"``, ``"top-5"`` (any number from 1 on) or ``"label"``; behind
            probabilities and lists the step to which they are rounded: ``"probabilities@0.01"``,
            ``"top-5@0.001"``.

    Raises:
        InputError: The word is none of these, or the step is not above 0 and at most 0.5.
    """
    word, at, step = text.partition("@")
    if re.fullmatch(r"top-0+", word):
        raise InputError(f"{word} lists no class at all: ask for top-1 or more, or for label.")
    listed = re.fullmatch(r"top-([1-9][0-9]{0,5})", word)
    scored = bool(listed) or word == AnswerLevel.PROBABILITIES
    if (at and not scored) or not (listed or word in _WITHOUT_LISTS):
        raise InputError(
            f"there is no knowledge {text!r}: use logits, probabilities, top-5 or label; probabilities@0.01 and "
            "top-5@0.01 are rounded."
        )
    resolution = 0.0
    if at:
        try:
            resolution = float(step)
        except ValueError:
            resolution = -1.0
        if not 0 < resolution <= 0.5:
            raise InputError(
                f"{step!r} in the knowledge {text!r} is no step of rounding: give one above 0 and at most 0.5, "
                "as in probabilities@0.01."
            )
    if listed:
        return Knowledge(AnswerLevel.TOP_K, int(listed[1]), resolution)
    return Knowledge(AnswerLevel(word), 0, resolution)


def restrict(observer: Observer, knowledge: str) -> Observer:
    """The same observer, telling no more than this.

    Args:
        observer: Any observer.
        knowledge: See ``read_knowledge``.

    Returns:
        An observer of the same name, frame, labels and batch size; the observer itself where it tells exactly
        this already. Its top-1 is the observer's own, bit for bit; only among rounded probabilities of all
        classes the first of those that have become equal counts as the best, and lists are put in order before.

    Raises:
        InputError: The word is unknown, or the observer tells less than this.
    """
    known = read_knowledge(knowledge)
    level = known.level
    if known.count > len(observer.labels):
        raise InputError(
            f"{observer.name} has {len(observer.labels)} classes, fewer than top-{known.count} would list: ask "
            "for fewer, or for probabilities."
        )
    if _FULLNESS.index(level) > _FULLNESS.index(observer.level):
        raise InputError(
            f"{observer.name} answers with {observer.level.value} only, which is less than {knowledge}: "
            "leave the knowledge out or ask for less."
        )
    if level is observer.level and level is not AnswerLevel.TOP_K and not known.resolution:
        return observer
    return RestrictedObserver(observer, known)


class RestrictedObserver:
    """An observer of whose answers only a part is passed on; made by ``restrict``.

    Attributes:
        settings: Those of the observer behind it, where it has any.
        device: Where the observer behind it takes tensors on its own device: that device.
        answer_tensor: Likewise: as ``answer``, for a uint8 tensor ``[N, H, W, 3]`` on that device.
    """

    device: Any
    answer_tensor: Callable[[Any], RawAnswers]
    limits: Limits
    sent_before: int
    encode: Callable[[NDArray[np.uint8]], Any]
    exchange: Callable[[Any], Coroutine[Any, Any, RawAnswers]]
    aclose: Callable[[], Coroutine[Any, Any, None]]

    def __init__(self, observer: Observer, known: Knowledge) -> None:
        self._observer, self._known = observer, known
        self._level, self._count = known.level, known.count
        self.settings = getattr(observer, "settings", None)
        tensors = getattr(observer, "answer_tensor", None)
        if tensors is not None:
            self.device = getattr(observer, "device", None)
            self.answer_tensor = lambda images: self._less(tensors(images), len(images))
        if is_remote(observer):
            self._pass_on(observer)

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
    def resolution(self) -> float:
        """The step of the probabilities that are passed on, 0 where they have none."""
        inner, step = resolution_of(self._observer), self._known.resolution
        if self._level is AnswerLevel.LABEL or not step or inner >= step:
            return 0.0 if self._level is AnswerLevel.LABEL else inner
        return step + inner

    @property
    def fixed_batch(self) -> int | None:
        """The observer's fixed batch size, or ``None``."""
        return self._observer.fixed_batch

    @property
    def identity(self) -> dict[str, Any]:
        """The observer's identity and what is passed on of its answers."""
        return {**self._observer.identity, "knowledge": str(self._known)}

    def answer(self, images: NDArray[np.uint8]) -> RawAnswers:
        """Answers to uint8 ``[N, H, W, 3]`` images, cut down.

        Raises ObserverError where the observer fails or answers nonsense, even where only the label would be
        passed on, and what it raises itself.
        """
        return self._less(self._observer.answer(images), len(images))

    def close(self) -> None:
        """Close the observer behind it."""
        self._observer.close()

    def _pass_on(self, remote: RemoteObserver) -> None:
        """Be asked over the network as the observer behind it is."""

        async def exchange(encoded: Any) -> RawAnswers:
            whole = await remote.exchange(encoded)
            try:
                return self._less(whole, 1)
            except ObserverError as error:  # the next answer may be a better one
                raise TransientError("bad answer", str(error).rstrip("."), nonsense=True) from error

        self.limits, self.sent_before = remote.limits, remote.sent_before
        self.encode, self.exchange, self.aclose = remote.encode, exchange, remote.aclose

    def _less(self, raw: RawAnswers, n: int) -> RawAnswers:
        # After the cut a NaN could no longer be told from an answer.
        check_answers(raw, len(self.labels), n)
        if self._level is AnswerLevel.LABEL:
            return _label(raw)
        if self._level is AnswerLevel.TOP_K:
            return self._rounded(self._listed(raw))
        if raw.level is AnswerLevel.PROBABILITIES:
            return self._rounded(raw)
        return self._rounded(RawAnswers(AnswerLevel.PROBABILITIES, _softmax(raw.scores)))

    def _rounded(self, raw: RawAnswers) -> RawAnswers:
        step = self._known.resolution
        if not step or raw.resolution >= step:
            return raw
        scores = np.rint(raw.scores.astype(np.float64) / step) * step
        # What was rounded before is off by both steps at most.
        return replace(raw, scores=scores, resolution=step + raw.resolution)

    def _listed(self, raw: RawAnswers) -> RawAnswers:
        count = self._count
        if raw.level is AnswerLevel.TOP_K:
            if raw.labels is None or raw.scores.shape[1] < count:
                raise ObserverError(
                    f"{self.name} lists {raw.scores.shape[1]} classes and not the {count} asked for: ask for less."
                )
            return RawAnswers(
                raw.level, raw.scores[:, :count], raw.labels[:, :count], raw.resolution, raw.ceiling
            )
        # Of tied classes the first comes first, as everywhere; logits are sorted before rounding could tie them.
        order = np.argsort(-raw.scores.astype(np.float64), axis=1, kind="stable")[:, :count]
        scores = _softmax(raw.scores) if raw.level is AnswerLevel.LOGITS else raw.scores
        listed = np.take_along_axis(scores, order, axis=1)
        return RawAnswers(AnswerLevel.TOP_K, listed, order.astype(np.int64), raw.resolution, raw.ceiling)


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
