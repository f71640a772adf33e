from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepception.errors import InputError
from deepception.properties import (
    SpatialParameters,
    SpatialResult,
    judge_period,
    measure_period_rows,
    measure_spatial,
    measure_spatial_controls,
)
from deepception.properties.placing import make_placing
from deepception.sessions import Session
from deepception.statistics import spearman, spread
from deepception.stimuli import Patch, crop
from known import on_grey, picture, plant, same_content, subject

SIDE, T = 70, 8
GREY = SpatialParameters(canvases=("grey",))
PATCH = crop(picture(SIDE, 9), 3, 5, 10, 10)
RNG = np.random.default_rng(5)
BY_PLACE = RNG.normal(size=(SIDE // T + 1, SIDE // T + 1))
BY_PHASE = RNG.normal(size=(T, T))
Field = Callable[[np.ndarray, np.ndarray], np.ndarray]


def places(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    return BY_PLACE[y // T, x // T]


def phases(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    return BY_PHASE[y % T, x % T]


def located(field: Field, *, only: Patch | None = None) -> Session:
    """Answers by where the patch lies; with `only`, other contents say nothing."""

    def decades(images: np.ndarray) -> np.ndarray:
        box = on_grey(images)
        counts = box.there if only is None else box.there & same_content(images, box, only.pixels)
        return -2 + np.where(counts, field(box.y, box.x), 0.0)

    return plant(decades, SIDE)


def measured(field: Field, **options: object) -> SpatialResult:
    return measure_spatial(located(field), subject(SIDE), patch=PATCH, period=T, parameters=GREY, **options)


def test_a_planted_place_effect_is_place_alone() -> None:
    result = measured(places)
    planted = places(*result.places.T)
    assert result.delta.shape == (1, 16, 16)
    np.testing.assert_allclose(result.delta[0], np.repeat(planted[:, None], 16, axis=1), atol=1e-9)
    assert spearman(result.map, planted) >= 0.99
    assert result.variances[0].place == pytest.approx(planted.var(ddof=1))
    assert result.variance_shares() == pytest.approx((1, 0, 0))
    figures = result.summary()
    assert figures["range"] == pytest.approx(np.ptp(planted))
    assert (figures["p95_minus_p5"], figures["max_minus_min"]) == pytest.approx(spread(planted))
    assert figures["variances"]["grey"]["phase"] == pytest.approx(0, abs=1e-12)
    assert (figures["places"], figures["phases"], figures["period"]) == (16, 16, T)
    np.testing.assert_allclose(result.empty, -2, atol=1e-9)


def test_a_planted_phase_effect_is_no_place() -> None:
    result = measured(phases)
    planted = phases(*result.phases.T)
    assert result.variances[0].phase == pytest.approx(planted.var(ddof=1))
    assert result.variance_shares() == pytest.approx((0, 1, 0))
    assert result.summary()["range"] == pytest.approx(0, abs=1e-9)
    # Where the period is not known, the same answers look like an effect of place.
    blind = measure_spatial(located(phases), subject(SIDE), patch=PATCH, parameters=GREY)
    assert blind.period is None
    assert blind.step > T
    assert blind.summary()["p95_minus_p5"] > 0.3


def test_place_phase_and_interaction_are_told_apart() -> None:
    result = measured(lambda y, x: 2 * places(y, x) + phases(y, x))
    place, phase = 2 * places(*result.places.T), phases(*result.phases.T)
    found = result.variances[0]
    assert found.place == pytest.approx(place.var(ddof=1))
    assert found.phase == pytest.approx(phase.var(ddof=1))
    assert found.interaction == pytest.approx(0, abs=1e-12)
    mixed = measured(lambda y, x: places(y, x) * phases(y, x)).variances[0]
    assert mixed.interaction > 3 * max(mixed.place, mixed.phase, 0)


def test_controls_are_shown_at_the_same_places_and_phases() -> None:
    me = subject(SIDE)
    session = located(places)
    everything = SpatialParameters(canvases=("grey",), scrambles=2, crops=2)
    pool = [subject(SIDE, s, label=1) for s in (1, 2, 3)]
    result = measure_spatial(
        session, me, patch=PATCH, random_patch=PATCH, period=T, parameters=everything, crops_from=[me, *pool]
    )
    # An observer of place alone answers all of them alike.
    for values in (result.scrambled[0], result.crops):
        np.testing.assert_allclose(values, np.broadcast_to(result.delta[0], (2, 16, 16)), atol=1e-9)
    np.testing.assert_allclose(result.random_delta, result.delta[0], atol=1e-9)
    figures = result.summary()
    for name in ("scrambled_range", "matched_crops_range", "random_region_range"):
        assert figures[name] == pytest.approx(figures["range"])
    shared = measure_spatial_controls(session, pool, period=T, patch_shape=PATCH.shape, parameters=GREY)
    assert shared.for_class(0, range(3)) == pytest.approx(figures["range"], rel=1e-6)


def test_controls_stay_flat_where_only_the_patch_counts() -> None:
    session = located(places, only=PATCH)
    everything = SpatialParameters(canvases=("grey",), scrambles=2, crops=2)
    pool = [subject(SIDE, s, label=1) for s in (1, 2)]
    result = measure_spatial(
        session, subject(SIDE), patch=PATCH, period=T, parameters=everything, crops_from=pool
    )
    figures = result.summary()
    assert figures["range"] == pytest.approx(np.ptp(places(*result.places.T)))
    assert figures["scrambled_range"] == pytest.approx(0, abs=1e-9)
    assert figures["matched_crops_range"] == pytest.approx(0, abs=1e-9)
    shared = measure_spatial_controls(session, pool, period=T, patch_shape=PATCH.shape, parameters=GREY)
    assert shared.for_class(0, [0, 1]) == pytest.approx(0, abs=1e-6)


def test_without_a_patch_the_most_responsive_region_is_taken() -> None:
    """A region of the photograph that speaks wherever it lies."""
    me = subject(SIDE)
    target = crop(me.pixels, 20, 40, 10, 10)

    def decades(images: np.ndarray) -> np.ndarray:
        box = on_grey(images)
        return np.where(box.there & same_content(images, box, target.pixels), 1.5, 0.0)

    result = measure_spatial(plant(decades, SIDE), me, period=T, parameters=GREY)
    assert "y=20 x=40 10x10" in result.patch_source
    np.testing.assert_allclose(result.delta, 1.5, atol=1e-9)
    np.testing.assert_allclose(result.random_delta, 0, atol=1e-9)
    np.testing.assert_allclose(result.scrambled, 0, atol=1e-9)


def test_a_patch_that_cannot_move_is_refused() -> None:
    for size in (SIDE, SIDE + 1):
        patch = Patch(np.zeros((size, size, 3), dtype=np.uint8))
        with pytest.raises(InputError, match="smaller patch"):
            measure_spatial(located(places), subject(SIDE), patch=patch, parameters=GREY)


@settings(deadline=None)
@given(
    height=st.integers(16, 90),
    width=st.integers(16, 90),
    patch=st.tuples(st.integers(1, 14), st.integers(1, 14)),
    per_axis=st.integers(1, 6),
    period=st.none() | st.integers(2, 40),
)
def test_places_and_phases_stay_inside(
    height: int, width: int, patch: tuple[int, int], per_axis: int, period: int | None
) -> None:
    placing = make_placing(
        (height, width), patch, per_axis=per_axis, phases=16, period=period, seed=0, purpose="test"
    )
    assert len(placing.y) == len(placing.x) == placing.rows * placing.columns
    assert 1 <= placing.rows <= per_axis
    assert 1 <= placing.columns <= per_axis
    # Every place at every phase is wholly inside, and two places never coincide.
    assert placing.y.min() + placing.phases.min() >= 0
    assert (placing.y.max() + placing.phases[:, 0].max() + patch[0]) <= height
    assert (placing.x.max() + placing.phases[:, 1].max() + patch[1]) <= width
    assert len(np.unique(placing.places, axis=0)) == len(placing.y)
    assert (placing.places % placing.step == 0).all()
    assert placing.phases.shape == (16, 2)
    assert placing.phases.max() < placing.step
    if placing.period is not None:
        assert placing.step == period
        # Two places at least, else there is nothing to compare.
        assert min(placing.rows, placing.columns) >= min(2, per_axis)


# --- the period ------------------------------------------------------------------------------------------------

ROWS_SIDE = 128


def striding(period: int, within: float = 0.0, noise: float = 0.15) -> Session:
    """Answers repeat after `period` pixels, differently for each patch, on a slow field of place with noise."""

    def decades(images: np.ndarray) -> np.ndarray:
        box = on_grey(images)
        values = np.zeros(len(images))
        for n in np.flatnonzero(box.there):
            content = images[n, box.y[n] : box.bottom[n], box.x[n] : box.right[n]]
            rng = np.random.default_rng(int(content.sum()))
            profile = rng.normal(size=(2, period))
            half = np.tile(rng.normal(size=(2, max(1, period // 2))), 2)[:, :period]
            profile = (1 - within) * profile + within * half
            slow = rng.normal(size=4)
            y, x = int(box.y[n]), int(box.x[n])
            values[n] = (
                profile[0, y % period]
                + profile[1, x % period]
                + slow[0] * np.sin(y / 40 + slow[1])
                + slow[2] * np.cos(x / 35 + slow[3])
                + noise * np.random.default_rng([y, x, int(content.sum())]).normal()
            )
        return values

    return plant(decades, ROWS_SIDE)


@pytest.mark.parametrize(
    ("period", "within", "nested"), [(8, 0.0, ()), (16, 0.0, ()), (32, 0.0, ()), (32, 0.65, (16,))]
)
def test_planted_periods_are_found(period: int, within: float, nested: tuple[int, ...]) -> None:
    session = striding(period, within)
    rows = [measure_period_rows(session, subject(ROWS_SIDE, s)) for s in range(12)]
    assert rows[0].rows.shape == (2, 111)
    fit = judge_period(rows)
    assert fit.period == period, fit.reason
    assert fit.nested == nested
    assert fit.p < 0.05
    # Eleven photographs are too few, whatever they say.
    assert judge_period(rows[:11]).period is None
    assert judge_period([]).period is None


def test_no_period_where_answers_are_smooth() -> None:
    def decades(images: np.ndarray) -> np.ndarray:
        box = on_grey(images)
        return np.sin(box.y / 17.3) + np.cos((box.x + 3) / 23.1) + 0.001 * box.x * box.y

    rows = [measure_period_rows(plant(decades, ROWS_SIDE), subject(ROWS_SIDE, s)) for s in range(12)]
    assert judge_period(rows).period is None


def test_the_found_period_separates_place_from_alignment() -> None:
    """The whole way: find the stride from answers alone, then measure at multiples of it."""

    def field(y: np.ndarray, x: np.ndarray) -> np.ndarray:
        return BY_PHASE[y % T, x % T] + np.sin(y / 31 + x / 27)

    def decades(images: np.ndarray) -> np.ndarray:
        box = on_grey(images)
        return np.where(box.there, field(box.y, box.x), 0.0)

    session = plant(decades, ROWS_SIDE)
    subjects = [subject(ROWS_SIDE, s) for s in range(12)]
    fit = judge_period([measure_period_rows(session, s) for s in subjects])
    assert fit.period == T
    patch = crop(subjects[0].pixels, 0, 0, 18, 18)
    result = measure_spatial(session, subjects[0], patch=patch, period=fit.period, parameters=GREY)
    place, phase, interaction = result.variance_shares()
    y, x = (result.places[:, None] + result.phases[None]).transpose(2, 0, 1)
    slow = np.sin(y / 31 + x / 27).mean(axis=1)
    assert spearman(result.map, slow) >= 0.99
    assert phase > place > interaction
    assert result.summary()["range"] == pytest.approx(np.ptp(slow), abs=0.15)
