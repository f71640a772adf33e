"""Studies: many observers × many photographs, cut into units that are measured once, kept, and resumed.

Units, store, ledger and engine know no property: a unit's outcome is arrays, a record and what it cost. The audit
fills them: request, control pool, plan, price, run, results.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .accounting.ledger import Failure, Ledger, Sitting, Totals
from .crew.lease import Lease
from .crew.workers import Roster, Worker
from .engine import BlockedUnit, ExecutionReport, FailedUnit, PlannedUnit, Progress, execute
from .inputs import PhotographRef, find_photographs
from .keeping.compacting import compact
from .keeping.store import FinishedUnit, RunStore
from .run_folder import OpenRun, open_run
from .units import Outcome, Unit

if TYPE_CHECKING:
    from .audit import run_audit
    from .fooling.running import FoolingPrice, FoolingRequest, price_fooling, resolve_fooling, run_fooling
    from .joining import create_or_join, difference, fix_batch_size, joined_with
    from .pool import embedded_photographs
    from .price import Price, price_of
    from .request import AuditRequest, resolve
    from .runner import Listeners, RunOutcome
    from .settings import (
        Extension,
        ObserverEntry,
        PhotographEntry,
        RunSettings,
        check_usable,
        load_settings,
    )

__all__ = [
    "AuditRequest",
    "BlockedUnit",
    "ExecutionReport",
    "Extension",
    "FailedUnit",
    "Failure",
    "FinishedUnit",
    "FoolingPrice",
    "FoolingRequest",
    "Lease",
    "Ledger",
    "Listeners",
    "ObserverEntry",
    "OpenRun",
    "Outcome",
    "PhotographEntry",
    "PhotographRef",
    "PlannedUnit",
    "Price",
    "Progress",
    "Roster",
    "RunOutcome",
    "RunSettings",
    "RunStore",
    "Sitting",
    "Totals",
    "Unit",
    "Worker",
    "check_usable",
    "compact",
    "create_or_join",
    "difference",
    "embedded_photographs",
    "execute",
    "find_photographs",
    "fix_batch_size",
    "joined_with",
    "load_settings",
    "open_run",
    "price_fooling",
    "price_of",
    "resolve",
    "resolve_fooling",
    "run_audit",
    "run_fooling",
]

_LAZY = {
    "Listeners": "runner",
    "RunOutcome": "runner",
    "AuditRequest": "request",
    "FoolingPrice": "fooling.running",
    "FoolingRequest": "fooling.running",
    "price_fooling": "fooling.running",
    "resolve_fooling": "fooling.running",
    "run_fooling": "fooling.running",
    "Price": "price",
    "embedded_photographs": "pool",
    "price_of": "price",
    "resolve": "request",
    "run_audit": "audit",
    "Extension": "settings",
    "ObserverEntry": "settings",
    "PhotographEntry": "settings",
    "RunSettings": "settings",
    "check_usable": "settings",
    "create_or_join": "joining",
    "difference": "joining",
    "fix_batch_size": "joining",
    "joined_with": "joining",
    "load_settings": "settings",
}


def __getattr__(name: str) -> Any:
    # pydantic takes a noticeable part of `deepception --help`, so it is imported with the first use.
    if name in _LAZY:
        return getattr(import_module(f".{_LAZY[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
