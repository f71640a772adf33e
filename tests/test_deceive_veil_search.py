"""The veil search finds a planted weakness within its queries, and never exceeds a grey level."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepception.deceive.bounds import Area, Linf
from deepception.deceive.goals import Untargeted
from deepception.deceive.textures import Texture
from deepception.deceive.tiles import VeilTiles
from deepception.deceive.trials import Trials
from deepception.deceive.veil_search import search_veil
from known import ask, picture

SIDE = 32
Images = np.ndarray[Any, Any]


def brighter_below(images: Images) -> Images:
    """Class 1 wins where the lower half is lighter by 6 grey levels, against the upper half, than it is."""
    change = images.astype(float) - picture(SIDE)
    step = change[:, SIDE // 2 :].mean(axis=(1, 2, 3)) - change[:, : SIDE // 2].mean(axis=(1, 2, 3))
    return np.stack([np.ones(len(images)), step / 6, np.full(len(images), -3.0)], axis=1)


def trials_of(queries: int, levels: int = 8, logits: Any = brighter_below) -> Trials:
    classes = logits(picture(SIDE)[None]).shape[1]
    return Trials(ask(logits, SIDE, classes), picture(SIDE), Untargeted(0), Linf(levels / 255), queries)


def test_a_planted_weakness_is_found() -> None:
    for seed in range(5):
        trials = trials_of(200)
        found = search_veil(trials, dictionary=(), rng=np.random.default_rng(seed))
        assert found.shown.reached, seed
        assert found.mask is None
        assert trials.first == trials.spent <= 200


def test_the_dictionary_comes_first() -> None:
    def checkered(images: Images) -> Images:
        rough = np.abs(np.diff(images.astype(float) - picture(SIDE), axis=2)).mean(axis=(1, 2, 3))
        return np.stack([np.ones(len(images)), rough / 10], axis=1)

    columns = Texture(2, (0, 1), (np.pi / 4,) * 3)
    flat = Texture(2, (0, 0), (np.pi / 4,) * 3)
    trials = trials_of(50, logits=checkered)
    found = search_veil(trials, dictionary=(flat, columns), rng=np.random.default_rng(0))
    assert found.source == "dictionary 2"
    assert trials.spent == 2


@given(levels=st.integers(1, 255), queries=st.integers(1, 12), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_neither_a_query_nor_a_grey_level_too_many(levels: int, queries: int, seed: int) -> None:
    def never(images: Images) -> Images:
        return np.stack([np.ones(len(images)), np.zeros(len(images))], axis=1)

    rng = np.random.default_rng(seed)
    trials = trials_of(queries, levels, never)
    found = search_veil(trials, dictionary=(VeilTiles(Linf(levels / 255)).draw(rng),), rng=rng)
    assert trials.spent == queries
    assert Linf(levels / 255).used(picture(SIDE), found.stimulus) <= levels


def test_the_same_seed_gives_the_same_veil() -> None:
    found = [search_veil(trials_of(30), dictionary=(), rng=np.random.default_rng(3)) for _ in range(2)]
    assert np.array_equal(found[0].stimulus, found[1].stimulus)


def test_an_area_is_no_bound_of_a_veil() -> None:
    trials = Trials(ask(brighter_below, SIDE, 3), picture(SIDE), Untargeted(0), Area(0.1), 5)
    with pytest.raises(ValueError, match="L∞"):
        search_veil(trials, dictionary=(), rng=np.random.default_rng(0))
