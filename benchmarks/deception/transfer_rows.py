"""Rows of the transfer matrices on disk: what was learned somewhere, and what each network makes of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from .keeping import write_json

SCHEMA = 1
FOLDER = "transfer"


@dataclass(frozen=True)
class Column:
    """What one network made of it: photographs, whether it was right before, and the showing that deceived it."""

    fingerprint: str
    index: tuple[int, ...]
    correct: tuple[bool, ...]
    first: tuple[int | None, ...]


@dataclass(eq=False)
class Row:
    """Something that was learned, and what networks make of it.

    Attributes:
        what: ``"veil-10"``, ``"patch-10"``, ``"dictionary-5"`` or ``"dictionary-2"``.
        learned_on: A network, ``"several (without X)"``, or how a dictionary is ordered.
        seed: Of learning.
        split: Of the photographs.
        digest: Of what is shown; a row that was shown something else is begun anew.
        queries: What learning took.
        columns: By network.
    """

    what: str
    learned_on: str
    seed: int
    split: str = "test"
    digest: str = ""
    queries: int = 0
    columns: dict[str, Column] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"{self.what}--{self.learned_on.replace(' ', '-')}--{self.seed}.json"

    def write(self, folder: Path) -> None:
        """Write it, whole or not at all."""
        columns = {
            name: {
                "fingerprint": column.fingerprint,
                "index": list(column.index),
                "correct": "".join("01"[right] for right in column.correct),
                "first": list(column.first),
            }
            for name, column in self.columns.items()
        }
        content = {
            "schema": SCHEMA,
            "what": self.what,
            "learned_on": self.learned_on,
            "seed": self.seed,
            "split": self.split,
            "digest": self.digest,
            "queries": self.queries,
            "columns": columns,
        }
        write_json(folder / FOLDER / self.file, content)


def read_row(path: Path) -> Row:
    """Read it. Raises SystemExit, with one sentence, where it is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema {content['schema']}")
        columns = {
            name: Column(
                column["fingerprint"],
                tuple(column["index"]),
                tuple(right == "1" for right in column["correct"]),
                tuple(column["first"]),
            )
            for name, column in content["columns"].items()
        }
        names = ("what", "learned_on", "seed", "split", "digest", "queries")
        return Row(*(content[name] for name in names), columns)
    except (ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{path} holds no transfer of this benchmark ({error}): move it away.") from error


def read_rows(folder: Path) -> list[Row]:
    """All rows that there are, in order of their names."""
    return [read_row(path) for path in sorted((folder / FOLDER).glob("*.json"))]
