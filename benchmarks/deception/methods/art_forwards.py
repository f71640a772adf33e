"""A photograph's trials as an ART classifier: every new image is one query, a repeated one costs nothing.

ART asks for the same image several times in one step (the current one, to see whether it is robust still, and
again for its loss). Counting only images that were not asked before is what the attack needs at least: it
favours ART.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepception.deceive.bounds import Bound, Linf
from deepception.deceive.goals import Goal, Untargeted
from deepception.deceive.trials import Exhausted, Trials
from deepception.sessions import Answers, Session
from deepception.stimuli.patches import UInt8

from ..outcome import Outcome

STALLED = 20_000
"""After so many repeated images without a new one in between, an attack goes round in circles."""


class Reached(Exception):
    """The goal is reached within the bound; the attack ends."""


class Everything:
    """A goal of which all scores are read, so that ART gets them; it judges as the goal behind it."""

    def __init__(self, goal: Goal, classes: int) -> None:
        self.goal = goal
        self.classes = tuple(range(classes))
        self.scores: NDArray[np.float32] = np.zeros(classes, dtype=np.float32)

    def reached(self, top1: NDArray[np.int64]) -> NDArray[np.bool_]:
        return self.goal.reached(top1)

    def loss(self, answers: Answers) -> NDArray[np.float64]:
        logs = answers.log_probability[0]
        if np.isnan(logs).any():  # labels only
            logs = np.where(np.arange(len(self.classes)) == answers.top[0, 0], 1.0, 0.0)
        self.scores = logs.astype(np.float32)
        wanted = list(self.goal.classes)
        return self.goal.loss(
            replace(answers, classes=answers.classes[wanted], log_odds=answers.log_odds[:, wanted])
        )


class Forwards:
    """What ART calls: images, float32 ``[N, H, W, 3]`` in 0…255, to scores ``[N, K]``.

    They are rounded to the uint8 that is shown. The first one that reaches the goal within the bound ends the
    attack.
    """

    def __init__(self, session: Session, clean: UInt8, goal: Untargeted, bound: Bound, queries: int) -> None:
        self.classes = len(session.observer.labels)
        self.goal, self.bound, self.clean = goal, bound, clean
        self._limit = bound.limit((clean.shape[0], clean.shape[1]))
        self._everything = Everything(goal, self.classes)
        # An attack that works on labels wanders outside of the bound; only what lies within counts.
        wanted: Any = self._everything
        self.trials = Trials(session, clean, wanted, Linf(1.0), queries)
        self.first: int | None = None
        self.stimulus = clean
        clean_scores = np.zeros(self.classes, dtype=np.float32)
        clean_scores[goal.clean] = 1.0
        self._known = {} if self.trials.scored else {clean.tobytes(): clean_scores}
        self._again = 0
        if self.trials.scored:
            # The clean answer is known before and counted apart, for every method alike.
            answers = session.ask_images(clean[None], self._everything.classes, purpose="clean", batch_size=1)
            self._everything.loss(answers)
            self._known[clean.tobytes()] = self._everything.scores

    def __call__(self, images: NDArray[Any]) -> NDArray[np.float32]:
        return np.stack([self._one(image) for image in images])

    def classifier(self) -> Any:
        """The ART classifier."""
        from art.estimators.classification import BlackBoxClassifierNeuralNetwork

        return BlackBoxClassifierNeuralNetwork(
            self,
            input_shape=self.clean.shape,
            nb_classes=self.classes,
            channels_first=False,
            clip_values=(0.0, 255.0),
        )

    def run(self, attack: Any, rng: np.random.Generator) -> Outcome:
        """Generate with this attack until it ends; numpy's own stream, which ART draws from, is seeded."""
        from unittest.mock import patch

        label = np.zeros((1, self.classes), dtype=np.float32)
        label[0, self.goal.clean] = 1.0
        state = np.random.get_state()
        own = np.random.RandomState(int(rng.integers(2**32)))
        np.random.seed(int(rng.integers(2**32)))
        try:
            # HopSkipJump makes an unseeded generator of its own.
            with patch.object(np.random, "RandomState", lambda *_: own):
                attack.generate(self.clean[None].astype(np.float32), label)
        except (Reached, Exhausted):
            pass
        finally:
            np.random.set_state(state)
        used = None if self.first is None else self.bound.used(self.clean, self.stimulus)
        return Outcome(self.first, self.trials.spent, used)

    def _one(self, image: NDArray[Any]) -> NDArray[np.float32]:
        pixels = np.clip(np.rint(image), 0, 255).astype(np.uint8)
        key = pixels.tobytes()
        if key in self._known:
            self._again += 1
            if self._again > STALLED:
                raise Exhausted
            return self._known[key]
        self._again = 0
        shown = self.trials.show(pixels)
        self._known[key] = self._everything.scores
        if shown.reached and self.bound.used(self.clean, pixels) <= self._limit:
            self.first, self.stimulus = self.trials.spent, pixels
            raise Reached
        return self._everything.scores
