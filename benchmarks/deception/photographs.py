"""The photographs of a split, in a network's frame, with what the network says of them undisturbed."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from deepception.deceive.goals import Goal, Targeted, Untargeted
from deepception.deceive.together import Teacher
from deepception.properties.streams import stream
from deepception.sessions import Session
from deepception.stimuli import fit_frame, load_photograph
from deepception.stimuli.patches import UInt8

Item = TypeVar("Item")

# METHODS §5: by class index; no class is in two splits.
SPLITS = {
    "learn": lambda index: index % 8 == 0,
    "develop": lambda index: index % 8 == 4,
    "test": lambda index: index % 4 == 2,
}


@dataclass(frozen=True, eq=False)
class Case:
    """One photograph, ready to be attacked.

    Attributes:
        index: Its class.
        sha256: Of its file's bytes.
        frame: uint8 ``[H, W, 3]``.
        clean: The network's clean top-1.
    """

    index: int
    sha256: str
    frame: UInt8
    clean: int

    @property
    def correct(self) -> bool:
        """Whether the network is right before."""
        return self.clean == self.index

    def goal(self, classes: int, targeted: bool) -> Goal:
        """What counts as deceived; a target is uniform over the classes but the true and the clean one."""
        if not targeted:
            return Untargeted(self.clean, self.index)
        order = stream(0, self.sha256, "target").permutation(classes)
        return Targeted(int(next(c for c in order if c not in (self.clean, self.index))))


def choose(folder: Path, split: str, count: int | None) -> list[tuple[int, Path]]:
    """Class and file of ``count`` photographs of a split, evenly spread; of all where ``None``."""
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = sorted((int(row["index"]), row["file"]) for row in csv.DictReader(file))
    chosen = [(index, folder / name) for index, name in rows if SPLITS[split](index)]
    return chosen if count is None else evenly(chosen, count)


def evenly(items: Sequence[Item], count: int) -> list[Item]:
    """``count`` of some items, evenly spread; all where there are no more."""
    count = min(count, len(items))
    return [items[i * len(items) // count] for i in range(count)]


def open_cases(session: Session, chosen: list[tuple[int, Path]]) -> list[Case]:
    """Bring photographs to the frame and ask for their clean answers, one query each."""
    loaded = [load_photograph(path) for _, path in chosen]
    frames = [fit_frame(photograph, session.observer.frame) for photograph in loaded]
    top = session.ask_images(np.stack(frames), np.array([0]), purpose="clean").top[:, 0]
    return [
        Case(index, photograph.sha256, frame, int(clean))
        for (index, _), photograph, frame, clean in zip(chosen, loaded, frames, top, strict=True)
    ]


def teacher(session: Session, cases: Sequence[Case]) -> Teacher:
    """A network with photographs that a universal pattern is learned on, untargeted."""
    classes = len(session.observer.labels)
    return Teacher(
        session, np.stack([case.frame for case in cases]), [case.goal(classes, False) for case in cases]
    )
