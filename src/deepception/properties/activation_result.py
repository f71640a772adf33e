"""What activation and inhibition give: signed maps with their tests, and their shared controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..statistics import (
    ACTIVATOR,
    INHIBITOR,
    NEUTRAL,
    UNDECIDED,
    classify_places,
    max_t_bands,
    specific_places,
)
from ..stimuli.patches import UInt8
from .headline import MOST_BOUNDS
from .result import Result
from .scale import MappedResult, mostly_bounds


@dataclass(frozen=True, eq=False)
class ActivationResult(MappedResult):
    """What one patch adds to, or takes from, K backgrounds at L places with R jittered repeats.

    Arrays in decades of odds, or points of opacity from labels alone:

    Attributes:
        places: int32 ``[L, 2]`` (y, x) at phase 0.
        delta: ``[K, R, L]`` ℓ_c of the background with the patch minus ℓ_c of the background.
        others_delta: float32 ``[K, L, C]`` the same for other classes, mean over repeats.
        others_amplitudes: ``[K, C]`` two-sided amplitude read for other classes.
        scrambled: ``[K, S, R, L]`` of the patch's scrambles.
        crops: ``[K, X, R, L]`` of matched crops of other classes.
        random_delta: ``[R, L]`` of a random region on the first canvas, or ``[0, 0]``.
        background_name: The photograph behind the background ``"photograph"``, or empty.
        moments: float32 ``[2, 3]`` mean and deviation of the patch's channels, grey levels.
        scrambled_moments: float32 ``[K, S, 2, 3]`` those of its scrambles, after clipping.
        censored: Share of values that are only bounds.
    """

    axes: ClassVar[dict[str, tuple[str, ...]]] = {
        "places": ("place", "yx"),
        "delta": ("background", "repeat", "place"),
        "bounded": ("background", "place"),
        "others_delta": ("background", "place", "class"),
        "others_amplitudes": ("background", "class"),
        "moments": ("moment", "channel"),
        "scrambled_moments": ("background", "scramble", "moment", "channel"),
        "scrambled": ("background", "scramble", "repeat", "place"),
        "crops": ("background", "crop", "repeat", "place"),
        "random_delta": ("repeat", "place"),
        "empty": ("variant",),
        "empty_rank": ("variant",),
        "empty_top": ("variant",),
    }

    canvases: tuple[str, ...]
    background_name: str
    background_sha256: str
    places: NDArray[np.int32]
    grid: tuple[int, int]
    patch_shape: tuple[int, int]
    patch_source: str
    period: int | None
    step: int
    margin: float
    q: float
    delta: NDArray[np.float64]
    others_delta: NDArray[np.float32]
    scrambled: NDArray[np.float64]
    crops: NDArray[np.float64]
    random_delta: NDArray[np.float64]
    empty: NDArray[np.float64]
    empty_rank: NDArray[np.int32]
    empty_top: NDArray[np.int64]
    censored: float
    seed: int
    others_amplitudes: NDArray[np.float64]
    moments: NDArray[np.float32]
    scrambled_moments: NDArray[np.float32]

    @property
    def canvas_maps(self) -> NDArray[np.float64]:
        """Mean over repeats, ``[K, L]``."""
        return np.asarray(self.delta.mean(axis=1))

    @property
    def map(self) -> NDArray[np.float64]:
        """Δ_c, median over canvases (not the photograph) of the mean over repeats, ``[L]``."""
        return np.asarray(np.median(self.canvas_maps[self._canvas_rows], axis=0))

    @property
    def specific_map(self) -> NDArray[np.float64]:
        """The class-specific part: Δ_c minus the median of Δ over other classes, on each background ``[K, L]``."""
        if not self.others_delta.shape[-1]:
            return np.full_like(self.canvas_maps, np.nan)
        return np.asarray(self.canvas_maps - np.median(self.others_delta.astype(np.float64), axis=-1))

    @property
    def _canvas_rows(self) -> list[int]:
        return [k for k, name in enumerate(self.canvases) if name != "photograph"]

    @cached_property
    def bound_places(self) -> NDArray[np.bool_]:
        """Places whose value on ``map`` is mostly a bound, bool ``[L]``."""
        bounded = self.bounded[self._canvas_rows] if self.bounded.size else self.bounded
        return mostly_bounds(bounded, len(self.places))

    def bound_places_on(self, k: int) -> NDArray[np.bool_]:
        """The same for the map of one background, bool ``[L]``."""
        return mostly_bounds(self.bounded[k : k + 1], len(self.places))

    @cached_property
    def classes(self) -> NDArray[np.int8]:
        """Each place on each background, int8 ``[K, L]``: 1 activator, −1 inhibitor, 0 neutral, 2 undecided.

        Where too many answers are only bounds, every place is undecided.
        """
        if self.censored > MOST_BOUNDS:
            return np.full(self.canvas_maps.shape, UNDECIDED, dtype=np.int8)
        return np.stack([classify_places(d, margin=self.margin, q=self.q) for d in self.delta])

    @cached_property
    def both_signs(self) -> NDArray[np.bool_]:
        """Backgrounds with a place above +margin and one below −margin, both beyond max-t bands, ``[K]``."""
        flags = []
        for repeats in self.delta:
            low, high = max_t_bands(repeats, seed=self.seed)
            flags.append(bool((low > self.margin).any() and (high < -self.margin).any()))
        return np.array(flags)

    @property
    def presence(self) -> NDArray[np.float64]:
        """Mean over places on each background, ``[K]``: what the patch does wherever it lies."""
        return np.asarray(self.canvas_maps.mean(axis=1))

    @cached_property
    def amplitudes(self) -> NDArray[np.float64]:
        """Two-sided amplitude on each background, ``[K]``: see ``two_sided_amplitude``."""
        return np.array([two_sided_amplitude(d) for d in self.delta])

    @property
    def amplitude(self) -> float:
        """Median over the canvases of the two-sided amplitude."""
        return float(np.median(self.amplitudes[self._canvas_rows]))

    @property
    def random_amplitude(self) -> float:
        """The same for the random region, on the first canvas, as control patches are read; NaN without."""
        return consecutive_amplitude(self.random_delta) if self.random_delta.size else float("nan")

    @property
    def amplitude_as_controls(self) -> float:
        """Median over the canvases of the amplitude, read as that of control patches is."""
        return float(np.median([consecutive_amplitude(self.delta[k]) for k in self._canvas_rows]))

    @property
    def scrambled_amplitude(self) -> float:
        """The same for the scrambles; NaN without any."""
        return self._control_amplitude(self.scrambled)

    @property
    def crops_amplitude_on_first_canvas(self) -> float:
        """The same for the matched crops on the first canvas, read as the random region is; NaN without any."""
        values = [consecutive_amplitude(c) for c in self.crops[0]]
        return float(np.median(values)) if values else float("nan")

    @property
    def crops_amplitude(self) -> float:
        """The same for the matched crops, their median; NaN without any."""
        return self._control_amplitude(self.crops)

    def _control_amplitude(self, control: NDArray[np.float64]) -> float:
        if not control.size:
            return float("nan")
        rows = [np.median([two_sided_amplitude(s) for s in control[k]]) for k in self._canvas_rows]
        return float(np.median(rows))

    @property
    def others_amplitude(self) -> float:
        """Median over other classes of their two-sided amplitude; NaN where none was read."""
        if not self.others_amplitudes.size:
            return float("nan")
        return float(np.median(np.median(self.others_amplitudes[self._canvas_rows], axis=1)))

    def specific(self, controls: Sequence[ActivationControls]) -> NDArray[np.bool_]:
        """Activators and inhibitors beyond control patches and beyond other classes, bool ``[K, L]``.

        Beyond: outside their 2.5 / 97.5 % quantiles at that place, for control patches also at a false discovery
        rate of ``q`` over places (``specific_places``). A background without its control patches, shown at the
        same places, has no specific place.
        """
        by_name = {(c.canvas, c.background_sha256): c for c in controls}
        flags = np.zeros(self.canvas_maps.shape, dtype=bool)
        for k, name in enumerate(self.canvases):
            control = by_name.get((name, self.background_sha256 if name == "photograph" else ""))
            rows = [] if control is None else control.of_other_classes(self.label, self.sha256)
            if control is None or len(rows) < FEWEST_CONTROL_PATCHES or not self.others_delta.shape[-1]:
                continue
            if control.delta.shape[2] != len(self.places):
                continue
            patches = control.delta[rows][..., self.label].astype(np.float64).mean(axis=1)
            low, high = np.quantile(self.others_delta[k].astype(np.float64), (0.025, 0.975), axis=1)
            effect = self.canvas_maps[k]
            found = specific_places(effect, patches, self.classes[k], q=self.q)
            activates = self.classes[k] == ACTIVATOR
            flags[k] = found & np.where(activates, effect > high + ROUNDING, effect < low - ROUNDING)
        return flags

    def shares(self) -> dict[str, float]:
        """Shares of activators, inhibitors, neutral and undecided places, mean over canvases."""
        places = self.classes[self._canvas_rows]
        return {
            "activator": float((places == ACTIVATOR).mean()),
            "inhibitor": float((places == INHIBITOR).mean()),
            "neutral": float((places == NEUTRAL).mean()),
            "undecided": float((places == UNDECIDED).mean()),
        }

    @property
    def shows(self) -> bool:
        """Whether most canvases show both an activating and an inhibiting place."""
        rows = self._canvas_rows
        return bool(self.both_signs[rows].sum() * 2 > len(rows))

    @property
    def both_kinds(self) -> NDArray[np.bool_]:
        """Backgrounds with an activator and an inhibitor, each at the false discovery rate, ``[K]``."""
        return np.asarray((self.classes == ACTIVATOR).any(axis=1) & (self.classes == INHIBITOR).any(axis=1))

    def summary(self) -> dict[str, Any]:
        """The figures of this photograph."""
        maps = self.canvas_maps
        rows = self._canvas_rows
        photograph = self.canvases.index("photograph") if "photograph" in self.canvases else None
        place = maps - self.presence[:, None]
        return {
            "amplitude": self.amplitude,
            "amplitude_over_canvases": [
                float(self.amplitudes[rows].min()),
                float(self.amplitudes[rows].max()),
            ],
            "strongest_activation": float(np.median(maps[rows].max(axis=1))),
            "strongest_inhibition": float(np.median(maps[rows].min(axis=1))),
            "presence": float(np.median(self.presence[rows])),
            "place_deviation": float(np.median(place[rows].std(axis=1))),
            "shares": self.shares(),
            "shows_both_signs": self.shows,
            "both_kinds": bool(self.both_kinds[rows].mean() > 0.5),
            "both_kinds_on_photograph": None if photograph is None else bool(self.both_kinds[photograph]),
            "both_signs": {
                name: bool(flag) for name, flag in zip(self.canvases, self.both_signs, strict=True)
            },
            "shows_both_signs_on_photograph": None
            if photograph is None
            else bool(self.both_signs[photograph]),
            "amplitude_as_controls": self.amplitude_as_controls,
            "bounded_share": self.censored,
            "bounds": self.bounds,
            "bound_places": int(self.bound_places.sum()),
            "random_region_amplitude": self.random_amplitude,
            "scrambled_amplitude": self.scrambled_amplitude,
            "matched_crops_amplitude": self.crops_amplitude,
            "other_classes_amplitude": self.others_amplitude,
            "places": len(self.places),
            "repeats": self.delta.shape[1],
            "background": self.background_name,
            "values_touch_limit": self.censored > 0,
            **self.about_thresholds(),
        }

    def plot(self, image: UInt8 | None = None, *, canvas: str | None = None, **options: Any) -> Any:
        """The signed place map of one background (the first where ``None``), a matplotlib figure."""
        from ..plots import place_map

        k = 0 if canvas is None else self.canvases.index(canvas)
        return place_map(
            image,
            self.canvas_maps[k].reshape(self.grid),
            self.places + self.step // 2,
            self.patch_shape,
            signed=True,
            unit=self.scale,
            classes=self.classes[k],
            bounded=self.bound_places_on(k),
            **options,
        )


# Other classes are kept in single precision: what differs by less is the same answer.
ROUNDING = 1e-5

# METHODS §3: fewer control patches than this cannot place a 2.5 % quantile.
FEWEST_CONTROL_PATCHES = 20


@dataclass(frozen=True, eq=False)
class ActivationControls(Result):
    """Control patches at every place of one background, read for all classes; shared by all photographs.

    Attributes:
        delta: float32 ``[patches, R, L, classes]``.
        sha256s: The photograph that each patch comes from.
        labels: Its class.
        canvas: The background's name; ``background_sha256`` tells which photograph, if it is one.
    """

    axes: ClassVar[dict[str, tuple[str, ...]]] = {"delta": ("patch", "repeat", "place", "class")}

    delta: NDArray[np.float32]
    sha256s: tuple[str, ...]
    labels: tuple[int, ...]
    canvas: str
    background_sha256: str

    def of_other_classes(self, label: int, sha256: str) -> list[int]:
        """Rows of patches from other photographs than ``sha256``, of other classes than ``label``."""
        pairs = zip(self.labels, self.sha256s, strict=True)
        return [i for i, (c, s) in enumerate(pairs) if c != label and s != sha256]

    def amplitude(self, label: int, sha256: str) -> float:
        """Median over the patches of other classes of their two-sided amplitude for class ``label``."""
        rows = self.of_other_classes(label, sha256)
        values = self.delta[rows][..., label].astype(np.float64)
        return float(np.median([two_sided_amplitude(v) for v in values])) if rows else float("nan")

    def summary(self) -> dict[str, Any]:
        """How many patches were used, and on what."""
        return {"patches": len(self.sha256s), "canvas": self.canvas}


def two_sided_amplitude(repeats: NDArray[np.float64]) -> float:
    """The lesser of activation and inhibition over places, ``[R, L]``; above 0 only where both signs occur.

    The strongest place of each sign is chosen on one repeat and read on another, over all pairs.
    """
    count = len(repeats)
    strongest = repeats[:, repeats.argmax(axis=1)]
    weakest = repeats[:, repeats.argmin(axis=1)]
    readings = np.minimum(strongest, -weakest)
    return float((readings.sum() - np.trace(readings)) / (count * (count - 1)))


def consecutive_amplitude(repeats: NDArray[np.float64]) -> float:
    """The two-sided amplitude over the pairs (0, 1), (2, 3) … of repeats, ``[R, L]``: as control patches are read.

    Neighbouring phases of a Sobol sequence lie far apart, and share no draw of a noise canvas: a patch that was
    shown twice must be compared over such pairs only.
    """
    pairs = [repeats[i : i + 2] for i in range(0, len(repeats) - 1, 2)]
    return float(np.mean([two_sided_amplitude(pair) for pair in pairs]))
