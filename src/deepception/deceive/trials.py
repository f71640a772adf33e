"""Trials: the showings of one photograph's deception, each counted, kept within the bound, and judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..observers import AnswerLevel
from ..sessions import Answers, Session
from ..stimuli.patches import UInt8
from .bounds import Bound
from .goals import Goal

PURPOSE = "deception"
CONFIRMATION = f"{PURPOSE}: confirmation"
"""Under this purpose the ledger lists what is shown of something that was found."""


class Exhausted(Exception):
    """The queries of one photograph are spent; the search ends with what it has."""


@dataclass(frozen=True)
class Shown:
    """What one showing gave.

    Attributes:
        reached: Whether the goal is reached.
        loss: Distance from the goal in natural-log odds, lower is nearer; 0 or 1 where only labels are known.
        top1: The answer.
    """

    reached: bool
    loss: float
    top1: int


class Trials:
    """Shows stimuli for one photograph, one at a time, until its queries are spent.

    Args:
        session: Whom to ask.
        clean: The photograph in the frame, uint8 ``[H, W, 3]``.
        goal: What counts as deceived.
        bound: What a stimulus may change.
        queries: Most showings.
        purpose: The ledger's heading.

    Attributes:
        spent: Showings so far.
        first: Number of the first showing that reached the goal, 1 for the very first; ``None`` before.
        scored: Whether losses tell more than whether the goal was reached.
    """

    def __init__(
        self,
        session: Session,
        clean: UInt8,
        goal: Goal,
        bound: Bound,
        queries: int,
        *,
        purpose: str = PURPOSE,
    ) -> None:
        self.session, self.clean, self.goal, self.bound = session, clean, goal, bound
        self.queries, self.purpose = queries, purpose
        self.spent = 0
        self.first: int | None = None
        self.scored = session.observer.level is not AnswerLevel.LABEL
        self._limit = bound.limit(clean.shape[:2])

    @property
    def left(self) -> int:
        """Showings that are left."""
        return self.queries - self.spent

    def show(self, stimulus: UInt8, covered: int = 0) -> Shown:
        """Show one stimulus, uint8 ``[H, W, 3]``, alone.

        Args:
            stimulus: What to show.
            covered: Pixels under its placements, whether they changed or not; they count against an area.

        Raises:
            Exhausted: No query is left.
            ValueError: The stimulus exceeds the bound (a fault of the search, never of the user).
        """
        if self.left < 1:
            raise Exhausted
        used = max(covered, self.bound.used(self.clean, stimulus))
        if used > self._limit:
            raise ValueError(f"a stimulus of {used} exceeds the bound of {self._limit} ({self.bound})")
        answers = self.session.ask_images(
            stimulus[None], np.array(self.goal.classes), purpose=self.purpose, batch_size=1
        )
        self.spent += 1
        top1 = answers.top[:, 0]
        reached = bool(self.goal.reached(top1)[0])
        if reached and self.first is None:
            self.first = self.spent
        return Shown(reached, float(self.goal.loss(answers)[0]), int(top1[0]))

    def watch(self, pixels: UInt8) -> Answers:
        """Show alone what a find becomes, such as moved by a pixel: a query, but no try, and free of the bound.

        Raises Exhausted where no query is left.
        """
        if self.left < 1:
            raise Exhausted
        answers = self.session.ask_images(pixels[None], purpose=CONFIRMATION, batch_size=1)
        self.spent += 1
        return answers
