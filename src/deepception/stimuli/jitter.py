"""Jitter: the stated population of stimuli over which a repeat is drawn (METHODS §0)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class JitterDraws(NamedTuple):
    """Columns of ``count`` repeats, ready for the placement columns of ``Stimuli``.

    Attributes:
        contrast: float32 ``[count]``, factors about the patch's mean.
        brightness: float32 ``[count]``, grey levels.
        dy: int32 ``[count]``, pixels to add to y.
        dx: int32 ``[count]``, pixels to add to x.
    """

    contrast: NDArray[np.float32]
    brightness: NDArray[np.float32]
    dy: NDArray[np.int32]
    dx: NDArray[np.int32]


@dataclass(frozen=True)
class Jitter:
    """Half widths of the uniform jitter of a patch; the canvas is not jittered.

    Attributes:
        contrast: Contrast is uniform on 1 ± this, in 0…1.
        brightness: Brightness is uniform on ± this, grey levels, at least 0.
    """

    contrast: float = 0.05
    brightness: float = 5.0

    def __post_init__(self) -> None:
        if not (0 <= self.contrast <= 1 and 0 <= self.brightness <= 255):
            raise ValueError(f"jitter out of range: {self}")

    def draw(self, count: int, rng: np.random.Generator, shift: int = 1) -> JitterDraws:
        """Draw ``count`` repeats; the shifts in y and x are uniform on 0 … ``shift`` − 1 pixels.

        Give the period as ``shift`` for the sub-period shift of METHODS §0. The streams are drawn in a
        fixed order, so equal seeds give equal repeats.
        """
        if shift < 1:
            raise ValueError(f"shift counts the allowed offsets and is at least 1, got {shift}")
        offsets = rng.integers(0, shift, (2, count), dtype=np.int32)
        contrast = rng.uniform(1 - self.contrast, 1 + self.contrast, count).astype(np.float32)
        brightness = rng.uniform(-self.brightness, self.brightness, count).astype(np.float32)
        return JitterDraws(contrast, brightness, offsets[0], offsets[1])
