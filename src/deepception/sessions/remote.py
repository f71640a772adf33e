"""Asking an endpoint: several batches in flight, in a thread with an event loop; answers come out in order."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from ..observers import RawAnswers
from ..observers.remote import RemoteObserver
from .cache import AnswerCache, assemble
from .digest import stimulus_digests
from .journal import Journal
from .ledger import Entry
from .prefetch import Batch
from .transmitting import Course, Query, Transmitter

BATCH = 32
"""Stimuli that are rendered at once for an endpoint. It bears on no answer: each image is its own request."""

_LOOK = 0.2  # seconds between two looks at whether the person interrupted
_KEPT_BATCHES = 256  # answered batches that may wait for one before them


class Stopped(Exception):
    """The person interrupted; what was in flight is settled."""


@dataclass(frozen=True)
class Account:
    """What one asking may spend, and where it is counted.

    Attributes:
        entry: The ledger's entry.
        charge: Counts one transmission; raises BudgetError instead where the budget is spent.
        refund: Takes one back.
        accepted: Counts so many accepted answers.
        stopping: Whether the person interrupted.
    """

    entry: Entry
    charge: Callable[[], None]
    refund: Callable[[], None]
    accepted: Callable[[int], None]
    stopping: Callable[[], bool]


@dataclass(eq=False)
class _Flight:
    """One batch: for each row the kept answer, or the query that will bring it (its own, or an equal one)."""

    batch: Batch
    kept: dict[int, RawAnswers]
    queries: dict[int, Query]
    shared: int = 0

    @property
    def done(self) -> bool:
        return all(query.raw is not None for query in self.queries.values())

    def answers(self) -> RawAnswers:
        rows = {row: query.raw for row, query in self.queries.items() if query.raw is not None}
        return assemble(None, {**self.kept, **rows}, self.batch.count)


@dataclass(eq=False)
class _Asking:
    """The state of one asking, shared between the session's thread and the event loop's."""

    account: Account
    course: Course
    waiting: deque[_Flight] = field(default_factory=deque)
    tasks: dict[Query, asyncio.Task[None]] = field(default_factory=dict)
    finished: list[Query] = field(default_factory=list)
    flying: dict[bytes, Query] = field(default_factory=dict)
    unfinished: int = 0


def raw_answers(observer: RemoteObserver, images: NDArray[np.uint8]) -> RawAnswers:
    """Raw answers of a remote observer to uint8 ``[N, H, W, 3]`` images: many at once, and again after faults.

    Nothing is counted or kept; for looking at an endpoint. Raises what a session does.
    """

    def nothing(count: int = 0) -> None:
        return None

    account = Account(Entry(), nothing, nothing, nothing, lambda: False)
    asking = RemoteAsking(observer, str, None, None)
    batch = Batch(slice(0, len(images)), images, stimulus_digests(images), 0.0)
    try:
        with closing(asking.answers(iter([batch]), account)) as answered:
            return next(answered)[1]
    finally:
        asking.close()


class RemoteAsking:
    """Asks one remote observer, for one session.

    Args:
        observer: Whom to ask.
        fingerprint: Its fingerprint, called where the cache needs it.
        cache: Where answers are kept; equal stimuli in flight are then sent once.
        journal: What is told of every query.
    """

    def __init__(
        self,
        observer: RemoteObserver,
        fingerprint: Callable[[], str],
        cache: AnswerCache | None,
        journal: Journal | None,
    ) -> None:
        self._observer = observer
        self._fingerprint = fingerprint
        self._cache = cache
        self._journal = journal
        self._changed = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._transmitter: Transmitter | None = None
        self._crowd = 2 * observer.limits.concurrency + BATCH

    def answers(
        self, batches: Iterator[Batch], account: Account
    ) -> Generator[tuple[Batch, RawAnswers, int], None, None]:
        """Yield (batch, its answers, rows that needed no query) for rendered batches with digests, in order.

        Whatever ends it, what was in flight is waited for, kept and told to the journal; only a second Ctrl-C
        waits for nothing.

        Raises what stopped it: Stopped, BudgetError, ObserverError, UnreachableError.
        """
        asking = _Asking(account, Course(account.charge, account.refund))
        more, abrupt = True, False
        try:
            while more or asking.waiting:
                while more and self._has_room(asking):
                    batch = next(batches, None)
                    if batch is None:
                        more = False
                    else:
                        self._take_off(asking, batch)
                if not asking.waiting:
                    break
                self._await(asking, more)
                self._land(asking)
                while asking.waiting and asking.waiting[0].done:
                    flight = asking.waiting.popleft()
                    yield flight.batch, flight.answers(), len(flight.kept) + flight.shared
        except KeyboardInterrupt:
            abrupt = True
            raise
        finally:
            self._settle(asking, abrupt)

    def close(self) -> None:
        """Release the connections and the thread; a later asking makes them anew."""
        if self._loop is None or self._thread is None:
            return
        if self._transmitter is not None:
            asyncio.run_coroutine_threadsafe(self._transmitter.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = self._transmitter = None

    def _has_room(self, asking: _Asking) -> bool:
        """Whether another batch keeps requests from running out; what waits in order does not count."""
        with self._changed:
            return asking.unfinished < self._crowd and len(asking.waiting) < _KEPT_BATCHES

    def _take_off(self, asking: _Asking, batch: Batch) -> None:
        """Find what is known of a batch, note the rest in the journal, and hand it to the event loop."""
        entry, digests = asking.account.entry, batch.digests
        assert digests is not None
        entry.render_seconds += batch.seconds
        images = batch.images[: batch.count].copy()  # its buffer is used again for the next batch
        kept = {} if self._cache is None else self._cache.find(self._fingerprint(), digests)
        flight = _Flight(batch, kept, {})
        own: list[Query] = []
        for row in range(batch.count):
            if row in kept:
                continue
            query = asking.flying.get(digests[row])
            if query is None:
                query = Query(images[row], digests[row], None, asking.course)
                own.append(query)
                # Without a cache every stimulus is a query of its own, whatever happens to be in flight.
                if self._cache is not None:
                    asking.flying[digests[row]] = query
            else:
                flight.shared += 1
            flight.queries[row] = query
        if own and self._journal is not None:
            first = self._journal.sending([query.digest for query in own])
            for number, query in enumerate(own, start=first):
                query.number = number
        asking.waiting.append(flight)
        if own:
            with self._changed:
                asking.unfinished += len(own)
            self._running().call_soon_threadsafe(self._start, asking, own)

    def _start(self, asking: _Asking, queries: list[Query]) -> None:
        """In the event loop: start the tasks of some queries."""
        assert self._transmitter is not None
        for query in queries:
            task = asyncio.create_task(self._transmitter.answer(query))
            asking.tasks[query] = task
            task.add_done_callback(partial(self._ended, asking, query))

    def _ended(self, asking: _Asking, query: Query, task: asyncio.Task[None]) -> None:
        with self._changed:
            asking.tasks.pop(query, None)
            asking.finished.append(query)
            asking.unfinished -= 1
            self._changed.notify()

    def _await(self, asking: _Asking, more: bool) -> None:
        """Wait until the first batch is answered, or another one finds room, or something ended."""
        began = perf_counter()
        with self._changed:
            while not asking.waiting[0].done:
                if asking.account.stopping():
                    raise Stopped
                if any(query.error is not None for query in asking.finished):
                    break
                if (
                    more
                    and asking.unfinished < self._crowd - BATCH // 2
                    and len(asking.waiting) < _KEPT_BATCHES
                ):
                    break
                self._changed.wait(_LOOK)
        if asking.account.stopping():
            raise Stopped
        asking.account.entry.observer_seconds += perf_counter() - began

    def _land(self, asking: _Asking) -> None:
        """Keep the answers that have arrived and tell the journal; raise what a query ended with."""
        with self._changed:
            ended, asking.finished = asking.finished, []
        answered = [query for query in ended if query.raw is not None]
        # The cache goes first: a process that is killed between the two need not ask again for what it was told.
        if answered and self._cache is not None:
            raw = assemble(None, dict(enumerate(q.raw for q in answered if q.raw is not None)), len(answered))
            digests = [query.digest for query in answered]
            self._cache.keep(self._fingerprint(), digests, raw, range(len(answered)))
        if ended and self._journal is not None:
            cost = self._observer.limits.cost or 0.0
            self._journal.noted({q.number: q.row(cost) for q in ended if q.number is not None})
        asking.account.accepted(len(answered))
        for query in ended:
            asking.flying.pop(query.digest, None)
        for query in ended:
            if query.error is not None and not isinstance(query.error, asyncio.CancelledError):
                raise query.error

    def _settle(self, asking: _Asking, abrupt: bool) -> None:
        """Let what is in flight arrive, give up the rest, and note all of it."""
        if self._loop is not None and asking.unfinished:
            done: Future[None] = asyncio.run_coroutine_threadsafe(self._give_up(asking, abrupt), self._loop)
            try:
                done.result()
            except KeyboardInterrupt:
                asyncio.run_coroutine_threadsafe(self._give_up(asking, True), self._loop).result()
                self._note_quietly(asking)
                raise
        self._note_quietly(asking)

    async def _give_up(self, asking: _Asking, abrupt: bool) -> None:
        while asking.tasks:
            for query, task in list(asking.tasks.items()):
                if abrupt or not query.in_flight:
                    task.cancel()
            await asyncio.wait(list(asking.tasks.values()), return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(0)  # lets the callbacks of those that are done run

    def _note_quietly(self, asking: _Asking) -> None:
        """Note what ended; the asking ends with the error that is under way, not with those of the others."""
        while asking.finished:
            errors = [query for query in asking.finished if query.error is not None]
            for query in errors:
                query.error = None
            self._land(asking)

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._transmitter = Transmitter(self._observer, len(self._observer.labels), self._journal)
            self._thread = threading.Thread(
                target=self._loop.run_forever, name="deepception-network", daemon=True
            )
            self._thread.start()
        return self._loop
