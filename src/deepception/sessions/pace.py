"""The pace of transmissions: never more in a second than a rate allows, and nearly as many."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

_WINDOW = 1.04
"""Seconds in which no more than the rate is sent: some more than one, since on the way to the server some may be
held up, by a new connection for example, and others catch up with them."""
_CATCHING_UP = 0.1  # seconds of lateness that the following ones may make up for


@dataclass
class Sending:
    """When one transmission went, in seconds of the loop's clock."""

    at: float

    def went(self) -> None:
        """Note that it has gone only now: between its turn and the network lies some work."""
        self.at = asyncio.get_running_loop().time()


class Pace:
    """Lets transmissions go one after the other, at most ``rate`` of them in any second.

    They are spread evenly, so that a server that counts over shorter times is content too. A timer that wakes
    late would lower the pace; the next ones make up for some of it, and a count over the last second holds the
    limit whatever the timer does.

    Args:
        rate: Most in a second; below one, one in 1 / rate seconds. None for no limit.
    """

    def __init__(self, rate: float | None) -> None:
        self._many = 1 if rate is None else max(1, int(rate))
        self._window = _WINDOW if rate is None or rate >= 1 else _WINDOW / rate
        self._limited = rate is not None
        self._sent: deque[Sending] = deque(maxlen=self._many)
        self._next = 0.0
        self._turn = asyncio.Lock()

    async def turn(self) -> Sending:
        """Return when the next one may go, and count it; its time may be corrected when it has really gone."""
        if not self._limited:
            return Sending(0.0)
        clock = asyncio.get_running_loop().time
        async with self._turn:
            while True:
                now = clock()
                free = self._sent[0].at + self._window if len(self._sent) == self._many else now
                wait = max(self._next, free) - now
                if wait <= 0:
                    break
                await asyncio.sleep(wait)
            sending = Sending(now)
            self._sent.append(sending)
            self._next = max(self._next, now - _CATCHING_UP) + self._window / self._many
            return sending
