"""Bounds, goals and trials: nothing is shown beyond a bound or a budget, and what counts as deceived."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepception.deceive.bounds import Area, Linf, read_bound
from deepception.deceive.goals import Targeted, Untargeted
from deepception.deceive.trials import Exhausted, Trials
from deepception.errors import InputError
from deepception.observers import FunctionObserver
from deepception.sessions import Session
from deepception.stimuli import Frame
from known import ask, picture

SIDE = 16


def brightness(images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Three classes: dark, middle, bright."""
    mean = images.reshape(len(images), -1).mean(axis=1) / 255
    return np.stack([-8 * mean, np.full(len(mean), -2.0), 8 * (mean - 1)], axis=1)


class TestBounds:
    def test_an_area_is_cut_off_to_whole_pixels(self) -> None:
        assert Area(0.05).limit((224, 224)) == 2508
        assert Area(0.07).limit((10, 10)) == 7  # 0.07 * 100 is 7.000000000000001 or less
        assert Area(0.29).limit((10, 10)) == 29
        assert Area(0.001).limit((16, 16)) == 0

    def test_an_area_counts_pixels_and_not_values(self) -> None:
        clean = picture(SIDE)
        shown = clean.copy()
        shown[0, 0] ^= 1
        shown[3, 4, 2] ^= 255
        assert Area(0.5).used(clean, shown) == 2
        assert Area(0.5).used(clean, clean) == 0

    def test_levels_are_read_off_in_integers(self) -> None:
        assert Linf(10 / 255).levels == 10
        assert Linf(0.0392).levels == 9
        assert Linf(8 / 255).levels == 8
        assert [Linf(k / 255).levels for k in range(1, 256)] == list(range(1, 256))

    def test_the_largest_difference_has_no_overflow(self) -> None:
        clean, shown = np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2, 3), np.uint8)
        shown[1, 1, 0], clean[0, 1, 2] = 255, 250
        assert Linf(0.5).used(clean, shown) == 255

    def test_what_is_given_is_read(self) -> None:
        assert read_bound() == Area(0.05)
        assert read_bound(area=0.2) == Area(0.2)
        assert read_bound(linf="10/255") == Linf(10 / 255)
        assert read_bound(linf="0.0392") == Linf(0.0392)
        assert read_bound(linf=0.04) == Linf(0.04)

    @pytest.mark.parametrize(
        ("area", "linf"),
        [
            (0.1, "8/255"),
            (0.0, None),
            (1.5, None),
            (math.nan, None),
            (None, "x"),
            (None, "1/0"),
            (None, "1/300"),
        ],
    )
    def test_what_is_no_bound_is_refused(self, area: float | None, linf: str | None) -> None:
        with pytest.raises(InputError):
            read_bound(area, linf)


class TestGoals:
    def test_untargeted_excludes_the_clean_answer_and_the_true_label(self) -> None:
        goal = Untargeted(clean=2, label=0)
        assert goal.reached(np.array([0, 1, 2, 3])).tolist() == [False, True, False, True]
        assert set(goal.classes) == {0, 2}
        assert Untargeted(clean=2).classes == Untargeted(clean=2, label=2).classes == (2,)

    def test_label_zero_is_a_label(self) -> None:
        assert not Untargeted(clean=1, label=0).reached(np.array([0]))[0]

    def test_losses_fall_towards_the_goal(self) -> None:
        session = ask(lambda images: brightness(images), SIDE, 3)
        images = np.stack([np.full((SIDE, SIDE, 3), level, np.uint8) for level in (0, 60, 128, 250)])
        untargeted, targeted = Untargeted(0), Targeted(2)
        away = untargeted.loss(session.ask_images(images, np.array(untargeted.classes)))
        near = targeted.loss(session.ask_images(images, np.array(targeted.classes)))
        assert (np.diff(away) < 0).all()
        assert (np.diff(near) < 0).all()

    def test_the_loss_is_that_of_what_is_still_most_likely(self) -> None:
        session = ask(lambda images: np.tile([3.0, 1.0, -1.0], (len(images), 1)), SIDE, 3)
        answers = session.ask_images(picture(SIDE)[None], np.array([1, 0]))
        assert Untargeted(1, 0).loss(answers)[0] == pytest.approx(3 - math.log(math.e + math.exp(-1)))


class TestTrials:
    def trials(self, queries: int = 3, bound: Area | Linf | None = None) -> Trials:
        session = ask(brightness, SIDE, 3)
        return Trials(
            session, np.zeros((SIDE, SIDE, 3), np.uint8), Untargeted(0), bound or Area(1.0), queries
        )

    def test_queries_are_counted_to_the_last(self) -> None:
        trials = self.trials(3)
        for number in (1, 2, 3):
            trials.show(trials.clean)
            assert (trials.spent, trials.left) == (number, 3 - number)
        with pytest.raises(Exhausted):
            trials.show(trials.clean)
        assert trials.session.queries == trials.session.transmissions == 3

    def test_the_first_success_is_remembered(self) -> None:
        trials = self.trials(4)
        bright = np.full_like(trials.clean, 255)
        assert not trials.show(trials.clean).reached
        assert trials.show(bright).top1 == 2
        trials.show(bright)
        assert trials.first == 2

    @settings(deadline=None)
    @given(st.integers(1, SIDE * SIDE - 1))
    def test_one_pixel_too_many_is_not_shown(self, pixels: int) -> None:
        trials = self.trials(2, Area(pixels / SIDE**2))
        shown = trials.clean.copy()
        shown.reshape(-1, 3)[:pixels] = 9
        trials.show(shown, covered=pixels)
        with pytest.raises(ValueError, match="exceeds"):
            trials.show(trials.clean, covered=pixels + 1)
        shown.reshape(-1, 3)[pixels] = 9
        with pytest.raises(ValueError, match="exceeds"):
            trials.show(shown)
        assert trials.spent == trials.session.queries == 1

    @settings(deadline=None)
    @given(st.integers(1, 254))
    def test_one_grey_level_too_many_is_not_shown(self, levels: int) -> None:
        trials = self.trials(2, Linf(levels / 255))
        trials.show(np.full_like(trials.clean, levels))
        shown = np.full_like(trials.clean, levels)
        shown[3, 3, 1] += 1
        with pytest.raises(ValueError, match="exceeds"):
            trials.show(shown)
        assert trials.session.queries == 1

    def test_what_is_watched_is_a_query_and_no_try(self) -> None:
        trials = self.trials(2, Area(1 / SIDE**2))
        bright = np.full_like(trials.clean, 255)
        assert trials.watch(bright).top[0, 0] == 2
        trials.watch(bright)
        assert (trials.spent, trials.left, trials.first) == (2, 0, None)
        with pytest.raises(Exhausted):
            trials.watch(bright)
        assert trials.session.queries == 2

    def test_labels_have_no_losses_but_reached_or_not(self) -> None:
        observer = FunctionObserver(
            lambda images: brightness(images).argmax(axis=1), Frame(SIDE, SIDE), classes=3, level="label"
        )
        trials = Trials(Session(observer), np.zeros((SIDE, SIDE, 3), np.uint8), Untargeted(0), Area(1.0), 2)
        assert not trials.scored
        assert trials.show(trials.clean).loss == 1
        assert trials.show(np.full_like(trials.clean, 255)).loss == 0
