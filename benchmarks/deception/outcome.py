"""What one method did to one photograph."""

from __future__ import annotations

from dataclasses import dataclass, replace

from deepception.deceive.bounds import Bound
from deepception.deceive.found import Found
from deepception.deceive.judging import judge
from deepception.deceive.trials import Trials
from deepception.stimuli.patches import UInt8


@dataclass(frozen=True)
class Outcome:
    """One photograph's deception.

    Attributes:
        first: The query that first reached the goal, from 1; ``None`` where none did.
        total: All queries that were sent, but for the clean answer.
        used: What the deception uses of the bound (pixels, or grey levels); ``None`` where there is none.
        survives: Whether it deceives moved by one pixel as well; ``None`` where that was not shown.
    """

    first: int | None
    total: int
    used: int | None
    survives: bool | None = None

    @classmethod
    def of(cls, trials: Trials, bound: Bound, stimulus: UInt8) -> Outcome:
        """What the trials say; ``stimulus`` is the deception where there is one."""
        used = None if trials.first is None else bound.used(trials.clean, stimulus)
        return cls(trials.first, trials.spent, used)

    @classmethod
    def judged(cls, trials: Trials, bound: Bound, found: Found) -> Outcome:
        """What the trials say once its PNG was shown again, and once moved by one pixel, as ``deceive`` does."""
        judgement = judge(trials, found)
        if not judgement.reached:
            return cls(None, trials.spent, None)
        return replace(cls.of(trials, bound, found.stimulus), survives=judgement.survives_shift)
