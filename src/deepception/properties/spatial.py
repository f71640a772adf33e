"""The spatial property: the same patch at other places, with place told apart from alignment (phase).

METHODS §2; the claim is Ouarti & Carmona's (2018): another place answers two or three orders higher.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..statistics import TwoWay, spatial_range, spread, two_way
from ..stimuli import Patch, Stimuli, match, scramble
from ..stimuli.patches import UInt8
from .backdrops import make_backdrops
from .local import LocalParameters, measure_local
from .local_result import LocalResult
from .placing import Placing, make_placing, over_empty, show_placing
from .result import Result
from .showing import Showing, moments_of
from .streams import other_classes, stream, stream_seed
from .subject import ImageLike, Subject, of_other_classes, open_subject, require_scores
from .windows import random_crop

if TYPE_CHECKING:
    from ..sessions import Session


@dataclass(frozen=True)
class SpatialParameters:
    """How the spatial property is measured.

    Attributes:
        places: Places along a side.
        phases: Phases at every place, at least 16 by METHODS.
        canvases: Names of the canvases.
        scrambles: Phase scrambles of the patch on each canvas, at the same places and phases.
        random_region: Also measure a random region of the photograph, on the first canvas.
        crops: Crops of other classes matched to the patch in mean and contrast, on the first canvas.
        shared_crops: Crops of other classes as they are, on the first canvas, shared by all photographs.
        others: Other classes whose answers are read from the same showings.
    """

    places: int = 4
    phases: int = 16
    canvases: tuple[str, ...] = ("grey", "mean", "noise")
    scrambles: int = 1
    random_region: bool = True
    crops: int = 0
    shared_crops: int = 6
    others: int = 100


@dataclass(frozen=True, eq=False)
class SpatialResult(Result):
    """What one patch answers at L places × J phases.

    Arrays in decades of odds, each showing minus its own empty canvas:

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
    def ranges(self) -> NDArray[np.float64]:
        """Spatial range on each canvas, ``[K]``: best and worst place chosen and read on different phases."""
        return np.array([spatial_range(d, seed=self.seed) for d in self.delta])

    @cached_property
    def log10_p_range(self) -> float:
        """The same range in log10 p, median over canvases: the paper's unit."""
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
            "range_touches_limit": self.censored > 0,
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
            unit="decades of odds",
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


def most_responsive(session: Session, subject: Subject, *, seed: int = 0) -> LocalResult:
    """A short local measurement (7×7 grid on grey, about 150 queries) that finds a patch to measure with."""
    scan = LocalParameters(canvases=("grey",), repeats=2, scrambles=0, others=0)
    return measure_local(session, subject, parameters=scan, seed=seed)


