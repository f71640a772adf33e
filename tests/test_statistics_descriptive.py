from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from deepception.statistics import (
    decades,
    gini,
    kaplan_meier_median,
    order_statistic_median,
    regress_out,
    residual_rank_correlation,
    spearman,
)


def test_gini_by_its_definition() -> None:
    p = np.random.default_rng(0).exponential(size=49)
    expected = np.abs(p[:, None] - p[None]).sum() / (2 * 49**2 * p.mean())
    assert gini(p.reshape(7, 7)) == pytest.approx(expected)
    assert gini(np.ones(5)) == pytest.approx(0)
    assert gini([0, 0, 0, 1.0]) == pytest.approx(3 / 4)
    assert math.isnan(gini([0.0, 0.0]))
    with pytest.raises(ValueError, match="non-negative"):
        gini([1.0, -0.1])


def test_spearman_agrees_with_scipy_also_with_ties() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 5, size=60), rng.normal(size=60)
    assert spearman(a, a + b) == pytest.approx(float(stats.spearmanr(a, a + b).statistic))
    assert math.isnan(spearman(np.ones(4), np.arange(4)))
    assert spearman([1, 2, -np.inf], [10, 20, 0]) == pytest.approx(1)


def test_area_is_regressed_out() -> None:
    rng = np.random.default_rng(2)
    area = rng.uniform(1, 3, size=400)
    first, second = 2 * area + rng.normal(size=400), 3 * area + rng.normal(size=400)
    left = regress_out(first, area)
    assert np.corrcoef(left, area)[0, 1] == pytest.approx(0, abs=1e-12)
    assert left.mean() == pytest.approx(first.mean())
    assert spearman(first, second) > 0.5
    assert abs(residual_rank_correlation(first, second, area)) < 0.12
    np.testing.assert_array_equal(regress_out(first, np.ones(400)), first)


def test_decades() -> None:
    np.testing.assert_allclose(decades([math.log(100), -math.log(10)]), [2, -1])


def test_kaplan_meier_median_without_censoring_is_the_median() -> None:
    fit = kaplan_meier_median(np.arange(1.0, 22.0), np.zeros(21, dtype=bool))
    assert fit.value == 11
    assert fit.low < 11 < fit.high
    assert (fit.n, fit.censored) == (21, 0)


@pytest.mark.filterwarnings("ignore:The confidence interval is undefined")
def test_kaplan_meier_agrees_with_scipy() -> None:
    rng = np.random.default_rng(3)
    times, limit = rng.exponential(4, size=60), rng.exponential(8, size=60)
    seen, censored = np.minimum(times, limit), times > limit
    fit = kaplan_meier_median(seen, censored)
    data = stats.CensoredData(uncensored=seen[~censored], right=seen[censored])
    curve = stats.ecdf(data).sf
    band = curve.confidence_interval(method="log-log")

    def crossing(probabilities: np.ndarray) -> float:
        return float(curve.quantiles[np.flatnonzero(probabilities <= 0.5)[0]])

    assert fit.value == crossing(curve.probabilities)
    assert fit.low == crossing(band.low.probabilities)
    assert fit.high == crossing(band.high.probabilities)


def test_kaplan_meier_with_too_few_events() -> None:
    fit = kaplan_meier_median([1, 2, 16, 16, 16, 16], [False, False, True, True, True, True])
    assert fit.value is None
    assert fit.high == math.inf
    assert fit.to_json()["high"] == "inf"
    assert kaplan_meier_median([16, 16], [True, True]).value is None
    assert kaplan_meier_median([], []).n == 0
    with pytest.raises(ValueError, match="finite"):
        kaplan_meier_median([np.inf], [True])


def test_median_of_queries_counts_failures() -> None:
    half = order_statistic_median([1, 2, 3, 4, np.inf, np.inf, np.inf, np.inf])
    assert half.value == 4
    assert half.high == np.inf
    assert order_statistic_median([1, 2, 3, np.inf, np.inf, np.inf, np.inf]).value == np.inf
    small = order_statistic_median([1, 2, 3, 4, 5])
    assert small.value == 3
    assert math.isnan(small.low)
    six = order_statistic_median([6, 5, 4, 3, 2, 1])
    assert (six.low, six.high) == (1, 6)
    with pytest.raises(ValueError, match="inf"):
        order_statistic_median([np.nan])


def test_order_statistic_interval_covers_at_least_its_level() -> None:
    draws = np.random.default_rng(5).normal(size=(1_000, 25))
    covered = np.mean([order_statistic_median(row).contains(0.0) for row in draws])
    assert covered >= 0.95 - 2 * math.sqrt(0.05 * 0.95 / 1_000)
