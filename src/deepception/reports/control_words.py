"""The controls of a deception in words: what each shows, and what kind of rival it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

FOUND, MATCHED, CLEAN, OTHER = (
    "The found one with something else in it, one showing each",
    "As much, placed or drawn at random: the best of as many queries",
    "The photograph by itself, outside the bound: no rival",
    "Other controls",
)
"""The kinds of controls, in the order in which they are told."""

KINDS = (FOUND, MATCHED, CLEAN, OTHER)


@dataclass(frozen=True)
class ControlWords:
    """What a control is.

    Attributes:
        kind: One of ``KINDS``.
        shows: What is shown, a noun phrase.
    """

    kind: str
    shows: str


CONTROLS: Mapping[str, ControlWords] = {
    "grey fill": ControlWords(FOUND, "the same pixels covered with grey"),
    "mean colour fill": ControlWords(FOUND, "the same pixels covered with the photograph’s mean colour"),
    "scramble": ControlWords(FOUND, "what was added, its pixels in random order"),
    "crops of other classes": ControlWords(
        FOUND, "the same pixels taken from photographs of other classes, the best of them"
    ),
    "random patch": ControlWords(MATCHED, "a square of noise, of the whole area, at random places"),
    "grey patch": ControlWords(MATCHED, "a grey square, of the whole area, at random places"),
    "random pixels": ControlWords(MATCHED, "noise on as many pixels, scattered over the frame"),
    "random noise": ControlWords(MATCHED, "every value moved up or down by the whole bound at random"),
    "uniform shift": ControlWords(MATCHED, "one colour within the bound added everywhere"),
    "clean shifted": ControlWords(CLEAN, "the clean photograph, moved by one pixel"),
    "clean brighter": ControlWords(CLEAN, "the clean photograph, brighter by 5 grey levels"),
}


def words_of(name: str) -> ControlWords:
    """What a control is; one that is not known here has its name alone."""
    return CONTROLS.get(name, ControlWords(OTHER, ""))


def by_kind(names: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Names of controls under their kinds, kinds that do not occur left out."""
    every = list(names)
    grouped = ((kind, [name for name in every if words_of(name).kind == kind]) for kind in KINDS)
    return [(kind, group) for kind, group in grouped if group]
