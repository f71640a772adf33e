"""The veils that come with this package: textures learned on other classifiers, by queries alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

from ..errors import InputError
from ..observers import Observer
from .dictionary import LEARNED_ON
from .textures import Texture

SCHEMA = 2


class BankedVeil(NamedTuple):
    """One texture of the bank.

    Attributes:
        texture: The texture.
        models: SHA-256 of the files of the classifiers that it was learned on together.
        observers: Their names.
        queries: What they were asked for it, all together.
    """

    texture: Texture
    models: tuple[str, ...]
    observers: tuple[str, ...]
    queries: int = 0


def builtin_veils(observer: Observer | None = None) -> tuple[Texture, ...]:
    """The textures of the bank, the most useful first.

    Those that were learned on ``observer``, too, are left out: what it was asked for them is not in any count.
    """
    model = None if observer is None else observer.identity.get("sha256")
    return tuple(veil.texture for veil in banked_veils() if model not in veil.models)


@lru_cache(maxsize=1)
def banked_veils() -> tuple[BankedVeil, ...]:
    """The whole bank, the most useful texture first."""
    return veils_from_json(_file())


def veil_photographs() -> frozenset[str]:
    """What the SHA-256 of the photographs that the veils were learned on begin with."""
    return frozenset(str(digits) for digits in _file().get(LEARNED_ON, []))


def veil_to_json(veil: BankedVeil) -> dict[str, Any]:
    """One texture as JSON has it."""
    return {
        "models": list(veil.models),
        "observers": list(veil.observers),
        "queries": veil.queries,
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
                int(v.get("queries", 0)),
            )
            for v in values["veils"]
        )
    except (InputError, KeyError, TypeError, ValueError) as error:
        raise InputError("this is no bank of veils: give a file that this package wrote.") from error


def bank_to_json(veils: Sequence[BankedVeil], learned_on: Sequence[str] = ()) -> dict[str, Any]:
    """A bank as JSON has it; ``learned_on`` is what the SHA-256 of the photographs begin with, DIGITS digits."""
    return {"schema": SCHEMA, LEARNED_ON: list(learned_on), "veils": [veil_to_json(veil) for veil in veils]}


@lru_cache(maxsize=1)
def _file() -> Any:
    return json.loads((files("deepception") / "data" / "veils.json").read_text(encoding="utf-8"))
