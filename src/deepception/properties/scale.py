"""The scale of a result: decades of odds from scores, points of opacity from labels alone (METHODS §6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .result import Result
from .showing import View

DECADES, OPACITY = "decades of odds", "points of opacity"

MOSTLY = 0.5
"""A place is a bound from this share of its showings on; over more such places no rank correlation is told."""


@dataclass(frozen=True, eq=False)
class ScaledResult(Result):
    """A result whose figures are on one of the two scales.

    An effect in points of opacity is by how much less of the photograph (in percent of its opacity) has to be
    laid over a showing, so that the label becomes its class, than over the empty canvas.

    Attributes:
        scale: ``"decades of odds"`` or ``"points of opacity"``.
        never: Points of opacity only: not even the whole photograph is answered with its class, so that there is
            no threshold to measure.
        turning: Points of opacity only: share of the scans that are not monotone.
        recognition_rate: Points of opacity only: the share of showings of the patch or the region
            that are answered with the class without any of the photograph.
        bounds: Share of values that are only bounds in what was shown under each name, such as ``"empty"`` or
            ``"scrambled"``; ``"others"``: of the other classes read from the same showings.
    """

    scale: str = field(default=DECADES, kw_only=True)
    never: bool = field(default=False, kw_only=True)
    turning: float = field(default=0.0, kw_only=True)
    recognition_rate: float | None = field(default=None, kw_only=True)
    bounds: dict[str, float] = field(default_factory=dict, kw_only=True)

    @property
    def by_opacity(self) -> bool:
        """Whether the figures are thresholds, read from labels alone."""
        return self.scale == OPACITY

    def about_thresholds(self) -> dict[str, Any]:
        """What a row says beside its figures where they are thresholds; nothing where they are decades."""
        if not self.by_opacity:
            return {}
        return {
            "scale": self.scale,
            "measurable": not self.never,
            "not_monotone_share": self.turning,
            "recognition_rate": self.recognition_rate,
        }


@dataclass(frozen=True, eq=False)
class MappedResult(ScaledResult):
    """A result with a value for each region or place.

    Attributes:
        bounded: float32 ``[K, places]`` share of the showings of each region or place on each canvas whose value
            is only a bound; ``[0, 0]`` in results older than this field.
    """

    bounded: NDArray[np.float32] = field(
        default_factory=lambda: np.empty((0, 0), dtype=np.float32), kw_only=True
    )


def mostly_bounds(bounded: NDArray[np.floating[Any]], places: int) -> NDArray[np.bool_]:
    """The places of a map, bool ``[places]``, that are bounds on half of the canvases or more.

    Args:
        bounded: ``[K, places]`` share of the showings that are bounds; none are where it is empty.
        places: How many places the map has.
    """
    if not bounded.size:
        return np.zeros(places, dtype=bool)
    return np.asarray(np.median(bounded >= MOSTLY, axis=0) >= 0.5)


def scaled(labels: bool, views: Mapping[str, View], shown: str, label: int) -> dict[str, Any]:
    """The fields of a ScaledResult, but for its places, from all views; ``shown`` names that of the patch."""
    seen = views[shown]
    bounds = {name: float(view.censored[..., 0].mean()) for name, view in views.items()}
    if seen.censored.shape[-1] > 1:
        bounds["others"] = float(seen.censored[..., 1:].mean())
    if not labels:
        return {"bounds": bounds}
    return {
        "bounds": bounds,
        "scale": OPACITY,
        "never": bool(views["empty"].never.any()),
        "turning": float(seen.turning.mean()),
        "recognition_rate": float((seen.top == label).mean()),
    }
