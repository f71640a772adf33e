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
from ..properties import Beforehand, PropertySummary, Result, Subject
from ..sessions import Session
from .dictionary import DIGITS, LEARNED_ON, Dictionary
from .learning import DICTIONARY_PHOTOGRAPHS, FEWEST, Learned, learn_stage, require_queries
from .origin import built_in, built_in_photographs, uses_built_in
from .parameters import LEARN_QUERIES, DeceptionParameters
from .pattern import Pattern
from .race import STAGES, fewest_queries, leg_queries

PATTERN, DICTIONARY = "pattern", "dictionary"
FILES = {PATTERN: "pattern.npz", DICTIONARY: "dictionary.json"}
"""Files of a run folder in which a lesson is kept for people."""

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
    shown = {s.sha256[:DIGITS] for s in subjects}
    if uses_built_in(parameters):
        shown |= built_in_photographs(parameters.bound)
    return replace(learned, facts={**learned.facts, LEARNED_ON: sorted(shown)})


def learned_on(brought: Pattern | Dictionary) -> frozenset[str]:
    """The first DIGITS digits of the SHA-256 of each photograph that it was learned on, where it says so."""
    about = brought.about if isinstance(brought, Pattern) else brought.learned
    said = about.get(LEARNED_ON, [])
    return frozenset(str(digits) for digits in said) if isinstance(said, list) else frozenset()


def require(parameters: DeceptionParameters, photographs: int, halved: int | None = None) -> None:
    """Refuse to learn on too few photographs or with too few queries, before any is shown.

    Where there is a target, those that have it already are not learned on either; how many those are is known only
    from their clean answers, and ``learn_stage`` refuses what is left of them.

    Args:
        parameters: What is to be learned, within what, and with how many queries.
        photographs: How many there are to learn on.
        halved: Where these are about half of what was given: how many were given.
    """
    if photographs < FEWEST:
        counted = "1 photograph is" if photographs == 1 else f"{photographs} photographs are"
        if halved is None:
            raise InputError(f"{counted} too few to learn on: give {FEWEST} or more.")
        raise InputError(
            f"{halved} photographs are too few to learn on one half of them and report the other: give "
            f"{2 * FEWEST} or more, or {FEWEST} or more others to learn on (--learn-on)."
        )
    if parameters.universal:
        least = fewest_queries(photographs)
        if parameters.learn_queries < least:
            few = _queries_are(parameters.learn_queries)
            raise InputError(
                f"{few} too few for a universal pattern: give {least:,} or more ({LEARN_QUERIES:,} are usual)."
            )
    else:
        require_queries(parameters.learn_queries, photographs if parameters.target is None else FEWEST)


def _queries_are(number: int) -> str:
    return "1 learning query is" if number == 1 else f"{number:,} learning queries are"


def stages(parameters: DeceptionParameters) -> int:
    """Stages of learning; 0 where nothing is learned."""
    return STAGES if parameters.learn_queries and parameters.applied is None else 0


def stage_price(parameters: DeceptionParameters, stage: int, photographs: int) -> int:
    """Queries of one stage on so many photographs, at most: they share ``learn_queries`` evenly.

    A dictionary's stencil is shown on all of them, so what does not suffice for one more is left. How many they
    are is not known for sure: what cannot be read, or has the target already, is not learned on.
    """
    queries = leg_queries(parameters.learn_queries, stage)
    if parameters.universal:
        return queries
    counts = range(FEWEST, min(photographs, DICTIONARY_PHOTOGRAPHS) + 1)
    return max((queries // count * count for count in counts), default=queries)


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


def with_lesson(summary: PropertySummary, before: Beforehand) -> PropertySummary:
    """A summary with what went before the measuring: what was learned, or brought, and what that has cost.

    ``queries.learning`` is what was asked for it in this run, ``queries.learned_with`` what a file that was
    brought had been learned with: no part of ``total``, to which the learning and the clean answers of photographs
    without a row are added. ``built_in`` tells of what comes with this package and went first.
    """
    lesson = before.lesson if isinstance(before.lesson, Lesson) else None
    learning = sum(stage.queries for stage in before.stages)
    asked = summary.figures["queries"]
    figures: dict[str, Any] = {
        **summary.figures,
        "queries": {
            **asked,
            "clean_others": before.clean_others,
            "learning": learning,
            "learning_each": learning / len(summary.rows) if learning else None,
            "learned_with": lesson.spent if lesson is not None and lesson.brought else 0,
            "total": asked["total"] + learning + before.clean_others,
        },
        "built_in": built_in(before.parameters, before.identity),
    }
    if lesson is not None:
        steps = [stage for stage in before.stages if isinstance(stage, Learned)]
        curve = [{"queries": s.spent, "value": s.value(before.parameters.bound)} for s in steps]
        figures["learned"] = {**lesson.summary(), "curve": curve}
    return replace(
        summary,
        figures=figures,
        queries=figures["queries"]["total"],
        open_questions=[*summary.open_questions, *_known_before(summary, before)],
    )


def _known_before(summary: PropertySummary, before: Beforehand) -> list[str]:
    """What flatters figures: photographs on which this package has learned what goes first."""
    if not uses_built_in(before.parameters):
        return []
    known = built_in_photographs(before.parameters.bound)
    among = sum(row["sha256"][:DIGITS] in known for row in summary.rows)
    if not among:
        return []
    counted = "1 photograph" if among == 1 else f"{among} photographs"
    return [
        f"What goes first was learned on {counted} of these, by other observers: that flatters the figures."
    ]
