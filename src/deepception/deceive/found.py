"""Found: what a search ends with, its goal reached or not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..stimuli.patches import UInt8
from .trials import Shown


@dataclass(frozen=True, eq=False)
class Found:
    """The stimulus that a search ends with: a deception, or its best try.

    Attributes:
        stimulus: uint8 ``[H, W, 3]``, within the bound.
        mask: Union of the placements, bool ``[H, W]``; ``None`` for a veil, which covers the whole frame.
        shown: The answer to exactly this stimulus.
        source: Where it comes from: ``"dictionary 3"`` (counted from 1), ``"draw"`` or ``"search"``.
        copies: Placements that it is made of.
        painted: What was put there, apart from this photograph. A patch: int64 ``[H, W]``, indices into
            ``contents.CONTENTS``, below 0 where the photograph stays. A veil: int8 ``[H, W, 3]``, 1 where a value
            goes up by the whole bound and -1 where it goes down. ``None`` where that is known already, or not at
            all.
        repeats: Whether it is one texture repeated over the frame.
    """

    stimulus: UInt8
    mask: NDArray[np.bool_] | None
    shown: Shown
    source: str
    copies: int
    painted: NDArray[np.int64] | NDArray[np.int8] | None = None
    repeats: bool = False
