"""Activation and inhibition: places where a patch raises a class, and places where it lowers it (METHODS §3).

The claim is Ouarti & Carmona's (2018): some locations activate a class, others inhibit it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..stimuli import Jitter, Patch, Stimuli
from .activation_result import ActivationControls, ActivationResult, two_sided_amplitude
from .backdrops import Backdrops, make_backdrops
from .control_patches import matched_crops, random_crop, scrambles_of
from .limits import at_least
from .placing import Placing, make_placing, over_empty, show_placing
from .scale import scaled
from .showing import Showing, labels_only, moments_of
from .spatial import most_responsive
from .streams import classes_read, stream, stream_seed
from .subject import ImageLike, Subject, open_subject, require_scores

if TYPE_CHECKING:
    from ..sessions import Session

# METHODS §3: an effect smaller than a tenth of a decade of odds is neutral.
MARGIN = 0.1


@dataclass(frozen=True)
class ActivationParameters:
    """How activation and inhibition are measured.

    Attributes:
        places: Places along a side.
        repeats: Jittered repeats, the same at every place; METHODS asks 12 up to 49 places, 16 beyond.
        canvases: Backgrounds: canvases, and ``"photograph"`` for one of another class where there is one.
        scrambles: Phase scrambles of the patch on each background.
        crops: Crops of other classes matched to the patch in mean and contrast, on each background.
        control_patches: Patches shown at every place of every background, shared by all photographs.
        control_repeats: Jittered repeats of each of them, at least 2.
        random_region: Also measure a random region of the photograph, on the first canvas.
        others: Other classes whose answers are read from the same showings.
        margin: Half width of the neutral zone, decades of odds; points of opacity from labels alone.
        q: False discovery rate over places.
        jitter: Contrast and brightness of the patch; its shift is uniform within one period.
    """

    places: int = 5
    repeats: int = 12
    canvases: tuple[str, ...] = ("grey", "mean", "noise", "photograph")
    scrambles: int = 0
    crops: int = 0
    control_patches: int = 24
    control_repeats: int = 2
    random_region: bool = True
    others: int = 100
    margin: float = MARGIN
    q: float = 0.05
    jitter: Jitter = field(default_factory=Jitter)


def measure_activation(
    session: Session,
    image: ImageLike,
    label: int | str | None = None,
    *,
    patch: Patch | None = None,
    random_patch: Patch | None = None,
    period: int | None = None,
    parameters: ActivationParameters | None = None,
    crops_from: Sequence[Subject] = (),
    background: Subject | None = None,
    seed: int = 0,
) -> ActivationResult:
    """Measure where a patch of the photograph activates its class and where it inhibits it (METHODS §3).

    Arguments and errors are those of ``measure_spatial``; ``background`` is the photograph of another class
    that the patch is also placed on. Without one, the background ``"photograph"`` is left out.
    """
    parameters = parameters or ActivationParameters()
    at_least("places along a side", parameters.places, 2)
    at_least("jittered repeats", parameters.repeats, 2)
    at_least("canvases", len(parameters.canvases), 1)
    before = session.answered
    subject = open_subject(session, image, label)
    shape = session.observer.frame.shape
    if patch is None:
        found = most_responsive(session, subject, seed=seed)
        patch, random_patch = found.patch(subject.pixels), found.random_patch(subject.pixels, seed)
    backdrops = activation_backdrops(shape, parameters, background, seed)
    readers = classes_read(len(session.observer.labels), subject.label, parameters.others, seed)
    placing = activation_placing(shape, patch.shape, parameters, period, seed)
    jitter = parameters.jitter
    showing = Showing()
    showing.add("empty", Stimuli.plain(backdrops.pixels), (len(backdrops.pixels),))
    show_placing(showing, "patch", [[patch]] * len(backdrops), backdrops, placing, jitter=jitter, seed=seed)
    scrambles = scrambles_of(patch, subject, len(backdrops), parameters.scrambles, seed, "activation")
    if parameters.scrambles:
        show_placing(showing, "scrambled", scrambles, backdrops, placing, jitter=jitter, seed=seed)
    matched = matched_crops(crops_from, subject, patch, parameters.crops, seed, "activation")
    if matched:
        show_placing(
            showing, "crops", [matched] * len(backdrops), backdrops, placing, jitter=jitter, seed=seed
        )
    first = make_backdrops(shape, backdrops.names[:1], seed=seed, background=background)
    if random_patch is not None and parameters.random_region:
        show_placing(showing, "random", [[random_patch]], first, placing, jitter=jitter, seed=seed)
    views = showing.ask(session, readers, "activation", subject)
    empty = views["empty"].values
    places, repeats = len(placing.y), len(placing.phases)

    def part(name: str) -> NDArray[np.float64]:
        """[K, P, R, L] of class c, or with P = 0 where it was not shown."""
        if name not in views:
            return np.empty((len(backdrops), 0, repeats, places))
        behind = first if name == "random" else backdrops
        values = over_empty(views[name].values[..., :1], empty[:, :1], behind)[..., 0]
        return np.ascontiguousarray(np.moveaxis(values, 3, 2))

    delta = over_empty(views["patch"].values, empty, backdrops)[:, 0]
    shown = background if "photograph" in backdrops.names else None
    return ActivationResult(
        name=subject.name,
        sha256=subject.sha256,
        label=subject.label,
        queries=session.answered - before,
        canvases=backdrops.names,
        background_name=shown.name if shown else "",
        background_sha256=shown.sha256 if shown else "",
        places=placing.places,
        grid=(placing.rows, placing.columns),
        patch_shape=patch.shape,
        patch_source=patch.source,
        period=placing.period,
        step=placing.step,
        margin=parameters.margin,
        q=parameters.q,
        delta=part("patch")[:, 0],
        others_delta=delta[..., 1:].mean(axis=2).astype(np.float32),
        others_amplitudes=amplitudes_of_classes(delta[..., 1:]),
        scrambled=part("scrambled"),
        crops=part("crops"),
        random_delta=part("random")[0, 0] if "random" in views else np.empty((0, 0)),
        empty=empty[:, 0],
        empty_rank=views["empty"].rank[:, 0],
        empty_top=views["empty"].top,
        censored=float(views["patch"].censored[..., 0].mean()),
        seed=stream_seed(seed, subject.sha256, "activation", "statistics"),
        moments=moments_of([patch])[0],
        scrambled_moments=moments_of([p for row in scrambles for p in row]).reshape(
            len(backdrops), parameters.scrambles, 2, 3
        ),
        bounded=views["patch"].censored[:, 0, ..., 0].mean(axis=-1).astype(np.float32),
        **scaled(labels_only(session), views, "patch", subject.label),
    )


def measure_activation_controls(
    session: Session,
    subjects: Sequence[Subject],
    canvas: str,
    *,
    patch_shape: tuple[int, int],
    period: int | None = None,
    parameters: ActivationParameters | None = None,
    background: Subject | None = None,
    seed: int = 0,
) -> ActivationControls:
    """Show ``control_patches`` random crops of the subjects at every place of one background."""
    require_scores(session)
    parameters = parameters or ActivationParameters()
    before = session.answered
    shape = session.observer.frame.shape
    backdrops = make_backdrops(shape, (canvas,), seed=seed, background=background)
    placing = activation_placing(shape, patch_shape, parameters, period, seed)
    sources = [subjects[i % len(subjects)] for i in range(parameters.control_patches)]
    patches = [
        random_crop(s, patch_shape, seed, "control patch", i // len(subjects)) for i, s in enumerate(sources)
    ]
    repeats, places = parameters.control_repeats, len(placing.y)
    # Each repeat of each patch has its own phase, jitter and draw of the canvas, the same at every place.
    drawn = parameters.jitter.draw(len(patches) * repeats, stream(seed, "control patches", "jitter"))
    patch, repeat, place = (
        i.reshape(-1) for i in np.indices((len(patches), repeats, places), dtype=np.int32)
    )
    showing_of = patch * repeats + repeat
    phase = placing.phases[showing_of % len(placing.phases)]
    row = backdrops.rows(len(patches) * repeats)[0, showing_of]
    showing = Showing()
    showing.add("empty", Stimuli.plain(backdrops.pixels), (len(backdrops.pixels),))
    showing.add(
        "patches",
        Stimuli.single(
            backdrops.pixels,
            patches,
            background=row,
            patch=patch,
            y=placing.y[place] + phase[:, 0],
            x=placing.x[place] + phase[:, 1],
            contrast=drawn.contrast[showing_of],
            brightness=drawn.brightness[showing_of],
        ),
        (len(patches), repeats, places),
    )
    views = showing.ask(session, None, "activation controls")
    empties = views["empty"].values[row].reshape(len(patches), repeats, places, -1)
    return ActivationControls(
        name=f"activation controls on {canvas}",
        sha256="",
        label=-1,
        queries=session.answered - before,
        delta=(views["patches"].values - empties).astype(np.float32),
        sha256s=tuple(s.sha256 for s in sources),
        labels=tuple(s.label for s in sources),
        canvas=canvas,
        background_sha256=background.sha256 if background is not None and canvas == "photograph" else "",
    )


def amplitudes_of_classes(delta: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two-sided amplitude of every class: ``[K, L, R, C]`` to ``[K, C]``."""
    return np.array([[two_sided_amplitude(k[..., c].T) for c in range(k.shape[-1])] for k in delta])


def activation_backdrops(
    shape: tuple[int, int], parameters: ActivationParameters, background: Subject | None, seed: int
) -> Backdrops:
    """The backgrounds of ``parameters``, without the photograph where there is none."""
    names = [n for n in parameters.canvases if background is not None or n != "photograph"]
    return make_backdrops(shape, names, seed=seed, background=background)


def activation_placing(
    shape: tuple[int, int],
    patch_shape: tuple[int, int],
    parameters: ActivationParameters,
    period: int | None,
    seed: int,
) -> Placing:
    """The places and shifts of the activation map."""
    return make_placing(
        shape,
        patch_shape,
        per_axis=parameters.places,
        phases=parameters.repeats,
        period=period,
        seed=seed,
        purpose="activation",
    )
