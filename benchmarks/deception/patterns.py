"""Universal patterns as small files beside the figures, one tile each: other networks are shown them, too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepception.deceive.bounds import Bound
from deepception.deceive.tiles import tiles_within
from deepception.errors import InputError

from .keeping import Unit, write_json

FOLDER = "patterns"


@dataclass(frozen=True, eq=False)
class Kept:
    """One pattern that was learned.

    Attributes:
        motif: What is repeated over the frame, as ``tiles_within`` describes it.
        bound: What the pattern may change.
        learned_on: Names of the networks.
        seed: Of learning.
        queries: What it took, on all networks together.
    """

    motif: Any
    bound: Bound
    learned_on: tuple[str, ...]
    seed: int
    queries: int

    @property
    def digest(self) -> str:
        """Twelve digits of the SHA-256 of what is repeated."""
        values = tiles_within(self.bound).to_json(self.motif)
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def keep_pattern(
    folder: Path, unit: Unit, fingerprint: str, bound: Bound, learned: Mapping[str, Any]
) -> None:
    """Write what one unit has learned on its own network, if that is not there already."""
    content = {
        "learned_on": [unit.network],
        "fingerprints": [fingerprint],
        "seed": unit.seed,
        "bound": str(bound),
        "queries": learned["queries"],
        "tile": learned["tile"],
    }
    write_json(folder / FOLDER / unit.file, content)


def read_pattern(path: Path, bound: Bound) -> Kept:
    """Read it. Raises SystemExit, with one sentence, where it is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Kept(
            tiles_within(bound).from_json(content["tile"]),
            bound,
            tuple(content["learned_on"]),
            content["seed"],
            content["queries"],
        )
    except (InputError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{path} holds no pattern of this benchmark ({error}): move it away.") from error
