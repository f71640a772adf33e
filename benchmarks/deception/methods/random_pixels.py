"""Random search for scattered pixels, in the manner of Sparse-RS (Croce et al. 2022, AAAI; L0).

As many pixels as the area allows, anywhere, in random corner colours. Then, one change a query: a share of
them, which shrinks by the schedule below, is set back and as many others are drawn. A change is kept when the
loss falls. The loss is the one that every method here is given. Our own code.
"""

from __future__ import annotations

import numpy as np

from deepception.deceive.bounds import Bound
from deepception.deceive.goals import Goal, Targeted
from deepception.deceive.trials import Trials
from deepception.sessions import Session
from deepception.stimuli.patches import UInt8

from ..outcome import Outcome
from .schedule import share

SHARE = 0.3
"""Share of the pixels that is changed at the start; 0.1 where there is a target, as in the paper."""

DIVISORS = (
    (0.005, 2),
    (0.02, 4),
    (0.05, 5),
    (0.1, 6),
    (0.2, 8),
    (0.4, 10),
    (0.6, 12),
    (0.8, 15),
    (1.0, 20),
)


def attack(
    session: Session, frame: UInt8, goal: Goal, bound: Bound, queries: int, rng: np.random.Generator
) -> Outcome:
    """Search until the goal is reached or the queries are spent."""
    trials = Trials(session, frame, goal, bound, queries)
    pixels = frame.shape[0] * frame.shape[1]
    count = bound.limit((frame.shape[0], frame.shape[1]))
    begin = 0.1 if isinstance(goal, Targeted) else SHARE
    order = rng.permutation(pixels)  # the first ``count`` are covered
    colours = _corners(rng, count)
    stimulus = _put(frame, order[:count], colours)
    best = trials.show(stimulus, count).loss
    while trials.left and trials.first is None:
        changed = max(1, int(share(begin, trials.spent / queries, DIVISORS) * count))
        changed = min(changed, pixels - count) or changed
        inside = rng.choice(count, changed, replace=False)
        outside = count + rng.choice(pixels - count, changed, replace=False) if pixels > count else inside
        new_order, new_colours = order.copy(), colours.copy()
        new_order[inside], new_order[outside] = order[outside], order[inside]
        new_colours[inside] = _corners(rng, changed)
        stimulus = _put(frame, new_order[:count], new_colours)
        shown = trials.show(stimulus, count)
        if shown.loss < best or shown.reached:
            best, order, colours = shown.loss, new_order, new_colours
    return Outcome.of(trials, bound, stimulus)


def _corners(rng: np.random.Generator, count: int) -> UInt8:
    return (255 * rng.integers(0, 2, (count, 3))).astype(np.uint8)


def _put(frame: UInt8, where: np.ndarray, colours: UInt8) -> UInt8:
    stimulus = frame.copy()
    stimulus.reshape(-1, 3)[where] = colours
    return stimulus
