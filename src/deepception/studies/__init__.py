"""Studies: many observers × many photographs, cut into units that are measured once, kept, and resumed.

Nothing here knows a property or asks an observer: a unit's outcome is arrays, a record and what it cost.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .engine import BlockedUnit, ExecutionReport, FailedUnit, PlannedUnit, Progress, execute
from .inputs import PhotographRef, find_photographs
from .ledger import Failure, Ledger, Sitting, Totals
from .lock import RunLock
from .run_folder import OpenRun, open_run
from .store import FinishedUnit, RunStore
from .units import Outcome, Unit

if TYPE_CHECKING:
    from .joining import create_or_join, difference, fix_batch_size
    from .settings import (
        Extension,
        ObserverEntry,
        PhotographEntry,
        RunSettings,
        check_usable,
        load_settings,
    )

__all__ = [
    "BlockedUnit",
    "ExecutionReport",
    "Extension",
    "FailedUnit",
    "Failure",
    "FinishedUnit",
    "Ledger",
    "ObserverEntry",
    "OpenRun",
    "Outcome",
    "PhotographEntry",
    "PhotographRef",
    "PlannedUnit",
    "Progress",
    "RunLock",
    "RunSettings",
    "RunStore",
    "Sitting",
    "Totals",
    "Unit",
    "check_usable",
    "create_or_join",
    "difference",
    "execute",
    "find_photographs",
    "fix_batch_size",
    "load_settings",
    "open_run",
]

_LAZY = {
    "Extension": "settings",
    "ObserverEntry": "settings",
    "PhotographEntry": "settings",
    "RunSettings": "settings",
    "check_usable": "settings",
    "create_or_join": "joining",
    "difference": "joining",
    "fix_batch_size": "joining",
    "load_settings": "settings",
}


def __getattr__(name: str) -> Any:
    # pydantic takes a noticeable part of `deepception --help`, so it is imported with the first use.
    if name in _LAZY:
        return getattr(import_module(f".{_LAZY[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
