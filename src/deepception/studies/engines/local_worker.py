"""A worker of the engine ``local``, from the inside: a process that ends with its driver."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import threading
from collections import deque
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from .cores import Seat
from .protocol import Bench, Good, Place
from .scratch import Scratch
from .telling import attempt, told

STOP = b""
"""What the driver sends to a worker that has nothing to do and is to end."""

_NUMBER = 8  # bytes of an order's number, which come before its body


@dataclass(frozen=True)
class LocalPlace(Place):
    """A place in a process of the driver's machine."""

    def path(self, good: Good) -> Path:
        """Where the file lies: where it always lay."""
        return Path(good.path)


def pack(number: int, body: bytes = b"") -> bytes:
    """An order as it is sent; without a body, that it is to be given back."""
    return number.to_bytes(_NUMBER, "big", signed=True) + body


def work(connection: Connection, number: int, seat: Seat, make: bytes) -> None:
    """Make a bench and do what is ordered, until told to stop or the driver is gone; the worker's whole life."""
    _settle(seat)
    scratch = Scratch()
    line = _Line(connection, scratch)
    try:
        bench: Bench = pickle.loads(make)(LocalPlace(number, seat.threads, scratch.path, sees_disk=True))
    except BaseException as error:
        line.say("made", told(error))
        scratch.remove()
        return
    line.say("made", None)
    while (order := line.next()) != STOP:
        line.say("begun", None)
        said = attempt(bench, partial(pickle.loads, memoryview(order)[_NUMBER:]))
        line.say("ended", said)
        if said.state == "lost":
            scratch.remove()
            os._exit(1)
        del order, said  # they may be large, and the next may be long in coming
    with contextlib.suppress(Exception):
        bench.close()
    scratch.remove()


class _Line:
    """The pipe to the driver. A thread takes in orders at any time, so that the driver never waits to send."""

    def __init__(self, connection: Connection, scratch: Scratch) -> None:
        self._connection, self._scratch = connection, scratch
        self._orders: deque[bytes] = deque()
        self._come = threading.Condition()
        self._saying = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()

    def say(self, kind: str, content: Any) -> None:
        """Tell the driver; waits until it listens."""
        with (
            self._saying,
            contextlib.suppress(OSError),
        ):  # the driver is gone: the other thread ends this process
            self._connection.send_bytes(pickle.dumps((kind, content), protocol=pickle.HIGHEST_PROTOCOL))

    def next(self) -> bytes:
        """The next order, or STOP."""
        with self._come:
            while not self._orders:
                self._come.wait()
            return self._orders.popleft()

    def _listen(self) -> None:
        while True:
            try:
                message = self._connection.recv_bytes()
            except (EOFError, OSError):
                self._scratch.remove()
                os._exit(1)
            if len(message) == _NUMBER:
                self._give_back(message)
                continue
            with self._come:
                self._orders.append(message)
                self._come.notify()

    def _give_back(self, number: bytes) -> None:
        """Return an order that is not begun; where the driver is being told of an ending, it is begun at once."""
        if not self._saying.acquire(blocking=False):
            return
        try:
            with self._come:
                if not (self._orders and self._orders[-1].startswith(number)):
                    return
                self._orders.pop()
            with contextlib.suppress(OSError):
                self._connection.send_bytes(pickle.dumps(("returned", None)))
        finally:
            self._saying.release()


def _settle(seat: Seat) -> None:
    """Make this process one that only its driver speaks to, on the processors that are its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    with contextlib.suppress(OSError):
        os.dup2(2, 1)  # standard output carries the driver's results only
    if seat.processors and sys.platform == "linux":
        with contextlib.suppress(OSError):  # taken away since the driver looked
            os.sched_setaffinity(0, seat.processors)
