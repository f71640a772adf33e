"""The spatial property: the same patch at other places, with place told apart from alignment (phase).

METHODS §2; the claim is Ouarti & Carmona's (2018): another place answers two or three orders higher.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..statistics import spatial_range
from ..stimuli import Patch, Stimuli
from .backdrops import make_backdrops
from .control_patches import matched_crops, random_crop, scrambles_of
from .limits import at_least
from .local import LocalParameters, measure_local
from .local_result import LocalResult
from .placing import Placing, make_placing, over_empty, show_placing
from .scale import scaled
from .showing import Showing, labels_only, moments_of
from .spatial_result import SpatialControls, SpatialResult
from .streams import classes_read, stream_seed
from .subject import ImageLike, Subject, open_subject, require_scores

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

    From labels alone the values are points of opacity, see ``fading``.
    """
    parameters = parameters or SpatialParameters()
    at_least("places along a side", parameters.places, 2)
    at_least("phases", parameters.phases, 2)
    at_least("canvases", len(parameters.canvases), 1)
    before = session.answered
    subject = open_subject(session, image, label)
    shape = session.observer.frame.shape
    if patch is None:
        found = most_responsive(session, subject, seed=seed)
        patch, random_patch = found.patch(subject.pixels), found.random_patch(subject.pixels, seed)
    backdrops = make_backdrops(shape, parameters.canvases, seed=seed, background=background)
    readers = classes_read(len(session.observer.labels), subject.label, parameters.others, seed)
    placing = _placing(shape, patch.shape, parameters, period, seed)
    showing = Showing()
    showing.add("empty", Stimuli.plain(backdrops.pixels), (len(backdrops.pixels),))
    show_placing(showing, "patch", [[patch]] * len(backdrops), backdrops, placing)
    scrambles = scrambles_of(patch, subject, len(backdrops), parameters.scrambles, seed, "spatial")
    if parameters.scrambles:
        show_placing(showing, "scrambled", scrambles, backdrops, placing)
    first = make_backdrops(shape, parameters.canvases[:1], seed=seed, background=background)
    if random_patch is not None and parameters.random_region:
        resting = _placing(shape, random_patch.shape, parameters, period, seed)
        show_placing(showing, "random", [[random_patch]], first, resting)
    matched = matched_crops(crops_from, subject, patch, parameters.crops, seed, "spatial")
    if matched:
        show_placing(showing, "crops", [matched], first, placing)
    views = showing.ask(session, readers, "spatial", subject)
    empty = views["empty"].values
    places, phases = len(placing.y), len(placing.phases)

    def part(name: str) -> NDArray[np.float64]:
        """[K, P, L, J] of class c over the empty canvases, or with P = 0 where it was not shown."""
        if name not in views:
            return np.empty((len(backdrops), 0, places, phases))
        return over_empty(
            views[name].values[..., :1], empty[:, :1], backdrops if name == "scrambled" else first
        )[..., 0]

    delta = over_empty(views["patch"].values, empty, backdrops)[:, 0]
    seed_statistics = stream_seed(seed, subject.sha256, "spatial", "statistics")
    return SpatialResult(
        name=subject.name,
        sha256=subject.sha256,
        label=subject.label,
        queries=session.answered - before,
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
        bounded=views["patch"].censored[:, 0, ..., 0].mean(axis=-1).astype(np.float32),
        **scaled(labels_only(session), views, "patch", subject.label),
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
    before = session.answered
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
        delta = over_empty(views["crop"].values, views["empty"].values, first)[:, 0]
        ranges.append(ranges_of_classes(delta, stream_seed(seed, subject.sha256, "spatial controls"))[0])
    return SpatialControls(
        name="spatial controls",
        sha256="",
        label=-1,
        queries=session.answered - before,
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