def measure_spatial(
    session: Session,
    image: ImageLike,
    label: int | str | None = None,
    *,
    patch: Patch | None = None,
    random_patch: Patch | None = None,
    period: int | None = None,
    parameters: SpatialParameters | None = None,
    crops_from: Sequence[Subject] = (),
    background: Subject | None = None,
    seed: int = 0,
) -> SpatialResult:
    """Measure the spatial property of one patch of a photograph (METHODS §2).

    Args:
        session: Who answers.
        image: A path, Pillow image, uint8 array ``[h, w, 3]``, ``Photograph`` or ``Subject``.
        label: The class c, an index or a name; the clean top-1 where ``None``.
        patch: The patch; where ``None``, the most responsive region of the photograph and a random one beside
            it, from a short local measurement whose queries are counted.
        random_patch: A random region, measured beside the patch on the first canvas.
        period: The observer's period in pixels, ``None`` where unknown: offsets are then uniform within
            one lattice step.
        parameters: How to measure; the defaults are those of ``standard``.
        crops_from: Subjects of other classes, for matched crops.
        background: A photograph of another class, for the canvas ``"blur"``.
        seed: Seed of phases, scrambles and choices.
    """
    require_scores(session)
    parameters = parameters or SpatialParameters()
    before = session.queries
    subject = open_subject(session, image, label)
    shape = session.observer.frame.shape
    if patch is None:
        found = most_responsive(session, subject, seed=seed)
        patch, random_patch = found.patch(subject.pixels), found.random_patch(subject.pixels, seed)
    backdrops = make_backdrops(shape, parameters.canvases, seed=seed, background=background)
    readers = np.concatenate(
        [[subject.label], other_classes(len(session.observer.labels), subject.label, parameters.others, seed)]
    )
    placing = _placing(shape, patch.shape, parameters, period, seed)
    showing = Showing()
    showing.add("empty", Stimuli.plain(backdrops.pixels), (len(backdrops.pixels),))
    show_placing(showing, "patch", [[patch]] * len(backdrops), backdrops, placing)
    scrambles = [
        [
            scramble(patch, stream(seed, subject.sha256, "spatial", "scramble", k, s))
            for s in range(parameters.scrambles)
        ]
        for k in range(len(backdrops))
    ]
    if parameters.scrambles:
        show_placing(showing, "scrambled", scrambles, backdrops, placing)
    first = make_backdrops(shape, parameters.canvases[:1], seed=seed, background=background)
    if random_patch is not None and parameters.random_region:
        resting = _placing(shape, random_patch.shape, parameters, period, seed)
        show_placing(showing, "random", [[random_patch]], first, resting)
    matched = [
        match(random_crop(crops_from[i], patch.shape, seed, "spatial crop"), patch)
        for i in of_other_classes(crops_from, subject)[: parameters.crops]
    ]
    if matched:
        show_placing(showing, "crops", [matched], first, placing)
    views = showing.ask(session, readers, "spatial")
    empty = views["empty"].decades
    places, phases = len(placing.y), len(placing.phases)

    def part(name: str) -> NDArray[np.float64]:
        """[K, P, L, J] of class c over the empty canvases, or with P = 0 where it was not shown."""
        if name not in views:
            return np.empty((len(backdrops), 0, places, phases))
        return over_empty(
            views[name].decades[..., :1], empty[:, :1], backdrops if name == "scrambled" else first
        )[..., 0]

    delta = over_empty(views["patch"].decades, empty, backdrops)[:, 0]
    seed_statistics = stream_seed(seed, subject.sha256, "spatial", "statistics")
    return SpatialResult(
        name=subject.name,
        sha256=subject.sha256,
        label=subject.label,
        queries=session.queries - before,
        canvases=backdrops.names,
        places=placing.places,
        phases=placing.phases,
        grid=(placing.rows, placing.columns),
        patch_shape=patch.shape,
        patch_source=patch.source,
        period=placing.period,
        step=placing.step,
        delta=delta[..., 0],
        log10_p=views["patch"].log10_p[:, 0, :, :, 0],
        scrambled=part("scrambled"),
        random_delta=part("random")[0, 0] if "random" in views else np.empty((0, 0)),
        crops=part("crops")[0],
        others_range=ranges_of_classes(delta[..., 1:], seed_statistics),
        empty=empty[:, 0],
        empty_rank=views["empty"].rank[:, 0],
        empty_top=views["empty"].top,
        censored=float(views["patch"].censored[..., 0].mean()),
        seed=seed_statistics,
        moments=moments_of([patch])[0],
        scrambled_moments=moments_of([p for row in scrambles for p in row]).reshape(
            len(backdrops), parameters.scrambles, 2, 3
        ),
    )


def measure_spatial_controls(
    session: Session,
    subjects: Sequence[Subject],
    *,
    period: int | None = None,
    patch_shape: tuple[int, int],
    parameters: SpatialParameters | None = None,
    background: Subject | None = None,
    seed: int = 0,
) -> SpatialControls:
    """Show a random crop of each subject at the same places and phases, on the first canvas."""
    require_scores(session)
    parameters = parameters or SpatialParameters()
    before = session.queries
    shape = session.observer.frame.shape
    first = make_backdrops(shape, parameters.canvases[:1], seed=seed, background=background)
    placing = _placing(shape, patch_shape, parameters, period, seed)
    ranges = []
    for subject in subjects:
        showing = Showing()
        showing.add("empty", Stimuli.plain(first.pixels), (len(first.pixels),))
        show_placing(
            showing, "crop", [[random_crop(subject, patch_shape, seed, "spatial crop")]], first, placing
        )
        views = showing.ask(session, None, "spatial controls")
        delta = over_empty(views["crop"].decades, views["empty"].decades, first)[:, 0]
        ranges.append(ranges_of_classes(delta, stream_seed(seed, subject.sha256, "spatial controls"))[0])
    return SpatialControls(
        name="spatial controls",
        sha256="",
        label=-1,
        queries=session.queries - before,
        ranges=np.stack(ranges).astype(np.float32),
        sha256s=tuple(s.sha256 for s in subjects),
        labels=tuple(s.label for s in subjects),
        canvas=first.names[0],
    )


def ranges_of_classes(delta: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Spatial range of every class: ``[K, L, J, C]`` to ``[K, C]``."""
    return np.array([[spatial_range(k[..., c], seed=seed) for c in range(k.shape[-1])] for k in delta])


def _placing(
    shape: tuple[int, int],
    patch_shape: tuple[int, int],
    parameters: SpatialParameters,
    period: int | None,
    seed: int,
) -> Placing:
    return make_placing(
        shape,
        patch_shape,
        per_axis=parameters.places,
        phases=parameters.phases,
        period=period,
        seed=seed,
        purpose="spatial",
    )
