"""Prefetch: the next batch is rendered in one background thread while the observer works on this one."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..stimuli import Stimuli, render
from .digest import stimulus_digests

_SPARE = 4  # buffers kept between askings: two streams at once


@dataclass(frozen=True, eq=False)
class Batch:
    """One rendered batch, valid until the next one is taken.

    Attributes:
        rows: Which stimuli it shows.
        images: uint8 ``[B, H, W, 3]``, a torch tensor where it was rendered on a device; behind the stimuli,
            row 0 is repeated to fill the batch.
        digests: The stimuli's digests, or None where nobody needs them.
        seconds: Wall time it took to render (and digest).
    """

    rows: slice
    images: Any
    digests: list[bytes] | None
    seconds: float

    @property
    def count(self) -> int:
        """Number of stimuli, fill rows left out."""
        return int(self.rows.stop - self.rows.start)


class Prefetch:
    """Renders stimuli in batches of one size into two buffers that take turns, kept for the next asking."""

    def __init__(self) -> None:
        self._thread: ThreadPoolExecutor | None = None
        self._spare: list[NDArray[np.uint8]] = []

    def batches(self, stimuli: Stimuli, size: int, *, digests: bool) -> Generator[Batch, None, None]:
        """Yield the stimuli in batches of ``size``; a batch's buffer is used again once the next is taken."""
        count = len(stimuli)
        starts = range(0, count, size)
        shape = (size, *stimuli.frame_shape, 3)
        buffers = [self._take(shape) for _ in starts[:2]]
        pending: Future[Batch] | None = None
        try:
            for turn, start in enumerate(starts):
                # The first one has nothing to overlap with, so a single batch never needs the thread.
                batch = pending.result() if pending else _show(stimuli, start, size, buffers[0], digests)
                pending = None
                if start + size < count:
                    following = buffers[(turn + 1) % 2]
                    pending = self._submit(stimuli, start + size, size, following, digests)
                yield batch
        finally:
            if pending is not None:
                wait([pending])  # it writes into a buffer that goes back to the spare ones
            self._spare = [*buffers, *self._spare][:_SPARE]

    def close(self) -> None:
        """Let the thread and the buffers go."""
        self._spare.clear()
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None

    def _submit(
        self, stimuli: Stimuli, start: int, size: int, out: NDArray[np.uint8], digests: bool
    ) -> Future[Batch]:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="deepception-render")
        return self._thread.submit(_show, stimuli, start, size, out, digests)

    def _take(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        for place, buffer in enumerate(self._spare):
            if buffer.shape == shape:
                return self._spare.pop(place)
        return np.empty(shape, dtype=np.uint8)


def _show(stimuli: Stimuli, start: int, size: int, out: NDArray[np.uint8], digests: bool) -> Batch:
    began = perf_counter()
    stop = min(start + size, len(stimuli))
    count = stop - start
    render(stimuli, start, stop, out=out[:count])
    out[count:] = out[0]
    made = stimulus_digests(out[:count]) if digests else None
    return Batch(slice(start, stop), out, made, perf_counter() - began)
