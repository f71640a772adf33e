"""Put an image classifier in a psychophysics laboratory: measure why it recognises, from its answers alone."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .observers import open_observer
    from .properties import measure_activation, measure_cumulative, measure_local, measure_spatial
    from .sessions import AnswerCache, Session
    from .stimuli import load_photograph

__all__ = [
    "AnswerCache",
    "Session",
    "__version__",
    "load_photograph",
    "measure_activation",
    "measure_cumulative",
    "measure_local",
    "measure_spatial",
    "open_observer",
]

_HOME = {
    "AnswerCache": "sessions",
    "Session": "sessions",
    "load_photograph": "stimuli",
    "measure_activation": "properties",
    "measure_cumulative": "properties",
    "measure_local": "properties",
    "measure_spatial": "properties",
    "open_observer": "observers",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value
