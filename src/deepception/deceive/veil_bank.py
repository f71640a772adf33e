"""The veils that come with this package: textures learned on other classifiers, by queries alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

from ..errors import InputError
from ..observers import Observer
from .textures import Texture

SCHEMA = 2


class BankedVeil(NamedTuple):
    """One texture of the bank, and the classifiers it was learned on: SHA-256 of their files, and names."""

    texture: Texture
    models: tuple[str, ...]
    observers: tuple[str, ...]


def builtin_veils(observer: Observer | None = None) -> tuple[Texture, ...]:
    """The textures of the bank, the most useful first.

    Those that were learned on ``observer``, too, are left out: what it was asked for them is not in any count.
    """
    model = None if observer is None else observer.identity.get("sha256")
    return tuple(veil.texture for veil in _bank() if model not in veil.models)


def veil_to_json(veil: BankedVeil) -> dict[str, Any]:
    """One texture as JSON has it."""
    return {
        "models": list(veil.models),
        "observers": list(veil.observers),
        "texture": veil.texture.to_json(),
    }


def veils_from_json(values: Any) -> tuple[BankedVeil, ...]:
    """The textures of a bank; raises InputError for anything else."""
    try:
        if values["schema"] != SCHEMA:
            raise ValueError("another schema")
        return tuple(
            BankedVeil(
                Texture.from_json(v["texture"]),
                tuple(str(model) for model in v["models"]),
                tuple(str(name) for name in v["observers"]),
            )
            for v in values["veils"]
        )
    except (InputError, KeyError, TypeError, ValueError) as error:
        raise InputError("this is no bank of veils: give a file that this package wrote.") from error


def bank_to_json(veils: Sequence[BankedVeil]) -> dict[str, Any]:
    """A bank as JSON has it."""
    return {"schema": SCHEMA, "veils": [veil_to_json(veil) for veil in veils]}


@lru_cache(maxsize=1)
def _bank() -> tuple[BankedVeil, ...]:
    text = (files("deepception") / "data" / "veils.json").read_text(encoding="utf-8")
    return veils_from_json(json.loads(text))
