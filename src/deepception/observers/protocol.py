"""What every observer is: images in, raw scores and their answer level out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..stimuli import Frame


class AnswerLevel(StrEnum):
    """What an observer gives for an image."""

    LOGITS = "logits"
    PROBABILITIES = "probabilities"
    TOP_K = "top-k"
    LABEL = "label"


@dataclass(frozen=True)
class RawAnswers:
    """Raw scores of N images, as the adapter got them; ``sessions`` converts them, once, in float64.

    Attributes:
        level: What ``scores`` are.
        scores: float ``[N, K]`` logits or probabilities over all K classes; for ``top-k`` the k listed
            probabilities ``[N, k]``, best first; for ``label`` an empty ``[N, 0]``.
        labels: int64 ``[N, k]`` classes that ``scores`` belong to for ``top-k``; ``[N, 1]`` for ``label``;
            ``None`` where all K classes are given.
        resolution: The step to which probabilities were rounded, 0 where they were not.
        ceiling: The greatest probability that can be told, which then stands for itself and all above: below
            1 for quantised probabilities, whose whole numbers end one step before.
    """

    level: AnswerLevel
    scores: NDArray[Any]
    labels: NDArray[np.int64] | None = None
    resolution: float = 0.0
    ceiling: float = 1.0


def join_answers(parts: Sequence[RawAnswers]) -> RawAnswers:
    """Answers of the same observer, one below the other; ValueError for none, or where some lack labels."""
    if not parts:
        raise ValueError("no answers to join")
    labels: list[Any] = [part.labels for part in parts]
    return replace(
        parts[0],
        scores=np.concatenate([part.scores for part in parts]),
        labels=None if parts[0].labels is None else np.concatenate(labels),
    )


@runtime_checkable
class Observer(Protocol):
    """A classifier under test, seen only from outside. An adapter is one file with one class like this."""

    @property
    def name(self) -> str:
        """Short name for people, e.g. the file's stem."""

    @property
    def frame(self) -> Frame:
        """The frame that images must have, and how photographs are brought to it."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the K classes, in the order of the scores; ``"class 7"`` where none are known."""

    @property
    def level(self) -> AnswerLevel:
        """The answer level."""

    @property
    def identity(self) -> dict[str, Any]:
        """What the fingerprint is made of (DESIGN §4): JSON-able, without secrets."""

    @property
    def fixed_batch(self) -> int | None:
        """The only batch size that the classifier takes, or ``None`` where any will do."""

    def answer(self, images: NDArray[np.uint8]) -> RawAnswers:
        """Answer N images, uint8 ``[N, H, W, 3]`` RGB in the frame; row n answers image n.

        Raises ObserverError where the classifier fails, UnreachableError where it cannot be reached.
        """

    def close(self) -> None:
        """Release what the observer holds; calling it twice is fine."""


def resolution_of(observer: Observer) -> float:
    """The step to which an observer says that its probabilities are rounded; 0 where it says nothing.

    An observer may have a ``resolution``; what its answers bear binds all the same.
    """
    return float(getattr(observer, "resolution", 0.0))
