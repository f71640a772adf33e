"""What the local property gives: each region's sufficiency and necessity, and their shared controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..statistics import CrossFit, cross_fitted_best, gini, regress_out, spearman
from ..stimuli import Patch, crop
from ..stimuli.patches import UInt8
from .result import Result
from .scale import MOSTLY, MappedResult, mostly_bounds
from .streams import stream

# A superpixel has no side: its patch has this part of the frame's, as a cell of the default grid.
SUPERPIXEL_PATCH = 7


@dataclass(frozen=True, eq=False)
class LocalResult(MappedResult):
    """What each of R regions answers alone (sufficiency) and what its absence costs (necessity).

    Arrays, in decades of odds (points of opacity from labels alone) unless said otherwise;
    K canvases, J repeats, S scrambles, C other classes:

    Attributes:
        boxes: int32 ``[R, 4]`` y, x, height, width of each region, pixels of the frame.
        areas: int64 ``[R]`` pixels of each region.
        label_map: int32 ``[H, W]`` the region of each pixel, for superpixels; else ``[0, 0]``.
        sufficiency: ``[K, J, R]`` ℓ_c of the region alone on the canvas, minus the empty canvas.
        log10_p: ``[K, J, R]`` log10 p_c of the region alone.
        rank: int32 ``[K, J, R]`` rank of c, 0 is the best.
        scrambled: ``[K, S, R]`` as ``sufficiency``, for the region's phase scramble.
        necessity: ``[K, R]`` ℓ_c of the photograph minus ℓ_c without the region, filled from the canvas.
        scrambled_necessity: ``[R]`` ℓ_c with the region scrambled, minus ℓ_c without it (first canvas).
        others_range: ``[K, C]`` p95 − p5 over regions of the sufficiency read for other classes.
        empty: ``[B]`` ℓ_c of each empty canvas variant; ``empty_rank`` and ``empty_top`` beside it.
        clean: ℓ_c of the whole photograph; from labels alone minus the threshold over the first empty canvas.
        moments: float32 ``[R, 2, 3]`` mean and deviation of each region's channels, grey levels.
        scrambled_moments: float32 ``[K, S, R, 2, 3]`` those of its scrambles, after clipping.
        censored: Share of the sufficiency values that are only bounds.
        depth: How many of the best classes the observer tells, 5 where at least as many.
        absent_bounded: float32 ``[K, R]`` as ``bounded``, for the showings without the region.
    """

    axes: ClassVar[dict[str, tuple[str, ...]]] = {
        "boxes": ("region", "box"),
        "areas": ("region",),
        "label_map": ("y", "x"),
        "sufficiency": ("canvas", "repeat", "region"),
        "log10_p": ("canvas", "repeat", "region"),
        "rank": ("canvas", "repeat", "region"),
        "scrambled": ("canvas", "scramble", "region"),
        "necessity": ("canvas", "region"),
        "bounded": ("canvas", "region"),
        "absent_bounded": ("canvas", "region"),
        "scrambled_necessity": ("region",),
        "others_range": ("canvas", "class"),
        "moments": ("region", "moment", "channel"),
        "scrambled_moments": ("canvas", "scramble", "region", "moment", "channel"),
        "empty": ("variant",),
        "empty_rank": ("variant",),
        "empty_top": ("variant",),
    }

    kind: str
    canvases: tuple[str, ...]
    boxes: NDArray[np.int32]
    areas: NDArray[np.int64]
    label_map: NDArray[np.int32]
    sufficiency: NDArray[np.float64]
    log10_p: NDArray[np.float64]
    rank: NDArray[np.int32]
    scrambled: NDArray[np.float64]
    necessity: NDArray[np.float64]
    scrambled_necessity: NDArray[np.float64]
    others_range: NDArray[np.float64]
    empty: NDArray[np.float64]
    empty_rank: NDArray[np.int32]
    empty_top: NDArray[np.int64]
    clean: float
    clean_top: int
    censored: float
    seed: int
    moments: NDArray[np.float32]
    scrambled_moments: NDArray[np.float32]
    depth: int = field(default=5, kw_only=True)
    absent_bounded: NDArray[np.float32] = field(
        default_factory=lambda: np.empty((0, 0), dtype=np.float32), kw_only=True
    )

    @cached_property
    def canvas_maps(self) -> NDArray[np.float64]:
        """Sufficiency of each region on each canvas, mean over repeats, ``[K, R]``."""
        return np.asarray(self.sufficiency.mean(axis=1))

    @property
    def map(self) -> NDArray[np.float64]:
        """Sufficiency of each region, median over canvases, ``[R]``."""
        return np.asarray(np.median(self.canvas_maps, axis=0))

    @property
    def necessity_map(self) -> NDArray[np.float64]:
        """Necessity of each region, median over canvases, ``[R]``."""
        return np.asarray(np.median(self.necessity, axis=0))

    @cached_property
    def agreement(self) -> float:
        """Lowest rank correlation between the maps of two canvases; NaN with one canvas.

        Canvases on which more than half of the regions are bounds are left out: ties rank nothing.
        """
        if not self.bounded.size:
            return lowest_correlation(self.canvas_maps)
        ranked = (self.bounded >= MOSTLY).mean(axis=1) <= MOSTLY
        return lowest_correlation(self.canvas_maps[ranked])

    @cached_property
    def bound_regions(self) -> NDArray[np.bool_]:
        """Regions whose place on the map is mostly a bound, bool ``[R]``."""
        return mostly_bounds(self.bounded, len(self.boxes))

    @cached_property
    def bound_absences(self) -> NDArray[np.bool_]:
        """The same for the necessity map."""
        return mostly_bounds(self.absent_bounded, len(self.boxes))

    @property
    def correlation(self) -> float:
        """Rank correlation of both maps; NaN where more than half of the regions of one are bounds."""
        if max(self.bound_regions.mean(), self.bound_absences.mean()) > MOSTLY:
            return float("nan")
        return spearman(self.map, self.necessity_map)

    @property
    def ties(self) -> int:
        """Regions that answer just as the most responsive one does; with any it was chosen by its number alone."""
        means = self.sufficiency.mean(axis=(0, 1))
        return int((means >= means.max() - 1e-9).sum()) - 1

    @cached_property
    def best(self) -> CrossFit:
        """The most responsive region: chosen on half of the showings, its value read on the other half."""
        showings = self.sufficiency.reshape(-1, self.sufficiency.shape[-1])
        return cross_fitted_best(showings, seed=self.seed)

    @cached_property
    def ranges(self) -> NDArray[np.float64]:
        """p95 − p5 over regions on each canvas, ``[K]``: of each showing, then averaged, as the controls' are."""
        return np.asarray(region_range(self.sufficiency).mean(axis=1))

    @cached_property
    def extremes(self) -> NDArray[np.float64]:
        """Max − min over regions on each canvas, ``[K]``."""
        return np.asarray(np.ptp(self.sufficiency, axis=-1).mean(axis=1))

    @property
    def scrambled_range(self) -> float:
        """The range of the scrambled regions, median over canvases."""
        return float(np.median(region_range(self.scrambled).mean(axis=1))) if self.scrambled.size else np.nan

    @property
    def _among_five(self) -> float | None:
        """Share of showings with c among the first five; ``None`` where fewer are told."""
        return float((self.rank < 5).mean()) if self.depth >= 5 else None

    def carries(self, controls: Sequence[LocalControls] = ()) -> NDArray[np.bool_]:
        """Regions that carry the answer: above every control, in sufficiency and in necessity, bool ``[R]``.

        Of ``controls`` those photographs count that are of other classes; superpixels have none, as no other
        photograph has the same regions. Without any control no region carries the answer.
        """
        alone: list[NDArray[Any]] = [np.median(self.scrambled, axis=0)] if self.scrambled.size else []
        absent: list[NDArray[Any]] = []
        for control in controls if self.kind != "superpixels" else ():
            rows = control.of_other_classes(self.label, self.sha256)
            alone.append(np.median(control.sufficiency[rows][..., self.label], axis=1))
            absent.append(np.median(control.necessity[rows][..., self.label], axis=1))
        if not self.scrambled_necessity.size and not any(map(len, absent)):
            return np.zeros(len(self.boxes), dtype=bool)
        carrying = np.ones(len(self.boxes), dtype=bool)
        for shown in alone:
            carrying &= (self.map > shown).all(axis=0)
        for missing in absent:
            carrying &= (self.necessity_map > missing).all(axis=0)
        if self.scrambled_necessity.size:
            # Both are over the same photograph without the region, so the first canvas stands for all.
            carrying &= self.necessity[0] > self.scrambled_necessity
        return carrying

    def summary(self) -> dict[str, Any]:
        """The figures of this photograph."""
        probability = 10**self.log10_p
        figures: dict[str, Any] = {
            "range": float(np.median(self.ranges)),
            "range_over_canvases": [float(self.ranges.min()), float(self.ranges.max())],
            "bounded_share": self.censored,
            "range_touches_limit": self.censored > 0,
            "bounds": self.bounds,
            "bound_places": int(self.bound_regions.sum()),
            "max_minus_min": float(np.median(self.extremes)),
            "range_log10_p": float(np.median(region_range(self.log10_p).mean(axis=1))),
            "scrambled_range": self.scrambled_range,
            "other_classes_range": float(np.median(self.others_range)) if self.others_range.size else None,
            "regions": len(self.boxes),
            "recognised_alone_top1": float((self.rank == 0).mean()),
            "recognised_alone_top5": self._among_five,
            "canvas_agreement": self.agreement,
            "depends_on_canvas": None if np.isnan(self.agreement) else bool(self.agreement < 0.5),
            "sufficiency_necessity_correlation": self.correlation,
            "best_region": self.best.index,
            "best_value": self.best.value,
            "best_ties": self.ties,
            "best_same_choice": self.best.same_choice,
            "best_distinguishable": self.best.distinguishable and self.agreement >= 0.5,
            "clean": self.clean,
            **self.about_thresholds(),
        }
        if self.kind == "grid" and not self.by_opacity:
            figures["gini"] = float(np.median([gini(p) for p in probability.mean(axis=1)]))
        if self.kind == "superpixels":
            residual = regress_out(self.map, np.log(self.areas))
            figures["range_without_area"] = float(region_range(residual))
        return figures

    def patch(self, pixels: UInt8, index: int | None = None) -> Patch:
        """A patch of the region ``index`` (the most responsive where ``None``), cut from uint8 ``[H, W, 3]``.

        All patches of one frame have one shape, so that they and their controls are shown at the same places: of
        a grid the smallest cell, of superpixels a seventh of each side about the region's middle.
        """
        chosen = self.best.index if index is None else index
        y, x = (int(v) for v in self.boxes[chosen, :2])
        if self.kind == "superpixels":
            inside = np.argwhere(self.label_map == chosen)
            middle = np.median(inside, axis=0).astype(int)
            sides = np.array(pixels.shape[:2])
            shape = np.maximum(1, sides // SUPERPIXEL_PATCH)
            y, x = (int(v) for v in np.clip(middle - shape // 2, 0, sides - shape))
        else:
            shape = self.boxes[:, 2:].min(axis=0)
        return crop(pixels, y, x, int(shape[0]), int(shape[1]), source=self.name)

    def random_patch(self, pixels: UInt8, seed: int) -> Patch:
        """A seeded random region other than the most responsive one."""
        pool = [i for i in range(len(self.boxes)) if i != self.best.index] or [self.best.index]
        drawn = int(stream(seed, self.sha256, "random region").integers(len(pool)))
        return self.patch(pixels, pool[drawn])

    def plot(self, image: UInt8, **options: Any) -> Any:
        """The sufficiency map over the photograph (uint8 ``[H, W, 3]`` in the frame), a matplotlib figure."""
        from ..plots import region_map

        return region_map(
            image,
            self.map,
            self.boxes,
            signed=True,
            unit=self.scale,
            mark=self.best.index if self.summary()["best_distinguishable"] else None,
            bounded=self.bound_regions,
            **options,
        )


@dataclass(frozen=True, eq=False)
class LocalControls(Result):
    """The same regions of M photographs, read for all K classes; measured once for an observer.

    Attributes:
        sufficiency: float32 ``[M, K canvases, R, classes]``.
        necessity: float32 ``[M, K canvases, R, classes]``.
        sha256s: The photographs.
        labels: Their classes.
    """

    axes: ClassVar[dict[str, tuple[str, ...]]] = {
        "sufficiency": ("photograph", "canvas", "region", "class"),
        "necessity": ("photograph", "canvas", "region", "class"),
    }

    canvases: tuple[str, ...]
    sufficiency: NDArray[np.float32]
    necessity: NDArray[np.float32]
    sha256s: tuple[str, ...]
    labels: tuple[int, ...]

    def summary(self) -> dict[str, Any]:
        """How many photographs were used."""
        return {"photographs": len(self.sha256s)}

    def of_other_classes(self, label: int, sha256: str) -> list[int]:
        """Rows of other photographs than ``sha256``, of other classes than ``label``."""
        pairs = zip(self.labels, self.sha256s, strict=True)
        return [i for i, (c, s) in enumerate(pairs) if c != label and s != sha256]

    def ranges(self, label: int, rows: Sequence[int]) -> float:
        """Median over the photographs ``rows`` of the region range of class ``label``, or NaN without any."""
        if not rows:
            return float("nan")
        per_canvas = region_range(self.sufficiency[list(rows), ..., label].astype(np.float64))
        return float(np.median(np.median(per_canvas, axis=1)))


def region_range(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """p95 − p5 along the last axis."""
    low, high = np.quantile(values, (0.05, 0.95), axis=-1)
    return np.asarray(high - low)


def lowest_correlation(maps: NDArray[np.float64]) -> float:
    """Lowest Spearman correlation between any two rows of ``[K, R]`` that vary; NaN with fewer than two."""
    pairs = [spearman(maps[i], maps[j]) for i in range(len(maps)) for j in range(i)]
    return min((p for p in pairs if np.isfinite(p)), default=float("nan"))
