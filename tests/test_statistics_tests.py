from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from deepception.statistics import benjamini_hochberg, holm, mcnemar_exact, page_trend, sign_flip, sign_test


def test_benjamini_hochberg_agrees_with_scipy() -> None:
    p = np.random.default_rng(0).uniform(size=200) ** 3
    rejected, adjusted = benjamini_hochberg(p, q=0.05)
    np.testing.assert_allclose(adjusted, stats.false_discovery_control(p), rtol=1e-12)
    assert rejected.sum() == (adjusted <= 0.05).sum() > 10
    assert benjamini_hochberg(np.array([]))[0].size == 0
    with pytest.raises(ValueError, match="between 0 and 1"):
        benjamini_hochberg([0.1, np.nan])


def test_holm_on_a_case_by_hand() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize("statistic", ["mean", "median"])
@pytest.mark.parametrize("alternative", ["greater", "less", "two-sided"])
def test_sign_flip_enumerates_small_samples(statistic: str, alternative: str) -> None:
    x = np.array([0.3, -0.1, 0.8, 0.45, 0.2, -0.05])
    measure = np.mean if statistic == "mean" else np.median
    null = np.array([measure(x * signs) for signs in itertools.product([1, -1], repeat=x.size)])
    observed, slack = measure(x), 1e-12
    expected = {
        "greater": (null >= observed - slack).mean(),
        "less": (null <= observed + slack).mean(),
        "two-sided": (np.abs(null) >= abs(observed) - slack).mean(),
    }[alternative]
    assert sign_flip(x, statistic=statistic, alternative=alternative) == pytest.approx(expected)  # type: ignore[arg-type]


def test_sign_flip_by_resampling() -> None:
    x = np.random.default_rng(2).normal(0.6, 1, size=30)
    p = sign_flip(x, seed=1)
    assert p == sign_flip(x, seed=1)
    assert p == pytest.approx(float(stats.ttest_1samp(x, 0).pvalue), abs=0.01)
    # The observed pattern counts, so p is never 0.
    assert sign_flip(np.ones(40), seed=0, resamples=99) >= 1 / 100
    assert sign_flip([]) == 1.0
    assert sign_flip([1.0] * 14) == pytest.approx(2 / 2**14)


def test_mcnemar_is_the_sign_test() -> None:
    assert mcnemar_exact(3, 12) == pytest.approx(float(stats.binomtest(3, 15).pvalue))
    assert mcnemar_exact(0, 0) == mcnemar_exact(4, 4) == 1.0


def test_the_sign_test_is_of_the_median() -> None:
    x = np.array([0.3, -0.1, 0.8, 0.45, 0.2, -0.05, 0.0, 1e6])
    assert sign_test(x) == pytest.approx(float(stats.binomtest(5, 7).pvalue))
    assert sign_test(x) == sign_test(np.sign(x)) == sign_test(-x)
    # It is the sign-flip test of the signs, enumerated.
    assert sign_test(x) == pytest.approx(sign_flip(np.sign(x)[x != 0]))
    assert sign_test([1.0] * 6) == pytest.approx(2 / 2**6)
    assert sign_test([]) == sign_test([0.0, 0.0]) == 1.0
    with pytest.raises(ValueError, match="finite"):
        sign_test([np.nan])


def test_page_trend_finds_the_direction() -> None:
    rng = np.random.default_rng(0)
    rising = np.arange(8) * 0.4 + rng.normal(size=(6, 8))
    level, p = page_trend(rising)
    assert level == float(stats.page_trend_test(rising).statistic)
    assert p < 0.001
    assert page_trend(rising, decreasing=True)[1] > 0.9
    assert page_trend(-rising, decreasing=True) == page_trend(rising)
    assert page_trend(rising, null="sign-flip")[1] == pytest.approx(1 / 2**6)
    with pytest.raises(ValueError, match="3 doses"):
        page_trend(rising[:, :2])


def test_page_trend_with_draws_that_drift() -> None:
    # Copies n + 1 keep the places of copies n, so a draw wanders: Page's own null is too narrow then.
    walks = np.random.default_rng(1).normal(size=(200, 8, 9)).cumsum(axis=2)
    page = np.mean([page_trend(walk)[1] < 0.05 for walk in walks])
    flipped = np.mean([page_trend(walk, null="sign-flip")[1] < 0.05 for walk in walks])
    assert page > 0.12
    assert flipped <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 200)
