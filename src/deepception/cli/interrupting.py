"""Ctrl-C while a run is measured: the first one is noted and acted upon at the next batch, the second at once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_NOTED = b"\ndeepception: stopping after the images in flight (Ctrl-C again: at once).\n"


@contextlib.contextmanager
def first_interrupt_noted() -> Iterator[threading.Event]:
    """Yield what the first Ctrl-C sets instead of raising KeyboardInterrupt.

    An exception in the middle of an import leaves libraries torn, which then raise something else, or swallow
    it. Only Python's own handler is replaced: whoever has installed another has decided what Ctrl-C means.
    """
    asked = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        with contextlib.suppress(OSError):
            os.write(2, _NOTED)  # print may not be used here: it may be under way

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield asked
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
