"""What is planned: everything that decides which units an audit has, and the units that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...properties import Experiment
from ...properties.result import jsonable
from ..engine import PlannedUnit
from ..units import Outcome, Unit
from .measuring import PlannedPhotograph

CLEAN_SCHEMA = 1
"""Version of this unit's result, raised when stored ones cannot be read any more; part of its hash."""


@dataclass(frozen=True)
class AuditPlan:
    """Everything that decides which units an audit has.

    Attributes:
        fingerprint: The observer's.
        shape: The frame, (height, width).
        photographs: All photographs.
        pool: Control photographs, also those that are not measured themselves.
        period_photographs: SHA-256 of the photographs whose rows tell the period; fewer than 12: none is sought.
        experiments: In the order in which they run.
        parameters: Parameters of each experiment by name, and ``"period"``.
        seed: Seed of the run.
        learning: Photographs that are learned on; none of them is measured.
        files: Where files lie that experiments were brought, by the SHA-256 of their bytes.
        as_is: Photographs are shown untouched and must have the frame's size.
        max_pixels: Largest photograph that is decoded in full.
        labels_only: The observer answers with labels only, so that thresholds are measured.
    """

    fingerprint: str
    shape: tuple[int, int]
    photographs: Sequence[PlannedPhotograph]
    pool: Sequence[PlannedPhotograph]
    period_photographs: Sequence[str]
    experiments: Sequence[Experiment]
    parameters: Mapping[str, Any]
    seed: int
    learning: Sequence[PlannedPhotograph] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    as_is: bool = False
    max_pixels: int = 100_000_000
    labels_only: bool = False

    def unit(
        self,
        experiment: str,
        photograph: PlannedPhotograph | None,
        label: int | None,
        parameters: Any,
        depends: Sequence[str] = (),
        *,
        schema: int,
    ) -> Unit:
        """A unit of this plan."""
        return Unit(
            experiment=experiment,
            observer=self.fingerprint,
            photograph=photograph.sha256 if photograph else None,
            photograph_name=photograph.name if photograph else None,
            label=label,
            parameters=jsonable(parameters),
            seed=self.seed,
            depends=tuple(depends),
            schema=schema,
        )

    def clean_unit(self, photograph: PlannedPhotograph) -> Unit:
        """The unit that shows a photograph as it is."""
        fit = {"as_is": self.as_is, "max_pixels": self.max_pixels}
        return self.unit("clean", photograph, None, fit, schema=CLEAN_SCHEMA)

    @property
    def everyone(self) -> list[PlannedPhotograph]:
        """Photographs, pool and learning photographs, each once."""
        shown = [*self.photographs, *self.pool, *self.learning]
        return list({p.sha256: p for p in shown}.values())

    @property
    def of_all(self) -> AuditPlan:
        """The same plan with those photographs only on which all others depend: what is shared follows from it."""
        periodic = set(self.period_photographs)
        return replace(self, photographs=[p for p in self.photographs if p.sha256 in periodic])

    @property
    def wants_period(self) -> bool:
        """Whether the observer's period is measured."""
        least = self.parameters["period"].photographs
        return any(e.uses_period for e in self.experiments) and 0 < least <= len(self.period_photographs)


@dataclass
class MeasurePlan:
    """The units that follow once the clean answers are known.

    Attributes:
        units: In order, with how each is measured.
        price: Queries of each unit, at most, by hash.
        of_photograph: Hash of each photograph's unit: SHA-256, then experiment.
        controls: Hashes of each experiment's shared controls.
        stages: Hashes of each experiment's stages of learning, in order.
        lesson: Hash of the unit that holds what each experiment has learned, or was brought.
        period: Hash of the unit that judges the period, if any.
    """

    units: list[PlannedUnit] = field(default_factory=list)
    price: dict[str, int] = field(default_factory=dict)
    of_photograph: dict[str, dict[str, str]] = field(default_factory=dict)
    controls: dict[str, list[str]] = field(default_factory=dict)
    stages: dict[str, list[str]] = field(default_factory=dict)
    lesson: dict[str, str] = field(default_factory=dict)
    period: str | None = None

    def add(self, unit: Unit, price: int, run: Callable[[Mapping[str, Outcome]], Outcome]) -> str:
        """Add a unit and return its hash."""
        self.units.append(PlannedUnit(unit, run))
        self.price[unit.hash] = price
        return unit.hash
