"""Put an image classifier in a psychophysics laboratory: measure why it recognises, from its answers alone."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .deceive import (
        Bank,
        Deception,
        DeceptionResult,
        FoolingImage,
        deceive,
        deceive_all,
        fool,
        load_dictionary,
        make_bank,
        measure_potency,
    )
    from .deceive.learning_api import learn_dictionary, learn_universal
    from .deceive.pattern import apply, load_pattern
    from .observers import open_observer
    from .properties import (
        measure_activation,
        measure_cumulative,
        measure_local,
        measure_spatial,
        open_subject,
    )
    from .reports.comparison import compare
    from .sessions import AnswerCache, Session
    from .stimuli import load_photograph
    from .studies.results_schema import results_schema
    from .studies.study import Study

__all__ = [
    "AnswerCache",
    "Bank",
    "Deception",
    "DeceptionResult",
    "FoolingImage",
    "Session",
    "Study",
    "__version__",
    "apply",
    "compare",
    "deceive",
    "deceive_all",
    "fool",
    "learn_dictionary",
    "learn_universal",
    "load_dictionary",
    "load_pattern",
    "load_photograph",
    "make_bank",
    "measure_activation",
    "measure_cumulative",
    "measure_local",
    "measure_potency",
    "measure_spatial",
    "open_observer",
    "open_subject",
    "results_schema",
]

_HOME = {
    "AnswerCache": "sessions",
    "Bank": "deceive",
    "Deception": "deceive",
    "DeceptionResult": "deceive",
    "FoolingImage": "deceive",
    "Session": "sessions",
    "Study": "studies.study",
    "apply": "deceive.pattern",
    "compare": "reports.comparison",
    "deceive_all": "deceive",
    "fool": "deceive",
    "learn_dictionary": "deceive.learning_api",
    "learn_universal": "deceive.learning_api",
    "load_dictionary": "deceive",
    "load_pattern": "deceive.pattern",
    "load_photograph": "stimuli",
    "make_bank": "deceive",
    "measure_activation": "properties",
    "measure_cumulative": "properties",
    "measure_local": "properties",
    "measure_potency": "deceive",
    "measure_spatial": "properties",
    "open_observer": "observers",
    "open_subject": "properties",
    "results_schema": "studies.results_schema",
}


def __getattr__(name: str) -> Any:
    if name == "deceive":  # the room itself, which is called as its first verb is
        return import_module(".deceive", __name__)
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value
