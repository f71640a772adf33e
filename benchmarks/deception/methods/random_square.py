"""Random search for one square patch, in the manner of Sparse-RS (Croce et al. 2022, AAAI; patches).

One square of the whole area at a random place, in vertical stripes of random corner colours. Then, one change
a query: every fifth moves the place, by at most three quarters of the frame at first and by ever less; the
others push each channel of a sub-square, whose share of the patch shrinks by the schedule below, to one of
its ends. A change is kept when the loss falls. The loss is the one that every method here is given: the odds
of the class that must go (of the target, negative), which is a smooth margin. Our own code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepception.deceive.bounds import Bound
from deepception.deceive.controls import square_of
from deepception.deceive.goals import Goal, Targeted
from deepception.deceive.trials import Trials
from deepception.sessions import Session
from deepception.stimuli.patches import UInt8

from ..outcome import Outcome
from .schedule import share

SHARE, TARGETED_SHARE = 0.4, 0.1
"""Share of the patch that is changed at the start, as in the paper."""

# Share of the budget up to which the share at the start is divided by so much.
DIVISORS = (
    (0.001, 1),
    (0.005, 2),
    (0.02, 4),
    (0.05, 8),
    (0.1, 16),
    (0.4, 32),
    (0.8, 64),
    (1.0, 128),
)


@dataclass(frozen=True, eq=False)
class Square:
    """A patch, uint8 ``[h, w, 3]``, and its place, int64 ``[2]``: row and column of its first pixel."""

    patch: UInt8
    place: NDArray[np.int64]

    def put(self, frame: UInt8) -> UInt8:
        """The photograph with the patch on it."""
        stimulus = frame.copy()
        y, x = self.place
        stimulus[y : y + self.patch.shape[0], x : x + self.patch.shape[1]] = self.patch
        return stimulus


def attack(
    session: Session, frame: UInt8, goal: Goal, bound: Bound, queries: int, rng: np.random.Generator
) -> Outcome:
    """Search until the goal is reached or the queries are spent."""
    trials = Trials(session, frame, goal, bound, queries)
    best = search(trials, rng)
    return Outcome.of(trials, bound, best.put(frame))


def search(trials: Trials, rng: np.random.Generator, opening: Sequence[Square] = ()) -> Square:
    """Search until the goal is reached or the queries are spent: the last square that was accepted.

    Args:
        trials: The photograph.
        rng: Draws everything.
        opening: Squares that are shown first; the search starts from the best of them, else from a random one.
    """
    height, width, room = _size(trials)
    best, least = draw(trials, rng), np.inf
    for square in opening or (best,):
        shown = trials.show(square.put(trials.clean), height * width)
        if shown.loss < least or shown.reached:
            best, least = square, shown.loss
        if shown.reached or not trials.left:
            return best
    begun, queries = trials.spent - 1, trials.queries
    while trials.left and trials.first is None:
        step = trials.spent - begun
        new = _changed(best, trials, rng, step, step / max(queries - begun, 1), room)
        shown = trials.show(new.put(trials.clean), height * width)
        if shown.loss < least or shown.reached:
            best, least = new, shown.loss
    return best


def draw(trials: Trials, rng: np.random.Generator) -> Square:
    """A square of the whole area at a random place, in vertical stripes of random corner colours."""
    height, width, room = _size(trials)
    return Square(np.repeat(_corners(rng, (1, width, 3)), height, axis=0), rng.integers(0, room + 1))


def _changed(
    best: Square,
    trials: Trials,
    rng: np.random.Generator,
    step: int,
    passed: float,
    room: NDArray[np.int64],
) -> Square:
    reach = int(0.75 * (1 - passed) * min(trials.clean.shape[:2]))
    if step % (5 * (1 + step // 1000)) == 0 and reach and room.any():
        return Square(best.patch, np.clip(best.place + rng.integers(-reach, reach + 1, 2), 0, room))
    height, width = best.patch.shape[:2]
    begin = TARGETED_SHARE if isinstance(trials.goal, Targeted) else SHARE
    side = share(begin, passed, DIVISORS) ** 0.5
    h, w = max(1, int(side * height)), max(1, int(side * width))
    y, x = rng.integers(height - h + 1), rng.integers(width - w + 1)
    patch = best.patch.copy()
    patch[y : y + h, x : x + w] = _corners(rng, (1, 1, 3))
    return Square(patch, best.place)


def _size(trials: Trials) -> tuple[int, int, NDArray[np.int64]]:
    """Height and width of the square, and by how much its place may vary, int64 ``[2]``."""
    rows, columns = trials.clean.shape[:2]
    height, width = square_of(trials.bound.limit((rows, columns)), (rows, columns))
    return height, width, np.array([rows - height, columns - width])


def _corners(rng: np.random.Generator, shape: tuple[int, ...]) -> UInt8:
    return (255 * rng.integers(0, 2, shape)).astype(np.uint8)
