from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from deepception.statistics import (
    ACTIVATOR,
    INHIBITOR,
    NEUTRAL,
    UNDECIDED,
    classify_places,
    margin_tests,
    max_t_bands,
    specific_places,
)


def test_margin_tests_are_t_tests() -> None:
    repeats = np.random.default_rng(0).normal([0.3, -0.4, 0.0], 0.2, size=(12, 3))
    tests = margin_tests(repeats, 0.1)
    above = stats.ttest_1samp(repeats, 0.1, alternative="greater").pvalue
    below = stats.ttest_1samp(repeats, -0.1, alternative="less").pvalue
    np.testing.assert_allclose(tests.p_activator, above)
    np.testing.assert_allclose(tests.p_inhibitor, below)
    inside = np.maximum(
        stats.ttest_1samp(repeats, -0.1, alternative="greater").pvalue,
        stats.ttest_1samp(repeats, 0.1, alternative="less").pvalue,
    )
    np.testing.assert_allclose(tests.p_neutral, inside)
    assert not tests.exact.any()


def test_repeats_without_variance_are_exact() -> None:
    repeats = np.tile([0.3, -0.3, 0.05, 0.1, -0.1], (12, 1))
    tests = margin_tests(repeats, 0.1)
    assert tests.exact.all()
    assert tests.p_activator.tolist() == [0, 1, 1, 1, 1]
    assert tests.p_inhibitor.tolist() == [1, 0, 1, 1, 1]
    assert tests.p_neutral.tolist() == [1, 1, 0, 1, 1]
    assert classify_places(repeats).tolist() == [ACTIVATOR, INHIBITOR, NEUTRAL, UNDECIDED, UNDECIDED]
    low, high = max_t_bands(repeats)
    np.testing.assert_array_equal(low, repeats[0])
    np.testing.assert_array_equal(high, repeats[0])


def test_planted_signs_are_recovered() -> None:
    truth = np.repeat([ACTIVATOR, INHIBITOR, NEUTRAL], [9, 20, 20]).astype(np.int8)
    mean = np.select([truth == ACTIVATOR, truth == INHIBITOR], [0.5, -0.5], 0.0)
    repeats = mean + 0.08 * np.random.default_rng(1).normal(size=(12, 49))
    np.testing.assert_array_equal(classify_places(repeats), truth)


def test_noise_is_undecided_and_not_neutral() -> None:
    kinds = classify_places(np.random.default_rng(2).normal(size=(12, 49)))
    assert (kinds == UNDECIDED).mean() > 0.9


def test_too_few_repeats_are_refused() -> None:
    with pytest.raises(ValueError, match="2 repeats"):
        margin_tests(np.ones((1, 5)))
    with pytest.raises(ValueError, match="finite"):
        classify_places([[1.0, np.nan], [1.0, 2.0]])


@pytest.mark.parametrize("skewed", [False, True])
def test_bands_hold_all_places_at_once(skewed: bool) -> None:
    covered = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        # Jitter shared by all places, as in the measurement.
        noise = rng.normal(size=(12, 49)) + rng.normal(size=(12, 1))
        repeats = np.exp(0.25 * noise) - np.exp(0.25**2) if skewed else noise
        low, high = max_t_bands(repeats, seed=seed, resamples=400)
        covered += bool(((low <= 0) & (high >= 0)).all())
    assert covered >= 90


def test_bands_are_reproducible_and_wider_than_pointwise_ones() -> None:
    repeats = np.random.default_rng(3).normal(size=(16, 30))
    low, high = max_t_bands(repeats, seed=1)
    np.testing.assert_array_equal(low, max_t_bands(repeats, seed=1)[0])
    pointwise = stats.t.ppf(0.975, 15) * repeats.std(axis=0, ddof=1) / 4
    assert ((high - low) / 2 > 1.2 * pointwise).all()


def test_specific_places_are_found_beyond_the_controls() -> None:
    rng = np.random.default_rng(4)
    controls = 0.3 * rng.normal(size=(20, 49))
    effect = 0.3 * rng.normal(size=49)
    effect[:6] += 3.0
    effect[40:] -= 3.0
    kinds = np.select([effect > 0.1, effect < -0.1], [ACTIVATOR, INHIBITOR], NEUTRAL)
    found = specific_places(effect, controls, kinds)
    assert found[:6].all()
    assert found[40:].all()
    assert found[6:40].sum() <= 2
    # What is neither activator nor inhibitor is never specific, nor is anything with too few controls.
    assert not specific_places(effect, controls, np.full(49, UNDECIDED)).any()
    assert not specific_places(effect, controls[:10], kinds).any()
    with pytest.raises(ValueError, match="K ≥ 3"):
        specific_places(effect, controls[:2], kinds)
