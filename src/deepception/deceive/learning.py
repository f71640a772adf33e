"""Learning: what photographs teach about one observer, in stages: a universal pattern, or a dictionary."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..observers import AnswerLevel, resolve_label
from ..properties.result import Result
from ..properties.streams import stream
from ..properties.subject import Subject
from ..sessions import Session
from ..stimuli import Frame
from ..stimuli.patches import UInt8
from . import pattern_file
from .bounds import Area, Bound, Linf
from .builtin import builtin_dictionary
from .dictionary import Dictionary, ordered, show_stencils
from .goals import Goal, Targeted, Untargeted
from .parameters import DeceptionParameters
from .pattern import Pattern
from .race import STAGES, Parents, Race, leg_queries
from .stencils import Stencil, draw_stencil
from .tiles import tiles_within
from .veil_bank import builtin_veils

FEWEST = 8
"""Fewest learning photographs."""

DICTIONARY_PHOTOGRAPHS = 48
"""Most photographs on which a dictionary is learned: more stencils teach more than more photographs."""

PURPOSE = "learning"

_STEEP, _SHIFT, _TREND = 2.5, 0.2, 0.02


@dataclass(frozen=True, eq=False)
class Learned(Result):
    """What learning has come to after one of its stages: enough to go on, and at the end what was learned.

    Attributes:
        kind: ``"pattern"`` or ``"dictionary"``.
        stage: The stage, counted from 0.
        spent: Queries of all stages so far.
        facts: How it was learned, JSON-able.
        payload: uint8 ``[B]``, the state.
    """

    axes: ClassVar[dict[str, tuple[str, ...]]] = {"payload": ("byte",)}

    kind: str
    stage: int
    spent: int
    facts: dict[str, Any]
    payload: NDArray[np.uint8]

    @property
    def finished(self) -> bool:
        """Whether this was the last stage."""
        return self.stage == STAGES - 1

    def summary(self) -> dict[str, Any]:
        """The figures of learning, JSON values."""
        return {"kind": self.kind, "stage": self.stage, "spent": self.spent, **self.facts}

    def pattern(self, bound: Bound, frame: Frame) -> Pattern | None:
        """The universal pattern for a frame; ``None`` where a dictionary was learned."""
        if self.kind != "pattern":
            return None
        return tiles_within(bound).pattern(self.motif(bound), frame, self._about())

    def value(self, bound: Bound) -> float:
        """What learning raises: the mean worth of the best tile so far over the photographs that it was shown on.

        Of a dictionary: the share of the learning photographs that its stencils deceive.
        """
        if self.kind != "pattern":
            stencils, reached = _shown(self)
            return float(ordered(stencils, reached, {}).learned["deceived"])
        return _parents(self, bound).mean()

    def motif(self, bound: Bound) -> Any:
        """The best tile so far of a universal pattern, as its family describes it."""
        return _parents(self, bound).best()

    def dictionary(self) -> Dictionary | None:
        """The dictionary; ``None`` where a pattern was learned."""
        if self.kind != "dictionary":
            return None
        return ordered(*_shown(self), self._about())

    def _about(self) -> dict[str, Any]:
        return {**self.facts, "queries": self.spent}


def learn_stage(
    session: Session,
    subjects: Sequence[Subject],
    tops: Sequence[int],
    parameters: DeceptionParameters,
    earlier: Learned | None,
    stage: int,
    seed: int,
) -> Learned:
    """One stage of learning; the eight stages share ``parameters.learn_queries``.

    Args:
        session: Whom to ask.
        subjects: The learning photographs, each with its class.
        tops: Their clean top-1, one each.
        parameters: The bound, the target, whether the pattern is universal, and the queries.
        earlier: What the stage before has left; ``None`` for the first.
        stage: 0 … STAGES − 1.
        seed: Seed of everything random.

    Raises:
        InputError: Too few photographs or queries, or a target that is drawn for each photograph.
    """
    bound = parameters.bound
    goals = _goals(session, subjects, tops, parameters.target)
    used = [i for i, goal in enumerate(goals) if not goal.reached(np.array([tops[i]]))[0]]
    if len(used) < FEWEST:
        raise InputError(
            f"{len(used)} photographs are too few to learn on: give {FEWEST} or more that do not have the target "
            "already."
        )
    goals = [goals[i] for i in used]
    frames = np.stack([subjects[i].pixels for i in used])
    quota = leg_queries(parameters.learn_queries, stage)
    rng = stream(seed, "learning", "pattern" if parameters.universal else "dictionary", stage)
    facts = {
        "observer": session.observer.name,
        "fingerprint": session.fingerprint,
        "bound": str(bound),
        "target": parameters.target,
        "seed": seed,
    }
    before = session.answered
    if parameters.universal:
        facts["photographs"] = len(frames)
        payload = _universal(session, frames, goals, bound, earlier, stage, quota, rng)
    else:
        if not isinstance(bound, Area):
            raise InputError("a dictionary is learned for an area; veils are learned with --universal.")
        order = stream(seed, "learning", "photographs").permutation(len(frames))[:DICTIONARY_PHOTOGRAPHS]
        facts["photographs"] = len(order)
        payload = _dictionary(
            session, frames[order], [goals[i] for i in order], bound, earlier, stage, quota, rng
        )
    queries = session.answered - before
    return Learned(
        name="learning",
        sha256="",
        label=-1,
        queries=queries,
        kind="pattern" if parameters.universal else "dictionary",
        stage=stage,
        spent=queries + (earlier.spent if earlier is not None else 0),
        facts=facts,
        payload=np.frombuffer(payload, dtype=np.uint8),
    )


def worth(losses: NDArray[np.float64], *, scored: bool) -> NDArray[np.float64]:
    """How much showings are worth to a universal pattern, from their losses, float64 ``[n]``, at most about 1.

    Near 1 where the goal is well reached and near 0 where it is far, so that the photographs in between decide; a
    slight trend shows the way where all are far. With labels only it is whether the goal was reached.
    """
    if not scored:
        return 1.0 - losses
    decades = losses / math.log(10.0)
    steep = 1.0 / (1.0 + np.exp(np.clip(_STEEP * (decades + _SHIFT), -50.0, 50.0)))
    return np.asarray(steep - _TREND * np.clip(decades, -1.0, 10.0))


def show_worth(
    session: Session, pattern: Pattern, frames: UInt8, goals: Sequence[Goal]
) -> NDArray[np.float64]:
    """Show a pattern on photographs uint8 ``[n, H, W, 3]``: its worth on each, float64 ``[n]``, see ``worth``."""
    shown = np.stack([pattern.apply_to(frame) for frame in frames])
    classes = np.unique([c for goal in goals for c in goal.classes])
    answers = session.ask_images(shown, classes, purpose=PURPOSE)
    losses = [
        goal.loss(answers.select(slice(row, row + 1)).read(goal.classes))[0] for row, goal in enumerate(goals)
    ]
    return worth(np.array(losses), scored=answers.level is not AnswerLevel.LABEL)


def _goals(
    session: Session, subjects: Sequence[Subject], tops: Sequence[int], target: int | str | None
) -> list[Goal]:
    if target is None:
        return [
            Untargeted(int(top), s.label if s.labelled else None)
            for s, top in zip(subjects, tops, strict=True)
        ]
    return [Targeted(resolve_label(target, session.observer.labels))] * len(subjects)


def _universal(
    session: Session,
    frames: UInt8,
    goals: Sequence[Goal],
    bound: Bound,
    earlier: Learned | None,
    stage: int,
    quota: int,
    rng: np.random.Generator,
) -> bytes:
    family = tiles_within(bound)

    def show(motif: Any, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        pattern = family.pattern(motif, session.observer.frame)
        return show_worth(session, pattern, frames[chosen], [goals[i] for i in chosen])

    parents: Parents[Any] = Parents() if earlier is None else _parents(earlier, bound)
    race = Race(family, show, len(frames), quota, rng)
    race.run(parents, stage, builtin_veils(session.observer) if isinstance(bound, Linf) else ())
    tiles = [family.to_json(tile) for tile in parents.tiles]
    return pattern_file.pack({"values": np.stack(parents.values)}, {"tiles": tiles})


def _parents(learned: Learned, bound: Bound) -> Parents[Any]:
    arrays, facts = pattern_file.unpack(learned.payload.tobytes(), "the stored state of learning")
    family = tiles_within(bound)
    return Parents([family.from_json(tile) for tile in facts["tiles"]], list(arrays["values"]))


def require_queries(queries: int, photographs: int) -> None:
    """Raise InputError where a dictionary could not show one stencil on each photograph in each stage."""
    if queries // STAGES < photographs:
        raise InputError(
            f"{queries:,} learning queries are too few for {photographs} photographs: give "
            f"{photographs * STAGES:,} or more."
        )


def _dictionary(
    session: Session,
    frames: UInt8,
    goals: Sequence[Goal],
    bound: Area,
    earlier: Learned | None,
    stage: int,
    quota: int,
    rng: np.random.Generator,
) -> bytes:
    require_queries(quota * STAGES, len(frames))
    count = quota // len(frames)
    stencils = (
        list(builtin_dictionary(bound.fraction, session.observer).stencils[:count]) if stage == 0 else []
    )
    stencils += [draw_stencil(rng, bound.fraction) for _ in range(count - len(stencils))]
    reached = show_stencils(session, frames, goals, bound, stencils)
    if earlier is not None:
        known, before = _shown(earlier)
        stencils, reached = [*known, *stencils], np.concatenate([before, reached])
    return pattern_file.pack({"reached": reached}, {"stencils": [s.to_json() for s in stencils]})


def _shown(learned: Learned) -> tuple[list[Stencil], NDArray[np.bool_]]:
    arrays, facts = pattern_file.unpack(learned.payload.tobytes(), "the stored state of learning")
    return [Stencil.from_json(values) for values in facts["stencils"]], arrays["reached"]
