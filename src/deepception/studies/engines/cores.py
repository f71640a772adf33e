"""Processors of this machine, cut into seats for workers: whose threads do not fight."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


@dataclass(frozen=True)
class Seat:
    """What one worker has: so many threads, and the processors that it is pinned to (none: it is not pinned)."""

    threads: int
    processors: frozenset[int] = frozenset()

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which numerical libraries learn of their threads; they read them as they are imported."""
        return dict.fromkeys(_THREADS, str(self.threads))


def seats(workers: int | None, pin: bool = True) -> list[Seat]:
    """Seats for so many workers, or for one on each core that this process may use.

    They are pinned where the whole machine is there to be cut up: under a quota of processor time, the same
    processors are others' too, and with more workers than cores the system shares out better.
    """
    cores, allowed = _cores(), _quota()
    usable = len(cores) if allowed is None else max(1, min(len(cores), math.floor(allowed)))
    workers = usable if workers is None else workers
    if workers > usable or usable < len(cores) or not pin or not hasattr(os, "sched_setaffinity"):
        return [Seat(_share(i, usable, workers) or 1) for i in range(workers)]
    found, first = [], 0
    for i in range(workers):
        last = first + _share(i, usable, workers)
        found.append(Seat(last - first, frozenset().union(*cores[first:last])))
        first = last
    return found


def _share(i: int, total: int, parts: int) -> int:
    """How many of ``total`` things the ``i``-th of ``parts`` gets."""
    return total // parts + (i < total % parts)


def _cores() -> list[frozenset[int]]:
    """The physical cores that this process may use, each as the processors that it appears as."""
    if not hasattr(os, "sched_getaffinity"):
        return [frozenset({i}) for i in range(os.cpu_count() or 1)]
    mine = os.sched_getaffinity(0)
    return sorted({_siblings(i) & mine for i in mine}, key=min)


def _siblings(processor: int) -> frozenset[int]:
    """The processors of one physical core; the processor alone where the system does not tell."""
    try:
        told = Path(f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list").read_text()
        found: set[int] = set()
        for part in told.strip().split(","):
            first, _, last = part.partition("-")
            found.update(range(int(first), int(last or first) + 1))
    except (OSError, ValueError):
        return frozenset({processor})
    return frozenset(found | {processor})


def _quota() -> float | None:
    """Processors' worth of time that a container may use; ``None`` where it may use all, or that is not told."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        pass
    try:
        whole = int(Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").read_text())
        return None if whole <= 0 else whole / int(Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return None
