"""Figures on disk: one small JSON for each network and answer level, which grows by a photograph at a time."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCHEMA = 1
FOLDER = Path(__file__).resolve().parents[1] / "results" / "answer_levels"


@dataclass(eq=False)
class Figures:
    """What one network at one level gave so far.

    Attributes:
        network: Its name.
        level: The level's name.
        facts: What must be equal to go on with it.
        photographs: By file name: queries, maps by name, and the row of each property.
    """

    network: str
    level: str
    facts: dict[str, Any]
    photographs: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"{self.network}--{self.level.replace(', ', '-').replace(' ', '-').replace('@', '-')}.json"

    def write(self, folder: Path) -> None:
        """Write it, whole or not at all; one line a photograph."""
        folder.mkdir(parents=True, exist_ok=True)
        head = {"schema": SCHEMA, "network": self.network, "level": self.level, "facts": self.facts}
        lines = [json.dumps(head, allow_nan=False)[:-1] + ', "photographs": {']
        entries = [f"{json.dumps(k)}: {json.dumps(v, allow_nan=False)}" for k, v in self.photographs.items()]
        lines += [",\n".join(entries), "}}"]
        partial = folder / f"{self.file}.partial"
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
        partial.replace(folder / self.file)


def read(folder: Path, network: str, level: str) -> Figures | None:
    """The figures of one network and level; ``None`` where nothing is measured."""
    path = folder / Figures(network, level, {}).file
    if not path.exists():
        return None
    stored = json.loads(path.read_text(encoding="utf-8"))
    if stored["schema"] != SCHEMA:
        raise SystemExit(f"{path.name} was written by another version of this benchmark: remove it.")
    return Figures(stored["network"], stored["level"], stored["facts"], stored["photographs"])


def going_on(folder: Path, network: str, level: str, facts: dict[str, Any]) -> Figures:
    """The figures to go on with; refused where they were measured otherwise."""
    there = read(folder, network, level)
    if there is None:
        return Figures(network, level, facts)
    for name, value in facts.items():
        if there.facts.get(name) != value:
            raise SystemExit(
                f"{there.file} was measured with another {name}: remove it, or measure as it was."
            )
    return there
