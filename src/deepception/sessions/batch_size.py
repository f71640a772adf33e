"""The batch size, found by a small probe: the smallest beyond which the observer hardly gets faster."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

SIZES = (8, 16, 32)
"""Candidates, smallest first."""

UNPROBED = 16
"""The batch size where a budget leaves nothing for a probe."""

_GAIN = 1.1


def find_batch_size(send: Callable[[NDArray[np.uint8]], float], shape: tuple[int, int]) -> int:
    """Time the candidates on grey images, stopping where doubling gains less than 10 %.

    Args:
        send: Sends images, uint8 ``[n, H, W, 3]``, and returns the seconds that took.
        shape: (H, W) of the observer's frame.
    """
    images = np.full((SIZES[-1], *shape, 3), 128, dtype=np.uint8)
    send(images[: SIZES[0]])  # the first call of an engine also sets it up
    chosen, best = SIZES[0], 0.0
    for size in SIZES:
        rate = size / max(send(images[:size]), 1e-9)
        if rate < best * _GAIN:
            break
        chosen, best = size, rate
    return chosen
