"""A picture laid over described stimuli, or between their background and their patches."""

from __future__ import annotations

import numpy as np
import pytest

from deepception.stimuli import Patch, Stimuli, layered, render

RNG = np.random.default_rng(0)
SIDE = 12
GROUNDS = RNG.integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8)
PATCHES = [Patch(RNG.integers(0, 256, (4, 4, 3), dtype=np.uint8)) for _ in range(2)]
PICTURE = RNG.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def described() -> Stimuli:
    """Three stimuli of two, no and one placements."""
    return Stimuli.describe(
        GROUNDS,
        PATCHES,
        background=[0, 1, 0],
        counts=[2, 0, 1],
        patch=[0, 1, 1],
        y=[0, 5, 3],
        x=[2, 6, 3],
        opacity=[1.0, 0.5, 1.0],
        contrast=[1.0, 0.9, 1.0],
    )


@pytest.mark.parametrize("opacity", [0.0, 0.25, 1.0])
def test_over_everything_it_is_mixed_with_the_whole_stimulus(opacity: float) -> None:
    before = render(described(), 0, 3).astype(np.float32)
    rows = np.array([2, 0, 1, 0])
    shown = render(layered(described(), rows, PICTURE, opacity), 0, 4)
    assert np.array_equal(shown, np.rint(before[rows] * (1 - opacity) + PICTURE * np.float32(opacity)))


def test_below_it_is_the_ground_of_the_patches() -> None:
    stimuli = layered(described(), np.array([0, 2]), PICTURE, [1.0, 0.0], below=True)
    on_picture = Stimuli.single(PICTURE[None], PATCHES[:1], background=0, patch=0, y=0, x=2)
    shown = render(stimuli, 0, 2)
    assert np.array_equal(shown[0][:4, :6], render(on_picture, 0, 1)[0][:4, :6])
    assert np.array_equal(shown[1], render(described(), 2, 3)[0])


def test_each_may_lie_over_or_below() -> None:
    both = layered(described(), np.array([0, 0]), PICTURE, 1.0, below=[False, True])
    shown = render(both, 0, 2)
    assert np.array_equal(shown[0], PICTURE)
    assert not np.array_equal(shown[1], PICTURE)
    assert np.diff(both.offsets).tolist() == [3, 3]
