"""What the spatial property gives: place, phase and their interaction, and the shared controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..statistics import TwoWay, spatial_range, spread, two_way
from ..stimuli.patches import UInt8
from .result import Result
from .scale import MappedResult, mostly_bounds


@dataclass(frozen=True, eq=False)
class SpatialResult(MappedResult):
    """What one patch answers at L places × J phases.

    Arrays in decades of odds (points of opacity from labels alone), each showing minus its own empty canvas:

    Attributes:
        places: int32 ``[L, 2]`` (y, x) at phase 0; ``grid`` tells rows and columns.
        phases: int32 ``[J, 2]``.
        patch_shape: Height and width of the patch; ``patch_source`` tells where it was cut.
        delta: ``[K, L, J]`` of the patch.
        log10_p: ``[K, L, J]`` log10 p_c, as it is.
        scrambled: ``[K, S, L, J]`` of its scrambles.
        random_delta: ``[L, J]`` of a random region on the first canvas, or ``[0, 0]``.
        crops: ``[X, L, J]`` of matched crops of other classes on the first canvas.
        others_range: ``[K, C]`` the spatial range read for other classes.
        period: The observer's period in pixels, ``None`` where none was found or measured.
        moments: float32 ``[2, 3]`` mean and deviation of the patch's channels, grey levels.
        scrambled_moments: float32 ``[K, S, 2, 3]`` those of its scrambles, after clipping.
        censored: Share of values that are only bounds.
    """

    axes: ClassVar[dict[str, tuple[str, ...]]] = {
        "places": ("place", "yx"),
        "phases": ("phase", "yx"),
        "delta": ("canvas", "place", "phase"),
        "bounded": ("canvas", "place"),
        "log10_p": ("canvas", "place", "phase"),
        "scrambled": ("canvas", "scramble", "place", "phase"),
        "random_delta": ("place", "phase"),
        "crops": ("crop", "place", "phase"),
        "others_range": ("canvas", "class"),
        "moments": ("moment", "channel"),
        "scrambled_moments": ("canvas", "scramble", "moment", "channel"),
        "empty": ("variant",),
        "empty_rank": ("variant",),
        "empty_top": ("variant",),
    }

    canvases: tuple[str, ...]
    places: NDArray[np.int32]
    phases: NDArray[np.int32]
    grid: tuple[int, int]
    patch_shape: tuple[int, int]
    patch_source: str
    period: int | None
    step: int
    delta: NDArray[np.float64]
    log10_p: NDArray[np.float64]
    scrambled: NDArray[np.float64]
    random_delta: NDArray[np.float64]
    crops: NDArray[np.float64]
    others_range: NDArray[np.float64]
    empty: NDArray[np.float64]
    empty_rank: NDArray[np.int32]
    empty_top: NDArray[np.int64]
    censored: float
    seed: int
    moments: NDArray[np.float32]
    scrambled_moments: NDArray[np.float32]

    @property
    def canvas_maps(self) -> NDArray[np.float64]:
        """Mean over phases, ``[K, L]``."""
        return np.asarray(self.delta.mean(axis=2))

    @property
    def map(self) -> NDArray[np.float64]:
        """Median over canvases of the mean over phases, ``[L]``."""
        return np.asarray(np.median(self.canvas_maps, axis=0))

    @cached_property
    def bound_places(self) -> NDArray[np.bool_]:
        """Places whose value on the map is mostly a bound, bool ``[L]``."""
        return mostly_bounds(self.bounded, len(self.places))

    @cached_property
    def ranges(self) -> NDArray[np.float64]:
        """Spatial range on each canvas, ``[K]``: best and worst place chosen and read on different phases."""
        return np.array([spatial_range(d, seed=self.seed) for d in self.delta])

    @cached_property
    def log10_p_range(self) -> float:
        """The same range in log10 p, median over canvases: the paper's unit; NaN from labels alone."""
        if self.by_opacity:
            return float("nan")
        return float(np.median([spatial_range(p, seed=self.seed) for p in self.log10_p]))

    @cached_property
    def scrambled_range(self) -> float:
        """Spatial range of the scrambles, mean over scrambles, median over canvases; NaN without any."""
        if not self.scrambled.size:
            return float("nan")
        return float(
            np.median([np.mean([spatial_range(s, seed=self.seed) for s in k]) for k in self.scrambled])
        )

    @cached_property
    def crops_range(self) -> float:
        """Spatial range of the matched crops on the first canvas, their median; NaN without any."""
        values = [spatial_range(c, seed=self.seed) for c in self.crops]
        return float(np.median(values)) if values else float("nan")

    @cached_property
    def random_range(self) -> float:
        """Spatial range of the random region on the first canvas; NaN where not measured."""
        return spatial_range(self.random_delta, seed=self.seed) if self.random_delta.size else float("nan")

    @cached_property
    def variances(self) -> tuple[TwoWay, ...]:
        """Place, phase and interaction on each canvas."""
        return tuple(two_way(d) for d in self.delta)

    def variance_shares(self) -> tuple[float, float, float]:
        """Shares of place, phase and interaction, each component at least 0, median canvas by place."""
        parts = np.array([[v.place, v.phase, v.interaction] for v in self.variances]).clip(min=0)
        total = parts.sum(axis=1, keepdims=True)
        shares = np.divide(parts, total, out=np.zeros_like(parts), where=total > 0)
        place, phase, interaction = shares[np.argsort(shares[:, 0], kind="stable")[len(shares) // 2]]
        return (float(place), float(phase), float(interaction))

    @staticmethod
    def _single(values: NDArray[np.float64]) -> float:
        """Best minus worst single showing of ``[K, patches, L, J]``, as the paper quotes it; NaN without any."""
        if not values.size:
            return float("nan")
        return float(np.median(np.ptp(values.reshape(*values.shape[:2], -1), axis=-1)))

    def summary(self) -> dict[str, Any]:
        """The figures of this photograph."""
        spreads = np.array([spread(m) for m in self.canvas_maps])
        place, phase, interaction = self.variance_shares()
        return {
            "range": float(np.median(self.ranges)),
            "range_over_canvases": [float(self.ranges.min()), float(self.ranges.max())],
            "range_on_first_canvas": float(self.ranges[0]),
            "bounded_share": self.censored,
            "range_touches_limit": self.censored > 0,
            "bounds": self.bounds,
            "bound_places": int(self.bound_places.sum()),
            "range_log10_p": self.log10_p_range,
            "p95_minus_p5": float(np.median(spreads[:, 0])),
            "max_minus_min": float(np.median(spreads[:, 1])),
            "single_max_minus_min": self._single(self.delta[:, None]),
            "scrambled_single_max_minus_min": self._single(self.scrambled),
            "places": len(self.places),
            "phases": len(self.phases),
            "period": self.period,
            "scrambled_range": self.scrambled_range,
            "matched_crops_range": self.crops_range,
            "other_classes_range": float(np.median(self.others_range)) if self.others_range.size else None,
            "random_region_range": self.random_range,
            "share_place": place,
            "share_phase": phase,
            "share_interaction": interaction,
            "variances": {
                name: {"place": v.place, "phase": v.phase, "interaction": v.interaction}
                for name, v in zip(self.canvases, self.variances, strict=True)
            },
            "patch": self.patch_source,
            **self.about_thresholds(),
        }

    def plot(self, image: UInt8 | None = None, **options: Any) -> Any:
        """The place map, a matplotlib figure; ``image`` uint8 ``[H, W, 3]`` in the frame lies under it."""
        from ..plots import place_map

        return place_map(
            image,
            self.map.reshape(self.grid),
            (self.places + self.step // 2),
            self.patch_shape,
            signed=True,
            unit=self.scale,
            bounded=self.bound_places,
            **options,
        )


@dataclass(frozen=True, eq=False)
class SpatialControls(Result):
    """Crops of M photographs at the same places and phases on the first canvas, read for all classes.

    Attributes:
        ranges: float32 ``[M, classes]`` spatial range of each crop for each class.
        sha256s: The photographs.
        labels: Their classes.
    """

    axes: ClassVar[dict[str, tuple[str, ...]]] = {"ranges": ("photograph", "class")}

    ranges: NDArray[np.float32]
    sha256s: tuple[str, ...]
    labels: tuple[int, ...]
    canvas: str

    def summary(self) -> dict[str, Any]:
        """How many crops were used."""
        return {"crops": len(self.sha256s)}

    def for_class(self, label: int, rows: Sequence[int]) -> float:
        """Median range over the crops ``rows`` for class ``label``; NaN without any."""
        return float(np.median(self.ranges[list(rows), label])) if rows else float("nan")
