"""Benches that wait instead of computing, and what engines make of them."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import Any

from deepception.studies.engines import Ending, Engine, Place, open_engine

BATCH, BATCHES = 0.05, 20
"""Seconds that the observer takes for a batch, and batches of an order: units of a second."""


@dataclass(frozen=True)
class Waiting:
    """A bench whose observer takes its time and no processor's; also its maker."""

    def __call__(self, place: Place) -> Waiting:
        return self

    def do(self, body: tuple[int, float]) -> int:
        batches, seconds = body
        for _ in range(batches):
            time.sleep(seconds)
        return batches

    def close(self) -> None:
        pass


def overhead(name: str, seconds: float, orders: int) -> dict[str, Any]:
    """One worker, orders of so many seconds: what passes between the benches' work, for each order."""
    with open_engine(name, Waiting(), workers=1) as engine:
        _warm(engine)
        wall, ended = _run(engine, orders, (1, seconds) if seconds else (0, 0.0))
    inside = sum(ending.seconds for ending in ended)
    each = (wall - inside) / orders
    return {
        "engine": name,
        "seconds": seconds,
        "orders": orders,
        "overhead_ms": round(1000 * each, 3),
        "share": round(each / (each + inside / orders), 5),
    }


def scaling(name: str, workers: int, orders_each: int) -> dict[str, Any]:
    """Orders of a second to so many workers, start-up excluded: how many get done in a second."""
    with open_engine(name, Waiting(), workers=workers) as engine:
        _warm(engine)
        wall, ended = _run(engine, workers * orders_each, (BATCHES, BATCH))
    return {
        "engine": name,
        "workers": workers,
        "orders": len(ended),
        "unit_s": round(statistics.median(ending.seconds for ending in ended), 4),
        "a_second": round(len(ended) / wall, 4),
    }


def _run(engine: Engine, orders: int, body: tuple[int, float]) -> tuple[float, list[Ending]]:
    began = time.perf_counter()
    sent, ended = 0, []
    while len(ended) < orders:
        while engine.room and sent < orders:
            engine.submit(sent, body)
            sent += 1
        ended += engine.wait(60.0)
    wall = time.perf_counter() - began
    failed = [ending for ending in ended if ending.state != "done"]
    if failed:
        raise SystemExit(f"{len(failed)} orders did not get done, one of them so: {failed[0]}.")
    return wall, ended


def _warm(engine: Engine) -> None:
    """Wait until all workers are there."""
    met: set[int] = set()
    while len(met) < engine.workers:
        _, ended = _run(engine, engine.workers, (1, 0.3))
        met = {ending.worker for ending in ended}
