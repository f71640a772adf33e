from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.optimize import isotonic_regression

from deepception.statistics import dose_shape, slope_log2
from deepception.statistics.doses import isotonic, unimodal

DOSES = np.array([1, 2, 3, 4, 6, 8, 12, 16])
CURVES = {
    "flat": np.zeros(8),
    "rising": np.log2(DOSES) / 2,
    "falling": -np.log2(DOSES) / 2,
    "peaked": np.array([0, 0.7, 1.4, 1.6, 1.2, 0.6, 0.0, -0.5]),
}


@pytest.mark.parametrize("name", list(CURVES))
def test_planted_shapes_are_recovered(name: str) -> None:
    right = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        draws = CURVES[name] + 0.3 * rng.normal(size=(12, 8)) + 0.3 * rng.normal(size=(12, 1))
        right += dose_shape(draws).shape == name
    assert right >= 38


def test_noise_and_wandering_draws_are_flat() -> None:
    rng = np.random.default_rng(0)
    noise = [dose_shape(rng.normal(size=(8, 8))).shape for _ in range(100)]
    walks = [dose_shape(rng.normal(size=(8, 8)).cumsum(axis=1)).shape for _ in range(100)]
    assert noise.count("flat") >= 95
    assert walks.count("flat") >= 90


def test_shape_without_noise() -> None:
    assert dose_shape(np.tile(CURVES["rising"], (4, 1))).shape == "rising"
    assert dose_shape(np.ones((4, 8))).shape == "flat"
    peaked = dose_shape(np.tile(CURVES["peaked"], (4, 1)))
    assert (peaked.shape, peaked.peak, peaked.draws) == ("peaked", 3, 4)
    assert peaked.errors["peaked"] == pytest.approx(0, abs=1e-12)
    with pytest.raises(ValueError, match="3 draws"):
        dose_shape(np.ones((2, 8)))


@settings(max_examples=50, deadline=None)
@given(npst.arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 9)), elements=st.floats(-9, 9)))
def test_isotonic_is_least_squares(curves: np.ndarray) -> None:
    expected = np.array([isotonic_regression(row).x for row in curves])
    np.testing.assert_allclose(isotonic(curves), expected, atol=1e-9)


@settings(max_examples=50, deadline=None)
@given(npst.arrays(np.float64, st.tuples(st.just(1), st.integers(1, 8)), elements=st.floats(-9, 9)))
def test_unimodal_is_the_best_single_peak(curves: np.ndarray) -> None:
    fit, row = unimodal(curves)[0], curves[0]
    peak = int(fit.argmax())
    assert (np.diff(fit[: peak + 1]) >= -1e-9).all()
    assert (np.diff(fit[peak:]) <= 1e-9).all()

    def loss(top: int) -> float:
        up = isotonic_regression(row[:top]).x if top else np.empty(0)
        down = isotonic_regression(row[top:], increasing=False).x if top < row.size else np.empty(0)
        return float(((np.concatenate([up, down]) - row) ** 2).sum())

    assert ((fit - row) ** 2).sum() == pytest.approx(min(map(loss, range(row.size + 1))), abs=1e-8)


def test_slope_is_per_doubling() -> None:
    draws = 0.7 * np.log2(DOSES) + np.arange(5.0)[:, None]
    assert slope_log2(draws, DOSES) == pytest.approx(0.7)
    with pytest.raises(ValueError, match="none below 1"):
        slope_log2(draws, np.arange(8))
