"""Lessons: what learning has ended with, or a file has brought, ready for every photograph."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..properties import PropertySummary, Result, Subject
from ..sessions import Session
from .dictionary import Dictionary
from .learning import FEWEST, Learned, learn_stage, require_queries
from .parameters import DeceptionParameters
from .pattern import Pattern
from .race import STAGES, leg_queries

PATTERN, DICTIONARY = "pattern", "dictionary"
FILES = {PATTERN: "pattern.npz", DICTIONARY: "dictionary.json"}
"""Files of a run folder in which a lesson is kept for people."""

LEARNED_ON = "learned_on"
"""Under this name a pattern or a dictionary says which photographs it was learned on."""

DIGITS = 16

_ZIP = b"PK"  # what the files of patterns begin with


@dataclass(frozen=True, eq=False)
class Lesson(Result):
    """A universal pattern, or a dictionary, as the bytes of its file.

    Attributes:
        kind: ``"pattern"`` or ``"dictionary"``.
        brought: Whether it comes from a file, and nothing was asked for it here.
        spent: Queries that it was learned with, here or elsewhere.
        facts: What it says of its origin, JSON-able.
        payload: uint8 ``[B]``, the content of its file.
    """

    axes: ClassVar[dict[str, tuple[str, ...]]] = {"payload": ("byte",)}

    kind: str
    brought: bool
    spent: int
    facts: dict[str, Any]
    payload: NDArray[np.uint8]

    @classmethod
    def of(cls, learned: Pattern | Dictionary, *, brought: bool = False) -> Self:
        """The lesson of a pattern or a dictionary."""
        if isinstance(learned, Pattern):
            kind, facts, content = PATTERN, dict(learned.about), learned.to_bytes()
        else:
            kind, facts = DICTIONARY, dict(learned.learned)
            content = (json.dumps(learned.to_json(), indent=1) + "\n").encode()
        return cls(
            name=kind,
            sha256="",
            label=-1,
            queries=0,
            kind=kind,
            brought=brought,
            spent=int(facts.get("queries", 0)),
            facts=facts,
            payload=np.frombuffer(content, dtype=np.uint8),
        )

    @cached_property
    def pattern(self) -> Pattern | None:
        """The universal pattern; ``None`` where it is a dictionary."""
        return Pattern.from_bytes(self.payload.tobytes()) if self.kind == PATTERN else None

    @cached_property
    def dictionary(self) -> Dictionary | None:
        """The dictionary; ``None`` where it is a pattern."""
        if self.kind != DICTIONARY:
            return None
        return Dictionary.from_json(json.loads(self.payload.tobytes()))

    def summary(self) -> dict[str, Any]:
        """Where it comes from, JSON values."""
        facts = {name: value for name, value in self.facts.items() if name != LEARNED_ON}
        return {"kind": self.kind, "brought": self.brought, "spent": self.spent, "facts": facts}

    def files(self) -> dict[str, bytes]:
        """Its file: name to content."""
        return {FILES[self.kind]: self.payload.tobytes()}


def read_lesson(content: bytes, name: str) -> Pattern | Dictionary:
    """A pattern or a dictionary from the content of its file; raises InputError where ``name`` is neither."""
    if content.startswith(_ZIP):
        return Pattern.from_bytes(content, name)
    try:
        values = json.loads(content)
    except ValueError as error:
        raise InputError(
            f"{name} is neither a pattern (.npz) nor a dictionary (.json): give a file that this package wrote."
        ) from error
    try:
        return Dictionary.from_json(values)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def learn(
    session: Session,
    subjects: Sequence[Subject],
    tops: Sequence[int],
    parameters: DeceptionParameters,
    earlier: Learned | None,
    stage: int,
    seed: int,
) -> Learned:
    """One stage of learning, which notes its photographs: no figure may be about them. As ``learn_stage``."""
    learned = learn_stage(session, subjects, tops, parameters, earlier, stage, seed)
    facts = {**learned.facts, LEARNED_ON: sorted(s.sha256[:DIGITS] for s in subjects)}
    return replace(learned, facts=facts)


def learned_on(brought: Pattern | Dictionary) -> frozenset[str]:
    """The first DIGITS digits of the SHA-256 of each photograph that it was learned on, where it says so."""
    about = brought.about if isinstance(brought, Pattern) else brought.learned
    said = about.get(LEARNED_ON, [])
    return frozenset(str(digits) for digits in said) if isinstance(said, list) else frozenset()


def require(parameters: DeceptionParameters, photographs: int) -> None:
    """Refuse to learn on too few photographs or with too few queries, before any is shown.

    Where there is a target, those that have it already are not learned on either; how many those are is known only
    from their clean answers, and ``learn_stage`` refuses what is left of them.
    """
    if photographs < FEWEST:
        counted = "1 photograph is" if photographs == 1 else f"{photographs} photographs are"
        raise InputError(f"{counted} too few to learn on: give {FEWEST} or more.")
    if not parameters.universal and parameters.target is None:
        require_queries(parameters.learn_queries, photographs)


def stages(parameters: DeceptionParameters) -> int:
    """Stages of learning; 0 where nothing is learned."""
    return STAGES if parameters.learn_queries and parameters.applied is None else 0


def stage_price(parameters: DeceptionParameters, stage: int) -> int:
    """Queries of one stage, at most: they share ``learn_queries`` evenly."""
    return leg_queries(parameters.learn_queries, stage)


def finish(
    session: Session, parameters: DeceptionParameters, last: Learned | None, content: bytes | None
) -> Lesson:
    """The lesson of the last stage, or of the content of a file; nothing is asked.

    Raises InputError where the file holds something else than the parameters ask for.
    """
    if content is not None:
        brought = read_lesson(content, "the file that is applied")
        if isinstance(brought, Pattern) != parameters.universal:
            raise InputError(
                "a pattern is applied as a universal one, a dictionary is not: ask for the other."
            )
        return Lesson.of(brought, brought=True)
    if last is None or not last.finished:
        raise ValueError("a lesson needs the last stage of learning, or a file")
    found = last.pattern(parameters.bound, session.observer.frame) or last.dictionary()
    assert found is not None  # learning ends with one of the two
    return Lesson.of(found)


def with_lesson(summary: PropertySummary, lesson: Lesson, queries: int) -> PropertySummary:
    """A summary with what the lesson is and has cost.

    ``queries.learning`` is what it was learned with, wherever that was; ``total`` grows by ``queries``, what was
    asked for it in this run.
    """
    asked = summary.figures["queries"]
    figures = {
        **summary.figures,
        "queries": {**asked, "learning": lesson.spent, "total": asked["total"] + queries},
        "learned": lesson.summary(),
    }
    return PropertySummary(
        summary.name,
        summary.headline,
        figures,
        summary.rows,
        summary.queries + queries,
        summary.open_questions,
    )
