"""The local property: what each region of a photograph answers alone, and what its absence costs.

METHODS §1; the claim is Ouarti & Carmona's (2018): regions respond alone, with very different probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..stimuli import Jitter, Patch, Regions, Stimuli, grid, scramble, superpixels, windows
from ..stimuli.patches import UInt8
from .backdrops import Backdrops, make_backdrops
from .limits import at_least
from .local_result import LocalControls, LocalResult, region_range
from .scale import scaled
from .showing import Showing, labels_only, moments_of
from .streams import classes_read, stream, stream_seed
from .subject import ImageLike, Subject, open_subject, require_scores

if TYPE_CHECKING:
    from ..sessions import Session


@dataclass(frozen=True)
class LocalParameters:
    """How the local property is measured.

    Attributes:
        regions: ``"grid"`` (count × count), ``"windows"`` (overlapping by half) or ``"superpixels"`` (count²).
        count: Regions along a side.
        canvases: Names of the canvases that regions are shown on.
        repeats: Jittered showings of each region on each canvas; noise canvases cycle through their draws.
        scrambles: Phase scrambles of each region on each canvas.
        crops: Photographs whose same regions are shared controls, 0 for none.
        others: Other classes whose answers are read from the same showings.
        jitter: Contrast and brightness of the region; it stays in its own place.
    """

    regions: Literal["grid", "windows", "superpixels"] = "grid"
    count: int = 7
    canvases: tuple[str, ...] = ("grey", "mean", "noise")
    repeats: int = 3
    scrambles: int = 1
    crops: int = 6
    others: int = 100
    jitter: Jitter = field(default_factory=Jitter)


def half_overlapping(shape: tuple[int, int], count: int) -> Regions:
    """Windows of the size of a grid's smallest cell, in steps of half of it."""
    size = (shape[0] // count, shape[1] // count)
    return windows(shape, size, (max(1, size[0] // 2), max(1, size[1] // 2)))


def make_regions(pixels: UInt8, parameters: LocalParameters) -> Regions:
    """The regions of one photograph, uint8 ``[H, W, 3]``."""
    height, width = pixels.shape[:2]
    count = parameters.count
    if count < 1 or count > min(height, width):
        raise InputError(
            f"{count} regions a side do not fit a frame of {height}x{width} pixels: give another number."
        )
    if parameters.regions == "grid":
        return grid((height, width), count)
    if parameters.regions == "windows":
        return half_overlapping((height, width), count)
    return superpixels(pixels, count * count)


def measure_local(
    session: Session,
    image: ImageLike,
    label: int | str | None = None,
    *,
    parameters: LocalParameters | None = None,
    background: Subject | None = None,
    seed: int = 0,
) -> LocalResult:
    """Measure the local property of one photograph (METHODS §1).

    Args:
        session: Who answers.
        image: A path, Pillow image, uint8 array ``[h, w, 3]``, ``Photograph`` or ``Subject``.
        label: The class c, an index or a name; the clean top-1 where ``None``.
        parameters: How to measure; the defaults are those of ``standard``.
        background: A photograph of another class, for the canvas ``"blur"``.
        seed: Seed of jitter, scrambles and noise.

    Raises:
        PhotographError: The image cannot be used.
        InputError: A parameter or the label cannot be used.
        BudgetError: The session's budget does not suffice.

    From labels alone the values are points of opacity, see ``fading``: sufficiency is by how much less of the
    photograph is needed over the region than over the empty canvas, necessity by how much more where the region
    stays covered.
    """
    parameters = parameters or LocalParameters()
    at_least(
        "showings of each region (canvases times repeats)", len(parameters.canvases) * parameters.repeats, 2
    )
    before = session.answered
    subject = open_subject(session, image, label)
    shape = session.observer.frame.shape
    regions = make_regions(subject.pixels, parameters)
    backdrops = make_backdrops(shape, parameters.canvases, seed=seed, background=background)
    readers = classes_read(len(session.observer.labels), subject.label, parameters.others, seed)
    labels = labels_only(session)
    showing = Showing()
    showing.add("empty", Stimuli.plain(backdrops.pixels), (len(backdrops.pixels),))
    if not labels:
        showing.add("clean", Stimuli.plain(subject.pixels[None]), ())
    patches = regions.cut(subject.pixels)
    # What a region is taken out of: the photograph, or from labels alone the canvas on which it fades in.
    behind = backdrops.pixels[backdrops.first] if labels else subject.pixels[None]
    _alone(showing, "alone", regions, patches, backdrops, parameters, seed, subject.sha256)
    scrambles = [
        tuple(
            scramble(p, stream(seed, subject.sha256, "local", "scramble", s, i))
            for i, p in enumerate(patches)
        )
        for s in range(parameters.scrambles * len(backdrops))
    ]
    if scrambles:
        _scrambled(showing, regions, scrambles, backdrops, parameters.scrambles)
        _replaced(showing, "absent scramble", behind[:1], regions, scrambles[:1])
    fills = [regions.cut(backdrops.pixels[row]) for row in backdrops.first]
    _replaced(showing, "absent", behind, regions, fills)
    views = showing.ask(session, readers, "local", subject)

    number, count = len(regions), len(backdrops)
    empty = views["empty"].values
    alone = views["alone"].values - backdrops.per_repeat(empty, parameters.repeats)[:, :, None]
    if labels:
        whole, clean_top = empty[backdrops.first, 0], int(session.ask_images(subject.pixels[None]).top[0, 0])
    else:
        whole, clean_top = np.array([views["clean"].values[0]]), int(views["clean"].top)
    absent = views["absent"].values[..., 0]
    if scrambles:
        scrambled = views["scrambled"].values[..., 0] - empty[backdrops.first, 0][:, None, None]
        scrambled_necessity = views["absent scramble"].values[0, :, 0] - absent[0]
    else:
        scrambled, scrambled_necessity = np.empty((count, 0, number)), np.empty(0)
    return LocalResult(
        name=subject.name,
        sha256=subject.sha256,
        label=subject.label,
        queries=session.answered - before,
        kind=regions.kind,
        canvases=backdrops.names,
        boxes=regions.boxes,
        areas=regions.areas(),
        label_map=regions.label_map() if regions.kind == "superpixels" else np.empty((0, 0), dtype=np.int32),
        sufficiency=alone[..., 0],
        log10_p=views["alone"].log10_p[..., 0],
        rank=views["alone"].rank[..., 0],
        scrambled=scrambled,
        necessity=whole[:, None] - absent,
        scrambled_necessity=scrambled_necessity,
        others_range=region_range(np.moveaxis(alone[..., 1:], 2, -1)).mean(axis=1),
        empty=empty[:, 0],
        empty_rank=views["empty"].rank[:, 0],
        empty_top=views["empty"].top,
        clean=float(whole[0]),
        clean_top=clean_top,
        censored=float(views["alone"].censored[..., 0].mean()),
        seed=stream_seed(seed, subject.sha256, "local", "statistics"),
        moments=moments_of(patches),
        scrambled_moments=moments_of([p for drawn in scrambles for p in drawn]).reshape(
            count, parameters.scrambles, number, 2, 3
        ),
        depth=views["alone"].depth,
        bounded=views["alone"].censored[..., 0].mean(axis=1).astype(np.float32),
        absent_bounded=views["absent"].censored[..., 0].astype(np.float32),
        **scaled(labels, views, "alone", subject.label),
    )


def measure_local_controls(
    session: Session,
    subjects: Sequence[Subject],
    *,
    parameters: LocalParameters | None = None,
    background: Subject | None = None,
    seed: int = 0,
) -> LocalControls:
    """Measure the same regions of other photographs, once on each canvas, read for all classes."""
    require_scores(session)
    parameters = parameters or LocalParameters()
    before = session.answered
    backdrops = make_backdrops(
        session.observer.frame.shape, parameters.canvases, seed=seed, background=background
    )
    sufficiency, necessity = [], []
    for subject in subjects:
        regions = make_regions(subject.pixels, parameters)
        showing = Showing()
        showing.add("empty", Stimuli.plain(backdrops.pixels[backdrops.first]), (len(backdrops),))
        showing.add("clean", Stimuli.plain(subject.pixels[None]), ())
        canvas, region = _cross(len(backdrops), len(regions))
        showing.add(
            "alone",
            Stimuli.single(
                backdrops.pixels,
                regions.cut(subject.pixels),
                background=backdrops.first[canvas],
                patch=region,
                y=regions.boxes[region, 0],
                x=regions.boxes[region, 1],
            ),
            (len(backdrops), len(regions)),
        )
        fills = [regions.cut(backdrops.pixels[row]) for row in backdrops.first]
        _replaced(showing, "absent", subject.pixels[None], regions, fills)
        views = showing.ask(session, None, "local controls")
        sufficiency.append((views["alone"].values - views["empty"].values[:, None]).astype(np.float32))
        necessity.append((views["clean"].values - views["absent"].values).astype(np.float32))
    return LocalControls(
        name="local controls",
        sha256="",
        label=-1,
        queries=session.answered - before,
        canvases=backdrops.names,
        sufficiency=np.stack(sufficiency),
        necessity=np.stack(necessity),
        sha256s=tuple(s.sha256 for s in subjects),
        labels=tuple(s.label for s in subjects),
    )


def _cross(*sizes: int) -> tuple[NDArray[np.int64], ...]:
    """Flat index columns of a full crossing, last axis fastest."""
    return tuple(i.reshape(-1) for i in np.indices(sizes))


def _alone(
    showing: Showing,
    name: str,
    regions: Regions,
    patches: Sequence[Patch],
    backdrops: Backdrops,
    parameters: LocalParameters,
    seed: int,
    photograph: str,
) -> None:
    repeats = parameters.repeats
    drawn = parameters.jitter.draw(repeats, stream(seed, photograph, "local", "jitter"))
    canvas, repeat, region = _cross(len(backdrops), repeats, len(regions))
    showing.add(
        name,
        Stimuli.single(
            backdrops.pixels,
            patches,
            background=backdrops.rows(repeats)[canvas, repeat],
            patch=region,
            y=regions.boxes[region, 0],
            x=regions.boxes[region, 1],
            contrast=drawn.contrast[repeat],
            brightness=drawn.brightness[repeat],
        ),
        (len(backdrops), repeats, len(regions)),
    )


def _scrambled(
    showing: Showing,
    regions: Regions,
    scrambles: Sequence[Sequence[Patch]],
    backdrops: Backdrops,
    per_canvas: int,
) -> None:
    canvas, draw, region = _cross(len(backdrops), per_canvas, len(regions))
    showing.add(
        "scrambled",
        Stimuli.single(
            backdrops.pixels,
            [p for patches in scrambles for p in patches],
            background=backdrops.first[canvas],
            patch=(canvas * per_canvas + draw) * len(regions) + region,
            y=regions.boxes[region, 0],
            x=regions.boxes[region, 1],
        ),
        (len(backdrops), per_canvas, len(regions)),
    )


def _replaced(
    showing: Showing, name: str, behind: UInt8, regions: Regions, fills: Sequence[Sequence[Patch]]
) -> None:
    """A picture, ``[1 or fills, H, W, 3]``, each region replaced by that of each fill: axes (fill, region)."""
    fill, region = _cross(len(fills), len(regions))
    showing.add(
        name,
        Stimuli.single(
            behind,
            [p for patches in fills for p in patches],
            background=fill if len(behind) > 1 else 0,
            patch=fill * len(regions) + region,
            y=regions.boxes[region, 0],
            x=regions.boxes[region, 1],
        ),
        (len(fills), len(regions)),
        below=True,
    )
