"""Colours: uniform for magnitudes, symmetric about zero for signs, safe for colour-blind readers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]
Limits = tuple[float, float]

INK = "#1d2733"
MUTED = "#5f6b78"
RULE = "#cfd6dd"
FAINT = "#e9edf1"
PAPER = "#ffffff"

# Okabe and Ito's eight, without black and yellow (too faint on white).
BLUE, VERMILLION, GREEN = "#0072b2", "#d55e00", "#009e73"
ORANGE, SKY, PURPLE = "#e69f00", "#56b4e9", "#cc79a7"
CATEGORIES = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY)
CONTROL = "#8b95a1"

# The words that results use again and again keep one colour everywhere.
NAMED = {
    "activator": VERMILLION,
    "inhibitor": BLUE,
    "neutral": "#c3cbd3",
    "undecided": FAINT,
    "rising": GREEN,
    "falling": PURPLE,
    "peaked": ORANGE,
    "flat": "#c3cbd3",
    "mixed": SKY,
    "place": BLUE,
    "phase": ORANGE,
    "interaction": "#c3cbd3",
}


def colour_of(name: str, index: int) -> str:
    """The colour of a category: its own where it has one here, else the ``index``-th of the cycle."""
    key = name.strip().lower()
    return NAMED.get(key) or NAMED.get(key.removesuffix("s")) or CATEGORIES[index % len(CATEGORIES)]


def ink_on(colour: ArrayLike) -> str:
    """Dark or white, whichever reads better on an RGB colour in 0…1 (WCAG relative luminance)."""
    linear = _linear(np.asarray(colour, dtype=np.float64)[:3])
    luminance = float(linear @ np.array([0.2126, 0.7152, 0.0722]))
    return INK if (luminance + 0.05) / 0.07 > 1.05 / (luminance + 0.05) else PAPER


def fit_limits(values: ArrayLike, *, signed: bool, limits: Limits | None = None) -> Limits:
    """The values at the two ends of the colours: (low, high) with low < high.

    Signed limits are always symmetric about zero, given ones too (the larger magnitude wins). Where no finite
    value is there, or all are equal, the limits are widened so that they hold something.
    """
    if limits is not None:
        low, high = float(limits[0]), float(limits[1])
    else:
        finite = np.asarray(values, dtype=np.float64)
        finite = finite[np.isfinite(finite)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if signed:
        reach = max(abs(low), abs(high)) or 1.0
        return (-reach, reach)
    if high <= low:
        room = 0.5 * abs(low) or 0.5
        return (low - room, low + room)
    return (low, high)


def colourise(values: ArrayLike, limits: Limits, *, signed: bool) -> Float:
    """Colours of values: float64 ``[..., 3]`` RGB in 0…1; values beyond the limits take the end's colour.

    NaN takes the colour of the middle: the caller hides it.
    """
    low, high = limits
    scaled = (np.asarray(values, dtype=np.float64) - low) / (high - low)
    table = _diverging() if signed else _sequential()
    index = np.clip(np.nan_to_num(scaled, nan=0.5) * (len(table) - 1), 0, len(table) - 1)
    return np.asarray(table[np.rint(index).astype(np.int64)])


def hex_rgb(colour: str) -> Float:
    """``"#rrggbb"`` as float64 ``[3]`` in 0…1."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.float64) / 255


@cache
def _sequential() -> Float:
    """Viridis, 256 steps, float64 ``[256, 3]``."""
    from matplotlib import colormaps

    return np.asarray(colormaps["viridis"](np.arange(256))[:, :3], dtype=np.float64)


@cache
def _diverging() -> Float:
    """Blue, near-white, orange: 257 steps whose lightness falls alike on both sides of the neutral middle.

    Built in OKLab (Ottosson 2020, "A perceptual color space for image processing"), so that equal distances
    from zero look equally strong. Colours outside of sRGB lose chroma until they fit.
    """
    strength = np.abs(np.linspace(-1.0, 1.0, 257))
    lightness = 0.955 - 0.535 * strength
    chroma = 0.175 * np.sin(np.pi * np.clip(0.06 + 0.72 * strength, 0, 1)) * np.minimum(1, 4 * strength)
    hue = np.deg2rad(np.where(np.arange(257) < 128, 252.0, 62.0 - 16.0 * strength))
    best = np.zeros((257, 3))
    for share in np.linspace(0.0, 1.0, 81):
        a, b = share * chroma * np.cos(hue), share * chroma * np.sin(hue)
        rgb = _oklab_to_linear(lightness, a, b)
        fits = ((rgb > -1e-4) & (rgb < 1 + 1e-4)).all(axis=1)
        best[fits] = rgb[fits]
    best = np.clip(best, 0, 1)
    return np.where(best <= 0.0031308, 12.92 * best, 1.055 * best ** (1 / 2.4) - 0.055)


def _oklab_to_linear(lightness: Float, a: Float, b: Float) -> Float:
    cone = np.stack(
        [
            lightness + 0.3963377774 * a + 0.2158037573 * b,
            lightness - 0.1055613458 * a - 0.0638541728 * b,
            lightness - 0.0894841775 * a - 1.2914855480 * b,
        ],
        axis=-1,
    )
    matrix: Sequence[Sequence[float]] = (
        (4.0767416621, -3.3077115913, 0.2309699292),
        (-1.2684380046, 2.6097574011, -0.3413193965),
        (-0.0041960863, -0.7034186147, 1.7076147010),
    )
    return np.asarray(cone**3 @ np.array(matrix).T)


def _linear(rgb: Float) -> Float:
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
