"""The steps of the simulation; ``python -m benchmarks.scale.steps NAME FOLDER UNITS`` runs one, tells its cost."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACK = 1_000
ADDED = 1_000
"""Units that the plan has more than the run: those that are left to measure."""


@dataclass(frozen=True)
class Step:
    """One step: its name, what it does, whether a minute and a gigabyte are its limits."""

    name: str
    words: str
    run: Callable[[Path, int], dict[str, Any]]
    limited: bool = True


def make(folder: Path, units: int) -> dict[str, Any]:
    from deepception.studies import Outcome
    from deepception.studies.keeping.chunk import chunk_of
    from deepception.studies.keeping.compacting import merge_indexes, write_pack
    from deepception.studies.keeping.packs import Packs

    def records(numbers: range) -> Iterator[tuple[bytes, bytes, bytes]]:
        for number in numbers:
            unit = unit_of(number)
            _, text, data = chunk_of(unit, Outcome(record={"effect": number / 7}, queries=1))
            yield bytes.fromhex(unit.hash), text, data

    packs = Packs(folder / "chunks" / "packs")
    for first in range(0, units, PACK):
        write_pack(packs, records(range(first, min(first + PACK, units))))
        merge_indexes(packs)
    return disk(packs.folder)


def start(folder: Path, units: int) -> dict[str, Any]:
    from deepception.studies import RunStore

    finished = len(RunStore(folder).finished())
    assert finished == units, finished
    return {"finished": finished}


def resume(folder: Path, units: int) -> dict[str, Any]:
    from deepception.studies import RunStore

    plan = [unit_of(number).hash for number in range(units + ADDED)]
    finished = RunStore(folder).finished()
    left = [unit_hash for unit_hash in plan if unit_hash not in finished]
    assert len(left) == ADDED, len(left)
    return {"planned": len(plan), "left": len(left)}


def ask(folder: Path, units: int) -> dict[str, Any]:
    from deepception.studies import RunStore

    store = RunStore(folder)
    every = max(1, units // 100_000)
    asked = [unit_of(number).hash for number in range(0, units, every)]
    began = time.perf_counter()
    there = sum(store.has(unit_hash) for unit_hash in asked)
    assert there == len(asked), there
    return {"asked": there, "microseconds_each": (time.perf_counter() - began) / there * 1e6}


def compare(folder: Path, units: int) -> dict[str, Any]:
    from array import array

    import numpy as np

    from deepception.studies import RunStore

    store = RunStore(folder)
    effects = array("d", (record["effect"] for _, record in store.records(store.finished())))
    assert len(effects) == units, len(effects)
    return {"read": len(effects), "median": float(np.median(np.frombuffer(effects)))}


def add(folder: Path, units: int) -> dict[str, Any]:
    from deepception.studies import Outcome, RunStore, compact

    store = RunStore(folder)
    for number in range(units, units + ADDED):
        unit = unit_of(number)
        store.save(unit.hash, unit, Outcome(record={"effect": number / 7}, queries=1))
    before = {path.name for path in store.packs.folder.iterdir()}
    began = time.perf_counter()
    packed = compact(store, ADDED)
    assert packed == ADDED, packed
    new = [path for path in store.packs.folder.iterdir() if path.name not in before]
    written = sum(path.stat().st_size for path in new if path.suffix == ".index")
    return {"packed": packed, "compacting_seconds": time.perf_counter() - began, "index_bytes": written}


STEPS = (
    Step("make", "write the units through the pack writer", make, limited=False),
    Step("start", "open the store and count what is finished", start),
    Step("resume", "hash a plan of a thousand units more, and find those that are left", resume),
    Step("ask", "ask for 100,000 units one by one whether they are finished", ask),
    Step("compare", "read the record of every unit, each checked, and take the median of a figure", compare),
    Step("add", "save a thousand units more (each reaches the disk), and compact them", add, limited=False),
)


def unit_of(number: int) -> Any:
    from deepception.studies import Unit

    photograph, observer = divmod(number, 8)
    return Unit("fake", f"{observer:064x}", f"{photograph:064x}", f"{photograph}.png", 0, {}, 0)


def disk(folder: Path) -> dict[str, int]:
    sizes = {
        suffix: [path.stat().st_size for path in folder.glob(f"*{suffix}")] for suffix in (".pack", ".index")
    }
    return {
        "packs": len(sizes[".pack"]),
        "pack_bytes": sum(sizes[".pack"]),
        "indexes": len(sizes[".index"]),
        "index_bytes": sum(sizes[".index"]),
    }


def peak() -> int:
    """The peak of this process's resident memory, bytes."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except (FileNotFoundError, StopIteration):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    began = time.perf_counter()
    name, folder, units = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    found = next(step for step in STEPS if step.name == name).run(folder, units)
    cost = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time(), "peak_bytes": peak()}
    print(json.dumps({**cost, **found}))


if __name__ == "__main__":
    main()
