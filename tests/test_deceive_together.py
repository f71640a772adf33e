"""A universal pattern learned on several observers: one budget, and an interruption loses one leg."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deepception.deceive import together
from deepception.deceive.bounds import Linf
from deepception.deceive.goals import Untargeted
from deepception.deceive.tiles import tiles_within
from deepception.deceive.together import Teacher, learn_together
from deepception.sessions import Session
from known import Known

SIDE = 24
VEIL = Linf(8 / 255)


def in_red(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Class 1 where two of four columns are 4 levels lighter in red than the others, else class 0."""
    red = images[..., 0].astype(float)
    light = np.arange(SIDE) // 2 % 2 == 0
    step = red[:, :, light].mean(axis=(1, 2)) - red[:, :, ~light].mean(axis=(1, 2))
    return np.stack([np.ones(len(red)), step / 4, np.full(len(red), -50.0)], axis=1)


def in_blue(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The same of blue: what deceives the one need not deceive the other."""
    return in_red(images[..., ::-1])


def teachers() -> list[Teacher]:
    frames = np.stack([np.full((SIDE, SIDE, 3), 100 + i, np.uint8) for i in range(12)])
    goals = [Untargeted(0, 0)] * 12
    return [Teacher(Session(Known(a, SIDE, 3), batch_size=4), frames, goals) for a in (in_red, in_blue)]


def test_one_pattern_is_learned_for_all_within_one_budget() -> None:
    both = teachers()
    texture, spent = learn_together(both, VEIL, 4_000, seed=0)
    assert spent == sum(teacher.session.queries for teacher in both) <= 4_000
    assert min(teacher.session.queries for teacher in both) > 1_200
    for teacher in both:
        pattern = tiles_within(VEIL).pattern(texture, teacher.session.observer.frame)
        shown = np.stack([pattern.apply_to(clean) for clean in teacher.frames])
        assert (teacher.session.ask_images(shown, np.array([0])).top[:, 0] == 1).all()


def test_an_interrupted_race_goes_on_from_its_leg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, spent = learn_together(teachers(), VEIL, 900, seed=1)
    kept, again = tmp_path / "state.json", teachers()
    write = together._State.write

    def write_three(self: Any, *args: Any) -> None:
        write(self, *args)
        if self.stage == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(together._State, "write", write_three)
    with pytest.raises(KeyboardInterrupt):
        learn_together(again, VEIL, 900, 1, kept=kept)
    monkeypatch.setattr(together._State, "write", write)
    half = sum(teacher.session.queries for teacher in again)
    rest = teachers()
    texture, all_of_it = learn_together(rest, VEIL, 900, 1, kept=kept)
    assert texture == whole
    assert all_of_it == spent == half + sum(teacher.session.queries for teacher in rest)
