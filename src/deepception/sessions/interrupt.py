"""Ctrl-C while the observer works: noted, so that the answers in flight are kept; twice, it raises."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupt:
    """Whether Ctrl-C was pressed and not yet acted upon."""

    def __init__(self) -> None:
        self.noted = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Note the first Ctrl-C in this block instead of raising KeyboardInterrupt.

        Only Python's own handler is replaced, and only in the main thread: whoever has installed another one
        has decided what Ctrl-C means.
        """
        if (
            threading.current_thread() is not threading.main_thread()
            or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        ):
            yield
            return
        signal.signal(signal.SIGINT, self._note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.noted:
            self.noted = False
            raise KeyboardInterrupt
        self.noted = True
