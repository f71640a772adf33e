"""The veils that come with this package: tiles learned on other classifiers, by queries alone."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError
from ..observers import Observer
from .tiles import Codes

SCHEMA = 1


class BankedVeil(NamedTuple):
    """One tile of the bank: the tile, and the classifier it was learned on, SHA-256 of its files and name."""

    tile: Codes
    models: tuple[str, ...]
    observer: str


def builtin_veils(observer: Observer | None = None) -> tuple[Codes, ...]:
    """The tiles of the bank, int8 ``[T, T, 3]`` of −1 and 1, the most useful first.

    Those that were learned on ``observer`` itself are left out: what it was asked for them is not in any count.
    """
    model = None if observer is None else observer.identity.get("sha256")
    return tuple(veil.tile for veil in _bank() if model not in veil.models)


def veil_to_json(veil: BankedVeil) -> dict[str, Any]:
    """One tile as JSON has it: its signs as bits."""
    bits = np.packbits(veil.tile.reshape(-1) > 0)
    return {
        "models": list(veil.models),
        "observer": veil.observer,
        "side": len(veil.tile),
        "signs": base64.b64encode(bits.tobytes()).decode(),
    }


def veils_from_json(values: Any) -> tuple[BankedVeil, ...]:
    """The tiles of a bank; raises InputError for anything else."""
    try:
        if values["schema"] != SCHEMA:
            raise ValueError("another schema")
        return tuple(
            BankedVeil(_tile(v["signs"], int(v["side"])), tuple(v["models"]), str(v["observer"]))
            for v in values["veils"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("this is no bank of veils: give a file that this package wrote.") from error


def bank_to_json(veils: Sequence[BankedVeil]) -> dict[str, Any]:
    """A bank as JSON has it."""
    return {"schema": SCHEMA, "veils": [veil_to_json(veil) for veil in veils]}


def _tile(signs: str, side: int) -> Codes:
    bits = np.unpackbits(np.frombuffer(base64.b64decode(signs), dtype=np.uint8))[: side * side * 3]
    return (bits.reshape(side, side, 3).astype(np.int8) * 2 - 1).astype(np.int8)


@lru_cache(maxsize=1)
def _bank() -> tuple[BankedVeil, ...]:
    text = (files("deepception") / "data" / "veils.json").read_text(encoding="utf-8")
    return veils_from_json(json.loads(text))
