"""Plots: arrays in, figure out. They serve results and reports, and know nothing of either.

Each function returns a matplotlib ``Figure`` made without pyplot; :func:`to_svg` and :func:`to_png` turn it
into what a page or a file holds. Matplotlib is imported at the first drawing.
"""

from __future__ import annotations

from .doses import dose_curve
from .export import to_png, to_svg
from .fields import overlay, overlay_png, place_field, region_field, thumbnail_map
from .forests import forest
from .groups import distribution, effect_vs_control
from .maps import region_map
from .palette import colour_of, colourise, fit_limits
from .periods import period_spectrum
from .places import place_map
from .recognition import psychometric
from .shares import shares_bar, variance_bars
from .success import success_curve

__all__ = [
    "colour_of",
    "colourise",
    "distribution",
    "dose_curve",
    "effect_vs_control",
    "fit_limits",
    "forest",
    "overlay",
    "overlay_png",
    "period_spectrum",
    "place_field",
    "place_map",
    "psychometric",
    "region_field",
    "region_map",
    "shares_bar",
    "success_curve",
    "thumbnail_map",
    "to_png",
    "to_svg",
    "variance_bars",
]
