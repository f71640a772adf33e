"""Opening an engine by its name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, cast

from ...errors import InputError
from .protocol import BenchMaker, Engine

ENTRY_POINTS = "deepception.engines"


def open_engine(name: str, make: BenchMaker, **options: Any) -> Engine:
    """Start an engine's workers.

    Args:
        name: ``"local"``, ``"ray"``, or another entry point of the group ``deepception.engines``.
        make: Makes the bench of a worker, in it.
        options: The engine's own; see LocalEngine and RayEngine. Both know ``workers``.

    Raises InputError for a name or an option that means nothing, and what the engine raises.
    """
    kind = _engine(name)
    known = [parameter.name for parameter in inspect.signature(kind).parameters.values()][1:]
    for option in options:
        if option not in known:
            raise InputError(f"the engine {name} has no option {option}; it has {', '.join(known)}.")
    return kind(make, **options)


def engine_names() -> tuple[str, ...]:
    """Names of the engines that are installed, sorted."""
    from importlib import metadata  # takes longer than the rest of this package

    return tuple(sorted({point.name for point in metadata.entry_points(group=ENTRY_POINTS)}))


def _engine(name: str) -> Callable[..., Engine]:
    from importlib import metadata

    points = list(metadata.entry_points(group=ENTRY_POINTS, name=name))
    if not points:
        raise InputError(f"the engine {name!r} is not known; known here: {', '.join(engine_names())}.")
    if len({point.value for point in points}) > 1:
        values = " and ".join(sorted({point.value for point in points}))
        raise InputError(f"two installed packages offer the engine {name!r}: {values}; remove one.")
    try:
        return cast("Callable[..., Engine]", points[0].load())
    except (ImportError, AttributeError) as error:
        raise InputError(f"the engine {name!r} cannot be loaded from {points[0].value}: {error}.") from error
