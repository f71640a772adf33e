"""Controls of a deception: was it occlusion, chance, or a photograph that flips by itself? (METHODS §5)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..properties.streams import stream
from ..sessions import Session
from ..stimuli.patches import UInt8
from .bounds import Area, Bound, Linf
from .found import Found
from .goals import Goal, Targeted
from .moving import shifted
from .trials import Trials

GREY = 128
BRIGHTER = 5
"""Grey levels by which the clean photograph is brightened."""

MOST_TARGETED = 1_000
"""Most showings of each matched control where there is a target: chance does not get there."""

CONTAINS = "contains t"
"""Crops from photographs of the target's class or its near-synonyms: they show the target and are no rivals."""

UNSPENT = ("clean shifted", "clean brighter")
"""What the clean photograph does by itself, without a deception's bound: no rivals of it."""

Draw = Callable[[np.random.Generator], tuple[UInt8, int]]


@dataclass(frozen=True, eq=False)
class Case:
    """One photograph whose deception is set against controls.

    Attributes:
        session: Whom to ask.
        clean: The photograph in the frame, uint8 ``[H, W, 3]``.
        sha256: SHA-256 of its bytes; with ``seed`` it decides everything random.
        goal: What counts as deceived, the same for the controls.
        bound: What a stimulus may change, the same for the controls.
        queries: Queries that the search had; each matched control has as many.
        seed: Seed of the run.
        crops_from: Photographs of other classes in the frame, uint8 ``[H, W, 3]`` each; the order is kept.
        containing: The same of the target's class and its near-synonyms.
    """

    session: Session
    clean: UInt8
    sha256: str
    goal: Goal
    bound: Bound
    queries: int
    seed: int = 0
    crops_from: Sequence[UInt8] = ()
    containing: Sequence[UInt8] = ()

    @property
    def matched_queries(self) -> int:
        """Showings of each matched control, at most."""
        return min(self.queries, MOST_TARGETED) if isinstance(self.goal, Targeted) else self.queries

    def trials(self, name: str, queries: int) -> Trials:
        """Showings of one control, counted and held within the bound."""
        return Trials(
            self.session, self.clean, self.goal, self.bound, queries, purpose=f"deception control: {name}"
        )


def measure_controls(case: Case, found: Found) -> dict[str, dict[str, Any]]:
    """Show every control of one photograph, each until it reaches the goal or its queries are spent.

    A patch: its mask, at its place, filled with *grey fill*, *mean colour fill* (of the photograph), *scramble*
    (its own pixels permuted) and *crops of other classes* (the same pixels of other photographs, the best of
    them), one showing each, and apart from those *contains t* (crops that may show the target); then, each the
    best of the search's queries, a square of the whole area at random places, of noise (*random patch*) and grey
    (*grey patch*), and noise on as many pixels all over the frame (*random pixels*). A veil: *scramble* (what it
    adds, permuted); *random noise* of ±ε and *uniform shift*, one colour within ±ε added everywhere. For both, the
    clean photograph moved by one pixel and brighter by 5 levels (*clean shifted*, *clean brighter*).

    Returns:
        ``{reached, first, queries}`` by name, in this order; ``first`` is the showing that reached the goal.
    """
    made = {}
    for name, stimuli in _fills(case, found):
        made[name] = _best_of(case.trials(name, len(stimuli)), iter(stimuli))
    for name, draw in _matched(case):
        rng = stream(case.seed, case.sha256, "deception control", name)
        drawn = (draw(rng) for _ in repeat(None))
        made[name] = _best_of(case.trials(name, case.matched_queries), drawn)
    for name, pixels in zip(UNSPENT, (shifted(case.clean), brighter(case.clean)), strict=True):
        made[name] = _freely(case, name, pixels)
    return made


def controls_price(bound: Bound, queries: int, crops: int, *, targeted: bool = False) -> int:
    """Queries that the controls of one photograph cost, at most; ``crops`` count those that show the target."""
    matched = min(queries, MOST_TARGETED) if targeted else queries
    return (3 + crops + 3 * matched if isinstance(bound, Area) else 1 + 2 * matched) + len(UNSPENT)


def brighter(pixels: UInt8) -> UInt8:
    """The image uint8 ``[H, W, 3]`` brighter by ``BRIGHTER`` grey levels, clipped."""
    return np.clip(pixels.astype(np.int16) + BRIGHTER, 0, 255).astype(np.uint8)


def _best_of(trials: Trials, stimuli: Iterator[tuple[UInt8, int]]) -> dict[str, Any]:
    while trials.left and trials.first is None:
        trials.show(*next(stimuli))
    return {"reached": trials.first is not None, "first": trials.first, "queries": trials.spent}


