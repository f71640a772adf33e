"""Goals of a deception: which answers count, and how far an answer is from counting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..observers import AnswerLevel
from ..sessions import Answers


@dataclass(frozen=True)
class Untargeted:
    """The new top-1 is neither the clean top-1 nor the true label.

    Attributes:
        clean: The clean top-1.
        label: The true class where it is known, else ``None``.
    """

    clean: int
    label: int | None = None

    @property
    def classes(self) -> tuple[int, ...]:
        """The classes whose scores are read."""
        return (self.clean,) if self.label in (None, self.clean) else (self.clean, int(self.label or 0))

    def reached(self, top1: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which answers are deceived, bool ``[N]``."""
        return ~np.isin(top1, self.classes)

    def loss(self, answers: Answers) -> NDArray[np.float64]:
        """How far each answer is from the goal, natural-log odds of what must go, float64 ``[N]``."""
        if answers.level is AnswerLevel.LABEL:
            return np.where(self.reached(answers.top[:, 0]), 0.0, 1.0)
        return np.asarray(answers.log_odds.max(axis=1), dtype=np.float64)


@dataclass(frozen=True)
class Targeted:
    """The new top-1 is a chosen class.

    Attributes:
        target: That class.
    """

    target: int

    @property
    def classes(self) -> tuple[int, ...]:
        """The classes whose scores are read."""
        return (self.target,)

    def reached(self, top1: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which answers are deceived, bool ``[N]``."""
        return np.asarray(top1 == self.target)

    def loss(self, answers: Answers) -> NDArray[np.float64]:
        """How far each answer is from the goal, minus the target's natural-log odds, float64 ``[N]``.

        Where the target is not listed its odds are a bound, the k-th score: lowering the listed scores then is
        what brings it into the list.
        """
        if answers.level is AnswerLevel.LABEL:
            return np.where(self.reached(answers.top[:, 0]), 0.0, 1.0)
        return np.asarray(-answers.log_odds[:, 0], dtype=np.float64)


Goal = Untargeted | Targeted
