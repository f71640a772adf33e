"""Opening an engine by its name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
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
    return check_engine(name, **options)(make, **options)


def check_engine(name: str, **options: Any) -> Callable[..., Engine]:
    """What opens an engine, which is there and understands the options; nothing is started.

    An engine may have a function ``check``, which gets the options and raises InputError for what it lacks.

    Raises InputError for a name or an option that means nothing.
    """
    kind = _engine(name)
    known = [parameter.name for parameter in inspect.signature(kind).parameters.values()][1:]
    for option in options:
        if option not in known:
            raise InputError(f"the engine {name} has no option {option}; it has {', '.join(known)}.")
    _check_types(kind, options)
    check = getattr(kind, "check", None)
    if check is not None:
        check(**options)
    return kind


def _check_types(kind: Callable[..., Engine], options: Mapping[str, Any]) -> None:
    from pydantic import ConfigDict, TypeAdapter, ValidationError

    try:
        known = inspect.signature(kind, eval_str=True).parameters
    except NameError:  # of types that only type checkers import
        return
    for option, value in options.items():
        hint = known[option].annotation
        if hint is not inspect.Parameter.empty:
            try:
                TypeAdapter(hint, config=ConfigDict(strict=True)).validate_python(value)
            except ValidationError as error:
                said = error.errors(include_url=False)[0]["msg"]
                raise InputError(f"{option} of the engine: {said[:1].lower()}{said[1:]}.") from error


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
