"""What an engine is: it carries orders to benches that stand in workers, and brings their endings back.

An engine knows nothing of units, stores or observers. A study's driver makes the orders, and the benches that it
names do them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol

from ...errors import DeepceptionError


@dataclass(frozen=True)
class Good:
    """A file that workers may need.

    Attributes:
        path: Where it lies at the driver, absolute.
        sha256: SHA-256 of its bytes, in hexadecimal.
        name: Its name without folders; it keeps it wherever it is brought.
        reference: By what the engine finds it; nobody else's business. It lives as long as some Good holds it.
    """

    path: str
    sha256: str
    name: str
    reference: object = None


@dataclass(frozen=True)
class Place(ABC):
    """Where a bench stands: what its maker is told.

    Attributes:
        number: Number of the worker, from 1, never given twice within an engine: a replaced worker gets a new one.
        threads: Threads that its runtime may use.
        scratch: A private folder of the worker, removed with it.
        sees_disk: Whether the driver's paths mean the same files here.
    """

    number: int
    threads: int
    scratch: Path
    sees_disk: bool

    @abstractmethod
    def path(self, good: Good) -> Path:
        """Where a shared file lies here, under its own name, in a folder of its own where it had to be fetched.

        It is fetched once, and again if it was removed: a bench may remove from ``scratch`` what it needs no more.
        Raises ObserverError where it cannot be fetched.
        """


class Bench(Protocol):
    """What does the orders of one worker, one at a time, in the thread that made it."""

    def do(self, body: Any) -> Any:
        """Do an order; takes and returns what can be pickled. What it raises ends the order as failed."""

    def close(self) -> None:
        """Let go of what it holds; not called where the worker is lost, or ended in the middle of an order."""


BenchMaker = Callable[[Place], Bench]
"""Makes the bench of a worker, in it: a function of a module, or a frozen dataclass that can be called."""

State = Literal["done", "failed", "lost"]


@dataclass(frozen=True)
class Ending:
    """How an order ended.

    Attributes:
        number: Number of the order.
        worker: Number of the worker that did it, or died of it.
        state: ``"done"``; ``"failed"``: the bench raised; ``"lost"``: the worker is no more.
        value: What the bench returned, where done.
        error: What the bench raised, where failed: an error of this package with its class and text, any other
            exception as an ObserverError that names its type and text.
        why: What became of the worker, where lost, as the rest of a sentence.
        seconds: Time in the bench; 0 where lost.
    """

    number: int
    worker: int
    state: State
    value: Any = None
    error: DeepceptionError | None = None
    why: str = ""
    seconds: float = 0.0


class Engine(Protocol):
    """Workers with a bench each, and the orders under way.

    A worker holds at most one order that it does and one that waits, so that it never idles. Lost workers are
    replaced: what they were doing ends as lost, what waited at them goes to others.

    Attributes:
        workers: How many workers there are.
        sees_disk: Whether the driver's paths mean the same files in all of them.
    """

    workers: int
    sees_disk: bool

    @property
    def room(self) -> int:
        """How many more orders may be submitted now."""

    def share(self, path: Path) -> Good:
        """Make a file known to the workers. Raises InputError where it cannot be read."""

    def submit(self, number: int, body: Any) -> None:
        """Give an order, under a number that no other has which is under way.

        Raises ValueError where there is no room, or the engine is closed. A body that cannot be pickled raises
        what pickling raises, or ends as failed.
        """

    def wait(self, timeout: float) -> list[Ending]:
        """What has ended since the last call: at least one if any ends within ``timeout`` seconds, else none.

        Raises what the maker of a bench raised (see Ending.error); DeepceptionError where worker after worker is
        lost and no order gets done.
        """

    def close(self) -> None:
        """End the workers, whatever they are doing; a second call does nothing."""

    def __enter__(self) -> Engine:
        """The engine itself, which is closed at the end."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
