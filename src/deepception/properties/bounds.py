"""Which figures over photographs are made of bounds, where answers tell a value only to be below or above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .scale import MOSTLY

# What was shown for the effect and for each control, by its name in a row's ``bounds``.
_EFFECT = {"local": "alone", "spatial": "patch", "activation": "patch", "cumulative": "copies"}
_CONTROLS = {
    "scrambled regions": "scrambled",
    "other classes, same regions": "others",
    "scrambles": "scrambled",
    "matched crops of other classes": "crops",
    "other classes, same patch": "others",
    "different crops of the class": "crops",
    "one enlarged patch": "enlarged",
    "other classes, same copies": "others",
}


def only_bounds(name: str, rows: Sequence[Mapping[str, Any]], control: str = "") -> bool:
    """Whether the effect of one of the four properties, or a control of it, is made of bounds on every photograph.

    That is where half of its values or more are; of shared controls the effect's values stand for theirs.
    """
    if name not in _EFFECT:
        return False
    view = _CONTROLS.get(control, _EFFECT[name]) if control else _EFFECT[name]
    shares = [row.get("bounds", {}).get(view, 0.0) for row in rows if row.get("measurable", True)]
    return bool(shares) and min(shares) >= MOSTLY


def touches_limit(rows: Sequence[Mapping[str, Any]], column: str, median: float | None) -> bool:
    """Whether the median might be larger, because ranges at or below it end at the smallest score there is."""
    return median is not None and any(
        (row.get("range_touches_limit") or row.get("values_touch_limit"))
        and (row.get(column) or 0.0) <= median
        for row in rows
    )
