"""The engine ``local``: processes of this machine, each on cores of its own."""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import connection as connections
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from ...errors import InputError
from .cores import Seat, seats
from .dispatch import Dispatch, Hand, Order
from .goods import described
from .local_worker import STOP, pack, work
from .protocol import BenchMaker, Good
from .scratch import sweep
from .telling import OUT_OF_MEMORY
from .unguarded import UNGUARDED, end_if_worker_to_be, unguarded

_GOODBYE = 5.0  # seconds that an idle worker is given to close its bench
_starting = threading.Lock()


@dataclass(eq=False, kw_only=True)
class _LocalHand(Hand):
    process: SpawnProcess
    connection: Connection


class LocalEngine(Dispatch[_LocalHand]):
    """Workers in processes of their own, spawned afresh; what is submitted and returned travels through pipes.

    A script that uses it must be importable: what it does belongs below ``if __name__ == "__main__":``.

    Args:
        make: Makes the bench of a worker.
        workers: How many; ``None`` for one on each physical core that this process may use.
        pin: Whether each is kept on cores of its own, where there are as many.
        most_losses: See Dispatch.
    """

    name = "local"
    sees_disk = True

    def __init__(
        self,
        make: BenchMaker,
        *,
        workers: int | None = None,
        pin: bool = True,
        most_losses: int | None = None,
    ) -> None:
        if workers is not None and workers < 1:
            raise InputError(f"{workers} workers do nothing: name at least one.")
        end_if_worker_to_be()
        self._seats: list[Seat] = seats(workers, pin)
        super().__init__(len(self._seats), most_losses)
        self._make = pickle.dumps(make)
        self._context = multiprocessing.get_context("spawn")
        sweep()
        # Else the interpreter would wait for the workers at its end, and they for orders.
        atexit.register(self.close)
        self._fill()

    def share(self, path: Path) -> Good:
        """Describe a file; the workers read it where it lies."""
        return described(path)

    def _hire(self, number: int, seat: int) -> _LocalHand:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=work,
            args=(theirs, number, self._seats[seat], self._make),
            name=f"deepception-worker-{number}",
        )
        with _starting, _environment(self._seats[seat].environment), _interrupts_held():
            process.start()
        # Only the worker holds its end now, so that its death ends the pipe.
        theirs.close()
        return _LocalHand(number, seat, process=process, connection=ours)

    def _prepare(self, body: Any) -> bytes:
        return pickle.dumps(body, protocol=pickle.HIGHEST_PROTOCOL)

    def _give(self, hand: _LocalHand, order: Order) -> None:
        # A worker reads at any time, in a thread, so this does not wait for what the worker itself has to say.
        with contextlib.suppress(OSError):
            hand.connection.send_bytes(pack(order.number, order.body))

    def _recall(self, hand: _LocalHand) -> None:
        assert hand.recalled is not None
        with contextlib.suppress(OSError):
            hand.connection.send_bytes(pack(hand.recalled.number))

    def _listen(self, timeout: float) -> None:
        heard: dict[object, _LocalHand] = {}
        for hand in self._hands.values():
            heard[hand.connection] = heard[hand.process.sentinel] = hand
        if not heard:
            time.sleep(timeout)
            return
        ready = connections.wait(list(heard), None if timeout == float("inf") else timeout)  # type: ignore[arg-type]
        for hand in {id(heard[one]): heard[one] for one in ready}.values():
            self._hear(hand)

    def _hear(self, hand: _LocalHand) -> None:
        """Take in all that a worker has said; its last words, if it is no more."""
        gone = not hand.process.is_alive()
        try:
            while hand.connection.poll():
                kind, content = pickle.loads(hand.connection.recv_bytes())
                if kind == "made":
                    self._made(hand, content)
                elif kind == "begun":
                    self._began(hand)
                elif kind == "returned":
                    self._returned(hand)
                else:
                    self._done(hand, content)
                    if content.state == "lost":
                        self._bury(hand, content.why)
                        return
        except (EOFError, OSError):
            gone = True
        if gone:
            self._bury(hand)

    def _bury(self, hand: _LocalHand, why: str = "") -> None:
        _outlive(hand.process, 1.0)
        hand.connection.close()
        if hand.process.exitcode == UNGUARDED:
            raise unguarded()
        self._lost(hand, why or _fate(hand.process.exitcode))
        hand.process.close()
        sweep()

    def _end(self) -> None:
        atexit.unregister(self.close)
        hands = list(self._hands.values())
        for hand in hands:
            if hand.ready and not hand.held:
                with contextlib.suppress(OSError):
                    hand.connection.send_bytes(STOP)
            else:
                hand.connection.close()  # a worker whose driver is gone ends at once
        for hand in hands:
            _outlive(hand.process, _GOODBYE)
            hand.connection.close()
            hand.process.close()
        sweep()


def _outlive(process: SpawnProcess, seconds: float) -> None:
    """See a process end: by itself within some seconds, else by force."""
    process.join(seconds)
    if process.is_alive():
        process.kill()
        process.join()


def _fate(code: int | None) -> str:
    """What became of a process, by its exit code, as the rest of a sentence."""
    if code is None or code >= 0:
        return f"its process ended by itself, with exit code {code}"
    if -code == signal.SIGKILL:
        return f"its process was killed (signal {-code}), perhaps because the machine was {OUT_OF_MEMORY}"
    return f"its process was killed (signal {-code})"


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """The variables with which a child starts; libraries read them before any code of ours can set them there."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back while a child starts; the child inherits that, until it has said that it ignores them."""
    if sys.platform == "win32":
        yield
        return
    from multiprocessing import resource_tracker

    # It is started with the first child, and lets interrupts through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
