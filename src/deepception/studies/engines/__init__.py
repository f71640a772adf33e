"""Engines: how a study's orders reach workers, here or on a cluster, and how their endings come back."""

from __future__ import annotations

from .opening import check_engine, engine_names, open_engine
from .protocol import Bench, BenchMaker, Ending, Engine, Good, Place

__all__ = [
    "Bench",
    "BenchMaker",
    "Ending",
    "Engine",
    "Good",
    "Place",
    "check_engine",
    "engine_names",
    "open_engine",
]
