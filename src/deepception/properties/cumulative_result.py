"""What repetition gives: dose curves with their controls, shapes, trends and thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..statistics import DoseShape, Threshold, dose_shape, page_trend, slope_log2, threshold, wilson
from .scale import ScaledResult


@dataclass(frozen=True, eq=False)
class CumulativeResult(ScaledResult):
    """What n copies of a patch answer, beside their controls at the same places.

    Arrays in decades of odds (points of opacity from labels alone), each showing minus its own empty canvas;
    K canvases, A draws, D doses:

    Attributes:
        doses: int64 ``[D]``, copies, from 1.
        copies: ``[K, A, D]`` n identical copies.
        recognised: bool ``[K, A, D]`` whether the top-1 is c.
        scrambled: ``[K, A, D]`` n scrambles, or no draws.
        crops: ``[K, A, D]`` n different crops of the photograph, or no draws.
        enlarged: ``[K, A, D]`` one enlarged patch of equal area, or no draws.
        random_copies: ``[A, D]`` n copies of a random region on the first canvas, or no draws;
            ``random_scrambled`` n scrambles of it.
        others_slope: ``[K, C]`` the slope on log2 dose read for other classes.
        moments: float32 ``[2, 3]`` mean and deviation of the patch's channels, grey levels.
        scrambled_moments: float32 ``[S, 2, 3]`` those of its scrambles, after clipping.
        best_first: ``[D']`` copies at the places of the activation map from best to worst, first canvas;
            ``worst_first`` the other way round; empty where the map was not given.
        empty_recognised: bool ``[K, A]`` whether the top-1 of each draw's empty canvas is c.
    """

    axes: ClassVar[dict[str, tuple[str, ...]]] = {
        "doses": ("dose",),
        "copies": ("canvas", "draw", "dose"),
        "recognised": ("canvas", "draw", "dose"),
        "scrambled": ("canvas", "draw", "dose"),
        "crops": ("canvas", "draw", "dose"),
        "enlarged": ("canvas", "draw", "dose"),
        "random_copies": ("draw", "dose"),
        "random_scrambled": ("draw", "dose"),
        "others_slope": ("canvas", "class"),
        "moments": ("moment", "channel"),
        "scrambled_moments": ("scramble", "moment", "channel"),
        "best_first": ("dose",),
        "worst_first": ("dose",),
        "empty": ("variant",),
        "empty_rank": ("variant",),
        "empty_top": ("variant",),
        "empty_recognised": ("canvas", "draw"),
    }

    canvases: tuple[str, ...]
    doses: NDArray[np.int64]
    patch_shape: tuple[int, int]
    patch_source: str
    copies: NDArray[np.float64]
    recognised: NDArray[np.bool_]
    scrambled: NDArray[np.float64]
    crops: NDArray[np.float64]
    enlarged: NDArray[np.float64]
    random_copies: NDArray[np.float64]
    random_scrambled: NDArray[np.float64]
    others_slope: NDArray[np.float64]
    best_first: NDArray[np.float64]
    worst_first: NDArray[np.float64]
    empty: NDArray[np.float64]
    empty_rank: NDArray[np.int32]
    empty_top: NDArray[np.int64]
    empty_recognised: NDArray[np.bool_]
    q: float
    censored: float
    seed: int
    moments: NDArray[np.float32]
    scrambled_moments: NDArray[np.float32]

    def _slope(self, curves: NDArray[np.float64]) -> float:
        """Slope on log2 dose, median over canvases; NaN without draws."""
        if not curves.size or len(self.doses) < 2:
            return float("nan")
        return float(np.median([slope_log2(k, self.doses) for k in curves]))

    @property
    def onset(self) -> NDArray[np.float64]:
        """What the first copy does, mean over draws, ``[K]``: apart from repetition."""
        return np.asarray(self.copies[:, :, 0].mean(axis=1))

    @cached_property
    def slopes(self) -> NDArray[np.float64]:
        """Slope on log2 dose of identical copies on each canvas, ``[K]``, decades a doubling."""
        return np.array([slope_log2(k, self.doses) for k in self.copies])

    @property
    def slope(self) -> float:
        """Median over canvases of ``slopes``."""
        return float(np.median(self.slopes))

    def random_slopes(self) -> dict[str, float]:
        """Slopes on the first canvas: of the random region's copies, of its scrambles and of different crops."""
        crops = self.crops[0] if self.crops.size else self.crops
        return {
            "copies": self._slope(self.random_copies[None]),
            "scrambles": self._slope(self.random_scrambled[None]),
            "different crops of the class": self._slope(crops[None]),
        }

    def control_slopes(self) -> dict[str, float]:
        """The slope of each control, median over canvases; NaN where not measured."""
        others = float(np.median(self.others_slope)) if self.others_slope.size else float("nan")
        return {
            "scrambles": self._slope(self.scrambled),
            "different crops": self._slope(self.crops),
            "one enlarged patch": self._slope(self.enlarged),
            "other classes": others,
        }

    @cached_property
    def trends(self) -> tuple[float, float]:
        """Page's trend test over the draws of all canvases: p of rising and p of falling.

        n + 1 copies keep the places of n, so whole draws are flipped, not doses permuted.
        """
        draws = self.copies.reshape(-1, self.copies.shape[-1])
        return (
            page_trend(draws, null="sign-flip", seed=self.seed)[1],
            page_trend(draws, decreasing=True, null="sign-flip", seed=self.seed)[1],
        )

    @cached_property
    def shapes(self) -> tuple[DoseShape, ...]:
        """Rising, falling, peaked or flat, cross-validated over draws, on each canvas."""
        return tuple(dose_shape(k) for k in self.copies)

    @property
    def shape(self) -> str:
        """The shape on most canvases, ``"mixed"`` where none has a majority."""
        names = [s.shape for s in self.shapes]
        most = max(sorted(set(names)), key=names.count)
        return most if names.count(most) * 2 > len(names) else "mixed"

    @cached_property
    def threshold(self) -> Threshold:
        """Number of copies at which recognition is half way, pooled over canvases and draws, where it has one."""
        trials = self.recognised.shape[0] * self.recognised.shape[1]
        return threshold(
            self.doses,
            self.recognised.sum(axis=(0, 1)),
            np.full(len(self.doses), trials),
            guess=float(self.empty_recognised.mean()),
            seed=self.seed,
        )

    def summary(self) -> dict[str, Any]:
        """The figures of this photograph."""
        controls = self.control_slopes()
        return {
            "onset": float(np.median(self.onset)),
            "onset_over_canvases": [float(self.onset.min()), float(self.onset.max())],
            "slope": self.slope,
            "slope_over_canvases": [float(self.slopes.min()), float(self.slopes.max())],
            "slope_unit": f"{self.scale} per doubling",
            "control_slopes": controls,
            "page_p_rising": self.trends[0],
            "page_p_falling": self.trends[1],
            "shape": self.shape,
            "shapes": dict(zip(self.canvases, (s.shape for s in self.shapes), strict=True)),
            "q": self.q,
            "doses": self.doses.tolist(),
            "draws": self.copies.shape[1],
            "recognised_share": self.recognised.mean(axis=(0, 1)).tolist(),
            "recognised_empty": float(self.empty_recognised.mean()),
            "threshold": self.threshold,
            "bounded_share": self.censored,
            "bounds": self.bounds,
            "values_touch_limit": self.censored > 0,
            **self.about_thresholds(),
        }

    def plot(self, **options: Any) -> Any:
        """The dose curves with their controls, a matplotlib figure; draws of all canvases pooled."""
        from ..plots import dose_curve

        curves = {"identical copies": self.copies}
        for name, values in (
            ("scrambles", self.scrambled),
            ("different crops", self.crops),
            ("one enlarged patch", self.enlarged),
        ):
            if values.size:
                curves[name] = values
        pooled = {name: values.reshape(-1, values.shape[-1]) for name, values in curves.items()}
        return dose_curve(
            self.doses,
            pooled,
            recognition=self._recognition(),
            onset=float(np.median(self.onset)),
            **options,
        )

    def _recognition(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Share of showings recognised at each dose, with its Wilson interval."""
        trials = self.recognised.shape[0] * self.recognised.shape[1]
        rates = [wilson(int(k), trials) for k in self.recognised.sum(axis=(0, 1))]
        value, low, high = np.array([[r.value, r.low, r.high] for r in rates]).T
        return value, low, high
