"""The plan of a fooling image: a unit for each photograph of the bank, one for the search, one for its control."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...deceive.bank import Bank, make_bank, most_canvases
from ...deceive.fooling import FoolingImage, fool
from ...deceive.potency import measure_potency
from ...deceive.synonyms import near_synonyms
from ...errors import InputError
from ...properties import Subject
from ...sessions import Session
from ..engine import PlannedUnit
from ..planning.measuring import PlannedPhotograph, load_planned, parts_of, timed
from ..settings import RunSettings
from ..units import Outcome, Unit

KIND = "fooling"
"""Under this name ``run.json`` says what is searched; runs of other kinds have no such settings."""

PHOTOGRAPH, SEARCH, CONTROL = "bank photograph", "fooling image", "fooling image control"
_SCHEMA = 3


@dataclass(frozen=True)
class FoolingPlan:
    """Everything that decides which units the run has.

    Attributes:
        fingerprint: The observer's.
        chosen: The settings of the run.
        seed: Seed of the run.
        photographs: All photographs that were given.
    """

    fingerprint: str
    chosen: Mapping[str, Any]
    seed: int
    photographs: Sequence[PlannedPhotograph]

    @property
    def search(self) -> Mapping[str, Any]:
        """What is searched: ``target``, ``queries``, ``threshold``, ``control``, and the observer's ``level``.

        ``learn_queries`` where anything is learned before.
        """
        return dict(self.chosen[KIND])

    @property
    def learn_queries(self) -> int:
        """Most queries with which each search learns before what the patches answer alone."""
        return int(self.search.get("learn_queries", 0))

    @property
    def learning_price(self) -> int:
        """What that learning takes at most: each canvas is shown once, however many queries there are."""
        return min(self.learn_queries, most_canvases(len(self.shown)))

    @cached_property
    def left_out(self) -> frozenset[int]:
        """The target and its near-synonyms: patches of photographs of these classes would show it."""
        target = int(self.search["target"])
        return frozenset({target} | near_synonyms(target, len(self.chosen["labels"])))

    @property
    def shown(self) -> list[PlannedPhotograph]:
        """The photographs that may be in the bank, those of no known class among them."""
        return [p for p in self.photographs if p.label not in self.left_out]

    def photograph_unit(self, photograph: PlannedPhotograph) -> Unit:
        """The unit that brings a photograph to the frame, and asks for its class where that is not known."""
        parameters = {name: self.chosen[name] for name in ("as_is", "max_pixels")}
        return self._unit(PHOTOGRAPH, photograph, photograph.label, parameters, ())

    def price(self, photograph: PlannedPhotograph) -> int:
        """Queries of a photograph: a clean answer, where its class is not known."""
        return int(photograph.label is None)

    def search_units(self, photographs: Sequence[str]) -> list[Unit]:
        """The search, and its control where one is wanted, over photographs by the hashes of their units."""
        names = [SEARCH, CONTROL] if self.search["control"] else [SEARCH]
        target = int(self.search["target"])
        names_ = ("queries", "threshold", "learn_queries")
        parameters = {name: self.search[name] for name in names_ if name in self.search}
        return [self._unit(name, None, target, parameters, photographs) for name in names]

    def _unit(
        self,
        experiment: str,
        photograph: PlannedPhotograph | None,
        label: int | None,
        parameters: Mapping[str, Any],
        depends: Sequence[str],
    ) -> Unit:
        return Unit(
            experiment=experiment,
            observer=self.fingerprint,
            photograph=photograph.sha256 if photograph else None,
            photograph_name=photograph.name if photograph else None,
            label=label,
            parameters=parameters,
            seed=self.seed,
            depends=tuple(depends),
            schema=_SCHEMA,
        )


def fooling_plan(settings: RunSettings, *, fingerprint: str | None = None) -> FoolingPlan:
    """The plan that ``run.json`` describes."""
    return FoolingPlan(
        fingerprint or settings.observers[0].fingerprint,
        settings.settings,
        settings.seed,
        [PlannedPhotograph(p.name, p.path, p.sha256, p.label) for p in settings.photographs],
    )


def plan_photographs(plan: FoolingPlan, session: Session) -> list[PlannedUnit]:
    """The units of the photographs, and how each is measured."""

    def show(photograph: PlannedPhotograph) -> Callable[[Mapping[str, Outcome]], Outcome]:
        def run(_: Mapping[str, Outcome]) -> Outcome:
            pixels = load_planned(
                photograph,
                session.observer.frame,
                as_is=plan.chosen["as_is"],
                max_pixels=plan.chosen["max_pixels"],
            )
            return timed(session, lambda: ({"pixels": pixels}, {"label": label_of(pixels)}))

        def label_of(pixels: Any) -> int:
            if photograph.label is not None:
                return photograph.label
            return int(session.ask_images(pixels[None], np.array([0]), purpose="clean").top[0, 0])

        return run

    return [PlannedUnit(plan.photograph_unit(p), show(p)) for p in plan.shown]


def plan_searches(
    plan: FoolingPlan, finished: Callable[[str], bool], session: Session
) -> Iterator[PlannedUnit]:
    """The search and its control over the photographs whose units are finished, and how they are measured."""
    by_hash = {plan.photograph_unit(p).hash: p for p in plan.shown}
    there = {h: p for h, p in by_hash.items() if finished(h)}
    for unit in plan.search_units(list(there)):

        def run(outcomes: Mapping[str, Outcome], unit: Unit = unit) -> Outcome:
            bank = _bank(plan, there, outcomes)
            if unit.experiment == CONTROL:
                bank = bank.scramble(plan.seed)
            return timed(session, lambda: _searched(session, plan, bank))

        yield PlannedUnit(unit, run)


def _searched(session: Session, plan: FoolingPlan, bank: Bank) -> tuple[dict[str, Any], dict[str, Any]]:
    search, learn = plan.search, plan.learn_queries
    potency = measure_potency(session, bank, learn, seed=plan.seed) if learn else None
    found: FoolingImage = fool(
        session,
        int(search["target"]),
        bank,
        queries=search["queries"],
        threshold=search["threshold"],
        seed=plan.seed,
        potency=potency,
    )
    arrays, record = parts_of(found)
    return arrays, {**record, "bank": len(bank)}


def _bank(
    plan: FoolingPlan, photographs: Mapping[str, PlannedPhotograph], outcomes: Mapping[str, Outcome]
) -> Bank:
    subjects = []
    for unit_hash, photograph in photographs.items():
        label = int(outcomes[unit_hash].record["label"])
        if label not in plan.left_out:
            pixels = np.asarray(outcomes[unit_hash].arrays["pixels"])
            subjects.append(Subject(pixels, label, photograph.name, photograph.sha256))
    if not subjects:
        raise nothing_to_show()
    frame = plan.chosen["frame"]
    return make_bank(subjects, (int(frame[0]), int(frame[1])), plan.seed)


def nothing_to_show() -> InputError:
    """What is told where no photograph may be in the bank."""
    return InputError(
        "every photograph shows the target or a near-synonym of it: give photographs of other classes."
    )
