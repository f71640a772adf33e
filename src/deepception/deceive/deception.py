"""What deceiving gives back: one photograph's deception, or those of many with their counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..properties import Result
from ..stimuli import save_stimulus
from ..stimuli.patches import UInt8
from .counting import count_deceptions
from .pattern import Pattern


@dataclass(frozen=True, eq=False)
class Deception(Result):
    """One photograph and the stimulus that was found for it: a deception, or the best try.

    ``queries`` is all that was sent here, clean answer and controls included.

    Attributes:
        labelled: Whether the true class was given; else ``label`` is the clean top-1.
        clean_top1: The clean answer.
        goal: ``"untargeted"`` or ``"targeted"``.
        target: The class that was aimed at, if any.
        bound: The bound in words.
        limit: Pixels that may be covered, or grey levels that a value may change.
        used: How much of it this stimulus uses.
        budget: Most queries that search, pruning, confirmation and the shifted stimulus may take together; of a
            universal pattern the one showing, beside which the shifted one is a query more.
        attacked: Whether a search was made: not where the target is the photograph's class or clean top-1.
        reached: Whether it deceives: the PNG, written and read again, was shown alone and answered as the goal
            says; where no query was left for that, the same pixels in the search.
        first: The query that reached the goal first, ``None`` where none did.
        attack_queries: What search, pruning, confirmation and the shifted stimulus took.
        control_queries: What the controls took.
        top1: The answer to the stimulus.
        log10_odds: Decades of odds of that answer, on the PNG; ``None`` where not deceived, unknown or not
            confirmed.
        log10_odds_bound: Whether it is a bound only, because the observer rounds its scores.
        survives_shift: Whether the stimulus moved by one pixel deceives as well; ``None`` where it was not shown.
        source: What found it, e.g. ``"dictionary 3"`` or ``"search"``.
        copies: Placements that it is made of.
        controls: ``{reached, first, queries}`` by name, see ``measure_controls``; empty where none were shown.
        stimulus: uint8 ``[H, W, 3]``, what the observer was shown.
        mask: Union of the placements, bool ``[H, W]``; ``[0, 0]`` for a veil.
        packed: The pattern as the bytes of its file, uint8 ``[B]``; ``[0]`` where there is none of its own.
    """

    axes: ClassVar[dict[str, tuple[str, ...]]] = {
        "stimulus": ("y", "x", "channel"),
        "mask": ("y", "x"),
        "packed": ("byte",),
    }

    labelled: bool
    clean_top1: int
    goal: str
    target: int | None
    bound: str
    limit: int
    used: int
    budget: int
    attacked: bool
    reached: bool
    first: int | None
    attack_queries: int
    control_queries: int
    top1: int
    log10_odds: float | None
    survives_shift: bool | None
    source: str
    copies: int
    controls: dict[str, dict[str, Any]]
    stimulus: UInt8
    mask: NDArray[np.bool_]
    log10_odds_bound: bool = field(default=False, kw_only=True)
    packed: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8), kw_only=True)

    @property
    def correct(self) -> bool:
        """Whether the photograph was answered right before; without a label the clean top-1 is right."""
        return self.clean_top1 == self.label

    @cached_property
    def pattern(self) -> Pattern | None:
        """What was put on the photograph, for ``apply`` on any other; ``None`` where nothing was searched here."""
        return Pattern.from_bytes(self.packed.tobytes()) if self.packed.size else None

    def summary(self) -> dict[str, Any]:
        """The figures of this one photograph, JSON values."""
        names = (
            "attacked",
            "reached",
            "first",
            "top1",
            "log10_odds",
            "survives_shift",
            "used",
            "limit",
            "source",
        )
        return {"correct": self.correct, **{name: getattr(self, name) for name in names}}

    def row(self) -> dict[str, Any]:
        """All that counting needs, JSON values: the record, and whether it was correct before."""
        return {**self.record(), "correct": self.correct}

    def save(self, path: str | Path) -> None:
        """Write the stimulus as a PNG that is later shown untouched; raises InputError where that fails."""
        save_stimulus(path, self.stimulus)


@dataclass(frozen=True, eq=False)
class DeceptionResult:
    """The deceptions of many photographs.

    Attributes:
        deceptions: One a photograph, in order.
        learned_with: Queries that what was tried first had been learned with; no part of what was asked here.
    """

    deceptions: Sequence[Deception]
    learned_with: int = 0

    def __len__(self) -> int:
        return len(self.deceptions)

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """One row a photograph, JSON values."""
        return [deception.row() for deception in self.deceptions]

    @cached_property
    def figures(self) -> dict[str, Any]:
        """Rates, queries, controls and margin over the photographs, see ``count_deceptions``."""
        asked = sum(deception.queries for deception in self.deceptions)
        return count_deceptions(self.rows, total=asked, learned_with=self.learned_with)

    def to_json(self) -> dict[str, Any]:
        """The figures, and ``images``: one entry a photograph, without its pixels."""
        return {**self.figures, "images": self.rows}
