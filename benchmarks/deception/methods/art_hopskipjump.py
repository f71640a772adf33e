"""ART's HopSkipJump (Chen et al. 2020, IEEE S&P), which needs labels only: L∞, as close as it gets.

It starts from a random image of another class and walks towards the photograph along the boundary; it has no
bound. The first image that it shows within ε of the photograph, and that is answered wrong, is its success.
It sees 8-bit images as every method does, so its small steps are rounded.
"""

from __future__ import annotations

import numpy as np

from deepception.deceive.bounds import Bound
from deepception.deceive.goals import Goal, Untargeted
from deepception.sessions import Session
from deepception.stimuli.patches import UInt8

from ..outcome import Outcome
from .art_forwards import Forwards


def attack(
    session: Session, frame: UInt8, goal: Goal, bound: Bound, queries: int, rng: np.random.Generator
) -> Outcome:
    """Attack with ART's defaults until the budget is spent."""
    from art.attacks.evasion import HopSkipJump

    assert isinstance(goal, Untargeted)
    forwards = Forwards(session, frame, goal, bound, queries)
    jump = HopSkipJump(forwards.classifier(), norm=np.inf, max_iter=queries, verbose=False)
    return forwards.run(jump, rng)
