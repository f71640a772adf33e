"""Textures: tiles that close on themselves, changes that stay textures, and their numbers as JSON."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepception.deceive.texture_changes import SIDES, changed_texture, draw_texture
from deepception.deceive.textures import Term, Texture
from deepception.errors import InputError

seeds = st.integers(0, 2**32 - 1)


def test_a_grating_is_what_its_numbers_say() -> None:
    tile = Texture(16, (0, 4), (0.1, 0.1, 0.1)).tile()
    assert np.array_equal(tile[..., 0], np.tile(np.repeat([1, -1], 2), (16, 4)))
    assert np.array_equal(tile[..., 0], tile[..., 2])


def test_rings_are_the_same_in_all_directions() -> None:
    tile = Texture(32, (0, 0), (1.0, 1.0, 1.0), rings=4.0, centre=(16.0, 16.0)).tile()[..., 0]
    assert np.array_equal(tile, tile.T)
    assert np.array_equal(tile[1:], tile[1:][::-1])
    assert np.array_equal(tile[16, 16:20], [1, 1, 1, -1])  # a ring of eight pixels, an eighth of it ahead


@pytest.mark.parametrize(
    ("texture", "words"),
    [
        (Texture(16, (3, 4), (1.0, 1.0, 1.0)), "grey stripes 3.2 px apart, repeated every 16 px"),
        (Texture(16, (0, 4), (0.0, math.pi, 0.0)), "coloured stripes 4.0 px apart, repeated every 16 px"),
        (
            Texture(16, (0, 4), (0.0, math.pi, 0.0), (1, -1, 1)),
            "grey stripes 4.0 px apart, repeated every 16 px",
        ),
        (Texture(32, (1, 0), (0.0, 0.0, 0.0), rings=8.0), "grey rings 4.0 px apart, repeated every 32 px"),
        (
            Texture(32, (0, 8), (0.0, 0.0, 0.0), bends=(Term(1, 0, 2.0, 0.0),)),
            "grey bent stripes 4.0 px apart, repeated every 32 px",
        ),
        (Texture(32, (0, 0), (0.0, 0.0, 0.0)), "waves without a direction, repeated every 32 px"),
    ],
)
def test_a_texture_says_what_it_looks_like(texture: Texture, words: str) -> None:
    assert texture.words() == words


def test_a_strong_tint_leaves_one_channel_plain() -> None:
    tile = Texture(16, (3, 1), (0.0, 0.0, 0.0), tints=(Term(0, 0, 2.0, np.pi / 2, 1),)).tile()
    assert (tile[..., 1] == 1).all()
    assert set(np.unique(tile[..., 0])) == {-1, 1}


@given(seed=seeds)
@settings(max_examples=60, deadline=None)
def test_a_change_is_a_texture_of_the_same_side_that_looks_different(seed: int) -> None:
    rng = np.random.default_rng(seed)
    texture = draw_texture(rng)
    assert texture.side in SIDES
    for _ in range(5):
        changed = changed_texture(rng, texture)
        assert changed.side == texture.side
        assert changed.tile().shape == (texture.side, texture.side, 3)
        assert set(np.unique(changed.tile())) <= {-1, 1}
        assert not np.array_equal(changed.tile(), texture.tile())
        assert Texture.from_json(json.loads(json.dumps(changed.to_json()))) == changed
        texture = changed


@given(seed=seeds)
@settings(max_examples=30, deadline=None)
def test_the_tile_closes_on_itself(seed: int) -> None:
    """Rolled by whole tiles' worth of phase nothing moves; a moved centre is the tile rolled."""
    rng = np.random.default_rng(seed)
    texture = Texture(16, (0, 0), (0.3, 0.9, 2.0), rings=3.0, centre=(4.0, 5.0))
    down, across = rng.integers(0, 16, 2)
    moved = Texture(16, (0, 0), (0.3, 0.9, 2.0), rings=3.0, centre=(4.0 + down, 5.0 + across))
    assert np.array_equal(moved.tile(), np.roll(texture.tile(), (down, across), (0, 1)))


@pytest.mark.parametrize("values", [None, [], {}, {"side": 16}])
def test_anything_else_is_refused(values: object) -> None:
    with pytest.raises(InputError, match="damaged or of another kind"):
        Texture.from_json(values)
