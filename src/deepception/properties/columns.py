"""Columns of figures, one row a photograph, and what is told of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..statistics import bca, kaplan_meier_median
from .headline import share
from .scale import DECADES, OPACITY

Row = dict[str, Any]

_THRESHOLDS = ("recognition_rate", "not_monotone_share")


def usable(labels: Sequence[int], sha256s: Sequence[str], label: int, sha256: str) -> list[int]:
    """Control photographs that are neither this one nor of its class."""
    return [i for i, (c, s) in enumerate(zip(labels, sha256s, strict=True)) if c != label and s != sha256]


def column(rows: Sequence[Row], name: str) -> NDArray[np.float64]:
    """One figure of every photograph, NaN where it is missing."""
    return np.array([np.nan if row.get(name) is None else float(row[name]) for row in rows])


def median_of(rows: Sequence[Row], name: str) -> dict[str, Any] | None:
    """The median of a figure over the photographs that have it, with its interval."""
    values = column(rows, name)
    values = values[np.isfinite(values)]
    return None if not values.size else dict(bca(values).to_json())


def known_share(rows: Sequence[Row], name: str) -> dict[str, Any] | None:
    """Share of the photographs that have a property, over those on which it was measured."""
    known = [bool(row[name]) for row in rows if row[name] is not None]
    return share(known) if known else None


def scale_of(rows: Sequence[Row]) -> str:
    """The unit of the effects: one for all photographs of an observer."""
    return str(rows[0].get("scale", DECADES)) if rows else DECADES


def by_opacity(rows: Sequence[Row]) -> bool:
    """Whether the effects are thresholds of opacity."""
    return scale_of(rows) == OPACITY


def threshold_figures(rows: Sequence[Row]) -> dict[str, Any]:
    """What is told beside the figures where they are thresholds."""
    return {name: median_of(rows, name) for name in _THRESHOLDS} if by_opacity(rows) else {}


def without(row: Row, *columns: str) -> Row:
    """The row with the effect and its controls taken out where there was nothing to measure."""
    if row.get("measurable", True):
        return row
    limits = {"bounded_share": None, "range_touches_limit": False, "values_touch_limit": False}
    return {**row, **dict.fromkeys(columns), **{k: v for k, v in limits.items() if k in row}}


def threshold_median(thresholds: Sequence[Row]) -> dict[str, Any] | None:
    """Kaplan–Meier median number of copies; "> N" is censored, "< 1" counts as 1, "none" and falling are out."""
    known = [t for t in thresholds if t["kind"] != "none" and not t["falling"]]
    if not known:
        return None
    median = kaplan_meier_median([t["value"] for t in known], [t["kind"] == "> N" for t in known])
    return dict(median.to_json())


def counts(values: Sequence[str]) -> dict[str, int]:
    """How often each value occurs."""
    return {name: values.count(name) for name in sorted(set(values))}


def finite(value: float) -> float | None:
    """The value, ``None`` for one that JSON has no number for."""
    return value if np.isfinite(value) else None


def left_open(rows: Sequence[Row], counted: str, what: str) -> list[str]:
    """A sentence where photographs lack a control."""
    short = sum(1 for row in rows if not row.get(counted))
    if not short:
        return []
    have = "has" if short == 1 else "have"
    return [f"{short} of {len(rows)} photographs {have} no {what} as a control with these settings."]
