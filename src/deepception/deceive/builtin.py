"""The dictionary that comes with this package: stencils shown on other classifiers, ordered to cover most."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..observers import Observer
from .dictionary import LEARNED_ON, Dictionary, cover_order
from .stencils import Stencil

SCHEMA = 2


class Witness(NamedTuple):
    """What one classifier answered.

    Attributes:
        models: SHA-256 of the bytes of its files: the same network may be stored in more than one.
        observer: Its name.
        queries: What it was asked.
        reached: bool ``[M, N]``, which of N photographs each of M stencils deceived it on.
    """

    models: tuple[str, ...]
    observer: str
    queries: int
    reached: NDArray[np.bool_]


class Shelf(NamedTuple):
    """The stencils of one area, M of them, and what classifiers answered to each of them."""

    stencils: tuple[Stencil, ...]
    witnesses: tuple[Witness, ...]


def builtin_dictionary(area: float, observer: Observer | None = None) -> Dictionary:
    """The stencils that come with this package for the nearest area, in the order that covers most.

    Every classifier weighs the same. What ``observer`` itself answered is left out: what it was asked for that is
    not in any count.

    Args:
        area: A share of the frame.
        observer: Who is to be deceived.
    """
    nearest = nearest_area(area)
    model = None if observer is None else str(observer.identity.get("sha256"))
    own = model if any(model in w.models for w in _shelves()[nearest].witnesses) else None
    return _ordered(nearest, own)


def nearest_area(area: float) -> float:
    """The area, a share of the frame, for which this package has stencils and which is nearest to another."""
    return min(_shelves(), key=lambda fraction: abs(math.log(fraction / area)))


def witnesses_of(area: float) -> tuple[Witness, ...]:
    """The classifiers that answered for the nearest area."""
    return _shelves()[nearest_area(area)].witnesses


def dictionary_photographs() -> frozenset[str]:
    """What the SHA-256 of the photographs that the built-in dictionary was learned on begin with."""
    return frozenset(str(digits) for digits in _file().get(LEARNED_ON, []))


@lru_cache(maxsize=64)
def _ordered(area: float, left_out: str | None) -> Dictionary:
    shelf = _shelves()[area]
    witnesses = [w for w in shelf.witnesses if left_out not in w.models]
    learned = {
        "area": area,
        "observers": [w.observer for w in witnesses],
        "shown": len(shelf.stencils),
        "queries": sum(w.queries for w in witnesses),
        LEARNED_ON: sorted(dictionary_photographs()),
    }
    if not witnesses:
        return Dictionary(shelf.stencils, learned)
    reached = np.concatenate([w.reached for w in witnesses], axis=1)
    weights = np.concatenate([np.full(w.reached.shape[1], 1 / w.reached.shape[1]) for w in witnesses])
    order = cover_order(reached, len(shelf.stencils), weights)
    return Dictionary(tuple(shelf.stencils[i] for i in order), learned)


def shelves_to_json(shelves: Mapping[float, Shelf], learned_on: Sequence[str] = ()) -> dict[str, Any]:
    """All areas as JSON has them; what was reached is kept as bits.

    Args:
        shelves: By area.
        learned_on: What the SHA-256 of the photographs begin with, DIGITS digits each.
    """
    return {
        "schema": SCHEMA,
        LEARNED_ON: list(learned_on),
        "areas": {
            str(area): {
                "stencils": [stencil.to_json() for stencil in shelf.stencils],
                "witnesses": [_witness_to_json(witness) for witness in shelf.witnesses],
            }
            for area, shelf in shelves.items()
        },
    }


def shelves_from_json(values: Any) -> dict[float, Shelf]:
    """Areas from ``shelves_to_json``; raises InputError for anything else."""
    try:
        if values["schema"] != SCHEMA:
            raise ValueError("another schema")
        return {float(area): _shelf(shelf) for area, shelf in values["areas"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError("this is no built-in dictionary: make it again with its script.") from error


def _witness_to_json(witness: Witness) -> dict[str, Any]:
    return {
        "models": list(witness.models),
        "observer": witness.observer,
        "queries": witness.queries,
        "photographs": witness.reached.shape[1],
        "reached": base64.b64encode(np.packbits(witness.reached).tobytes()).decode(),
    }


def _shelf(values: Mapping[str, Any]) -> Shelf:
    stencils = tuple(Stencil.from_json(stencil) for stencil in values["stencils"])
    return Shelf(stencils, tuple(_witness(w, len(stencils)) for w in values["witnesses"]))


def _witness(values: Mapping[str, Any], stencils: int) -> Witness:
    shape: Sequence[int] = (stencils, int(values["photographs"]))
    bits = np.unpackbits(np.frombuffer(base64.b64decode(values["reached"]), dtype=np.uint8))
    reached = bits[: shape[0] * shape[1]].reshape(shape).astype(np.bool_)
    return Witness(tuple(values["models"]), str(values["observer"]), int(values["queries"]), reached)


@lru_cache(maxsize=1)
def _shelves() -> dict[float, Shelf]:
    return shelves_from_json(_file())


@lru_cache(maxsize=1)
def _file() -> Any:
    return json.loads((files("deepception") / "data" / "dictionary.json").read_text(encoding="utf-8"))
