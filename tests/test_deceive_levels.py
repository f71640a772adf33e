"""How sure a deceived observer is, where its scores are rounded or missing."""

from __future__ import annotations

import numpy as np
import pytest

from deepception.deceive.counting import count_deceptions
from deepception.deceive.judging import odds_of
from deepception.observers import restrict
from deepception.properties import Subject
from deepception.sessions import Session
from known import Known, picture

SIDE = 8
SURE = np.array([[9.0, 0.0, 0.0], [1.0, 0.0, 0.0]])


def asked(knowledge: str, row: int) -> tuple[float | None, bool]:
    observer = Known(lambda images: np.repeat(SURE[row : row + 1], len(images), axis=0), SIDE, 3)
    with Session(restrict(observer, knowledge), batch_size=1) as session:
        return odds_of(session.ask_images(picture(SIDE)[None]), 0)


@pytest.mark.parametrize("knowledge", ["probabilities@0.1", "top-2@0.1"])
def test_a_margin_from_rounded_scores_is_a_bound_where_they_read_as_one(knowledge: str) -> None:
    sure, bound = asked(knowledge, 0)
    assert bound
    assert sure == pytest.approx(np.log10(0.95 / 0.05))
    faint, exact = asked(knowledge, 1)
    assert not exact
    assert faint == pytest.approx(np.log10(0.6 / 0.4))


def test_full_scores_give_margins_and_labels_give_none() -> None:
    assert asked("logits", 0) == (pytest.approx((9 - np.log(2)) / np.log(10)), False)
    assert asked("label", 0) == (None, False)


def test_bounds_are_counted_beside_the_median() -> None:
    from deepception.deceive import deceive_all
    from deepception.deceive.deception import Deception

    side, grey = 32, 128

    def logits(images: np.ndarray) -> np.ndarray:
        # Any patch on the picture is answered with class 1, and surely.
        changed = (images != grey).any(axis=(1, 2, 3))
        return np.where(changed[:, None], [0.0, 9.0, 0.0], [9.0, 0.0, 0.0])

    pictures = [
        Subject(np.full((side, side, 3), grey, dtype=np.uint8), 0, f"p{i}", f"{i:064x}") for i in range(2)
    ]
    for knowledge, bounds in (("probabilities@0.1", 2), ("probabilities", 0)):
        with Session(restrict(Known(logits, side, 3), knowledge), batch_size=8) as session:
            result = deceive_all(session, pictures, [0, 0], area=0.1, queries=20, controls=False)
        assert all(isinstance(d, Deception) and d.reached for d in result.deceptions)
        assert sum(d.log10_odds_bound for d in result.deceptions) == bounds
        figure = count_deceptions(result.rows)["log10_odds"]
        assert figure["bounds"] == bounds
        assert figure["n"] == 2
