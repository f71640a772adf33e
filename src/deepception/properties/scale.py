"""The scale of a result: decades of odds from scores, points of opacity from labels alone (METHODS §6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .result import Result
from .showing import View

DECADES, OPACITY = "decades of odds", "points of opacity"


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
    """

    scale: str = field(default=DECADES, kw_only=True)
    never: bool = field(default=False, kw_only=True)
    turning: float = field(default=0.0, kw_only=True)
    recognition_rate: float | None = field(default=None, kw_only=True)

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


def scaled(labels: bool, empty: View, shown: View, label: int) -> dict[str, Any]:
    """The fields of a ScaledResult from the views of the empty canvases and of what was shown on them."""
    if not labels:
        return {}
    return {
        "scale": OPACITY,
        "never": bool(empty.never.any()),
        "turning": float(shown.turning.mean()),
        "recognition_rate": float((shown.top == label).mean()),
    }
