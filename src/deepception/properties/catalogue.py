"""The four built-in experiments: their settings, their prices, their shared controls and their summaries.

The settings are METHODS §8's: quick (about 600 queries a photograph), standard (about 4,000) and full. From labels
alone each showing costs a threshold, other classes cannot be read from it, and no control can be shared by
photographs: these settings show their controls for each photograph, and fewer of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .activation import ActivationParameters, measure_activation, measure_activation_controls
from .activation_result import ActivationControls, ActivationResult
from .backdrops import NOISE_DRAWS
from .cumulative import CumulativeParameters, measure_cumulative, possible_doses, spaced_places
from .cumulative_result import CumulativeResult
from .experiment import Context, ControlTask, Experiment
from .fading import MOST_QUERIES
from .local import LocalParameters, half_overlapping, measure_local, measure_local_controls
from .local_result import LocalControls, LocalResult
from .period import patch_side
from .result import Result
from .spatial import SpatialParameters, measure_spatial, measure_spatial_controls
from .spatial_result import SpatialControls, SpatialResult
from .subject import Subject
from .summaries import (
    activation_row,
    cumulative_row,
    local_row,
    spatial_row,
    summarise_activation,
    summarise_cumulative,
    summarise_local,
    summarise_spatial,
)

_ALL = ("grey", "mean", "noise", "blur")
# The shared crops of METHODS §1–2: one of six pool photographs may be of the class itself, five remain.
POOL = 6
# An effect smaller than a point of opacity is neutral, where thresholds are measured.
_POINT = 1.0


def _variants(canvases: Sequence[str]) -> int:
    return sum(NOISE_DRAWS if name == "noise" else 1 for name in canvases)


def _shown(parameters: Any, background: bool) -> Any:
    """The parameters without the canvases that need a photograph of another class, where there is none."""
    if background:
        return parameters
    return replace(
        parameters, canvases=tuple(n for n in parameters.canvases if n not in ("blur", "photograph"))
    )


def _patch_shape(shape: tuple[int, int], count: int = 7) -> tuple[int, int]:
    return (shape[0] // count, shape[1] // count)


# --- local ---------------------------------------------------------------------------------------------------


def _measure_local(session: Any, subject: Subject, parameters: LocalParameters, context: Context) -> Result:
    parameters = _shown(parameters, context.background is not None)
    return measure_local(
        session, subject, parameters=parameters, background=context.background, seed=context.seed
    )


def _regions(parameters: LocalParameters, shape: tuple[int, int]) -> int:
    if parameters.regions == "windows":
        return len(half_overlapping(shape, parameters.count))
    return parameters.count**2


def _local_price(parameters: LocalParameters, shape: tuple[int, int], background: bool) -> int:
    parameters = _shown(parameters, background)
    regions = _regions(parameters, shape)
    canvases = len(parameters.canvases)
    scrambles = regions * (canvases * parameters.scrambles + 1) if parameters.scrambles else 0
    return _variants(parameters.canvases) + 1 + regions * canvases * (parameters.repeats + 1) + scrambles


def _local_controls(
    parameters: LocalParameters, pool: Sequence[Subject], shape: tuple[int, int]
) -> list[ControlTask]:
    # Superpixels are a photograph's own: other photographs have no such regions.
    if parameters.crops == 0 or parameters.regions == "superpixels":
        return []
    canvases = len(parameters.canvases)

    def measure(
        session: Any, subjects: Sequence[Subject], background: Subject | None, period: int | None, seed: int
    ) -> Result:
        return measure_local_controls(
            session, subjects, parameters=parameters, background=background, seed=seed
        )

    price = canvases + 1 + 2 * canvases * _regions(parameters, shape)
    background = 0 if "blur" in parameters.canvases and pool else None
    return [ControlTask({"source": i}, (i,), background, price, measure) for i in range(len(pool))]


local = Experiment(
    name="local",
    question="Which regions of a photograph carry the answer?",
    parameters={
        "quick": LocalParameters(canvases=("grey",), repeats=2, crops=0),
        "standard": LocalParameters(),
        "full": LocalParameters(canvases=_ALL, repeats=6, scrambles=3),
    },
    measure=_measure_local,
    price=_local_price,
    result=LocalResult,
    row=local_row,
    summarise=summarise_local,
    needs_background=lambda p: "blur" in p.canvases,
    controls=_local_controls,
    control_result=LocalControls,
    exact_price=lambda p: p.regions != "superpixels",
    label_parameters={
        "quick": LocalParameters(canvases=("grey",), repeats=2, crops=0, others=0),
        "standard": LocalParameters(repeats=2, crops=0, others=0),
        "full": LocalParameters(canvases=_ALL, repeats=3, scrambles=3, crops=0, others=0),
    },
    label_cost=MOST_QUERIES,
)

# --- spatial -------------------------------------------------------------------------------------------------


def _local_of(context: Context) -> LocalResult:
    result = context.earlier["local"]
    assert isinstance(result, LocalResult)
    return result


def _measure_spatial(
    session: Any, subject: Subject, parameters: SpatialParameters, context: Context
) -> Result:
    parameters = _shown(parameters, context.background is not None)
    found = _local_of(context)
    return measure_spatial(
        session,
        subject,
        patch=found.patch(subject.pixels),
        random_patch=found.random_patch(subject.pixels, context.seed),
        period=context.period,
        parameters=parameters,
        crops_from=context.pool,
        background=context.background,
        seed=context.seed,
    )


def _spatial_price(parameters: SpatialParameters, shape: tuple[int, int], background: bool) -> int:
    parameters = _shown(parameters, background)
    showings = parameters.places**2 * parameters.phases
    canvases = len(parameters.canvases)
    patches = canvases * (1 + parameters.scrambles) + parameters.random_region + parameters.crops
    return _variants(parameters.canvases) + showings * patches


def _spatial_controls(
    parameters: SpatialParameters, pool: Sequence[Subject], shape: tuple[int, int]
) -> list[ControlTask]:
    if parameters.shared_crops == 0:
        return []

    def measure(
        session: Any, subjects: Sequence[Subject], background: Subject | None, period: int | None, seed: int
    ) -> Result:
        return measure_spatial_controls(
            session,
            subjects,
            period=period,
            patch_shape=_patch_shape(session.observer.frame.shape),
            parameters=parameters,
            background=background,
            seed=seed,
        )

    price = _variants(parameters.canvases[:1]) + parameters.places**2 * parameters.phases
    number = min(parameters.shared_crops, len(pool))
    return [ControlTask({"source": i}, (i,), None, price, measure) for i in range(number)]


spatial = Experiment(
    name="spatial",
    question="Where does the same patch speak loudest?",
    parameters={
        "quick": SpatialParameters(places=3, canvases=("grey",), random_region=False, shared_crops=0),
        "standard": SpatialParameters(),
        "full": SpatialParameters(canvases=_ALL, scrambles=5, crops=5),
    },
    measure=_measure_spatial,
    price=_spatial_price,
    result=SpatialResult,
    row=spatial_row,
    summarise=summarise_spatial,
    needs=("local",),
    uses_period=True,
    needs_background=lambda p: "blur" in p.canvases,
    controls=_spatial_controls,
    control_result=SpatialControls,
    exact_price=lambda p: False,
    label_parameters={
        "quick": SpatialParameters(
            places=3, canvases=("grey",), random_region=False, shared_crops=0, others=0
        ),
        "standard": SpatialParameters(crops=1, shared_crops=0, others=0),
        "full": SpatialParameters(canvases=_ALL, scrambles=2, crops=3, shared_crops=0, others=0),
    },
    label_cost=MOST_QUERIES,
)

# --- activation ----------------------------------------------------------------------------------------------


def _measure_activation(
    session: Any, subject: Subject, parameters: ActivationParameters, context: Context
) -> Result:
    parameters = _shown(parameters, context.background is not None)
    found = _local_of(context)
    return measure_activation(
        session,
        subject,
        patch=found.patch(subject.pixels),
        random_patch=found.random_patch(subject.pixels, context.seed),
        period=context.period,
        parameters=parameters,
        crops_from=context.pool,
        background=context.background,
        seed=context.seed,
    )


def _activation_price(parameters: ActivationParameters, shape: tuple[int, int], background: bool) -> int:
    parameters = _shown(parameters, background)
    names = parameters.canvases
    patches = len(names) * (1 + parameters.scrambles + parameters.crops) + parameters.random_region
    return _variants(names) + patches * parameters.places**2 * parameters.repeats


def _activation_controls(
    parameters: ActivationParameters, pool: Sequence[Subject], shape: tuple[int, int]
) -> list[ControlTask]:
    if parameters.control_patches == 0 or not pool:
        return []
    tasks = []
    for name in parameters.canvases:
        # Whoever is background 0 itself, or of its class, is shown on background 1.
        backgrounds: list[int | None] = list(range(min(2, len(pool)))) if name == "photograph" else [None]
        for background in backgrounds:

            def measure(
                session: Any,
                subjects: Sequence[Subject],
                behind: Subject | None,
                period: int | None,
                seed: int,
                canvas: str = name,
            ) -> Result:
                return measure_activation_controls(
                    session,
                    subjects,
                    canvas,
                    period=period,
                    patch_shape=_patch_shape(session.observer.frame.shape),
                    parameters=parameters,
                    background=behind,
                    seed=seed,
                )

            showings = parameters.control_patches * parameters.control_repeats * parameters.places**2
            price = _variants([name]) + showings
            key = {"canvas": name, "background": background}
            tasks.append(ControlTask(key, tuple(range(len(pool))), background, price, measure))
    return tasks


activation = Experiment(
    name="activation",
    question="Which places activate the class, and which inhibit it?",
    parameters={
        "quick": ActivationParameters(places=3, canvases=("grey",), control_patches=0, random_region=False),
        "standard": ActivationParameters(),
        "full": ActivationParameters(places=7, scrambles=1, crops=5),
    },
    measure=_measure_activation,
    price=_activation_price,
    result=ActivationResult,
    row=activation_row,
    summarise=summarise_activation,
    needs=("local",),
    uses_period=True,
    needs_background=lambda p: "photograph" in p.canvases,
    controls=_activation_controls,
    control_result=ActivationControls,
    exact_price=lambda p: False,
    label_parameters={
        "quick": ActivationParameters(
            places=3,
            canvases=("grey",),
            scrambles=1,
            control_patches=0,
            random_region=False,
            others=0,
            margin=_POINT,
        ),
        "standard": ActivationParameters(crops=1, control_patches=0, others=0, margin=_POINT),
        "full": ActivationParameters(scrambles=1, crops=2, control_patches=0, others=0, margin=_POINT),
    },
    label_cost=MOST_QUERIES,
)

# --- cumulative ----------------------------------------------------------------------------------------------


def _measure_cumulative(
    session: Any, subject: Subject, parameters: CumulativeParameters, context: Context
) -> Result:
    parameters = _shown(parameters, context.background is not None)
    field = context.earlier["activation"]
    assert isinstance(field, ActivationResult)
    found = _local_of(context)
    patch = found.patch(subject.pixels)
    return measure_cumulative(
        session,
        subject,
        patch=patch,
        random_patch=found.random_patch(subject.pixels, context.seed),
        ordered_places=spaced_places(field.places, field.canvas_maps[0], patch.shape),
        parameters=parameters,
        background=context.background,
        seed=context.seed,
    )


def _cumulative_price(parameters: CumulativeParameters, shape: tuple[int, int], background: bool) -> int:
    parameters = _shown(parameters, background)
    side = patch_side(shape, 1 / 7)
    doses = len(possible_doses(shape, (side, side), parameters.doses))
    cases = 1 + parameters.scrambles + parameters.crops + parameters.enlarged
    return (
        _variants(parameters.canvases)
        + len(parameters.canvases) * parameters.draws * doses * cases
        + 2 * doses
        + 2 * parameters.random_region * parameters.draws * doses
    )


_QUICK_DOSES = CumulativeParameters(
    doses=(1, 2, 4, 8, 16), draws=3, canvases=("grey",), crops=False, enlarged=False, random_region=False
)

cumulative = Experiment(
    name="cumulative",
    question="What does repetition do?",
    parameters={
        "quick": _QUICK_DOSES,
        "standard": CumulativeParameters(),
        "full": replace(CumulativeParameters(), canvases=_ALL, draws=8),
    },
    label_parameters={
        "quick": replace(_QUICK_DOSES, others=0),
        "standard": CumulativeParameters(others=0),
        "full": CumulativeParameters(canvases=_ALL, draws=8, others=0),
    },
    label_cost=MOST_QUERIES,
    measure=_measure_cumulative,
    price=_cumulative_price,
    result=CumulativeResult,
    row=cumulative_row,
    summarise=summarise_cumulative,
    needs=("local", "activation"),
    needs_background=lambda p: "blur" in p.canvases,
    exact_price=lambda p: False,
)
