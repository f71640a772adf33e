"""One query to an endpoint: encoded off the event loop, transmitted as often as needed, and what came of it."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DeepceptionError, ObserverError, UnreachableError
from ..observers import RawAnswers, check_answers
from ..observers.remote import WHEN_SENT, RemoteObserver, TransientError
from .breaker import Breaker
from .journal import Journal, QueryRow
from .pace import Pace

# Of the back-off between two transmissions of one query, in seconds; what an endpoint asks for goes before.
_FIRST_WAIT, _LONGEST_WAIT, _JITTER = 0.1, 5.0, 0.4
_NONSENSE = 5
"""Useless answers after which an endpoint that never gave a useful one is taken to be described wrongly."""


def _say_nothing_of_retries() -> None:
    """Keep stamina from logging a warning for each retry of ours: they are counted, and shown in the end."""
    logger = logging.getLogger("stamina")
    if _is_of_others not in logger.filters:
        logger.addFilter(_is_of_others)


def _is_of_others(record: logging.LogRecord) -> bool:
    return not str(getattr(record, "stamina.caused_by", "")).startswith(TransientError.__name__)


@dataclass(eq=False)
class Course:
    """What the queries of one asking have in common.

    Attributes:
        charge: Called before each transmission; raises BudgetError where the budget does not allow it.
        refund: Called where a transmission did not leave this machine.
        halted: Whether one of them failed for good, so that nothing more is to be sent.
    """

    charge: Callable[[], None]
    refund: Callable[[], None]
    halted: bool = False


@dataclass(eq=False)
class Query:
    """One stimulus on its way.

    Attributes:
        image: uint8 ``[H, W, 3]``, given up once it is encoded.
        digest: Its digest.
        number: Its number in the journal, or None without one.
        course: What it has in common with those that were asked with it.
        raw: The answer, of one row, once it is there.
        error: Why there will be none.
        transmissions: How often it was sent so far.
        in_flight: Whether it is being transmitted.
    """

    image: NDArray[np.uint8] | None
    digest: bytes
    number: int | None
    course: Course
    raw: RawAnswers | None = None
    error: BaseException | None = None
    outcome: str = "not sent"
    at: float = 0.0
    latency: float = 0.0
    transmissions: int = 0
    in_flight: bool = False

    def row(self, cost: float) -> QueryRow:
        """What the journal is told, at this cost of one transmission."""
        return QueryRow(self.outcome, self.at, self.latency, self.transmissions, self.transmissions * cost)


class Transmitter:
    """Answers queries to one remote observer within its limits. Made and used in one event loop."""

    def __init__(self, observer: RemoteObserver, classes: int, journal: Journal | None = None) -> None:
        self._observer = observer
        self._classes = classes
        self._journal = journal
        self._repeats: dict[int, int] = {}
        self._noting = asyncio.Lock()
        self._limits = observer.limits
        self._pace = Pace(self._limits.rate)
        self._breaker = Breaker(self._limits.patience, observer.name)
        _say_nothing_of_retries()
        threads = min(4, os.cpu_count() or 1)
        self._encoders = ThreadPoolExecutor(threads, thread_name_prefix="deepception-encode")
        self._slots = asyncio.Semaphore(self._limits.concurrency)
        # Encoded images wait for a slot, and for their next try; more of them would only take memory.
        self._ahead = asyncio.Semaphore(2 * self._limits.concurrency + 2 * threads)
        self._useful, self._useless = False, 0

    async def answer(self, query: Query) -> None:
        """Bring a query to its end; what became of it is told in it, and nothing is raised but cancellation."""
        try:
            async with self._ahead:
                query.raw = await self._persist(query)
            query.outcome = "answered"
        except asyncio.CancelledError as error:
            query.error = error
            raise
        except Exception as error:  # a fault of an adapter, too, must not leave the session waiting
            query.error = error
            query.course.halted = True

    async def close(self) -> None:
        """Release the observer's connections and the encoding threads."""
        await self._observer.aclose()
        self._encoders.shutdown(wait=False, cancel_futures=True)

    async def _persist(self, query: Query) -> RawAnswers:
        import stamina

        loop = asyncio.get_running_loop()
        image, query.image = query.image, None
        assert image is not None
        encoded = await loop.run_in_executor(self._encoders, self._observer.encode, image)
        began = loop.time()
        answer: RawAnswers | None = None
        try:
            async for attempt in stamina.retry_context(
                lambda error: self._again(query, error),
                attempts=None,
                timeout=None,
                wait_initial=_FIRST_WAIT,
                wait_max=_LONGEST_WAIT,
                wait_jitter=_JITTER,
            ):
                await self._note_repeat(query)
                with attempt:
                    answer = await self._transmit(query, encoded)
        except TransientError as error:
            raise self._given_up(query, error, began) from error
        assert answer is not None
        return answer

    async def _note_repeat(self, query: Query) -> None:
        """Have it on the disk before it is sent again, so that a process that is killed has it counted."""
        if self._journal is None or query.number is None or query.transmissions == 0 or query.course.halted:
            return
        self._repeats[query.number] = query.transmissions + 1
        async with self._noting:  # all that come while one batch of them is written are the next batch
            if query.number in self._repeats:
                batch, self._repeats = self._repeats, {}
                await asyncio.get_running_loop().run_in_executor(None, self._journal.repeating, batch)

    async def _transmit(self, query: Query, encoded: Any) -> RawAnswers:
        loop = asyncio.get_running_loop()
        async with self._slots, self._breaker.passing():
            await self._breaker.pause()
            sending = await self._pace.turn()
            while await self._breaker.pause():  # all were asked to wait while this one waited for its turn
                sending = await self._pace.turn()
            if query.course.halted:
                raise asyncio.CancelledError
            query.course.charge()
            query.transmissions += 1
            query.at = query.at or time.time()
            query.in_flight, query.outcome = True, "unknown"
            WHEN_SENT.set(sending.went)
            began = loop.time()
            try:
                answer = await self._exchange(encoded)
            except TransientError as error:
                query.outcome = error.kind
                if not error.sent:
                    query.transmissions -= 1
                    query.course.refund()
                self._breaker.failed(began, error.message, error.retry_after)
                raise
            except DeepceptionError:
                query.outcome = "refused"
                raise
            finally:
                query.in_flight = False
                query.latency = loop.time() - began
            self._breaker.succeeded()
            self._useful = True
            return answer

    async def _exchange(self, encoded: Any) -> RawAnswers:
        try:
            # An adapter that looks at the time itself knows more, so it comes first.
            async with asyncio.timeout(self._limits.timeout * 1.05 + 0.2):
                answer = await self._observer.exchange(encoded)
        except TimeoutError as error:
            raise TransientError("timeout", f"no answer within {self._limits.timeout:g} s") from error
        try:
            check_answers(answer, self._classes, 1)
        except ObserverError as error:
            raise TransientError("bad answer", str(error).rstrip("."), nonsense=True) from error
        return answer

    def _again(self, query: Query, error: Exception) -> bool | float:
        """Whether to try again; a number of seconds where the endpoint said when."""
        if not isinstance(error, TransientError) or query.course.halted:
            return False
        if error.nonsense and not self._useful:
            self._useless += 1
            if self._useless >= _NONSENSE:
                return False
        if query.transmissions >= self._limits.attempts:
            return False
        # The breaker holds everyone back until then, and spreads them by what they wait for.
        return True if error.retry_after is None else error.retry_after

    def _given_up(self, query: Query, error: TransientError, began: float) -> DeepceptionError:
        name, times = self._observer.name, f"{query.transmissions} transmissions"
        if error.nonsense:
            tries = times if self._useful else "the first answers"
            return ObserverError(f"{name} gave no usable answer in {tries}: {error.message}.")
        if self._breaker.answered_since(began):
            return ObserverError(
                f"{name} failed for one image in {times} ({error.message}) while it answered others: "
                "run it again, or raise the attempts."
            )
        return UnreachableError(
            f"{name} did not answer in {times} of one image, nor any other (at last: {error.message}): "
            f"{self._breaker.advice()}."
        )
