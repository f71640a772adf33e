"""What comes with this package was learned, too: on whom, with how many queries, and on which photographs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .bounds import Area, Bound
from .builtin import dictionary_photographs, witnesses_of
from .parameters import DeceptionParameters
from .veil_bank import banked_veils, veil_photographs


def built_in(parameters: DeceptionParameters, identity: Mapping[str, Any]) -> dict[str, Any] | None:
    """What of this package goes before the search or the learning of a run, and what that was learned with.

    Args:
        parameters: How photographs are deceived.
        identity: The observer's; what was learned on the observer itself is left out.

    Returns:
        ``kind``, ``"dictionary"`` or ``"veils"``; ``observers``, who was asked; ``parts``, each with the
        ``observers`` that were asked together and their ``queries``; ``queries``, all of them, which this package
        has paid once and no run pays; ``left_out``, parts that are not used because the observer is among theirs;
        and ``photographs``, how many it was learned on. ``None`` where nothing of this package is used.
    """
    if not uses_built_in(parameters):
        return None
    every: list[tuple[tuple[str, ...], tuple[str, ...], int]]
    if isinstance(parameters.bound, Area):
        kind, photographs = "dictionary", dictionary_photographs()
        every = [(w.models, (w.observer,), w.queries) for w in witnesses_of(parameters.bound.fraction)]
    else:
        kind, photographs = "veils", veil_photographs()
        every = [(v.models, v.observers, v.queries) for v in banked_veils()]
    used = [part for part in every if identity.get("sha256") not in part[0]]
    return {
        "kind": kind,
        "observers": sorted({name for _, names, _ in used for name in names}),
        "parts": [{"observers": list(names), "queries": queries} for _, names, queries in used],
        "queries": sum(queries for *_, queries in used),
        "left_out": len(every) - len(used),
        "photographs": len(photographs),
    }


def uses_built_in(parameters: DeceptionParameters) -> bool:
    """Whether something of this package goes first: not before what a file brings, nor for a universal patch."""
    if parameters.applied is not None:
        return False
    return not (parameters.universal and isinstance(parameters.bound, Area))


def built_in_photographs(bound: Bound) -> frozenset[str]:
    """What the SHA-256 of the photographs begin with that this package has learned on for such a bound."""
    return dictionary_photographs() if isinstance(bound, Area) else veil_photographs()
