"""The cumulative property: what repeating a patch does to its class (METHODS §4).

The claim is Ouarti & Carmona's (2018): repetition increases (or decreases) the probability of recognition.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..statistics import slope_log2
from ..stimuli import Patch, Stimuli, enlarge, non_overlapping, scramble
from .backdrops import Backdrops, make_backdrops
from .control_patches import random_crop
from .cumulative_result import CumulativeResult
from .limits import at_least
from .scale import scaled
from .showing import Showing, labels_only, moments_of
from .spatial import most_responsive
from .streams import classes_read, stream, stream_seed
from .subject import ImageLike, Subject, open_subject

if TYPE_CHECKING:
    from ..sessions import Session

DOSES = (1, 2, 3, 4, 6, 8, 12, 16)
# Page's test needs three doses, and a slope at least two.
FEWEST_DOSES = 3
# The shape of a dose curve is judged on draws left out.
FEWEST_DRAWS = 3


@dataclass(frozen=True)
class CumulativeParameters:
    """How the cumulative property is measured.

    Attributes:
        doses: Numbers of copies, rising; those beyond half of what tiles the frame are left out.
        draws: Random arrangements of the copies; n copies are the first n places of a draw.
        canvases: Names of the canvases.
        scrambles: Also show n scrambles at the same places.
        crops: Also show n different crops of the photograph at the same places.
        random_region: Also repeat a random region and its scrambles, on the first canvas.
        enlarged: Also show one enlarged patch of the area of n copies.
        others: Other classes whose answers are read from the same showings.
        q: False discovery rate over photographs.
    """

    doses: tuple[int, ...] = DOSES
    draws: int = 4
    canvases: tuple[str, ...] = ("grey", "mean", "noise")
    scrambles: bool = True
    crops: bool = True
    enlarged: bool = True
    random_region: bool = True
    others: int = 100
    q: float = 0.05


def possible_doses(
    shape: tuple[int, int], patch_shape: tuple[int, int], doses: tuple[int, ...]
) -> tuple[int, ...]:
    """The doses up to min(16, half of what tiles the frame): more copies jam when placed at random."""
    tiles = (shape[0] // patch_shape[0]) * (shape[1] // patch_shape[1])
    possible = tuple(d for d in doses if 1 <= d <= min(16, tiles // 2))
    if len(possible) < FEWEST_DOSES:
        raise InputError(
            f"a patch of {patch_shape[0]}x{patch_shape[1]} pixels fits a frame of {shape[0]}x{shape[1]} at fewer "
            f"than {FEWEST_DOSES} of the doses: choose a smaller patch."
        )
    return possible


def measure_cumulative(
    session: Session,
    image: ImageLike,
    label: int | str | None = None,
    *,
    patch: Patch | None = None,
    random_patch: Patch | None = None,
    ordered_places: NDArray[np.int32] | None = None,
    parameters: CumulativeParameters | None = None,
    background: Subject | None = None,
    seed: int = 0,
) -> CumulativeResult:
    """Measure what repeating a patch of the photograph does (METHODS §4).

    Args:
        session: Who answers.
        image: A path, Pillow image, uint8 array ``[h, w, 3]``, ``Photograph`` or ``Subject``.
        label: The class c, an index or a name; the clean top-1 where ``None``.
        patch: The patch; the most responsive region of the photograph where ``None``, from a short local
            measurement whose queries are counted.
        random_patch: A random region, repeated beside the patch on the first canvas.
        ordered_places: int32 ``[L, 2]`` (y, x) of places that do not overlap, best first, e.g. of an
            activation map: copies are then also added in this order and in the reverse one.
        parameters: How to measure; the defaults are those of ``standard``.
        background: A photograph of another class, for the canvas ``"blur"``.
        seed: Seed of arrangements, scrambles and crops.
    """
    parameters = parameters or CumulativeParameters()
    at_least("arrangements (draws)", parameters.draws, FEWEST_DRAWS)
    at_least("canvases", len(parameters.canvases), 1)
    before = session.answered
    subject = open_subject(session, image, label)
    shape = session.observer.frame.shape
    if patch is None:
        found = most_responsive(session, subject, seed=seed)
        patch, random_patch = found.patch(subject.pixels), found.random_patch(subject.pixels, seed)
    doses = possible_doses(shape, patch.shape, parameters.doses)
    most, draws = max(doses), parameters.draws
    backdrops = make_backdrops(shape, parameters.canvases, seed=seed, background=background)
    readers = classes_read(len(session.observer.labels), subject.label, parameters.others, seed)
    # Each canvas has arrangements of its own, so that draws of all canvases can be tested together.
    places = [
        [
            non_overlapping(
                shape, patch.shape, most, stream(seed, subject.sha256, "cumulative", "places", k, a)
            )
            for a in range(draws)
        ]
        for k in range(len(backdrops))
    ]
    showing = Showing()
    showing.add("empty", Stimuli.plain(backdrops.pixels), (len(backdrops.pixels),))
    _show_doses(showing, "copies", [patch] * most, places, doses, backdrops)
    scrambles = [
        scramble(patch, stream(seed, subject.sha256, "cumulative", "scramble", i))
        for i in range(most if parameters.scrambles else 0)
    ]
    if scrambles:
        _show_doses(showing, "scrambled", scrambles, places, doses, backdrops)
    if parameters.crops:
        crops = [random_crop(subject, patch.shape, seed, "cumulative crop", i) for i in range(most)]
        _show_doses(showing, "crops", crops, places, doses, backdrops)
    if parameters.enlarged:
        _show_enlarged(showing, patch, doses, draws, backdrops, seed, subject.sha256)
    ordered = ordered_places if ordered_places is not None else np.empty((0, 2), dtype=np.int32)
    reachable = tuple(d for d in doses if d <= len(ordered))
    first = make_backdrops(shape, parameters.canvases[:1], seed=seed, background=background)
    if reachable:
        orders = [(o[:, 0], o[:, 1]) for o in (ordered, ordered[::-1])]
        _show_doses(showing, "ordered", [patch] * len(ordered), [orders], reachable, first)
    if random_patch is not None and parameters.random_region:
        drawn = [
            scramble(random_patch, stream(seed, subject.sha256, "cumulative", "random scramble", i))
            for i in range(most)
        ]
        _show_doses(showing, "random", [random_patch] * most, places[:1], doses, first)
        _show_doses(showing, "random scrambled", drawn, places[:1], doses, first)
    views = showing.ask(session, readers, "cumulative", subject)
    empty = views["empty"].values
    base = backdrops.per_repeat(empty, draws)[:, :, None]

    def part(name: str) -> NDArray[np.float64]:
        if name not in views:
            return np.empty((len(backdrops), 0, len(doses)))
        return np.asarray((views[name].values - base)[..., 0])

    def beside(name: str) -> NDArray[np.float64]:
        """[A, D] of class c on the first canvas, or [0, D] where it was not shown."""
        if name not in views:
            return np.empty((0, len(doses)))
        return np.asarray(views[name].values[0, ..., 0] - first.per_repeat(empty[:, 0], draws)[0, :, None])

    all_classes = views["copies"].values - base
    others = np.array(
        [[slope_log2(k[..., c], np.asarray(doses)) for c in range(1, k.shape[-1])] for k in all_classes]
    )
    in_order = np.empty((2, 0))
    if reachable:
        in_order = views["ordered"].values[0, ..., 0] - first.per_repeat(empty[:, 0], 2)[0, :, None]
    return CumulativeResult(
        name=subject.name,
        sha256=subject.sha256,
        label=subject.label,
        queries=session.answered - before,
        canvases=backdrops.names,
        doses=np.asarray(doses, dtype=np.int64),
        patch_shape=patch.shape,
        patch_source=patch.source,
        copies=part("copies"),
        recognised=views["copies"].top == subject.label,
        scrambled=part("scrambled"),
        crops=part("crops"),
        enlarged=part("enlarged"),
        random_copies=beside("random"),
        random_scrambled=beside("random scrambled"),
        others_slope=others,
        best_first=in_order[0],
        worst_first=in_order[1],
        empty=empty[:, 0],
        empty_rank=views["empty"].rank[:, 0],
        empty_top=views["empty"].top,
        empty_recognised=backdrops.per_repeat(views["empty"].top == subject.label, draws),
        q=parameters.q,
        censored=float(views["copies"].censored[..., 0].mean()),
        seed=stream_seed(seed, subject.sha256, "cumulative", "statistics"),
        moments=moments_of([patch])[0],
        scrambled_moments=moments_of(scrambles),
        **scaled(labels_only(session), views, "copies", subject.label),
    )


def _show_doses(
    showing: Showing,
    name: str,
    patches: list[Patch],
    places: list[list[tuple[NDArray[np.int32], NDArray[np.int32]]]],
    doses: tuple[int, ...],
    backdrops: Backdrops,
) -> None:
    """Patch i at place i of each canvas's draw, the first n of them: axes (canvas, draw, dose)."""
    draws = len(places[0])
    canvas, draw, dose = (i.reshape(-1) for i in np.indices((len(backdrops), draws, len(doses))))
    counts = np.asarray(doses)[dose]
    which = np.concatenate([np.arange(n) for n in counts])
    of_canvas, of_draw = np.repeat(canvas, counts), np.repeat(draw, counts)
    # int32 [canvas, draw, y or x, place]
    at = np.array([[[y, x] for y, x in drawn] for drawn in places])
    showing.add(
        name,
        Stimuli.describe(
            backdrops.pixels,
            patches,
            background=backdrops.rows(draws)[canvas, draw],
            counts=counts,
            patch=which,
            y=at[of_canvas, of_draw, 0, which],
            x=at[of_canvas, of_draw, 1, which],
        ),
        (len(backdrops), draws, len(doses)),
    )


