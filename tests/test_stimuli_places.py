"""Places and jitter: inside the frame, spread as asked, reproducible."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from deepception.stimuli import (
    Jitter,
    available_multiples,
    lattice,
    non_overlapping,
    period_lattice,
    sobol_phases,
)

sides = st.integers(1, 60)


@given(sides, sides, sides, sides, st.integers(1, 12), st.integers(1, 12))
def test_a_lattice_is_distinct_inside_and_reaches_the_corners(
    height: int, width: int, tall: int, wide: int, rows: int, columns: int
) -> None:
    assume(tall <= height and wide <= width and rows <= height - tall + 1 and columns <= width - wide + 1)
    y, x = lattice((height, width), (tall, wide), rows, columns)
    assert y.dtype == x.dtype == np.int32
    assert len({*zip(y.tolist(), x.tolist(), strict=True)}) == rows * columns
    assert y.min() >= 0
    assert x.min() >= 0
    if rows > 1:
        assert (y.min(), y.max()) == (0, height - tall)
        assert np.ptp(np.diff(np.unique(y))) <= 1
    if columns > 1:
        assert (x.min(), x.max()) == (0, width - wide)
    assert (y + tall).max() <= height
    assert (x + wide).max() <= width


def test_a_lattice_runs_row_by_row() -> None:
    y, x = lattice((10, 20), (2, 2), 2, 3)
    assert y.tolist() == [0, 0, 0, 8, 8, 8]
    assert x.tolist() == [0, 9, 18] * 2


def test_a_lattice_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit a frame"):
        lattice((10, 10), (11, 2), 1, 1)
    with pytest.raises(ValueError, match="distinct places"):
        lattice((10, 10), (8, 8), 4, 1)


@given(sides, sides, st.integers(1, 20), st.integers(1, 8))
def test_a_period_lattice_leaves_room_for_every_phase(side: int, patch: int, period: int, count: int) -> None:
    assume(patch <= side)
    fitting = [k for k in range(side) if k * period + period - 1 + patch <= side]
    assert available_multiples(side, patch, period) == len(fitting)
    if count > len(fitting):
        with pytest.raises(ValueError, match="leave room"):
            period_lattice((side, side), (patch, patch), period, count)
        return
    y, x = period_lattice((side, side), (patch, patch), period, count)
    assert len({*zip(y.tolist(), x.tolist(), strict=True)}) == count**2
    assert not (y % period).any()
    assert not (x % period).any()
    assert y.min() >= 0
    assert y.max() + period - 1 + patch <= side
    assert x.max() + period - 1 + patch <= side


def test_a_period_may_differ_between_the_axes() -> None:
    y, x = period_lattice((40, 60), (8, 8), (8, 16), (4, 3))
    assert np.unique(y).tolist() == [0, 8, 16, 24]
    assert np.unique(x).tolist() == [0, 16, 32]


def test_sobol_phases_fill_the_period_evenly_and_follow_the_seed() -> None:
    phases = sobol_phases(16, 64, seed=3)
    assert phases.shape == (64, 2)
    assert phases.dtype == np.int32
    assert phases.min() >= 0
    assert phases.max() < 16
    # 64 scrambled Sobol points: 16 in each quadrant and 4 in each sixteenth of an axis.
    assert np.bincount((phases[:, 0] // 8) * 2 + phases[:, 1] // 8).tolist() == [16] * 4
    assert np.bincount(phases[:, 0], minlength=16).tolist() == [4] * 16
    np.testing.assert_array_equal(phases, sobol_phases(16, 64, seed=3))
    assert (phases != sobol_phases(16, 64, seed=4)).any()
    assert sobol_phases(5, 20, seed=0).shape == (20, 2)
    assert sobol_phases((4, 32), 16, seed=0).max(axis=0)[0] < 4


@settings(max_examples=60, deadline=None)
@given(
    st.integers(4, 40), st.integers(4, 40), st.integers(1, 10), st.integers(1, 10), st.integers(0, 2**32 - 1)
)
def test_non_overlapping_places_do_not_overlap(
    height: int, width: int, tall: int, wide: int, seed: int
) -> None:
    assume(tall <= height and wide <= width)
    count = max(1, (height // tall) * (width // wide) // 2)
    y, x = non_overlapping((height, width), (tall, wide), count, np.random.default_rng(seed))
    covered = np.zeros((height, width), int)
    for top, left in zip(y, x, strict=True):
        covered[top : top + tall, left : left + wide] += 1
    assert covered.max() == 1
    assert covered.sum() == count * tall * wide


def test_non_overlapping_follows_the_seed_and_is_shuffled() -> None:
    first = non_overlapping((224, 224), (48, 48), 8, np.random.default_rng(5))
    again = non_overlapping((224, 224), (48, 48), 8, np.random.default_rng(5))
    np.testing.assert_array_equal(first, again)
    draws = np.array(
        [non_overlapping((30, 10), (10, 10), 2, np.random.default_rng(s))[0] for s in range(400)]
    )
    # Two squares in a column: each of the two is as often the upper one.
    assert abs((draws[:, 0] < draws[:, 1]).mean() - 0.5) < 0.1


def test_non_overlapping_says_when_it_cannot() -> None:
    with pytest.raises(ValueError, match="cannot fit"):
        non_overlapping((20, 20), (10, 10), 5, np.random.default_rng(0))
    with pytest.raises(ValueError, match="jammed"):
        non_overlapping((40, 40), (10, 10), 16, np.random.default_rng(0), restarts=3)


def test_jitter_is_uniform_on_its_stated_population() -> None:
    draws = Jitter().draw(4000, np.random.default_rng(0), shift=16)
    assert draws.contrast.dtype == draws.brightness.dtype == np.float32
    assert draws.dy.dtype == draws.dx.dtype == np.int32
    assert 0.95 <= draws.contrast.min() < 0.951
    assert 1.049 < draws.contrast.max() <= 1.05
    assert -5 <= draws.brightness.min() < -4.9
    assert 4.9 < draws.brightness.max() <= 5
    assert abs(draws.brightness.mean()) < 0.2
    for shift in (draws.dy, draws.dx):
        assert np.bincount(shift, minlength=16).min() > 150
        assert shift.max() == 15
    again = Jitter().draw(4000, np.random.default_rng(0), shift=16)
    np.testing.assert_array_equal(draws.contrast, again.contrast)


def test_no_jitter_is_no_change() -> None:
    draws = Jitter(contrast=0, brightness=0).draw(5, np.random.default_rng(0), shift=1)
    assert draws.contrast.tolist() == [1] * 5
    assert draws.brightness.tolist() == draws.dy.tolist() == draws.dx.tolist() == [0] * 5
    with pytest.raises(ValueError, match="at least 1"):
        Jitter().draw(5, np.random.default_rng(0), shift=0)
    with pytest.raises(ValueError, match="out of range"):
        Jitter(contrast=-0.1)
