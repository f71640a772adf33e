"""A universal pattern learned on several networks at once: their photographs run in one race of tiles.

It is the race of ``learn_universal`` with more photographs in it: each photograph of each network is one, and a
showing is a query of the network that it belongs to. All networks share one budget. What the race starts from is
given: with nothing, no pattern of the package (learned on other networks) is an ancestor of what comes out.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepception.deceive.bounds import Bound
from deepception.deceive.goals import Goal
from deepception.deceive.learning import PURPOSE, SCREENING, STAGES, TOGETHER, worth
from deepception.deceive.race import Parents, Race
from deepception.deceive.tiles import Codes, check_tile, tiles_within
from deepception.observers import AnswerLevel
from deepception.properties.streams import stream
from deepception.sessions import Session
from deepception.stimuli.patches import UInt8

from .photographs import Case


@dataclass(frozen=True, eq=False)
class Teacher:
    """One network that is learned on: its session and its learning photographs."""

    session: Session
    cases: Sequence[Case]


def learn_together(
    teachers: Sequence[Teacher], bound: Bound, queries: int, seed: int, kept: Path | None = None
) -> tuple[Codes, int]:
    """The best tile and the queries it took, the clean answers of all photographs among them.

    Args:
        teachers: The networks.
        bound: What the pattern may change.
        queries: Most queries of all networks together.
        seed: Of everything random.
        kept: File in which the state after each stage is kept, so that an interrupted race goes on.
    """
    rows = _rows(teachers)
    family = tiles_within(bound)

    def show(tile: Codes, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        values = np.empty(len(chosen))
        for number, teacher in enumerate(teachers):
            here = np.flatnonzero(rows.teacher[chosen] == number)
            if here.size:
                values[here] = _shown(teacher.session, family, tile, [rows.each[i] for i in chosen[here]])
        return values

    left = queries - len(rows.each)  # the clean answers
    state = _State() if kept is None or not kept.exists() else _State.read(kept, bound)
    for stage in range(state.stage, STAGES):
        quota = left * (stage + 1) // STAGES - left * stage // STAGES
        race = Race(family, show, len(rows.each), quota, stream(seed, "learning", "together", stage))
        if stage < SCREENING:
            race.screen(state.parents)
        else:
            if stage == TOGETHER:
                race.settle(state.parents)
            race.change(state.parents)
        state = _State(stage + 1, state.spent + quota - race.left, state.parents)
        if kept is not None:
            state.write(kept)
    return state.parents.best(), state.spent + len(rows.each)


def tile_to_json(tile: Codes) -> dict[str, Any]:
    """A tile as JSON has it."""
    return {"shape": list(tile.shape), "codes": b64encode(tile.astype(np.int8).tobytes()).decode("ascii")}


def tile_from_json(values: dict[str, Any], bound: Bound) -> Codes:
    """A tile from ``tile_to_json``, within its bound."""
    codes = np.frombuffer(b64decode(values["codes"]), dtype=np.int8)
    return check_tile(codes.reshape(values["shape"]), bound)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Photographs with their goals, and int64 ``[N]``, which network each belongs to."""

    each: list[tuple[UInt8, Goal]]
    teacher: NDArray[np.int64]


def _rows(teachers: Sequence[Teacher]) -> _Rows:
    each = [
        (case.frame, case.goal(len(teacher.session.observer.labels), False))
        for teacher in teachers
        for case in teacher.cases
    ]
    return _Rows(each, np.repeat(np.arange(len(teachers)), [len(teacher.cases) for teacher in teachers]))


def _shown(
    session: Session, family: Any, tile: Codes, rows: Sequence[tuple[UInt8, Goal]]
) -> NDArray[np.float64]:
    pattern = family.pattern(tile, session.observer.frame)
    shown = np.stack([pattern.apply_to(frame) for frame, _ in rows])
    classes = np.unique([c for _, goal in rows for c in goal.classes])
    answers = session.ask_images(shown, classes, purpose=PURPOSE, batch_size=min(16, len(rows)))
    losses = [
        goal.loss(answers.select(slice(row, row + 1)).read(goal.classes))[0]
        for row, (_, goal) in enumerate(rows)
    ]
    return worth(np.array(losses), scored=answers.level is not AnswerLevel.LABEL)


class _State:
    """The race between two stages."""

    def __init__(self, stage: int = 0, spent: int = 0, parents: Parents | None = None) -> None:
        self.stage, self.spent, self.parents = stage, spent, parents or Parents()

    @classmethod
    def read(cls, path: Path, bound: Bound) -> _State:
        content = json.loads(path.read_text(encoding="utf-8"))
        tiles = [tile_from_json(tile, bound) for tile in content["tiles"]]
        return cls(
            content["stage"],
            content["spent"],
            Parents(tiles, [np.array(v, dtype=np.float64) for v in content["values"]]),
        )

    def write(self, path: Path) -> None:
        values = [
            [None if np.isnan(v) else float(v) for v in values.tolist()] for values in self.parents.values
        ]
        content = {
            "stage": self.stage,
            "spent": self.spent,
            "tiles": [tile_to_json(tile) for tile in self.parents.tiles],
            "values": values,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(content), encoding="utf-8")
        temporary.replace(path)
