"""Calling a model that takes only batches of one size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def in_batches(
    images: NDArray[np.uint8],
    fixed: int | None,
    classes: int,
    call: Callable[[NDArray[np.uint8]], NDArray[Any]],
) -> NDArray[Any]:
    """Scores ``[N, K]`` of N images, by one call, or by as many as a fixed batch size asks for.

    Args:
        images: uint8 ``[N, H, W, 3]``, any N.
        fixed: The only number of images that ``call`` takes, or ``None``. The last batch is filled up with
            the last image, and the fillers' scores are dropped.
        classes: K.
        call: Scores ``[n, K]`` of n images; not called where there are none.
    """
    n = images.shape[0]
    if n == 0:
        return np.empty((0, classes), dtype=np.float32)
    if fixed is None or n == fixed:
        return call(images)
    filled = np.concatenate([images, np.repeat(images[-1:], -n % fixed, axis=0)])
    parts = [call(filled[start : start + fixed]) for start in range(0, len(filled), fixed)]
    return np.concatenate(parts)[:n]