def _freely(case: Case, name: str, pixels: UInt8) -> dict[str, Any]:
    """One showing that no bound holds: moving a photograph changes all of it."""
    purpose = f"deception control: {name}"
    top1 = case.session.ask_images(pixels[None], np.array([0]), purpose=purpose, batch_size=1).top[:, 0]
    reached = bool(case.goal.reached(top1)[0])
    return {"reached": reached, "first": 1 if reached else None, "queries": 1}


# --- the found mask, or veil, with something else in it ----------------------------------------------------------


def _fills(case: Case, found: Found) -> Iterator[tuple[str, list[tuple[UInt8, int]]]]:
    """Name, and stimuli with the pixels that each covers."""
    clean, rng = case.clean, stream(case.seed, case.sha256, "deception control", "scramble of what was found")
    if found.mask is None:
        yield "scramble", [(_scrambled_veil(clean, found.stimulus, rng), 0)]
        return
    mask, covered = found.mask, int(found.mask.sum())
    mean = np.rint(clean.reshape(-1, 3).mean(axis=0)).astype(np.uint8)
    yield "grey fill", [(_filled(clean, mask, np.uint8(GREY)), covered)]
    yield "mean colour fill", [(_filled(clean, mask, mean), covered)]
    yield "scramble", [(_filled(clean, mask, rng.permutation(found.stimulus[mask])), covered)]
    for name, photographs in (("crops of other classes", case.crops_from), (CONTAINS, case.containing)):
        if photographs:
            yield name, [(_filled(clean, mask, other[mask]), covered) for other in photographs]


def _filled(clean: UInt8, mask: NDArray[np.bool_], values: UInt8 | np.uint8) -> UInt8:
    stimulus = clean.copy()
    stimulus[mask] = values
    return stimulus


def _scrambled_veil(clean: UInt8, stimulus: UInt8, rng: np.random.Generator) -> UInt8:
    added = rng.permutation((stimulus.astype(np.int16) - clean).reshape(-1, 3)).reshape(clean.shape)
    return _veiled(clean, added)


# --- the same budget, spent at random ----------------------------------------------------------------------------


def _matched(case: Case) -> list[tuple[str, Draw]]:
    clean, bound = case.clean, case.bound
    shape = (clean.shape[0], clean.shape[1])
    limit = bound.limit(shape)
    if isinstance(bound, Linf):
        corners = [np.array([r, g, b]) * limit for r in (-1, 1) for g in (-1, 1) for b in (-1, 1)]
        order = stream(case.seed, case.sha256, "deception control", "corners").permutation(len(corners))
        left = [corners[i] for i in order]

        def noise(rng: np.random.Generator) -> tuple[UInt8, int]:
            return _veiled(clean, limit * rng.choice(np.array([-1, 1], dtype=np.int16), clean.shape)), 0

        def uniform(rng: np.random.Generator) -> tuple[UInt8, int]:
            # The eight extreme colours first: what lies between them seldom does more.
            return _veiled(clean, left.pop() if left else rng.integers(-limit, limit + 1, 3)), 0

        return [("random noise", noise), ("uniform shift", uniform)]

    height, width = square_of(limit, shape)

    def place(rng: np.random.Generator, content: UInt8 | int) -> tuple[UInt8, int]:
        y, x = (
            int(rng.integers(side - patch + 1)) for side, patch in zip(shape, (height, width), strict=True)
        )
        stimulus = clean.copy()
        stimulus[y : y + height, x : x + width] = content
        return stimulus, height * width

    def noise_patch(rng: np.random.Generator) -> tuple[UInt8, int]:
        return place(rng, rng.integers(0, 256, (height, width, 3), dtype=np.uint8))

    def grey_patch(rng: np.random.Generator) -> tuple[UInt8, int]:
        return place(rng, GREY)

    def pixels(rng: np.random.Generator) -> tuple[UInt8, int]:
        stimulus = clean.copy()
        where = rng.choice(shape[0] * shape[1], limit, replace=False, shuffle=False)
        stimulus.reshape(-1, 3)[where] = rng.integers(0, 256, (limit, 3), dtype=np.uint8)
        return stimulus, limit

    return [("random patch", noise_patch), ("grey patch", grey_patch), ("random pixels", pixels)]


def square_of(limit: int, shape: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of a rectangle of at most ``limit`` pixels, as square as the frame lets it be."""
    height = min(math.isqrt(limit), shape[0])
    width = min(limit // height, shape[1])
    return min(limit // width, shape[0]), width


def _veiled(clean: UInt8, added: NDArray[Any]) -> UInt8:
    return np.asarray(np.clip(clean.astype(np.int16) + added, 0, 255), dtype=np.uint8)
