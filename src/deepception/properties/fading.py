"""From labels alone: how much of the photograph a showing needs to be recognised (METHODS §6).

One small region hardly ever changes a label by itself. So the photograph is laid over the showing, fainter or
stronger, and the *threshold* is the smallest of its opacities at which the label is its class: what helps the
class lowers it, what hinders it raises it. At opacity 0 the showing is what it is for scores; at 1 it is the
photograph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..stimuli import Stimuli, layered
from ..stimuli.patches import UInt8

if TYPE_CHECKING:
    from ..sessions import Session

SCAN = 8
"""Opacities of the scan, evenly from 0 to 1 (METHODS §6)."""

HALVINGS = 6
"""Halvings of the interval that the scan has found; a threshold is then known to 1/448."""

MOST_QUERIES = SCAN + HALVINGS
"""Queries that one threshold costs, at most."""


@dataclass(frozen=True, eq=False)
class Thresholds:
    """The thresholds of N showings.

    Attributes:
        opacity: float64 ``[N]``, the smallest opacity that was answered with the class; 1 where none was.
        never: bool ``[N]``, not even the largest opacity gave the class: the threshold is above 1.
        alone: bool ``[N]``, the showing has the class without any of the photograph: its threshold is at most 0.
        turning: bool ``[N]``, the scan is not monotone: some opacity above the threshold had another answer.
        top: int64 ``[N]``, the answer to the showing itself; −1 where the photograph itself is not answered with
            the class, for then nothing else is asked.
    """

    opacity: NDArray[np.float64]
    never: NDArray[np.bool_]
    alone: NDArray[np.bool_]
    turning: NDArray[np.bool_]
    top: NDArray[np.int64]


def find_thresholds(
    session: Session,
    stimuli: Stimuli,
    photograph: UInt8,
    label: int,
    *,
    below: NDArray[np.bool_] | None = None,
    purpose: str = "",
) -> Thresholds:
    """The threshold of each of N stimuli: a scan of ``SCAN`` opacities, then ``HALVINGS`` halvings.

    Args:
        session: Who answers; nothing but the first answer is read.
        stimuli: The showings.
        photograph: uint8 ``[H, W, 3]``, what is laid over them.
        label: The class c.
        below: bool ``[N]``, where the photograph comes between the canvas and the patches, as for a region that
            is covered: it then stays covered whatever the opacity. Nowhere where ``None``.
        purpose: The ledger's heading.
    """
    number = len(stimuli)
    under = np.zeros(number, dtype=bool) if below is None else below
    levels = np.linspace(0.0, 1.0, SCAN)
    whole = int(session.ask_images(photograph[None], [label], purpose=purpose).top[0, 0])
    if whole != label:
        none = np.zeros(number, dtype=bool)
        unknown = np.full(number, -1, dtype=np.int64)
        return Thresholds(np.ones(number), ~none, none, none.copy(), unknown)

    def top(rows: NDArray[np.int64], opacity: NDArray[np.float64]) -> NDArray[np.int64]:
        shown = layered(stimuli, rows, photograph, opacity, below=under[rows])
        return session.ask(shown, [label], purpose=purpose).top[:, 0]

    # Whatever it is laid over, at full opacity the photograph is all there is to see, and its answer is known.
    asked = np.ones((number, SCAN), dtype=bool)
    asked[~under, -1] = False
    scanned = np.full((number, SCAN), whole, dtype=np.int64)
    rows, level = np.nonzero(asked)
    scanned[rows, level] = top(rows, levels[level])
    hits = scanned == label
    never, first = ~hits.any(axis=1), hits.argmax(axis=1)
    high = np.where(never, 1.0, levels[first])
    low = np.where(never, 1.0, levels[np.maximum(first - 1, 0)])
    between = np.flatnonzero(high > low)
    for _ in range(HALVINGS if between.size else 0):
        middle = (low[between] + high[between]) / 2
        found = top(between, middle) == label
        high[between] = np.where(found, middle, high[between])
        low[between] = np.where(found, low[between], middle)
    turning = (hits[:, :-1] & ~hits[:, 1:]).any(axis=1)
    return Thresholds(high, never, hits[:, 0], turning, scanned[:, 0])
