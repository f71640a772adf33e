"""The circuit breaker: after several failures in a row one request at a time tries, and at last none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..errors import UnreachableError

_log = logging.getLogger(__name__)

_FAILURES = 6
"""Failures without a success between them after which only one request at a time tries."""
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 5.0  # seconds between two tries then


class Breaker:
    """Counts failures since the last success.

    Args:
        patience: Seconds without success, from when the first of the failures was sent, after which the
            endpoint counts as dead.
        name: The endpoint's name, for sentences.
    """

    def __init__(self, patience: float, name: str) -> None:
        self._patience = patience
        self._name = name
        self._failures = 0
        self._since = 0.0  # when the first of them was sent
        self._not_before = 0.0
        self._answered = float("-inf")
        self._alone = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """Whether requests go one at a time."""
        return self._failures >= _FAILURES

    @asynccontextmanager
    async def passing(self) -> AsyncIterator[None]:
        """Wait for one's turn; while several have failed, whoever has it holds the others back."""
        while True:
            if not self.is_open:
                yield
                return
            async with self._alone:
                if self.is_open:
                    yield
                    return

    def succeeded(self) -> None:
        """Note an answer."""
        self._failures = 0
        self._answered = asyncio.get_running_loop().time()

    def answered_since(self, moment: float) -> bool:
        """Whether anything was answered after a moment of the loop's clock."""
        return self._answered > moment

    def failed(self, began: float, why: str, retry_after: float | None) -> None:
        """Note a failure of a transmission that began at ``began`` of the loop's clock.

        Raises UnreachableError where the patience is at its end, or the endpoint asks for more of it.
        """
        now = asyncio.get_running_loop().time()
        self._since = min(self._since, began) if self._failures else began
        self._failures += 1
        if retry_after is not None:
            if retry_after > self._patience:
                raise UnreachableError(
                    f"{self._name} asks to be left alone for {retry_after:,.0f} s: try again then, or raise the "
                    f"patience, which is {self._patience:g} s."
                )
            self._not_before = max(self._not_before, now + retry_after)
        elif self.is_open:
            pause = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(self._failures - _FAILURES, 10))
            self._not_before = max(self._not_before, now + pause)
        if self._failures > 1 and now - self._since >= self._patience:
            raise UnreachableError(
                f"{self._name} has not answered for {now - self._since:,.0f} s (at last: {why}): {self.advice()}."
            )
        if self._failures == _FAILURES:
            left = max(0.0, self._patience - (now - self._since))
            _log.warning(
                "%s has failed %d times in a row (at last: %s): it is asked one image at a time, for %.0f s more "
                "at most.",
                *(self._name, _FAILURES, why, left),
            )

    def advice(self) -> str:
        """What a person can do about an endpoint that is given up."""
        if self._answered == float("-inf"):
            return (
                "not one image was answered: see that it runs and that protocol, frame, labels and headers are "
                "right; what was measured before is kept"
            )
        return "what was measured is kept; run it again when the endpoint answers"

    async def pause(self) -> bool:
        """Wait as long as the endpoint asked for, or as failures advise; whether there was anything to wait."""
        loop, waited = asyncio.get_running_loop(), False
        while (wait := self._not_before - loop.time()) > 0:
            waited = True
            await asyncio.sleep(wait)
        return waited
