"""Bounds of a deception: so many pixels of the frame, or so many grey levels everywhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ..errors import InputError
from ..stimuli.patches import UInt8


@dataclass(frozen=True)
class Area:
    """At most ⌊fraction·H·W⌋ pixels of the frame differ from the photograph.

    Attributes:
        fraction: Share of the frame, in (0, 1].
    """

    fraction: float

    def __post_init__(self) -> None:
        if not 0 < self.fraction <= 1:
            raise InputError(
                f"an area of {self.fraction:g} is no share of the frame: give more than 0, at most 1."
            )

    def limit(self, shape: tuple[int, int]) -> int:
        """Most pixels that may be covered in a frame of (height, width)."""
        # The small addend keeps 0.07 * 100 and the like from landing just below a whole number.
        return math.floor(self.fraction * shape[0] * shape[1] + 1e-9)

    def used(self, clean: UInt8, shown: UInt8) -> int:
        """Pixels of ``shown``, uint8 ``[H, W, 3]``, that differ from ``clean``."""
        differs = clean != shown
        # Three planes joined: numpy is slow where it reduces along an axis of 3.
        return int(np.count_nonzero(differs[..., 0] | differs[..., 1] | differs[..., 2]))

    def __str__(self) -> str:
        return f"area {self.fraction:.4g}"


@dataclass(frozen=True)
class Linf:
    """No value of a pixel differs by more than ⌊255 ε⌋ grey levels, counted in uint8 after rounding and clipping.

    Attributes:
        epsilon: ε as a share of the range, in (0, 1].
    """

    epsilon: float

    def __post_init__(self) -> None:
        if not 0 < self.epsilon <= 1:
            raise InputError(
                f"an L∞ bound of {self.epsilon:g} is out of range: give more than 0, at most 1 (10/255)."
            )
        if self.levels < 1:
            raise InputError(
                f"an L∞ bound of {self.epsilon:g} is less than one grey level: give 1/255 or more."
            )

    @property
    def levels(self) -> int:
        """⌊255 ε + 1e-9⌋ grey levels."""
        return math.floor(255 * self.epsilon + 1e-9)

    def limit(self, shape: tuple[int, int]) -> int:
        """Most grey levels by which a value may differ, whatever the frame."""
        return self.levels

    def used(self, clean: UInt8, shown: UInt8) -> int:
        """Largest difference between ``shown`` and ``clean``, uint8 ``[H, W, 3]``, in grey levels."""
        return int(np.abs(clean.astype(np.int16) - shown).max(initial=0))

    def __str__(self) -> str:
        return f"L∞ {self.levels}/255"


Bound = Area | Linf


def limit_within(bound: Bound, shape: tuple[int, int]) -> int:
    """The limit of a bound in a frame of (height, width); raises InputError where it allows nothing there."""
    limit = bound.limit(shape)
    if limit < 1:
        raise InputError(f"{bound} is less than one pixel of a frame of {shape[0]}x{shape[1]}: give more.")
    return limit


def read_bound(area: float | None = None, linf: str | float | None = None) -> Bound:
    """The bound that was asked for: an area, or an L∞ distance as ``"10/255"``, ``"0.0392"`` or a number.

    With neither, 5 % of the frame. Raises InputError for both, or a value that is no bound.
    """
    if area is not None and linf is not None:
        raise InputError("an area and an L∞ bound exclude each other: give one of them.")
    if linf is None:
        return Area(0.05 if area is None else _number(area, "area", "a share of the frame such as 0.05"))
    return Linf(_number(linf, "L∞ bound", "it as 10/255 or 0.0392"))


def rounded_down(linf: str | float | None) -> str | None:
    """One sentence where an L∞ bound lies between two numbers of grey levels, else ``None``."""
    if linf is None:
        return None
    bound = Linf(_number(linf, "L∞ bound", "it as 10/255 or 0.0392"))
    if abs(255 * bound.epsilon - bound.levels) < _WHOLE:
        return None
    said = linf.strip() if isinstance(linf, str) else f"{linf:g}"
    levels = "1 grey level" if bound.levels == 1 else f"{bound.levels} grey levels"
    more = "" if bound.levels == 255 else f"; for {bound.levels + 1} write {bound.levels + 1}/255"
    return f"{said} allows {levels}{more}."


_WHOLE = 1e-6  # grey levels by which ε may miss a whole number


def _number(given: Any, what: str, advice: str) -> float:
    """The number that was given, or that a text such as ``"10/255"`` stands for."""
    try:
        if isinstance(given, (bool, np.bool_)):
            raise TypeError(given)
        return float(Fraction(given)) if isinstance(given, str) else float(given)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError) as error:
        raise InputError(f"{given!r} is no {what}: give {advice}.") from error
