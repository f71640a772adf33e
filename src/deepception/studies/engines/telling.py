"""What a worker says of an order: values and errors in a form that travels between any two processes."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ... import errors
from ...errors import DeepceptionError, ObserverError
from .protocol import Bench, Ending, State

OUT_OF_MEMORY = "out of memory"


@dataclass(frozen=True)
class Told:
    """An error as it travels: the name of its class in ``errors``, and its text."""

    kind: str
    text: str

    def error(self) -> DeepceptionError:
        """The error again."""
        kind = getattr(errors, self.kind)
        error = kind(self.text)
        assert isinstance(error, DeepceptionError)
        return error


@dataclass(frozen=True)
class Said:
    """How an order ended, as its worker says it; ``value`` is pickled."""

    state: State
    value: bytes = b""
    error: Told | None = None
    why: str = ""
    seconds: float = 0.0

    def ending(self, number: int, worker: int) -> Ending:
        """What the driver is told. Raises what unpickling the value raises."""
        value = pickle.loads(self.value) if self.state == "done" else None
        error = None if self.error is None else self.error.error()
        return Ending(number, worker, self.state, value, error, self.why, self.seconds)


def told(error: BaseException) -> Told:
    """Keep class and text of an error of this package; any other becomes an ObserverError that names its type."""
    for kind in type(error).__mro__:
        # A class that only a third party knows travels as the nearest that everybody knows.
        if issubclass(kind, DeepceptionError) and getattr(errors, kind.__name__, None) is kind:
            return Told(kind.__name__, str(error))
    text = f"a worker met an unexpected {type(error).__name__}: {str(error) or 'it says nothing'}"
    return Told(ObserverError.__name__, text)


def attempt(bench: Bench, body: Callable[[], Any]) -> Said:
    """Do one order, whatever comes of it; ``body`` unpickles what was ordered."""
    began = time.perf_counter()
    try:
        value = pickle.dumps(bench.do(body()), protocol=pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        # What is left of this process is not to be trusted with the next order.
        return Said("lost", why=OUT_OF_MEMORY)
    except BaseException as error:
        return Said("failed", error=told(error), seconds=time.perf_counter() - began)
    return Said("done", value, seconds=time.perf_counter() - began)
