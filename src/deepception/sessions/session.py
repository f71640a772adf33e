"""A session: one observer with a query budget, a cache, a ledger and progress; the only way to ask it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from time import perf_counter
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import BudgetError, Cancelled, InputError
from ..observers import AnswerLevel, Observer, RawAnswers, check_answers, fingerprint
from ..observers.remote import cost_of, is_remote
from ..stimuli import Stimuli
from .answers import Answers
from .batch_size import UNPROBED, find_batch_size
from .cache import AnswerCache, assemble
from .conversion import convert
from .interrupt import Interrupt
from .journal import Journal
from .ledger import Entry, Ledger
from .on_device import device_batches, on_device
from .prefetch import Batch, Prefetch
from .progress import Progress, Step
from .remote import BATCH, Account, RemoteAsking, Stopped

PROBE_PURPOSE = "batch size"
"""Under this purpose the ledger lists the images that were sent to find the batch size."""
OPENING_PURPOSE = "opening"
"""Under this one, those that opening an endpoint took."""


class Session:
    """One observer with a query budget, a cache, a ledger and progress. Use it in one thread at a time.

    Every asking is cut into batches of exactly ``batch_size``: missing rows are filled by repeating the
    batch's first one, and a row whose answer is cached keeps its place. Fill rows are neither queries nor
    transmissions. So an answer does not depend on what was asked or interrupted before.

    An endpoint is asked image by image instead, as many at once as its limits allow, and again where a request
    fails; batches only say how many stimuli are rendered and answered at once.

    Args:
        observer: Whom to ask.
        budget: The most transmissions that this session may make; None for no limit.
        batch_size: Stimuli sent at once; None: the observer's fixed one, or found by a probe when first
            needed, see ``batch_size``.
        cache: Answers kept from before, or None: a local engine answers faster than a cache pays.
        progress: Called after each batch.
        journal: Told of every query to an endpoint, before it is sent and when it is answered.
        cancel: Setting it ends the asking with Cancelled after the batch in flight, as Ctrl-C does.

    Attributes:
        observer: Whom it asks.
        budget: As given.
        queries: Stimuli whose answers were accepted.
        transmissions: Images sent, probes included.
        cached: Stimuli answered from the cache.
        ledger: The same, and seconds, by purpose.
        cost: What the transmissions cost; None where the observer states no price.
        progress: As given; may be changed between two askings.

    Raises:
        InputError: The batch size is below 1, or not the one that the observer takes.
    """

    def __init__(
        self,
        observer: Observer,
        *,
        budget: int | None = None,
        batch_size: int | None = None,
        cache: AnswerCache | None = None,
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
        journal: Journal | None = None,
    ) -> None:
        self.observer = observer
        self.budget = budget
        self.queries = 0
        self.transmissions = 0
        self.cached = 0
        self.ledger = Ledger()
        self.progress = progress
        self._classes = len(observer.labels)
        self._cache = cache
        self._cancel = cancel
        self._interrupt = Interrupt()
        self._prefetch = Prefetch()
        self._device = on_device(observer)
        self._fingerprint: str | None = None
        self._batch_size = observer.fixed_batch
        self._remote: RemoteAsking | None = None
        if is_remote(observer):
            self._remote = RemoteAsking(observer, lambda: self.fingerprint, cache, journal)
            self._batch_size = self._batch_size or batch_size or BATCH
            self.transmissions = observer.sent_before
            if observer.sent_before:
                self.ledger[OPENING_PURPOSE].transmissions = observer.sent_before
        if batch_size is not None:
            self.batch_size = batch_size

    @property
    def batch_size(self) -> int:
        """Stimuli sent at once. Where nothing set it, reading it finds it by a probe of a few grey images.

        It can be set once, before it is read or used. With a budget nothing is spent on a probe: it is 16.
        """
        if self._batch_size is None:
            if self.budget is None:
                self._batch_size = find_batch_size(self._probe, self.observer.frame.shape)
            else:
                self._batch_size = UNPROBED
        return self._batch_size

    @batch_size.setter
    def batch_size(self, size: int) -> None:
        if size < 1:
            raise InputError(f"A batch size of {size} is not possible; give 1 or more.")
        fixed = self.observer.fixed_batch
        if fixed is not None and size != fixed:
            raise InputError(
                f"{self.observer.name} takes batches of {fixed} only, not of {size}; leave the size out."
            )
        if self._batch_size not in (None, size):
            raise ValueError(f"the batch size of this session is already fixed at {self._batch_size}")
        self._batch_size = size

    @property
    def answered(self) -> int:
        """Stimuli answered, by the observer or from the cache: what a measurement needs, whatever is known."""
        return self.queries + self.cached

    @property
    def remaining(self) -> int | None:
        """Transmissions left in the budget, or None where there is no limit."""
        return None if self.budget is None else max(0, self.budget - self.transmissions)

    @property
    def cost(self) -> float | None:
        """What the transmissions cost, in the currency of the observer's limits; None where none is stated."""
        price = cost_of(self.observer)
        return None if price is None else self.transmissions * price

    @property
    def fingerprint(self) -> str:
        """The observer's fingerprint, 64 hexadecimal digits."""
        if self._fingerprint is None:
            self._fingerprint = fingerprint(self.observer)
        return self._fingerprint

    def ask(
        self,
        stimuli: Stimuli,
        classes: ArrayLike | None = None,
        *,
        purpose: str = "",
        batch_size: int | None = None,
    ) -> Answers:
        """Show N stimuli and read the answers for some classes.

        Args:
            stimuli: N described stimuli in the observer's frame.
            classes: int ``[C]``, or None for all K (memory: 22 bytes a stimulus and class).
            purpose: The ledger's heading.
            batch_size: Stimuli sent at once in this asking, where the observer leaves a choice; None: the
                session's. A search that needs each answer before it goes on shows one at a time.

        Raises:
            BudgetError: The budget does not suffice. Without a cache this is said before anything is sent.
            Cancelled: The person interrupted.
            ObserverError: The observer failed or answered nonsense.
            UnreachableError: The observer cannot be reached.
        """
        read = self._read(classes)
        if self._cache is None:
            self._afford(len(stimuli), purpose)
        everything = self._nothing(read)
        for rows, part in self._stream(stimuli, read, purpose, batch_size):
            if rows.start == 0:
                everything = part.room(len(stimuli))
            everything.put(rows, part)
        return everything

    def stream(
        self, stimuli: Stimuli, classes: ArrayLike | None = None, *, purpose: str = ""
    ) -> Iterator[tuple[slice, Answers]]:
        """Show N stimuli and yield (rows, answers) batch by batch; memory does not grow with N.

        Arguments and errors as for ``ask``, but the budget is spent to its last whole batch.
        """
        return self._stream(stimuli, self._read(classes), purpose)

    def ask_images(
        self,
        images: NDArray[np.uint8],
        classes: ArrayLike | None = None,
        *,
        purpose: str = "",
        batch_size: int | None = None,
    ) -> Answers:
        """Show images as they are, uint8 ``[N, H, W, 3]`` in the observer's frame; otherwise as ``ask``."""
        return self.ask(Stimuli.plain(images), classes, purpose=purpose, batch_size=batch_size)

    def close(self) -> None:
        """Let the threads go; the observer and the cache stay open, as they were handed in."""
        self._prefetch.close()
        if self._remote is not None:
            self._remote.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _read(self, classes: ArrayLike | None) -> NDArray[np.int64] | None:
        if classes is None:
            return None
        read = np.asarray(classes, dtype=np.int64).reshape(-1)
        if read.size and (read.min() < 0 or read.max() >= self._classes):
            raise ValueError(f"classes run from 0 to {self._classes - 1}, got {read.min()} to {read.max()}")
        return read

    def _stream(
        self,
        stimuli: Stimuli,
        read: NDArray[np.int64] | None,
        purpose: str,
        batch_size: int | None = None,
    ) -> Iterator[tuple[slice, Answers]]:
        if stimuli.frame_shape != self.observer.frame.shape:
            raise ValueError(
                f"the stimuli are of {stimuli.frame_shape} pixels, the observer's frame is of "
                f"{self.observer.frame.shape}"
            )
        total = len(stimuli)
        size = self.observer.fixed_batch or batch_size or self.batch_size
        if self._remote is not None:
            yield from self._stream_remote(self._remote, stimuli, read, purpose, size)
            return
        # Digests are taken of pixels in memory, so with a cache they are rendered there.
        if self._device is not None and self._cache is None:
            rendered = device_batches(stimuli, size, self._device.device)
        else:
            rendered = self._prefetch.batches(stimuli, size, digests=self._cache is not None)
        with closing(rendered) as batches:
            for _ in range(0, total, size):
                with self._interrupt.held():
                    batch = next(batches)
                    if self._interrupt.noted or (self._cancel is not None and self._cancel.is_set()):
                        self._stop()
                    answers = convert(self._answer(batch, purpose, total), read, self._classes)
                self._tell(batch, purpose, total)
                yield batch.rows, answers
        if self._interrupt.noted:
            self._stop()

    def _stream_remote(
        self,
        remote: RemoteAsking,
        stimuli: Stimuli,
        read: NDArray[np.int64] | None,
        purpose: str,
        size: int,
    ) -> Iterator[tuple[slice, Answers]]:
        """As ``_stream``, for an endpoint: other batches are under way while one is yielded."""
        total, entry = len(stimuli), self.ledger[purpose]
        rendered = self._prefetch.batches(stimuli, size, digests=True)
        with (
            closing(rendered) as batches,
            closing(remote.answers(batches, self._account(entry, purpose, total))) as got,
        ):
            try:
                while True:
                    with self._interrupt.held():
                        following = next(got, None)
                        if following is None:
                            break
                        batch, raw, kept = following
                        answers = convert(raw, read, self._classes)
                    self.cached += kept
                    entry.cached += kept
                    self._tell(batch, purpose, total)
                    yield batch.rows, answers
            except Stopped:
                self._stop()
        if self._interrupt.noted:
            self._stop()

    def _account(self, entry: Entry, purpose: str, total: int) -> Account:
        """How one asking of an endpoint is counted; ``charge`` and ``refund`` run in the network's thread."""
        before = entry.queries + entry.cached

        def charge() -> None:
            self._afford(1, purpose, total - (entry.queries + entry.cached - before))
            self.transmissions += 1
            entry.transmissions += 1

        def refund() -> None:
            self.transmissions -= 1
            entry.transmissions -= 1

        def accepted(count: int) -> None:
            self.queries += count
            entry.queries += count

        def stopping() -> bool:
            return self._interrupt.noted or (self._cancel is not None and self._cancel.is_set())

        return Account(entry, charge, refund, accepted, stopping)

    def _tell(self, batch: Batch, purpose: str, total: int) -> None:
        if self.progress is not None:
            counts = (self.queries, self.transmissions, self.cached)
            self.progress(Step(purpose, batch.count, batch.rows.stop, total, *counts, self.cost))

    def _answer(self, batch: Batch, purpose: str, total: int) -> RawAnswers:
        """Raw answers to the stimuli of one batch of ``total``, fill rows cut off."""
        entry = self.ledger[purpose]
        entry.render_seconds += batch.seconds
        kept: dict[int, RawAnswers] = {}
        if self._cache is not None and batch.digests is not None:
            kept = self._cache.find(self.fingerprint, batch.digests)
        missing = [row for row in range(batch.count) if row not in kept]
        fresh: RawAnswers | None = None
        if missing:
            self._afford(len(missing), purpose, total - batch.rows.start - len(kept))
            fresh = self._send(batch.images, len(missing), entry)
            self.queries += len(missing)
            entry.queries += len(missing)
            if self._cache is not None and batch.digests is not None:
                self._cache.keep(self.fingerprint, [batch.digests[row] for row in missing], fresh, missing)
        self.cached += len(kept)
        entry.cached += len(kept)
        return assemble(fresh, kept, batch.count)

    def _send(self, images: Any, count: int, entry: Entry) -> RawAnswers:
        self.transmissions += count  # sent is sent, whatever comes back
        entry.transmissions += count
        began = perf_counter()
        if self._device is not None and not isinstance(images, np.ndarray):
            raw = self._device.answer_tensor(images)
        else:
            raw = self.observer.answer(images)
        entry.observer_seconds += perf_counter() - began
        check_answers(raw, self._classes, len(images))
        return raw

    def _probe(self, images: NDArray[np.uint8]) -> float:
        entry = self.ledger[PROBE_PURPOSE]
        before = entry.observer_seconds
        self._send(images, len(images), entry)
        return entry.observer_seconds - before

    def _afford(self, count: int, purpose: str, rest: int | None = None) -> None:
        """Raise BudgetError where ``count`` images are too many; ``rest`` is what the asking still takes."""
        left = self.remaining
        if left is None or count <= left:
            return
        # What is ahead may be known from the cache, and need not be sent.
        needed, bound = (count, "") if rest is None else (rest, "at most " if self._cache is not None else "")
        raise BudgetError(
            f"The budget of {self.budget:,} images does not suffice: {self.transmissions:,} were sent "
            f"and {bound}{needed:,} more are needed{f' for {purpose}' if purpose else ''}; raise it by "
            f"{needed - left:,} or more."
        )

    def _stop(self) -> NoReturn:
        self._interrupt.noted = False
        raise Cancelled("Interrupted; what was finished is kept.")

    def _nothing(self, read: NDArray[np.int64] | None) -> Answers:
        """Answers to no stimuli."""
        level = self.observer.level
        listed = level in (AnswerLevel.TOP_K, AnswerLevel.LABEL)
        width = self._classes if not listed else 1
        labels = np.empty((0, 1), dtype=np.int64) if listed else None
        return convert(RawAnswers(level, np.empty((0, width)), labels), read, self._classes)
