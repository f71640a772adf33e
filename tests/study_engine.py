"""An engine in this process, whose workers get lost, and whose endings come in another order."""

from __future__ import annotations

import copy
import hashlib
import random
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from deepception.studies.engines import Bench, BenchMaker, Ending, Good, Place


@dataclass(frozen=True)
class HerePlace(Place):
    """A place in this process."""

    def path(self, good: Good) -> Path:
        """A copy, where the disk is said to be another one."""
        if self.sees_disk:
            return Path(good.path)
        copied = self.scratch / good.sha256 / good.name
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.write_bytes(Path(good.path).read_bytes())
        return copied


class HereEngine:
    """Does orders one by one, in a random order; loses workers with a probability.

    Args:
        make: Makes benches.
        scratch: A folder for the workers.
        workers: How many.
        sees_disk: Whether workers are said to see the run folders.
        seed: Of the order of the endings, and of the losses.
        lost: Probability that an order takes its worker with it; it may have been measured by then, or not.
    """

    def __init__(
        self,
        make: BenchMaker,
        scratch: Path,
        *,
        workers: int = 2,
        sees_disk: bool = True,
        seed: int = 0,
        lost: float = 0.0,
    ) -> None:
        self.workers, self.sees_disk = workers, sees_disk
        self.done: list[Any] = []
        self._make, self._scratch, self._lost = make, scratch, lost
        self._random = random.Random(seed)
        self._orders: list[tuple[int, Any]] = []
        self._number = 0
        self._benches: dict[int, Bench] = {}

    @property
    def room(self) -> int:
        """As the protocol says."""
        return 2 * self.workers - len(self._orders)

    def share(self, path: Path) -> Good:
        """As the protocol says."""
        return Good(str(path), hashlib.sha256(path.read_bytes()).hexdigest(), path.name)

    def submit(self, number: int, body: Any) -> None:
        """As the protocol says."""
        assert self.room > 0
        self._orders.append((number, copy.deepcopy(body)))

    def wait(self, timeout: float) -> list[Ending]:
        """One ending of a random order."""
        if not self._orders:
            return []
        number, body = self._orders.pop(self._random.randrange(len(self._orders)))
        worker, bench = self._bench()
        fate = self._random.random()
        if fate < self._lost / 2:
            self._drop(worker)
            return [Ending(number, worker, "lost", why="it was killed")]
        value = copy.deepcopy(bench.do(body))
        if fate < self._lost:
            self._drop(worker)
            return [Ending(number, worker, "lost", why="it was killed")]
        self.done.append(body)
        return [Ending(number, worker, "done", value)]

    def close(self) -> None:
        """As the protocol says."""
        for number in list(self._benches):
            self._drop(number)

    def __enter__(self) -> HereEngine:
        """As the protocol says."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _bench(self) -> tuple[int, Bench]:
        while len(self._benches) < self.workers:
            self._number += 1
            scratch = self._scratch / str(self._number)
            scratch.mkdir(parents=True)
            self._benches[self._number] = self._make(HerePlace(self._number, 1, scratch, self.sees_disk))
        number = self._random.choice(list(self._benches))
        return number, self._benches[number]

    def _drop(self, number: int) -> None:
        self._benches.pop(number).close()
