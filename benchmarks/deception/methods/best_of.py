"""Controls: the same bound spent at random, the best of as many showings; they learn nothing from an answer."""

from __future__ import annotations

from functools import partial

import numpy as np

from deepception.deceive.bounds import Bound
from deepception.deceive.controls import Case as Controlled
from deepception.deceive.controls import _matched as matched_draws
from deepception.deceive.goals import Goal
from deepception.deceive.trials import Trials
from deepception.sessions import Session
from deepception.stimuli.patches import UInt8

from ..outcome import Outcome


def _attack(
    name: str,
    session: Session,
    frame: UInt8,
    goal: Goal,
    bound: Bound,
    queries: int,
    rng: np.random.Generator,
) -> Outcome:
    """Draw until the goal is reached or the queries are spent."""
    case = Controlled(session, frame, "", goal, bound, queries, int(rng.integers(2**31)))
    draw = dict(matched_draws(case))[name]
    trials = Trials(session, frame, goal, bound, queries)
    stimulus = frame
    while trials.left and trials.first is None:
        stimulus, covered = draw(rng)
        trials.show(stimulus, covered)
    return Outcome.of(trials, bound, stimulus)


grey_patch = partial(_attack, "grey patch")
random_patch = partial(_attack, "random patch")
random_pixels = partial(_attack, "random pixels")
random_noise = partial(_attack, "random noise")
uniform_shift = partial(_attack, "uniform shift")