def _show_enlarged(
    showing: Showing,
    patch: Patch,
    doses: tuple[int, ...],
    draws: int,
    backdrops: Backdrops,
    seed: int,
    photograph: str,
) -> None:
    """One patch of the area of n copies at a random place: axes (canvas, draw, dose)."""
    height, width = backdrops.pixels.shape[1:3]
    enlarged = [
        enlarge(
            patch,
            min(height, round(patch.shape[0] * math.sqrt(n))),
            min(width, round(patch.shape[1] * math.sqrt(n))),
        )
        for n in doses
    ]
    at = stream(seed, photograph, "cumulative", "enlarged").random((2, len(backdrops), draws))
    canvas, draw, dose = (i.reshape(-1) for i in np.indices((len(backdrops), draws, len(doses))))
    room = np.array([[height - e.shape[0] + 1, width - e.shape[1] + 1] for e in enlarged])
    showing.add(
        "enlarged",
        Stimuli.single(
            backdrops.pixels,
            enlarged,
            background=backdrops.rows(draws)[canvas, draw],
            patch=dose,
            y=(at[0, canvas, draw] * room[dose, 0]).astype(np.int32),
            x=(at[1, canvas, draw] * room[dose, 1]).astype(np.int32),
        ),
        (len(backdrops), draws, len(doses)),
    )


def spaced_places(
    places: NDArray[np.int32], values: NDArray[np.float64], patch: tuple[int, int]
) -> NDArray[np.int32]:
    """Places (y, x) by falling value, leaving out any that would overlap a better one: int32 ``[≤ L, 2]``."""
    chosen: list[NDArray[np.int32]] = []
    for index in np.argsort(-values, kind="stable"):
        y, x = places[index]
        if all(abs(int(y) - int(p[0])) >= patch[0] or abs(int(x) - int(p[1])) >= patch[1] for p in chosen):
            chosen.append(places[index])
    return np.array(chosen, dtype=np.int32).reshape(-1, 2)
