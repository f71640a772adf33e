"""What one method did to one photograph."""

from __future__ import annotations

from dataclasses import dataclass

from deepception.deceive.bounds import Bound
from deepception.deceive.trials import Trials
from deepception.stimuli.patches import UInt8


@dataclass(frozen=True)
class Outcome:
    """One photograph's deception.

    Attributes:
        first: The query that first reached the goal, from 1; ``None`` where none did.
        total: All queries that were sent, but for the clean answer.
        used: What the deception uses of the bound (pixels, or grey levels); ``None`` where there is none.
    """

    first: int | None
    total: int
    used: int | None

    @classmethod
    def of(cls, trials: Trials, bound: Bound, stimulus: UInt8) -> Outcome:
        """What the trials say; ``stimulus`` is the deception where there is one."""
        used = None if trials.first is None else bound.used(trials.clean, stimulus)
        return cls(trials.first, trials.spent, used)
