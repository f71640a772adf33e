from __future__ import annotations

import numpy as np
import pytest

from deepception.statistics import cross_fitted_best, spatial_range, spread, two_way


def test_two_way_recovers_planted_variances() -> None:
    found = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        table = rng.normal(0, 1.0, (49, 1)) + rng.normal(0, 0.5, (1, 16)) + rng.normal(0, 0.3, (49, 16))
        found.append([(fit := two_way(table)).place, fit.phase, fit.interaction])
    np.testing.assert_allclose(np.mean(found, axis=0), [1.0, 0.25, 0.09], rtol=0.12)


def test_two_way_of_an_additive_table() -> None:
    table = np.arange(4.0)[:, None] + 10 * np.arange(3.0)[None, :]
    fit = two_way(table)
    assert fit.interaction == pytest.approx(0, abs=1e-12)
    assert fit.place == pytest.approx(np.var(np.arange(4.0), ddof=1))
    assert fit.phase == pytest.approx(100 * np.var(np.arange(3.0), ddof=1))
    assert fit.place_share + fit.phase_share + fit.interaction_share == pytest.approx(1)
    assert fit.mean == pytest.approx(11.5)


def test_two_way_keeps_negative_estimates_and_clips_shares() -> None:
    fits = [two_way(np.random.default_rng(seed).normal(size=(10, 16))) for seed in range(20)]
    assert min(fit.place for fit in fits) < 0
    assert all(0 <= fit.place_share <= 1 for fit in fits)
    assert np.isnan(two_way(np.ones((3, 3))).place_share)
    with pytest.raises(ValueError, match="2 places at 2 phases"):
        two_way(np.ones((1, 5)))


def test_spatial_range_has_no_winners_curse() -> None:
    noise = [np.random.default_rng(seed).normal(size=(49, 16)) for seed in range(100)]
    naive = np.mean([np.ptp(table.mean(axis=1)) for table in noise])
    honest = np.array([spatial_range(table, seed=0) for table in noise])
    assert naive > 1
    assert abs(honest.mean()) < 3 * honest.std() / 10
    planted = np.zeros((49, 1))
    planted[3], planted[40] = 1.0, -1.0
    assert spatial_range(planted + 0.2 * noise[0], seed=0) == pytest.approx(2.0, abs=0.3)
    assert spatial_range(noise[1], seed=4) == spatial_range(noise[1], seed=4)


def test_the_best_is_chosen_and_read_on_different_repeats() -> None:
    rng = np.random.default_rng(0)
    mean = np.zeros(30)
    mean[[7, 21]] = [2.0, -2.0]
    fit = cross_fitted_best(mean + 0.5 * rng.normal(size=(12, 30)), seed=1)
    assert (fit.index, fit.worst_index) == (7, 21)
    assert fit.distinguishable
    assert fit.same_choice > 0.99
    assert fit.value == pytest.approx(2.0, abs=0.5)
    assert fit.range == pytest.approx(fit.value - fit.worst_value)


def test_a_tie_among_many_is_not_distinguishable() -> None:
    tables = [np.random.default_rng(seed).normal(size=(13, 100)) for seed in range(40)]
    fits = [cross_fitted_best(table, seed=0, resamples=200) for table in tables]
    assert sum(fit.distinguishable for fit in fits) <= 8
    assert abs(np.mean([fit.value for fit in fits])) < 0.15 < np.mean([t.mean(axis=0).max() for t in tables])
    assert cross_fitted_best(tables[0], seed=0, resamples=200) == fits[0]
    with pytest.raises(ValueError, match="2 repeats"):
        cross_fitted_best(np.ones((1, 4)))


def test_spread_is_both_ranges() -> None:
    assert spread(np.arange(101.0)) == pytest.approx((90.0, 100.0))
    with pytest.raises(ValueError, match="finite"):
        spread([])
