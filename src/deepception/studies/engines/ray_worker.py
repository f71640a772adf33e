"""A worker of the engine ``ray``, from the inside: an actor, on whichever node it was put."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import ObserverError
from .protocol import Bench, BenchMaker, Good, Place
from .scratch import Scratch, sweep
from .telling import Said, Told, attempt, told


@dataclass(frozen=True)
class RayPlace(Place):
    """A place on a node of a cluster, which may share nothing with the driver but Ray."""

    def path(self, good: Good) -> Path:
        """Where the file lies in the worker's folder, brought from the object store where it is not there."""
        found = self.scratch / "goods" / good.sha256 / good.name
        if not found.is_file():
            content = _fetched(good)
            if hashlib.sha256(content).hexdigest() != good.sha256:
                raise ObserverError(f"{good.name} did not reach a worker whole: run the same command again.")
            found.parent.mkdir(parents=True, exist_ok=True)
            # A killed worker leaves no half file under the name, and no two fetches meet.
            half = found.with_name(f".{secrets.token_hex(4)}")
            half.write_bytes(content)
            os.replace(half, found)
        return found


def _fetched(good: Good) -> bytes:
    import ray

    try:
        content: bytes = ray.get(good.reference)
    except ray.exceptions.RayError as error:
        raise ObserverError(
            f"{good.name} could not be brought to a worker ({type(error).__name__}): run the same command again."
        ) from error
    return content


class RayWorker:
    """The actor. What it is asked for runs one after the other in one thread, but for what it is to give back."""

    def __init__(self) -> None:
        # Ctrl-C in a terminal reaches the workers of a local Ray too; the driver decides what it means.
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._bench: Bench | None = None
        self._scratch: Scratch | None = None
        self._begun = 0
        self._returned: set[int] = set()
        self._beginning = threading.Lock()

    def here(self) -> int:
        """Say that the actor was given a place in the cluster; its process number."""
        return os.getpid()

    def start(self, number: int, threads: int, make: tuple[BenchMaker]) -> Told | None:
        """Make the bench; what the maker raised."""
        sweep()
        self._scratch = Scratch()
        try:
            self._bench = make[0](RayPlace(number, threads, self._scratch.path, sees_disk=False))
        except BaseException as error:
            return told(error)
        return None

    def do(self, ticket: int, body: tuple[Any]) -> Said | None:
        """Do an order, the tickets of which grow; ``None`` where it was given back."""
        with self._beginning:
            if ticket in self._returned:
                self._returned.remove(ticket)
                return None
            self._begun = ticket
        assert self._bench is not None
        return attempt(self._bench, lambda: body[0])

    def give_back(self, ticket: int) -> bool:
        """Give an order back, unless it was begun; runs beside what is done."""
        with self._beginning:
            if ticket <= self._begun:
                return False
            self._returned.add(ticket)
            return True

    def close(self) -> None:
        """Let go of all; the driver ends the process then."""
        if self._bench is not None:
            with contextlib.suppress(Exception):
                self._bench.close()
        if self._scratch is not None:
            self._scratch.remove()
