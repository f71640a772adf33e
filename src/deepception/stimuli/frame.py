"""The frame: the size of the observer's input, and how a photograph is brought to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos", "box"]
Fit = Literal["crop", "squash"]


@dataclass(frozen=True)
class Frame:
    """Size in pixels of the observer's input, and the resize and crop that lead to it.

    Attributes:
        height: Rows of the input, at least 1.
        width: Columns of the input, at least 1.
        fit: ``"crop"`` scales the photograph so that the frame is its central ``crop_fraction`` and cuts the
            centre; ``"squash"`` scales both sides to the frame, whatever the aspect.
        crop_fraction: Share of the shorter side that is kept by ``"crop"``, in (0, 1]: the short side is
            resized to ``floor(short side of the frame / crop_fraction)``.
        interpolation: Resampling filter; all but ``"nearest"`` are antialiased.
    """

    height: int
    width: int
    fit: Fit = "crop"
    crop_fraction: float = 1.0
    interpolation: Interpolation = "bicubic"

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ValueError(f"a frame is at least 1x1 pixels, got {self.height}x{self.width}")
        if not 0 < self.crop_fraction <= 1:
            raise ValueError(f"crop_fraction must be above 0 and at most 1, got {self.crop_fraction}")

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return (self.height, self.width)
