"""Fooling images on disk: one compact JSON for each network, method and seed, which grows by the class."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .keeping import write_json

SCHEMA = 1
FOLDER = "fooling"
OURS, PLAIN, SCRAMBLED = "ours_fooling", "plain_fooling", "scrambled_bank"
METHODS = (OURS, SCRAMBLED, PLAIN)


@dataclass(frozen=True)
class Made:
    """One class's fooling image, or the best try.

    Attributes:
        first: The query that reached the threshold first; ``None`` where the saved image did not.
        first_top1: The query that was answered with the class first.
        p: Probability of the class on the image, to four digits; ``None`` where it is not known.
        top1: What the image is answered with.
        total: All queries.
        copies: Placements that it is made of.
    """

    first: int | None
    first_top1: int | None
    p: float | None
    top1: int
    total: int
    copies: int


@dataclass(eq=False)
class Rows:
    """What one network, method and seed gave so far.

    Attributes:
        network: Its name.
        method: OURS; SCRAMBLED, the same in a scrambled bank; or PLAIN, which learns nothing before.
        seed: Of bank and search.
        facts: What must be equal to go on with it: fingerprint, queries, threshold, photographs of the bank, …
        made: By class.
        seconds: Time spent.
        learning: Queries that were learned with before, for all classes together.
    """

    network: str
    method: str
    seed: int
    facts: dict[str, Any]
    made: dict[int, Made] = field(default_factory=dict)
    seconds: float = 0.0
    learning: int = 0

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"{self.network}--{self.method}--{self.seed}.json"

    @property
    def sent(self) -> int:
        """Queries of all classes."""
        return sum(one.total for one in self.made.values())

    def missing(self, classes: Sequence[int]) -> list[int]:
        """Classes that it has not got, in order."""
        return [index for index in classes if index not in self.made]

    def write(self, folder: Path) -> None:
        """Write it, whole or not at all."""
        rows = sorted(self.made.items())
        content = {
            "schema": SCHEMA,
            "network": self.network,
            "method": self.method,
            "seed": self.seed,
            "facts": self.facts,
            "seconds": round(self.seconds, 1),
            "learning": self.learning,
            "class": [index for index, _ in rows],
            **{name: [getattr(one, name) for _, one in rows] for name in _COLUMNS},
        }
        write_json(folder / FOLDER / self.file, content)


_COLUMNS = ("first", "first_top1", "p", "top1", "total", "copies")


def read_one(path: Path) -> Rows:
    """Read it. Raises SystemExit, with one sentence, where it is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema {content['schema']}")
        columns = [content["class"], *(content[name] for name in _COLUMNS)]
        made = {row[0]: Made(*row[1:]) for row in zip(*columns, strict=True)}
        about = (content["network"], content["method"], content["seed"], content["facts"])
        return Rows(*about, made, content["seconds"], content["learning"])
    except (ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{path} holds no fooling images ({error}): move it away.") from error


def find_rows(folder: Path, empty: Rows) -> Rows:
    """What there is of it, or ``empty``. Raises SystemExit where it was measured with other facts."""
    path = folder / FOLDER / empty.file
    if not path.exists():
        return empty
    found = read_one(path)
    if found.facts != empty.facts:
        names = found.facts | empty.facts
        differing = ", ".join(sorted(k for k in names if found.facts.get(k) != empty.facts.get(k)))
        raise SystemExit(f"{path} was measured with another {differing}: move it away to measure again.")
    return found


def read_made(folder: Path) -> list[Rows]:
    """All of them, in order of their names."""
    return [read_one(path) for path in sorted((folder / FOLDER).glob("*.json"))]


def done(rows: Iterable[Rows], network: str, method: str, seed: int) -> set[int]:
    """Classes that are measured."""
    return {
        index
        for one in rows
        if (one.network, one.method, one.seed) == (network, method, seed)
        for index in one.made
    }
