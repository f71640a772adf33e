"""The unit of a study: one (observer, photograph, experiment), its identity, and what measuring it gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .canonical import canonical_json, digest


@dataclass(frozen=True)
class Unit:
    """The grain of resuming and of distribution; two units of the same hash are the same measurement.

    Attributes:
        experiment: Name of the experiment, e.g. ``"local"``.
        observer: Fingerprint of the observer.
        photograph: SHA-256 of the photograph's bytes in hex; ``None`` where it is about no single one.
        photograph_name: Name for people; no part of the identity.
        label: The class that is asked about, an index; ``None`` where the unit has none.
        parameters: Resolved parameters of the experiment, plain JSON.
        seed: Seed of the study.
        depends: Hashes of the units whose outcomes this one is given, in the order in which it reads them.
        schema: Version of the experiment's result.
    """

    experiment: str
    observer: str
    photograph: str | None
    photograph_name: str | None
    label: int | None
    parameters: Mapping[str, Any]
    seed: int
    depends: tuple[str, ...] = ()
    schema: int = 1

    @cached_property
    def hash(self) -> str:
        """SHA-256, in hex, of the canonical JSON of all that may change the result (names may not)."""
        return digest(
            {
                "fingerprint": self.observer,
                "photograph": self.photograph,
                "class": self.label,
                "experiment": {"name": self.experiment, "parameters": dict(self.parameters)},
                "seed": self.seed,
                "depends": list(self.depends),
                "schema": self.schema,
            }
        )

    def __hash__(self) -> int:
        return hash(self.hash)

    def to_json(self) -> dict[str, Any]:
        """All fields as plain JSON; ``from_json`` reads it back."""
        return {
            "experiment": self.experiment,
            "observer": self.observer,
            "photograph": self.photograph,
            "photograph_name": self.photograph_name,
            "label": self.label,
            "parameters": dict(self.parameters),
            "seed": self.seed,
            "depends": list(self.depends),
            "schema": self.schema,
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Unit:
        """Read what ``to_json`` wrote; raises KeyError where a field is missing."""
        return cls(
            experiment=fields["experiment"],
            observer=fields["observer"],
            photograph=fields["photograph"],
            photograph_name=fields["photograph_name"],
            label=fields["label"],
            parameters=fields["parameters"],
            seed=fields["seed"],
            depends=tuple(fields["depends"]),
            schema=fields["schema"],
        )


@dataclass(frozen=True, eq=False)
class Outcome:
    """What measuring one unit gave. Its content is the experiment's business; the study only keeps it.

    Attributes:
        arrays: Named arrays of any plain dtype and shape (no objects); names without ``/``.
        record: Plain JSON without NaN or infinities: what is not known is ``None``.
        queries: Stimuli whose answers were used, at least 0: what it costs whoever knows none of them.
        transmissions: Images sent, retries and probes included, at least 0.
        seconds: Wall time that the unit took.
        cached: Of the queries, those that were answered from a cache and not asked again.
    """

    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)
    queries: int = 0
    transmissions: int = 0
    seconds: float = 0.0
    cached: int = 0

    def __post_init__(self) -> None:
        for name, array in self.arrays.items():
            if not name or "/" in name or "\\" in name:
                raise ValueError(f"{name!r} cannot name an array")
            if not isinstance(array, np.ndarray) or array.dtype.hasobject:
                raise ValueError(f"the array {name!r} must be a numpy array without objects")
        if self.queries < 0 or self.transmissions < 0 or not 0 <= self.cached <= self.queries:
            raise ValueError(
                "queries and transmissions cannot be negative, nor cached answers more than queries"
            )
        canonical_json(dict(self.record))
