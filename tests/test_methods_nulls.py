"""METHODS §7: null observers yield nothing; patch and controls are exchangeable, fields redrawn for each seed."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest

from deepception.properties import (
    ActivationParameters,
    CumulativeParameters,
    LocalParameters,
    SpatialParameters,
    judge_period,
    measure_activation,
    measure_cumulative,
    measure_local,
    measure_period_rows,
    measure_spatial,
    measure_spatial_controls,
)
from deepception.properties.activation import measure_activation_controls
from deepception.properties.summaries import (
    activation_row,
    cumulative_row,
    local_row,
    spatial_row,
    summarise_activation,
    summarise_cumulative,
    summarise_local,
    summarise_spatial,
)
from deepception.statistics import ACTIVATOR, INHIBITOR, NEUTRAL
from deepception.stimuli import Jitter, crop
from known import NullFields, decades_of, subject

SIDE, PATCH, PERIOD, CLASSES = 35, 5, 5, 24
STILL = Jitter(0.0, 0.0)
POOL = [subject(SIDE, s, label=CLASSES - 1) for s in range(6)]


def allowed(rate: float, seeds: int) -> float:
    return rate + 2 * float(np.sqrt(rate * (1 - rate) / seeds))


def places_found(seeds: range) -> dict[str, np.ndarray]:
    """For each seed: discoveries, false ones, and specific places of one exchangeable patch."""
    parameters = ActivationParameters(canvases=("grey",), jitter=STILL, others=CLASSES - 1)
    found: dict[str, list[float]] = {"specific": [], "signed": [], "false signs": [], "false neutral": []}
    offsets = np.indices((PERIOD, PERIOD)).reshape(2, -1).T
    for seed in seeds:
        fields = NullFields(seed, SIDE, CLASSES, PERIOD)
        session = fields.session()
        me = subject(SIDE, 1_000 + seed)
        patch = crop(me.pixels, 7, 11, PATCH, PATCH)
        controls = measure_activation_controls(
            session, POOL, "grey", patch_shape=(PATCH, PATCH), period=PERIOD, parameters=parameters, seed=seed
        )
        result = measure_activation(session, me, patch=patch, period=PERIOD, parameters=parameters, seed=seed)
        # What the stimulus population says: the mean over every phase.
        at = (result.places[:, None] + offsets).reshape(-1, 2)
        told = decades_of(fields.at(zlib.crc32(patch.pixels.tobytes()), *at.T))
        truth = told.reshape(-1, len(offsets)).mean(axis=1) - decades_of(np.zeros((1, CLASSES)))
        kinds = result.classes[0]
        wrong = ((kinds == ACTIVATOR) & (truth <= 0.1)) | ((kinds == INHIBITOR) & (truth >= -0.1))
        signed, neutral = np.abs(kinds) == 1, kinds == NEUTRAL
        found["signed"].append(signed.sum())
        found["false signs"].append(wrong.sum() / max(1, signed.sum()))
        found["false neutral"].append((neutral & (np.abs(truth) >= 0.1)).sum() / max(1, neutral.sum()))
        found["specific"].append(result.specific([controls]).sum())
    return {name: np.array(values) for name, values in found.items()}


def check_places(found: dict[str, np.ndarray], seeds: int) -> None:
    # Every specific place is a false discovery: the rate is the share of seeds with any.
    assert (found["specific"] > 0).mean() <= allowed(0.05, seeds)
    # Activators and inhibitors there are, and their signs are those of the field.
    assert found["signed"].mean() > 8
    assert found["false signs"].mean() <= allowed(0.05, seeds)
    assert found["false neutral"].mean() <= allowed(0.05, seeds)


def test_exchangeable_patches_have_no_specific_places() -> None:
    check_places(places_found(range(16)), 16)


@pytest.mark.slow
def test_exchangeable_patches_have_no_specific_places_over_a_thousand_seeds() -> None:
    check_places(places_found(range(1_000)), 1_000)


def claims_held(seeds: range, photographs: int = 8) -> np.ndarray:
    """Which of the four claims hold on each null observer, bool [seeds, 4]; patches are chosen as an audit does.

    The most responsive of 49 regions does more than any control here, for it was chosen and they were not: only
    the random region beside it tells.
    """
    local = LocalParameters(canvases=("grey",), repeats=2, others=CLASSES - 1, jitter=STILL)
    spatial = SpatialParameters(canvases=("grey",), places=3, phases=8, others=CLASSES - 1)
    activation = ActivationParameters(
        canvases=("grey",), places=3, repeats=6, scrambles=1, others=CLASSES - 1, jitter=STILL
    )
    cumulative = CumulativeParameters(doses=(1, 2, 4, 8), draws=3, canvases=("grey",), others=CLASSES - 1)
    shape = {"patch_shape": (PATCH, PATCH), "period": PERIOD}
    held = []
    for seed in seeds:
        session = NullFields(seed, SIDE, CLASSES, PERIOD).session()
        shared = [measure_spatial_controls(session, POOL, parameters=spatial, seed=seed, **shape)]
        patches = [
            measure_activation_controls(session, POOL, "grey", parameters=activation, seed=seed, **shape)
        ]
        rows: list[list[dict[str, object]]] = [[], [], [], []]
        for photograph in range(photographs):
            me = subject(SIDE, 10_000 * (seed + 1) + photograph, label=photograph)
            alone = measure_local(session, me, parameters=local, seed=seed)
            options = {
                "patch": alone.patch(me.pixels),
                "random_patch": alone.random_patch(me.pixels, seed),
                "seed": seed,
            }
            placed = {**options, "period": PERIOD}
            rows[0].append(local_row(alone, []))
            rows[1].append(spatial_row(measure_spatial(session, me, parameters=spatial, **placed), shared))
            rows[2].append(
                activation_row(measure_activation(session, me, parameters=activation, **placed), patches)
            )
            rows[3].append(
                cumulative_row(measure_cumulative(session, me, parameters=cumulative, **options), [])
            )
        summaries = (summarise_local, summarise_spatial, summarise_activation, summarise_cumulative)
        headlines = [summarise(r, 0).headline for summarise, r in zip(summaries, rows, strict=True)]
        held.append([None if h is None else h.holds for h in headlines])
    assert all(claim is not None for claims in held for claim in claims)
    return np.array(held, dtype=bool)


def test_no_claim_holds_on_null_observers() -> None:
    assert claims_held(range(2)).sum() <= 1


@pytest.mark.slow
def test_no_claim_holds_over_many_null_observers() -> None:
    held = claims_held(range(200))
    assert (held.mean(axis=0) <= allowed(0.05, 200)).all()


ROWS_SIDE = 84


def periods_found(seeds: range, scale: float) -> list[int | None]:
    found = []
    for seed in seeds:
        session = NullFields(seed, ROWS_SIDE, 3, scale=scale).session()
        subjects = [subject(ROWS_SIDE, 100 * seed + s) for s in range(12)]
        found.append(judge_period([measure_period_rows(session, s) for s in subjects], seed=seed).period)
    return found


def test_smooth_fields_have_no_period() -> None:
    assert periods_found(range(3), 6.0) == [None] * 3


@pytest.mark.slow
@pytest.mark.parametrize("scale", [4.0, 12.0])
def test_smooth_fields_have_no_period_in_most_seeds(scale: float) -> None:
    found = periods_found(range(250), scale)
    assert found.count(None) / len(found) >= 0.95


def test_selection_is_why_a_random_region_stands_beside() -> None:
    """The most responsive of many exchangeable regions does more than its scramble: so it is marked selected."""
    parameters = LocalParameters(canvases=("grey",), repeats=2, scrambles=1, others=0, jitter=STILL)
    gains = []
    for seed in range(20):
        session = NullFields(seed, SIDE, CLASSES).session()
        result = measure_local(session, subject(SIDE, seed), parameters=replace(parameters, count=7))
        gains.append(result.best.value - result.scrambled[0, 0, result.best.index])
    assert np.median(gains) > 0.5
