"""Fooling images: a canvas of repeated patches of other classes that is recognised as the target (METHODS §5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..observers import AnswerLevel, Observer, resolve_label
from ..properties import Result
from ..properties.limits import at_least
from ..properties.streams import stream
from ..sessions import Session
from ..stimuli import save_stimulus
from ..stimuli.patches import UInt8
from . import pattern_file
from .bank import Bank
from .fooling_search import JITTERED, Composed, Known, Showings, recognition_rate, search_collage
from .judging import written_and_read
from .potency import Potency
from .synonyms import near_synonyms

RECOGNISED = 0.9
"""Share of the jittered showings that must be answered with the target, where only labels are known."""


@dataclass(frozen=True, eq=False)
class FoolingImage(Result):
    """A canvas of repeated patches for one target: a fooling image, or the best try.

    ``name`` is the target's name and ``queries`` all that was sent.

    Attributes:
        target: The class that is to be recognised; ``label`` is the same.
        threshold: Probability that is asked for.
        budget: Most queries that it might take.
        scrambled: Whether it was made of scrambled patches, as a control.
        reached: Whether the PNG, written and read again, was shown alone and answered with the target at the
            threshold or above; labels only: it was, and 90 % of 20 jittered showings of it.
        first: The query that reached the threshold first (labels only: that ended the search), else ``None``.
        first_top1: The query that was answered with the target first, whatever its probability, else ``None``.
        p: Probability of the target, ``None`` where the observer does not tell; on the PNG where it was shown.
        rate: Share of jittered showings of the PNG that were answered with the target, labels only; else ``None``.
        top1: The answer.
        left_out: Classes whose patches were not used: the target and its near-synonyms.
        source: What found it, ``"screening"`` or ``"search"``.
        copies: Placements that it is made of, those of the repeated patch below included.
        patches: One entry for each patch in it: ``source``, ``class`` (−1 for synthetic ones) and ``copies``.
        stimulus: uint8 ``[H, W, 3]``, what the observer was shown.
        learning: Queries with which it was learned before what patches answer alone; they are not in ``queries``.
        packed: The pixels of the patches, see ``pieces``, uint8 ``[B]``.
    """

    axes: ClassVar[dict[str, tuple[str, ...]]] = {"stimulus": ("y", "x", "channel"), "packed": ("byte",)}

    target: int
    threshold: float
    budget: int
    scrambled: bool
    reached: bool
    first: int | None
    first_top1: int | None
    p: float | None
    rate: float | None
    top1: int
    left_out: tuple[int, ...]
    source: str
    copies: int
    patches: tuple[dict[str, Any], ...]
    stimulus: UInt8
    learning: int = field(default=0, kw_only=True)
    packed: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8), kw_only=True)

    @cached_property
    def pieces(self) -> tuple[UInt8, ...]:
        """The patches that it is made of, uint8 ``[h, w, 3]`` each, in the order of ``patches``."""
        if not self.packed.size:
            return ()
        arrays, _ = pattern_file.unpack(self.packed.tobytes(), "a fooling image")
        return tuple(arrays[str(number)] for number in range(len(arrays)))

    def summary(self) -> dict[str, Any]:
        """The figures of this one image, JSON values."""
        names = ("target", "reached", "first", "first_top1", "p", "rate", "top1", "copies", "source")
        return {name: getattr(self, name) for name in names}

    def save(self, path: str | Path) -> None:
        """Write the stimulus as a PNG that is later shown untouched; raises InputError where that fails."""
        save_stimulus(path, self.stimulus)


def fool(
    session: Session,
    target: int | str,
    bank: Bank,
    *,
    queries: int = 2000,
    threshold: float = 0.9,
    seed: int = 0,
    potency: Potency | None = None,
) -> FoolingImage:
    """Search a canvas of repeated patches that is recognised as the target.

    Patches from photographs of the target or of its near-synonyms are never used. The control is the same call
    with ``bank.scramble()``.

    Args:
        session: Whom to ask. Its answer level decides how the search goes; labels alone suffice.
        target: The class, index or name.
        bank: What it may be made of, cut for the session's frame (``make_bank``).
        queries: Most showings, the confirmation included.
        threshold: Probability of the target that is asked for, in (0, 1); not used where only labels are known.
        seed: With the target it decides everything random.
        potency: What the bank's patches answer alone (``measure_potency``), which serves all classes: the search
            then needs a third of the queries.

    Returns:
        The fooling image; where none was found the best try, with ``reached`` false.

    Raises:
        InputError: A target, a threshold or a bank that cannot be used, or too few queries.
        BudgetError: The session's budget does not suffice.
        ObserverError: The observer failed.
    """
    observer = session.observer
    chosen = resolve_label(target, observer.labels)
    left_out = {chosen} | near_synonyms(chosen, len(observer.labels))
    if not isinstance(bank, Bank):
        raise InputError(f"a {type(bank).__name__} is no bank of patches: give what make_bank returns.")
    usable = bank.without(left_out)
    if bank.shape != tuple(observer.frame.shape):
        raise InputError(f"the bank is for frames of {bank.shape}, not {observer.frame.shape}: make another.")
    if not len(usable):
        raise InputError(
            f"the bank has only patches of class {chosen} and the like: give photographs of others."
        )
    if not isinstance(threshold, (int, float)) or not 0 < threshold < 1:
        raise InputError(f"a probability of {threshold!r} cannot be asked for: give one between 0 and 1.")
    if potency is not None and potency.bank is not bank:
        raise InputError("the potency was measured on another bank: give the one that it was measured on.")
    kept = _confirmation(observer)
    at_least("queries", queries, fewest_queries(observer))

    before = session.answered
    showings = Showings(session, chosen, queries - kept, threshold)
    known = None if potency is None else Known(*potency.of(chosen, bank.kept(left_out)))
    found = search_collage(showings, usable, stream(seed, "fooling image", chosen), known)
    showings.queries = queries
    judged = _judged(showings, found, seed)
    return FoolingImage(
        name=observer.labels[chosen],
        sha256="",
        label=chosen,
        target=chosen,
        threshold=threshold,
        budget=queries,
        scrambled=bank.scrambled,
        first=found.query if judged["reached"] else None,
        left_out=tuple(sorted(left_out)),
        source=found.source,
        **judged,
        **_made_of(usable, found),
        stimulus=found.pixels,
        first_top1=showings.first_top1,
        queries=session.answered - before,
        learning=0 if potency is None else potency.queries,
    )


def fewest_queries(observer: Observer) -> int:
    """The fewest showings that a search may have: one, and the confirmation."""
    return 1 + _confirmation(observer)


def _confirmation(observer: Observer) -> int:
    return 1 + JITTERED if observer.level is AnswerLevel.LABEL else 1


def _judged(showings: Showings, found: Composed, seed: int) -> dict[str, Any]:
    """Show the PNG, as written and read again; what did not reach its goal in the search is not shown again."""
    if not found.reached:
        return {"reached": False, "p": found.seen.p, "rate": None, "top1": found.seen.top1}
    read = written_and_read(showings.session, found.pixels)
    seen = showings.show(read)
    if showings.scored:
        return {"reached": showings.reached(seen), "p": seen.p, "rate": None, "top1": seen.top1}
    # Other draws than those of the search, which has chosen by them.
    rate = recognition_rate(showings, read, stream(seed, "fooling image", showings.target, "confirmation"))
    reached = seen.top1 == showings.target and rate >= RECOGNISED
    return {"reached": reached, "p": None, "rate": rate, "top1": seen.top1}


def _made_of(bank: Bank, found: Composed) -> dict[str, Any]:
    counts = found.collage.copies(bank)
    patches = tuple(
        {"source": bank.patches[i].source, "class": int(bank.classes[i]), "copies": copies}
        for i, copies in counts.items()
    )
    pixels = {str(number): bank.patches[i].pixels for number, i in enumerate(counts)}
    packed = np.frombuffer(pattern_file.pack(pixels, {}), dtype=np.uint8)
    return {"patches": patches, "copies": sum(counts.values()), "packed": packed}
