"""How a photograph is deceived: one frozen set of plain values, for one photograph, an audit or a study."""

from __future__ import annotations

from dataclasses import dataclass

from .bounds import Bound, read_bound

LEARN_QUERIES = 20_000
"""Queries that a universal pattern is learned with, where nothing else is said."""

RANDOM = "random"
"""The target that is drawn for each photograph."""


@dataclass(frozen=True)
class DeceptionParameters:
    """How each photograph is deceived (METHODS §5).

    Attributes:
        area: Most of the frame that may be covered, a share; 0.05 where neither bound is given.
        linf: Instead, how far every value may change, as ``"10/255"``, ``"0.0392"`` or a number.
        target: The class to be answered, index or name, or ``"random"``; ``None``: any wrong one.
        queries: Most showings for a photograph, besides the clean answer and the controls.
        prune: Take away what a patch does not need, with some of the queries that are left.
        controls: Show the controls, too; each that is drawn at random has as many queries.
        crops: Photographs of other classes whose pixels are put under the found mask, as one of the controls.
        universal: Nothing is searched: one pattern, learned or brought before, is shown once on each photograph.
        learn_queries: Queries for learning, on other photographs, a universal pattern or a dictionary; 0: none.
        applied: SHA-256 of the file that brings the pattern or the dictionary instead.
    """

    area: float | None = None
    linf: str | float | None = None
    target: int | str | None = None
    queries: int = 1000
    prune: bool = True
    controls: bool = False
    crops: int = 5
    universal: bool = False
    learn_queries: int = 0
    applied: str | None = None

    @property
    def showings(self) -> int:
        """Most showings for a photograph: a universal pattern has one."""
        return 1 if self.universal else self.queries

    @property
    def bound(self) -> Bound:
        """The bound; raises InputError for one that is none."""
        return read_bound(self.area, self.linf)
