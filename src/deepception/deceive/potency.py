"""Potency: what each patch of a bank answers when it is repeated over the canvas, for every class at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..observers import AnswerLevel
from ..properties.limits import at_least
from ..properties.streams import stream
from ..sessions import Answers, Session
from .bank import Bank
from .collage import Collage, repeated_bytes

PURPOSE = "potency"
_AT_ONCE = 32  # canvases in memory


@dataclass(frozen=True, eq=False)
class Potency:
    """What patches answer alone: asked once of an observer, it serves a fooling image of any class.

    Attributes:
        bank: The bank; the same object has to be searched.
        shown: Indices of the patches that were shown, int64 ``[S]``, rising.
        odds: Natural-log odds of each class, float32 ``[S, C]``; labels only: 1 for the answer and 0 else.
        queries: Showings that it took; patches that make the same canvas took one.
    """

    bank: Bank
    shown: NDArray[np.int64]
    odds: NDArray[np.float32]
    queries: int

    def of(self, target: int, kept: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """For the bank cut down to the patches ``kept``: indices of those that were shown, and their odds."""
        there = np.isin(self.shown, kept)
        return np.searchsorted(kept, self.shown[there]), self.odds[there, target].astype(np.float64)


def measure_potency(session: Session, bank: Bank, queries: int, *, seed: int = 0) -> Potency:
    """Show patches of a bank, each repeated over the whole canvas.

    Args:
        session: Whom to ask.
        bank: The bank. The potency of ``bank.scramble()`` is another one.
        queries: Most showings, 1 or more. Fewer than patches: one of every photograph first, drawn by the seed.
        seed: Draws the order.

    Raises:
        InputError: ``queries`` is less than one.
        BudgetError: The session's budget does not suffice.
        ObserverError: The observer failed.
    """
    at_least("learn queries", queries, 1)
    alike: dict[bytes, list[int]] = {}
    for index in _order(bank, stream(seed, "potency")):
        alike.setdefault(repeated_bytes(bank, index), []).append(index)
    groups = list(alike.values())[:queries]
    odds: list[NDArray[np.float32]] = []
    for start in range(0, len(groups), _AT_ONCE):
        canvases = [Collage(members[0]).render(bank) for members in groups[start : start + _AT_ONCE]]
        odds.append(_odds(session, session.ask_images(np.stack(canvases), purpose=PURPOSE)))
    row_of = {index: row for row, members in enumerate(groups) for index in members}
    shown = np.array(sorted(row_of), dtype=np.int64)
    return Potency(bank, shown, np.concatenate(odds)[[row_of[i] for i in shown.tolist()]], len(groups))


def _order(bank: Bank, rng: np.random.Generator) -> list[int]:
    """All patches, drawn: the first of every group, then the second, and so on."""
    turn = np.zeros(len(bank), dtype=np.int64)
    drawn = rng.permutation(len(bank))
    seen: dict[int, int] = {}
    for index in drawn.tolist():
        group = int(bank.groups[index])
        turn[index] = seen[group] = seen.get(group, -1) + 1
    return [int(index) for index in drawn[np.argsort(turn[drawn], kind="stable")]]


def _odds(session: Session, answers: Answers) -> NDArray[np.float32]:
    if session.observer.level is not AnswerLevel.LABEL:
        return answers.log_odds.astype(np.float32)
    best = np.zeros((len(answers.top), len(session.observer.labels)), dtype=np.float32)
    best[np.arange(len(best)), answers.top[:, 0]] = 1
    return best
