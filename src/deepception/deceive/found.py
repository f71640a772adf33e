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
    """

    stimulus: UInt8
    mask: NDArray[np.bool_] | None
    shown: Shown
    source: str
    copies: int
