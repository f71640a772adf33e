"""Dictionaries: stencils in the order in which they are tried, learned once and reused on every photograph."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..sessions import Session
from ..stimuli.patches import UInt8
from .bounds import Area
from .goals import Goal
from .stencils import Stencil

SCHEMA = 1
LENGTH = 30
"""Stencils that a learned dictionary holds, where as many were shown."""

LEARNED_ON = "learned_on"
"""Under this name a pattern or a dictionary says which photographs it was learned on."""

DIGITS = 16
"""So many digits of the SHA-256 of a photograph tell it from the others."""

PURPOSE = "dictionary"
"""Under this purpose the ledger lists what learning showed."""

_COVERED = 0.2  # what a photograph still counts for, each time that a stencil before has deceived it


@dataclass(frozen=True, eq=False)
class Dictionary:
    """Stencils in order, the most useful first.

    Attributes:
        stencils: Tried one after the other, one query each.
        learned: How it was made, for people and reports: JSON-able; ``queries`` is what it cost.
    """

    stencils: tuple[Stencil, ...]
    learned: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.stencils)

    def to_json(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "schema": SCHEMA,
            "learned": self.learned,
            "stencils": [stencil.to_json() for stencil in self.stencils],
        }

    @classmethod
    def from_json(cls, values: Any) -> Dictionary:
        """A dictionary from ``to_json``; raises InputError for anything else."""
        if not isinstance(values, dict) or values.get("schema") != SCHEMA:
            raise InputError(
                f"this is no dictionary of schema {SCHEMA}: give a file that this package wrote."
            )
        stencils, learned = values.get("stencils"), values.get("learned", {})
        if not isinstance(stencils, list) or not isinstance(learned, dict):
            raise InputError("the dictionary has no list of stencils: give a file that this package wrote.")
        return cls(tuple(Stencil.from_json(stencil) for stencil in stencils), learned)

    def save(self, path: str | Path) -> None:
        """Write it as a JSON file; raises InputError where that cannot be written."""
        try:
            Path(path).write_text(json.dumps(self.to_json(), indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise InputError(f"the dictionary {path} cannot be written ({error.strerror}).") from error


def load_dictionary(path: str | Path) -> Dictionary:
    """Read a file that ``Dictionary.save`` has written; raises InputError for any other."""
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"the dictionary {path} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise InputError(f"the dictionary {path} is no JSON: give a file that this package wrote.") from error
    try:
        return Dictionary.from_json(values)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def ordered(
    stencils: Sequence[Stencil], reached: NDArray[np.bool_], learned: dict[str, Any], length: int = LENGTH
) -> Dictionary:
    """The dictionary of M stencils that were shown on N photographs, at most ``length`` of them in cover order.

    Args:
        stencils: M stencils.
        reached: bool ``[M, N]``, which goals each has reached.
        learned: How that was learned; how many were shown and what share those kept deceive are added.
        length: Most stencils that are kept.
    """
    order = cover_order(reached, length)
    deceived = round(float(reached[order].any(axis=0).mean()), 4)
    about = {**learned, "shown": len(stencils), "deceived": deceived}
    return Dictionary(tuple(stencils[index] for index in order), about)


def show_stencils(
    session: Session, frames: UInt8, goals: Sequence[Goal], bound: Area, stencils: Sequence[Stencil]
) -> NDArray[np.bool_]:
    """Show each stencil on each photograph, in batches: which goals it reaches, bool ``[stencils, N]``."""
    limit = bound.limit((frames.shape[1], frames.shape[2]))
    reached = np.zeros((len(stencils), len(frames)), bool)
    for row, stencil in enumerate(stencils):
        shown = np.stack([stencil.put(frame, limit) for frame in frames])
        top1 = session.ask_images(shown, np.array([0]), purpose=PURPOSE).top[:, 0]
        reached[row] = [bool(goal.reached(top1[n : n + 1])[0]) for n, goal in enumerate(goals)]
    return reached


def cover_order(
    reached: NDArray[np.bool_], length: int, weights: NDArray[np.float64] | None = None
) -> list[int]:
    """Greedy cover, softened: at each step the stencil that deceives most of what is left.

    A photograph counts 0.2 of before each time that it is covered, so that those which any stencil deceives do not
    decide, and the order goes on after all are covered. Ties go to the lower index.

    Args:
        reached: bool ``[M, N]``, which of N photographs each of M stencils deceives.
        length: Most stencils that are taken.
        weights: What each photograph counts at first, float ``[N]``; 1 where not given.

    Returns:
        Indices of the stencils in order; those that deceive nothing come last, as they were drawn.
    """
    weights = np.ones(reached.shape[1]) if weights is None else weights
    open_ = np.ones(len(reached), bool)
    order: list[int] = []
    for _ in range(min(length, len(reached))):
        chosen = int(np.where(open_, reached @ weights, -1.0).argmax())
        order.append(chosen)
        open_[chosen] = False
        weights = np.where(reached[chosen], weights * _COVERED, weights)
    return order
