"""ART's SquareAttack (Andriushchenko et al. 2020, ECCV), L∞."""

from __future__ import annotations

import numpy as np

from deepception.deceive.bounds import Bound, Linf
from deepception.deceive.goals import Goal, Untargeted
from deepception.sessions import Session
from deepception.stimuli.patches import UInt8

from ..outcome import Outcome
from .art_forwards import Forwards

SHARE = 0.8
"""Share of the pixels that a square covers at the start: ART's default. The authors' 0.05 did worse here: on
MCUNet, L∞ 8/255 and 150 queries, 30 photographs of the develop split, 63 % against 90 %."""


def attack(
    session: Session, frame: UInt8, goal: Goal, bound: Bound, queries: int, rng: np.random.Generator
) -> Outcome:
    """Attack with the whole ε, the schedule spread over the budget."""
    from art.attacks.evasion import SquareAttack

    assert isinstance(goal, Untargeted)
    assert isinstance(bound, Linf)
    forwards = Forwards(session, frame, goal, bound, queries)
    square = SquareAttack(
        forwards.classifier(),
        norm=np.inf,
        adv_criterion=lambda scores, _: goal.reached(scores.argmax(axis=1)),
        eps=float(bound.levels),
        max_iter=queries,
        p_init=SHARE,
        verbose=False,
    )
    return forwards.run(square, rng)
