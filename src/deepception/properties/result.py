"""What every measurement gives back: named arrays and plain values, the same in memory, on disk and as JSON."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray


def jsonable(value: Any) -> Any:
    """Plain JSON values from arrays, dataclasses, tuples and numpy scalars; NaN and ±inf become ``None``."""
    if isinstance(value, np.ndarray):
        return jsonable(value.tolist())
    if isinstance(value, np.generic):
        return jsonable(value.item())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: jsonable(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(v) for v in value]
    return value


@dataclass(frozen=True, eq=False)
class Result(ABC):
    """Base of results: array fields have the axes that ``axes`` names, the other fields are JSON values.

    Attributes:
        name: The photograph's name, or what else was measured.
        sha256: SHA-256 of the photograph's bytes, empty where it is not one photograph.
        label: The class c that was read, −1 where all were.
        queries: Queries that this result cost.
    """

    axes: ClassVar[dict[str, tuple[str, ...]]] = {}

    name: str
    sha256: str
    label: int
    queries: int

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The array fields by name."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {k: v for k, v in values.items() if isinstance(v, np.ndarray)}

    def record(self) -> dict[str, Any]:
        """The other fields by name, as JSON values."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {k: jsonable(v) for k, v in values.items() if not isinstance(v, np.ndarray)}

    @classmethod
    def from_parts(cls, arrays: dict[str, NDArray[Any]], record: dict[str, Any]) -> Self:
        """Rebuild from ``arrays()`` and ``record()``; lists become tuples."""
        names = {f.name for f in dataclasses.fields(cls)}
        values: dict[str, Any] = {**record, **arrays}
        return cls(**{k: _tuples(v) for k, v in values.items() if k in names})

    @abstractmethod
    def summary(self) -> dict[str, Any]:
        """The figures of this one measurement, JSON values."""

    def to_json(self) -> dict[str, Any]:
        """Everything: summary, plain values, and each array with the names of its axes."""
        return {
            "summary": jsonable(self.summary()),
            **self.record(),
            "arrays": {
                k: {"axes": list(self.axes.get(k, ())), "values": jsonable(v)}
                for k, v in self.arrays().items()
            },
        }


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
