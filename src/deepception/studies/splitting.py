"""Which photographs are learned on, and which measured: never the same, nor of the same class if possible."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from ..properties.streams import stream
from .settings import PhotographEntry, RunSettings

BY_CLASS = "half and half, by class"
BY_PHOTOGRAPH = "half and half, by photograph"
GIVEN = "as given"

LEAST_SHARE = 0.25
"""Below this share of the photographs on one side classes are not kept apart: too little would be left of it."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Split:
    """Photographs to learn on, photographs to measure, and the rule that told them apart.

    Attributes:
        rule: BY_CLASS, BY_PHOTOGRAPH or GIVEN.
        learning: Photographs that are learned on, each once.
        measured: Photographs that are measured.
    """

    rule: str
    learning: tuple[PhotographEntry, ...]
    measured: tuple[PhotographEntry, ...]

    def settings(self) -> dict[str, Any]:
        """What the settings of a run say of it: it decides what is learned."""
        about = [{"name": p.name, "sha256": p.sha256, "label": p.label} for p in self.learning]
        return {"rule": self.rule, "photographs": about}


def split(
    entries: Sequence[PhotographEntry],
    learn_on: Sequence[PhotographEntry] | None,
    seed: int,
    there: RunSettings | None = None,
) -> Split:
    """Tell photographs to learn on from photographs to measure.

    The classes (of a photograph without one: itself) come in a seeded order, and each goes to the side that has
    fewer photographs so far, the first to learning. Where that leaves one side with less than a quarter of the
    photographs, as with a single class, the same is done photograph by photograph.

    Args:
        entries: The photographs of the run.
        learn_on: What is learned on instead; it is taken out of ``entries``.
        seed: Seed of the run.
        there: The run that is gone on with, whose learning photographs stay what they are.

    Raises:
        InputError: Nothing is left to be measured.
    """
    known = _of_run(there, entries, learn_on, seed)
    if learn_on is not None:
        chosen = Split(GIVEN, known or _once(learn_on), tuple(entries))
    elif known is not None and there is not None:
        chosen = Split(there.settings["learning"]["rule"], known, tuple(entries))
    else:
        rule = BY_CLASS
        sides = _sides(entries, seed, by_class=True)
        if min(map(len, sides)) < LEAST_SHARE * len(_once(entries)):
            rule, sides = BY_PHOTOGRAPH, _sides(entries, seed, by_class=False)
        chosen = Split(rule, sides[0], tuple(entries))
    taken = {p.sha256 for p in chosen.learning}
    classes = {p.label for p in chosen.learning} - {None} if chosen.rule == BY_CLASS else set()
    measured = tuple(p for p in entries if p.sha256 not in taken and p.label not in classes)
    if not measured:
        raise InputError(
            "no photograph is left to be measured, for all of them are learned on: give more photographs, or "
            "others to learn on."
        )
    unused = len(entries) - len(measured) - sum(p.sha256 in taken for p in entries)
    if unused:
        _log.warning("%d photographs are left out: their classes are learned on.", unused)
    return Split(chosen.rule, chosen.learning, measured)


def _of_run(
    there: RunSettings | None,
    entries: Sequence[PhotographEntry],
    learn_on: Sequence[PhotographEntry] | None,
    seed: int,
) -> tuple[PhotographEntry, ...] | None:
    """The learning photographs of a run, where they lie now; ``None`` where it has none, or others were named."""
    if there is None or "learning" not in there.settings or there.seed != seed:
        return None
    if (there.settings["learning"]["rule"] == GIVEN) != (learn_on is not None):
        return None
    given = {p.sha256: p for p in (entries if learn_on is None else learn_on)}
    if learn_on is not None and _labels(there.learning) != _labels(learn_on):
        return None
    moved: list[PhotographEntry] = []
    for known in there.learning:
        now = given.get(known.sha256, known)
        moved.append(known.model_copy(update={"path": now.path}))
    return tuple(moved)


def _labels(entries: Sequence[PhotographEntry]) -> Mapping[str, int | None]:
    return {p.sha256: p.label for p in entries}


def _once(entries: Sequence[PhotographEntry]) -> tuple[PhotographEntry, ...]:
    """Each photograph once."""
    return tuple({p.sha256: p for p in reversed(entries)}.values())[::-1]


def _sides(
    entries: Sequence[PhotographEntry], seed: int, *, by_class: bool
) -> tuple[tuple[PhotographEntry, ...], tuple[PhotographEntry, ...]]:
    groups: dict[tuple[int, str], list[PhotographEntry]] = {}
    for entry in _once(entries):
        alone = entry.label is None or not by_class
        groups.setdefault((-1, entry.sha256) if alone else (entry.label or 0, ""), []).append(entry)
    keys = sorted(groups)
    sides: tuple[list[PhotographEntry], list[PhotographEntry]] = ([], [])
    for index in stream(seed, "learning split").permutation(len(keys)):
        side = sides[0] if len(sides[0]) <= len(sides[1]) else sides[1]
        side.extend(groups[keys[int(index)]])
    learned = {p.sha256 for p in sides[0]}
    ordered = _once(entries)
    return (
        tuple(p for p in ordered if p.sha256 in learned),
        tuple(p for p in ordered if p.sha256 not in learned),
    )
