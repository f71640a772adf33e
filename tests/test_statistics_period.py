from __future__ import annotations

import numpy as np
import pytest

from deepception.statistics import find_period

POSITIONS = 193


def smooth(rng: np.random.Generator, shape: tuple[int, ...], scale: float) -> np.ndarray:
    from scipy.ndimage import gaussian_filter1d

    pad = int(4 * scale) + 1
    noise = rng.normal(size=(*shape[:-1], shape[-1] + 2 * pad))
    field = gaussian_filter1d(noise, scale, axis=-1)[..., pad:-pad]
    return field / field.std()


def planted(rng: np.random.Generator, period: int, noise: float, within: float = 0.0) -> np.ndarray:
    """12 photographs × 2 rows: a profile of their own that repeats, on a smooth field of place, with noise.

    `within` mixes in a profile that repeats already after half the period.
    """
    profile = rng.normal(size=(12, 2, period))
    if within:
        half = rng.normal(size=(12, 2, period // 2))
        profile = (1 - within) * profile + within * np.concatenate([half, half], axis=-1)
    rows = profile[..., np.arange(POSITIONS) % period]
    field = 0.7 * smooth(rng, rows.shape, 30)
    return rows + field + noise * rng.normal(size=rows.shape)


@pytest.mark.parametrize("period", [8, 16, 32])
def test_planted_periods_are_recovered(period: int) -> None:
    fits = [find_period(planted(np.random.default_rng(seed), period, 0.2), seed=seed) for seed in range(12)]
    assert [fit.period for fit in fits] == [period] * 12
    assert all(fit.p < 0.01 for fit in fits)
    assert all(fit.d[fit.lags == period][0] < 0.3 for fit in fits)
    assert all(fit.dip[fit.lags == period][0] > 0.4 for fit in fits)
    assert all(2 * period in fit.candidates for fit in fits if 2 * period <= fit.lags[-1])


def test_a_period_within_a_period_is_listed() -> None:
    fits = [find_period(planted(np.random.default_rng(seed), 32, 0.2, within=0.65)) for seed in range(12)]
    assert [fit.period for fit in fits] == [32] * 12
    assert all(fit.nested == (16,) for fit in fits)


def test_a_sine_is_located_in_spite_of_a_slow_trend() -> None:
    rng = np.random.default_rng(0)
    for period in (8, 16, 32):
        phase = rng.uniform(0, 2 * np.pi, size=(12, 2, 1))
        rows = np.sin(2 * np.pi * np.arange(POSITIONS) / period + phase)
        rows = rows + 0.5 * smooth(rng, rows.shape, 30) + 0.1 * rng.normal(size=rows.shape)
        assert find_period(rows).period == period


def test_rows_without_noise() -> None:
    rows = np.random.default_rng(1).normal(size=(12, 1, 8))[..., np.arange(POSITIONS) % 8]
    fit = find_period(rows)
    assert fit.period == 8
    assert fit.d[fit.lags == 8][0] == pytest.approx(0, abs=1e-3)
    same = find_period(np.repeat(rows[:1], 12, axis=0))
    assert same.period == 8


def test_d_and_dip_by_their_definition() -> None:
    rows = np.random.default_rng(2).normal(size=(12, 1, 61)).cumsum(axis=-1)
    fit = find_period(rows)
    assert fit.lags.tolist() == list(range(2, 21))
    k = np.arange(61)

    def d(row: np.ndarray, lag: int) -> float:
        v = row - np.polyval(np.polyfit(k, row, 2), k)
        inner = k[lag : 61 - lag]
        return float(((v[inner - lag] - 2 * v[inner] + v[inner + lag]) ** 2).mean() / (6 * v.var()))

    for lag, step in ((2, 1), (9, 2), (20, 5)):
        here = np.array([d(row[0], lag) for row in rows])
        sides = np.array([(d(row[0], lag - step) + d(row[0], lag + step)) / 2 for row in rows])
        assert fit.d[lag - 2] == pytest.approx(here.mean())
        assert fit.dip[lag - 2] == pytest.approx((sides - here).mean())


def test_too_few_photographs_give_no_period() -> None:
    rows = planted(np.random.default_rng(3), 16, 0.1)
    fit = find_period(rows[:11])
    assert fit.period is None
    assert "at least 12" in fit.reason
    # A photograph whose answers never change says nothing.
    rows[0] = 5.0
    assert find_period(rows).photographs == 11
    assert find_period(rows).period is None
    nothing = find_period(np.ones((12, 1, 40)))
    assert (nothing.period, nothing.photographs) == (None, 0)


def test_steps_can_be_bounded_and_bad_rows_are_refused() -> None:
    rows = planted(np.random.default_rng(4), 16, 0.1)
    fit = find_period(rows, smallest=4, largest=12)
    assert fit.lags.tolist() == list(range(4, 13))
    assert fit.period is None
    with pytest.raises(ValueError, match="finite"):
        find_period(np.full((12, 1, 60), np.nan))
    with pytest.raises(ValueError, match="three times"):
        find_period(np.zeros((12, 1, 6)))


def test_same_seed_same_period_fit() -> None:
    rows = planted(np.random.default_rng(5), 8, 0.5)
    first, second = find_period(rows, seed=3), find_period(rows, seed=3)
    assert (first.period, first.p) == (second.period, second.p)
