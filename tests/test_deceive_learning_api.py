"""Learning from Python in one call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import deepception as dc
from deepception.errors import InputError
from known import from_decades, picture, plant

SIDE, CLASSES = 32, 12


def weak(images: np.ndarray) -> np.ndarray:
    """Decades of class 0, which fall with every extreme pixel: thin textures deceive, plain photographs do not."""
    extreme = ((images == 0) | (images == 255)).all(axis=3).sum(axis=(1, 2))
    return np.asarray(1.0 - extreme / 15)


def test_learning_from_python_is_the_same() -> None:
    images = [picture(SIDE, i) for i in range(10)]
    session = plant(weak, SIDE, CLASSES)
    pattern = dc.learn_universal(session, images, 0, area=0.1, queries=240)
    assert session.queries <= 240 + 10
    assert pattern.used <= 0.1 * SIDE * SIDE
    fresh = picture(SIDE, 99)
    assert from_decades(weak(dc.apply(pattern, fresh, as_is=True)[None]), CLASSES).argmax() != 0
    again = dc.learn_universal(plant(weak, SIDE, CLASSES), images, 0, area=0.1, queries=240)
    assert again.sha256 == pattern.sha256
    dictionary = dc.learn_dictionary(session, images, 0, area=0.05, queries=160)
    assert dictionary.learned["queries"] <= 160
    assert dc.deceive(session, fresh, 0, area=0.05, queries=5, dictionary=dictionary).first == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": "random"}, "one target"),
        ({"labels": [0]}, "1 labels were given for 3"),
        ({}, "too few to learn on"),
        ({"area": 2.0}, "no share"),
    ],
)
def test_what_cannot_be_learned(options: dict[str, Any], words: str) -> None:
    session = plant(weak, SIDE, CLASSES)
    with pytest.raises(InputError, match=words):
        dc.learn_universal(session, [picture(SIDE, i) for i in range(3)], **options)
    assert session.queries == 0
