"""What an observer behind a network offers beside the protocol, so that a session can ask it image by image."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, ObserverError, UnreachableError
from .protocol import Observer, RawAnswers, join_answers

Result = TypeVar("Result")


WHEN_SENT: ContextVar[Callable[[], None]] = ContextVar("WHEN_SENT", default=lambda: None)
"""What an adapter may call in ``exchange`` once its request has left: the pace is then kept more exactly."""


@dataclass(frozen=True)
class Limits:
    """What the person allows when an endpoint is asked.

    Attributes:
        concurrency: Requests in flight at once.
        rate: Most transmissions in any second, never exceeded; None for no limit.
        timeout: Seconds that one transmission may take.
        attempts: Most transmissions of one query.
        patience: Seconds of failures without any success after which the endpoint counts as dead.
        cost: Price of one transmission, in whatever currency; None where it is not known.

    Raises:
        InputError: A value is not possible.
    """

    concurrency: int = 8
    rate: float | None = None
    timeout: float = 30.0
    attempts: int = 8
    patience: float = 60.0
    cost: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for name, least in (("concurrency", 1), ("attempts", 1)):
            if getattr(self, name) < least:
                raise InputError(f"{name} must be {least} or more, not {getattr(self, name)}.")
        for name in ("rate", "timeout", "patience"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise InputError(f"{name} must be a positive number, not {value:g}.")
        if self.cost is not None and not (math.isfinite(self.cost) and self.cost >= 0):
            raise InputError(f"cost must be zero or more, not {self.cost:g}.")


class TransientError(Exception):
    """One transmission failed in a way that may pass; the session tries again.

    Attributes:
        kind: A few words, the same for the same kind: ``"timeout"``, ``"reset"``, ``"http 503"``, …
        message: What happened, as the end of a sentence; without secrets.
        retry_after: Seconds that the endpoint asked to wait, or None.
        sent: Whether the image left this machine. What was not sent is neither counted nor billed.
        nonsense: Whether the endpoint answered, and the answer was of no use.
    """

    def __init__(
        self,
        kind: str,
        message: str = "",
        *,
        retry_after: float | None = None,
        sent: bool = True,
        nonsense: bool = False,
    ) -> None:
        super().__init__(message or kind)
        self.kind = kind
        self.message = message or kind
        self.retry_after = retry_after
        self.sent = sent
        self.nonsense = nonsense


@runtime_checkable
class RemoteObserver(Observer, Protocol):
    """An observer that is asked image by image, many at once. A session does the retrying and the counting.

    Attributes:
        limits: What the person allows.
        sent_before: Images that opening it took; the session counts them.
    """

    limits: Limits
    sent_before: int

    def encode(self, image: NDArray[np.uint8]) -> Any:
        """The request that shows one image, uint8 ``[H, W, 3]``. Called in several threads at once."""

    async def exchange(self, encoded: Any) -> RawAnswers:
        """Transmit once and return the answer, of one row.

        Raises TransientError where another try may help, ObserverError or UnreachableError where it cannot.
        """

    async def aclose(self) -> None:
        """Release what is bound to the running event loop; a later ``exchange`` opens it again."""


def is_remote(observer: Observer) -> TypeGuard[RemoteObserver]:
    """Whether an observer is asked over a network, image by image."""
    return hasattr(observer, "exchange")


def cost_of(observer: Observer) -> float | None:
    """What one transmission to an observer costs; None where nothing was stated."""
    return observer.limits.cost if is_remote(observer) else None


def run_apart(work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Run a coroutine to its end in a thread with an event loop of its own.

    So it also works where an event loop is running already, as in a notebook.
    """
    done: list[Result] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(asyncio.run(work()))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, name="deepception-apart")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


def answer_plainly(observer: RemoteObserver, images: NDArray[np.uint8]) -> RawAnswers:
    """Answers to uint8 ``[N, H, W, 3]`` images, asked one after the other and each once.

    For whoever asks without a session. Raises UnreachableError or ObserverError at the first failure.
    """

    async def ask() -> list[RawAnswers]:
        try:
            return [await observer.exchange(observer.encode(image)) for image in images]
        finally:
            await observer.aclose()

    try:
        rows = run_apart(ask)
    except TransientError as error:
        kind = ObserverError if error.nonsense else UnreachableError
        raise kind(f"{observer.name} gave no answer: {error.message}.") from error
    return join_answers(rows)
