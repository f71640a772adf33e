from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats

from deepception.statistics import Interval, bca, paired_median, wilson


def test_bca_agrees_with_scipy() -> None:
    values = np.random.default_rng(1).exponential(size=30)
    ours = bca(values, "mean", seed=0, resamples=20_000)
    rng = np.random.default_rng(2)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20_000, rng=rng).confidence_interval
    assert ours.method == "bca"
    assert ours.n == 30
    assert ours.value == pytest.approx(values.mean())
    assert ours.low == pytest.approx(theirs.low, abs=0.03)
    assert ours.high == pytest.approx(theirs.high, abs=0.03)


def test_bca_covers_the_true_median() -> None:
    hits = sum(
        bca(np.random.default_rng(seed).normal(size=20), seed=seed, resamples=1_000).contains(0.0)
        for seed in range(200)
    )
    assert 0.90 <= hits / 200 <= 0.99


def test_bca_is_reproducible_and_depends_on_the_seed() -> None:
    values = np.random.default_rng(3).normal(size=17)
    assert bca(values, seed=5) == bca(values, seed=5)
    assert bca(values, "mean", seed=5) != bca(values, "mean", seed=6)


@pytest.mark.parametrize("n", [2, 3, 4, 7, 8, 65, 200])
def test_bca_median_lies_within_its_ends_for_any_n(n: int) -> None:
    values = np.random.default_rng(n).normal(size=n)
    interval = bca(values, resamples=500)
    assert interval.value == pytest.approx(np.median(values))
    assert values.min() <= interval.low <= interval.value <= interval.high <= values.max()


def test_bca_resamples_whole_rows_of_a_callable() -> None:
    rng = np.random.default_rng(0)
    first = rng.exponential(size=40)
    rows = np.stack([first, 2 * first], axis=1)

    def ratio(samples: np.ndarray) -> np.ndarray:
        return np.median(samples[..., 1], axis=-1) / np.median(samples[..., 0], axis=-1)

    interval = bca(rows, ratio, resamples=200)
    # Columns of one photograph stay together, so the ratio never varies.
    assert interval.value == interval.low == interval.high == pytest.approx(2.0)
    assert interval.method == "percentile"


def test_bca_says_when_it_is_not_one() -> None:
    assert bca([4.0] * 9).to_json() | {"level": 0} == {
        "value": 4.0, "low": 4.0, "high": 4.0, "n": 9, "level": 0, "method": "degenerate"
    }  # fmt: skip
    tied = bca([0.0] * 20 + [5.0])
    assert (tied.value, tied.low, tied.high, tied.method) == (0.0, 0.0, 0.0, "percentile")
    one = bca([1.5])
    assert one.value == 1.5
    assert math.isnan(one.low)
    assert one.method == "none"
    assert math.isnan(bca([]).value)


def test_bca_refuses_what_it_cannot_use() -> None:
    with pytest.raises(ValueError, match="finite"):
        bca([1.0, np.nan, 2.0])
    with pytest.raises(ValueError, match="one number per photograph"):
        bca(np.ones((4, 2)))


def test_interval_as_json_is_strict() -> None:
    text = json.dumps(Interval(math.inf, math.nan, -math.inf, 3).to_json(), allow_nan=False)
    assert json.loads(text)["value"] == "inf"
    assert json.loads(text)["low"] is None
    assert not Interval(1.0, math.nan, math.nan, 1).contains(1.0)


def test_paired_median_takes_the_best_control_of_each_photograph() -> None:
    rng = np.random.default_rng(4)
    control = rng.normal(size=(25, 3))
    effect = control.max(axis=1) + 0.5 + 0.01 * rng.normal(size=25)
    interval = paired_median(effect, control)
    assert interval.low > 0.45
    assert interval.contains(0.5)
    assert paired_median(effect, control.max(axis=1)) == interval
    with pytest.raises(ValueError, match="same photographs"):
        paired_median(effect, control[:-1])


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (3, 10), (10, 10), (41, 200)])
def test_wilson_agrees_with_scipy(successes: int, n: int) -> None:
    theirs = stats.binomtest(successes, n).proportion_ci(method="wilson")
    ours = wilson(successes, n)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_of_nothing() -> None:
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)
    with pytest.raises(ValueError, match="between 0 and n"):
        wilson(4, 3)
