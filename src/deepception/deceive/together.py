"""A universal pattern learned on several observers at once: the photographs of all run in one race of tiles.

What deceives several observers deceives others that were never asked more often than what was learned on one, as
what deceives many photographs deceives others. A showing is a query of the observer that its photograph belongs
to; all observers share one budget.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..properties.streams import stream
from ..sessions import Session
from ..stimuli.patches import UInt8
from . import pattern_file
from .bounds import Bound
from .goals import Goal
from .learning import show_worth
from .race import STAGES, Parents, Race, leg_queries
from .tiles import Tiles, tiles_within


@dataclass(frozen=True, eq=False)
class Teacher:
    """One observer that is learned on.

    Attributes:
        session: It is asked here.
        frames: uint8 ``[N, H, W, 3]``, its learning photographs.
        goals: N, what each is to be answered with.
    """

    session: Session
    frames: UInt8
    goals: Sequence[Goal]


def learn_together(
    teachers: Sequence[Teacher],
    bound: Bound,
    queries: int,
    seed: int,
    known: Sequence[Any] = (),
    kept: Path | None = None,
) -> tuple[Any, int]:
    """The best tile, as its family (``tiles_within``) describes it, and the showings it took.

    Args:
        teachers: The observers, with as many photographs each as they have.
        bound: What the pattern may change.
        queries: Most showings of all observers together.
        seed: Of everything random.
        known: Tiles that are tried before random ones.
        kept: File in which the state after each leg is kept, so that an interrupted race goes on.
    """
    family = tiles_within(bound)
    teacher = np.repeat(np.arange(len(teachers)), [len(each.goals) for each in teachers])
    photograph = np.concatenate([np.arange(len(each.goals)) for each in teachers])

    def show(motif: Any, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        values = np.empty(len(chosen))
        for number, each in enumerate(teachers):
            here = np.flatnonzero(teacher[chosen] == number)
            if here.size:
                rows = photograph[chosen[here]]
                pattern = family.pattern(motif, each.session.observer.frame)
                values[here] = show_worth(
                    each.session, pattern, each.frames[rows], [each.goals[i] for i in rows]
                )
        return values

    state = _State() if kept is None or not kept.exists() else _State.read(kept, family)
    for stage in range(state.stage, STAGES):
        quota = leg_queries(queries, stage)
        race = Race(family, show, len(teacher), quota, stream(seed, "learning", "together", stage))
        race.run(state.parents, stage, known)
        state = _State(stage + 1, state.spent + quota - race.left, state.parents)
        if kept is not None:
            state.write(kept, family)
    return state.parents.best(), state.spent


class _State:
    """The race between two legs."""

    def __init__(self, stage: int = 0, spent: int = 0, parents: Parents[Any] | None = None) -> None:
        self.stage, self.spent, self.parents = stage, spent, parents or Parents()

    @classmethod
    def read(cls, path: Path, family: Tiles[Any]) -> _State:
        content = json.loads(path.read_text(encoding="utf-8"))
        tiles = [family.from_json(tile) for tile in content["tiles"]]
        values = [np.array(v, dtype=np.float64) for v in content["values"]]
        return cls(content["stage"], content["spent"], Parents(tiles, values))

    def write(self, path: Path, family: Tiles[Any]) -> None:
        values = [[None if np.isnan(v) else float(v) for v in row.tolist()] for row in self.parents.values]
        tiles = [family.to_json(tile) for tile in self.parents.tiles]
        content = {"stage": self.stage, "spent": self.spent, "tiles": tiles, "values": values}
        path.parent.mkdir(parents=True, exist_ok=True)
        pattern_file.write(path, json.dumps(content).encode())
