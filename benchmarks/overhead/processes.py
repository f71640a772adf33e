"""Processes of their own for the engines: made afresh, told what to run, one at a time."""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from time import perf_counter, process_time
from typing import Any

from .task import Task

_context = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Lane:
    """One process with one engine, and the tools that take turns in it.

    Attributes:
        name: Key in the results.
        engine: ``"onnx"`` or ``"torch"``.
        tools: Names in ``tools.TOOLS``; the first is the bare engine, which the others are compared with.
    """

    name: str
    engine: str
    tools: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """One map: processor time of the whole process, wall time, and the images shown."""

    cpu: float
    wall: float
    forwards: int


class Worker:
    """The far side of a lane's process."""

    def __init__(self, task: Task, lane: Lane) -> None:
        self.lane = lane
        self._ours, theirs = _context.Pipe()
        self._process = _context.Process(target=_serve, args=(theirs, task, lane), daemon=True)
        self._process.start()
        theirs.close()

    def warm(self, tool: str) -> float | None:
        """Run a tool once, unmeasured, and say how far its map is from the bare engine's."""
        answer: float | None = self._ask("warm", tool)
        return answer

    def run(self, tool: str) -> Run:
        """Run a tool once, measured."""
        answer: Run = self._ask("run", tool)
        return answer

    def close(self) -> None:
        """End the process."""
        self._ours.close()
        self._process.join()

    def _ask(self, order: str, tool: str) -> Any:
        self._ours.send((order, tool))
        try:
            return self._ours.recv()
        except EOFError:
            raise SystemExit(
                f"The process of {self.lane.name} ended while it ran {tool}; see above."
            ) from None


@contextmanager
def workers(task: Task, lanes: tuple[Lane, ...]) -> Iterator[list[Worker]]:
    """One worker a lane, all alive at once, so that their runs can be interleaved."""
    started = [Worker(task, lane) for lane in lanes]
    try:
        yield started
    finally:
        for worker in started:
            worker.close()


def alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a fresh process and return what it returns."""
    near, far = _context.Pipe(duplex=False)
    process = _context.Process(target=_call, args=(far, function, arguments), daemon=True)
    process.start()
    far.close()
    try:
        return near.recv()
    except EOFError:
        raise SystemExit(f"{function.__name__}{arguments[1:]} failed; see above.") from None
    finally:
        process.join()


def _call(far: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    far.send(function(*arguments))


def _serve(theirs: Connection, task: Task, lane: Lane) -> None:
    from .tools import TOOLS, Bench, disagreement

    bench = Bench(task, lane.engine)
    made = {}
    while True:
        try:
            order, name = theirs.recv()
        except EOFError:
            return
        if order == "warm":
            made[name] = TOOLS[name](bench)
            theirs.send(disagreement(bench, name, made[name]()))
            continue
        gc.collect()
        cpu, wall = process_time(), perf_counter()
        forwards = made[name]().forwards
        theirs.send(Run(process_time() - cpu, perf_counter() - wall, forwards))
