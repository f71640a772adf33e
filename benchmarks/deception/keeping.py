"""Figures on disk: one compact JSON for each network, setting, method and seed, which grows as it is measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .outcome import Outcome

SCHEMA = 1
FOLDER = Path(__file__).resolve().parents[1] / "results" / "deception"


@dataclass(frozen=True)
class Unit:
    """One network, setting, method and seed."""

    network: str
    setting: str
    method: str
    seed: int

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"{self.network}--{self.setting}--{self.method}--{self.seed}.json"


@dataclass(eq=False)
class Figures:
    """What one unit gave so far.

    Attributes:
        unit: Which.
        facts: What must be equal to go on with it: fingerprint, bound, queries, version of the method, …
        rows: By class index: correct before, first success, all queries, what was used of the bound.
        learning: Queries that it learned with on this network.
        seconds: Time spent in attacks.
    """

    unit: Unit
    facts: dict[str, Any]
    rows: dict[int, tuple[bool, Outcome]] = field(default_factory=dict)
    learning: int = 0
    seconds: float = 0.0

    @property
    def sent(self) -> int:
        """Queries of all photographs."""
        return sum(outcome.total for _, outcome in self.rows.values())

    def missing(self, indices: Sequence[int]) -> list[int]:
        """Photographs that it has not got, in order."""
        return [index for index in indices if index not in self.rows]

    def write(self, folder: Path) -> None:
        """Write it, whole or not at all."""
        rows = sorted(self.rows.items())
        content = {
            "schema": SCHEMA,
            "network": self.unit.network,
            "setting": self.unit.setting,
            "method": self.unit.method,
            "seed": self.unit.seed,
            "facts": self.facts,
            "learning": self.learning,
            "seconds": round(self.seconds, 1),
            "index": [index for index, _ in rows],
            "correct": "".join("1" if correct else "0" for _, (correct, _) in rows),
            "first": [outcome.first for _, (_, outcome) in rows],
            "total": [outcome.total for _, (_, outcome) in rows],
            "used": [outcome.used for _, (_, outcome) in rows],
        }
        survives = [outcome.survives for _, (_, outcome) in rows]
        if any(one is not None for one in survives):
            content["survives"] = [None if one is None else int(one) for one in survives]
        write_json(folder / self.unit.file, content)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")
    temporary.replace(path)


def read(path: Path) -> Figures:
    """Read a file that ``write`` wrote. Raises SystemExit, with one sentence, where it is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema {content['schema']}")
        unit = Unit(content["network"], content["setting"], content["method"], content["seed"])
        columns = [content[name] for name in ("index", "correct", "first", "total", "used")]
        columns.append(content.get("survives", [None] * len(content["index"])))
        rows = {
            index: (correct == "1", Outcome(first, total, used, None if survives is None else bool(survives)))
            for index, correct, first, total, used, survives in zip(*columns, strict=True)
        }
        return Figures(unit, content["facts"], rows, content["learning"], content["seconds"])
    except (ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{path} holds no figures of this benchmark ({error}): move it away.") from error


def find(folder: Path, unit: Unit, facts: dict[str, Any]) -> Figures:
    """What there is of a unit, or an empty one. Raises SystemExit where it was measured with other facts."""
    path = folder / unit.file
    if not path.exists():
        return Figures(unit, facts)
    found = read(path)
    if found.facts != facts:
        differing = ", ".join(sorted(k for k in facts | found.facts if facts.get(k) != found.facts.get(k)))
        raise SystemExit(f"{path} was measured with another {differing}: move it away to measure again.")
    return found


def read_all(folder: Path) -> list[Figures]:
    """All units that have figures, in order of their names."""
    return [read(path) for path in sorted(folder.glob("*.json"))]
