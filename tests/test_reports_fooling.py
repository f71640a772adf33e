"""The page of a fooling image: what its patches are, in words."""

from __future__ import annotations

import pytest

from deepception.reports.fooling import _source
from deepception.stimuli import grating, uniform_patch


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (grating((8, 8), 6.5, 45).source, "grating, 6.5 px a period, at 45°"),
        (uniform_patch((4, 4), (255, 0, 12)).source, "one colour, RGB 255, 0, 12"),
        ("cat.jpg, all of it,", "cat.jpg, all of it,"),
    ],
)
def test_patches_made_by_a_rule_are_named_by_its_numbers(made: str, words: str) -> None:
    assert _source(made) == words
