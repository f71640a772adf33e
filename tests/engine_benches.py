"""Benches that do as they are told, for trying engines, and a driver that can be killed."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepception import errors
from deepception.errors import InputError
from deepception.studies.engines import Ending, Engine, Place, open_engine

# Tests bring a token of their own, the same for all that run in one process: else Ray writes one into the home of
# the person who runs them. That one is to be used must be said to other processes; here Ray has read it already.
RAY_ENVIRONMENT = {
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_USAGE_STATS_ENABLED": "0",
    "PYTHONPATH": os.pathsep.join([str(Path(__file__).resolve().parent), *filter(None, sys.path)]),
}
RAY_ENVIRONMENT_OF_OTHERS = {**RAY_ENVIRONMENT, "RAY_AUTH_MODE": "token"}


class Desk:
    """A bench whose orders are (what to do, with what)."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def do(self, body: Any) -> Any:
        what, *rest = body
        return getattr(self, what)(*rest)

    def close(self) -> None:
        pass

    def echo(self, value: Any) -> Any:
        return value

    def about(self) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "number": self.place.number,
            "threads": self.place.threads,
            "scratch": str(self.place.scratch),
            "sees_disk": self.place.sees_disk,
            "omp": os.environ.get("OMP_NUM_THREADS"),
            "processors": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        }

    def linger(self, seconds: float, diary: str, word: str) -> str:
        """Note in a diary that the order was begun, and by which process; then take a while."""
        note(diary, f"{word} {os.getpid()}")
        time.sleep(seconds)
        return word

    def fail(self, kind: str, text: str) -> None:
        ours = getattr(errors, kind, None)
        raise ours(text) if ours else {"ValueError": ValueError, "SystemExit": SystemExit}[kind](text)

    def fail_strangely(self) -> None:
        raise StrangeError("a stranger's words")

    def unspeakable(self) -> Callable[[], None]:
        return lambda: None

    def die(self, number: int) -> None:
        os.kill(os.getpid(), number)
        time.sleep(60)

    def swell(self) -> None:
        raise MemoryError

    def read(self, *goods: Any) -> list[tuple[str, str, bytes]]:
        paths = [self.place.path(good) for good in goods]
        return [(str(path), path.name, path.read_bytes()) for path in paths]

    def read_again(self, good: Any) -> bytes:
        self.place.path(good).unlink()
        return self.place.path(good).read_bytes()

    def chatter(self) -> None:
        print("a worker's chatter", flush=True)


class StrangeError(InputError):
    """An error of another package that is one of ours."""


def make_desk(place: Place) -> Desk:
    return Desk(place)


@dataclass(frozen=True)
class Refuses:
    """A maker that raises."""

    kind: str
    text: str

    def __call__(self, place: Place) -> Desk:
        Desk(place).fail(self.kind, self.text)
        raise AssertionError


def make_none(place: Place) -> Desk:
    os._exit(3)


def note(diary: str, line: str) -> None:
    with Path(diary).open("a") as file:
        file.write(line + "\n")


def collect(engine: Engine, number: int, timeout: float = 30.0) -> list[Ending]:
    """So many endings, in the order in which they came."""
    found: list[Ending] = []
    until = time.monotonic() + timeout
    while len(found) < number and time.monotonic() < until:
        found += engine.wait(1.0)
    assert len(found) == number, found
    return found


def ask(engine: Engine, *body: Any) -> Ending:
    """One order, and its ending."""
    engine.submit(1, body)
    return collect(engine, 1)[0]


def drive(name: str, address: str, diary: str, on_interrupt: str) -> None:
    """A driver with two workers under way, which say where they are; then it waits for one of them for long."""
    if on_interrupt:  # that of a terminal, which reaches everybody, as soon as the workers are being started
        signal.signal(signal.SIGINT, lambda *_: note(diary, "heeded 0"))
        threading.Timer(0.1, os.killpg, (os.getpgid(0), signal.SIGINT)).start()
        threading.Timer(float(on_interrupt), os.killpg, (os.getpgid(0), signal.SIGINT)).start()
    with open_engine(name, make_desk, workers=2, **({"address": address} if address else {})) as engine:
        for i in (1, 2):
            engine.submit(i, ("linger", 2.5 if on_interrupt else 120.0, diary, f"order{i}"))
        for ending in collect(engine, 2, 120.0):
            note(diary, f"{ending.state} {ending.worker}")


if __name__ == "__main__":
    drive(*sys.argv[1:])
