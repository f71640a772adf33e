"""Running units: the price first, then one photograph after the other, kept as they come."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepception.observers import Observer, open_observer, restrict
from deepception.properties.streams import stream
from deepception.sessions import Session

from .keeping import Figures, Unit, find, read
from .methods import METHODS
from .patterns import keep_pattern
from .photographs import Case, choose, open_cases
from .settings import Setting

KEEP_EVERY = 20.0  # seconds between two writings of a unit's file


@dataclass(frozen=True)
class Plan:
    """What is to be run.

    Attributes:
        data: Folder with ``models/`` and ``photos/``.
        folder: Where figures are kept.
        learned: Where what methods learned is kept.
        networks: Names of the networks; of a setting those that it has.
        settings: In order.
        methods: Names; of a setting those that it has. ``None`` for all.
        seeds: Seeds of searches, ``None`` for as many as each setting has; controls have one.
        limit: At most so many photographs.
        threads: Threads of a call.
        minutes: Stop after so long, at a photograph's end; ``None`` for never.
        split: Which photographs.
        most: Most queries for a photograph, where that is less than the setting's.
    """

    data: Path
    folder: Path
    learned: Path
    networks: tuple[str, ...]
    settings: tuple[Setting, ...]
    methods: tuple[str, ...] | None = None
    seeds: int | None = None
    limit: int | None = None
    threads: int | None = None
    minutes: float | None = None
    split: str = "test"
    most: int | None = None

    def units(self) -> Iterator[tuple[Setting, Unit]]:
        """All units: networks outside, then settings, seeds and methods."""
        for network in self.networks:
            for setting in self.settings:
                if network not in setting.networks:
                    continue
                for seed in range(self.seeds or setting.seeds_on(network)):
                    for name in setting.methods:
                        if self.methods is not None and name not in self.methods:
                            continue
                        if not setting.plays(name, network):
                            continue
                        if seed == 0 or not (METHODS[name].control or name in setting.once):
                            yield setting, Unit(network, setting.name, name, seed)

    def photographs(self, setting: Setting, network: str) -> list[tuple[int, Path]]:
        """Class and file of the photographs of a setting on a network."""
        counts = [count for count in (setting.count(network), self.limit) if count is not None]
        return choose(self.data / "photos", self.split, min(counts) if counts else None)

    def queries(self, setting: Setting, method: str, network: str) -> int:
        """Most queries for a photograph."""
        limits = [setting.queries, self.most or setting.queries]
        return min(limits + [setting.most_of_control(network)] * METHODS[method].control)


def price(plan: Plan) -> list[tuple[Unit, int, int]]:
    """Units that are not finished, with the photographs that are missing and the most queries they take."""
    made = []
    for setting, unit in plan.units():
        indices = [index for index, _ in plan.photographs(setting, unit.network)]
        path = plan.folder / unit.file
        missing = read(path).missing(indices) if path.exists() else indices
        if missing and METHODS[unit.method].missing() is None:
            made.append((unit, len(missing), len(missing) * plan.queries(setting, unit.method, unit.network)))
    return made


def show_price(plan: Plan) -> None:
    """Say what is missing and what it costs at most."""
    priced = price(plan)
    for network in dict.fromkeys(unit.network for unit, _, _ in priced):
        for setting in dict.fromkeys(unit.setting for unit, _, _ in priced if unit.network == network):
            here = [p for p in priced if (p[0].network, p[0].setting) == (network, setting)]
            seeds = {u.method: [str(v.seed) for v, _, _ in here if v.method == u.method] for u, _, _ in here}
            units = ", ".join(f"{method} {'+'.join(numbers)}" for method, numbers in seeds.items())
            _say(f"{network} {setting}: at most {sum(q for _, _, q in here):,} queries ({units})")
    learning = sum(
        METHODS[unit.method].learns for unit, _, _ in priced if not (plan.folder / unit.file).exists()
    )
    _say(f"learning of methods that learn: at most {learning:,} queries more")
    _say(f"{len(priced)} units, at most {sum(queries for _, _, queries in priced):,} queries in all")


def run(plan: Plan) -> None:
    """Run what is missing."""
    began = time.monotonic()
    for network in plan.networks:
        here = [(setting, unit) for setting, unit in plan.units() if unit.network == network]
        if not any(unit.network == network for unit, _, _ in price(plan)):
            continue
        opened = _Network(plan, network)
        for setting, unit in here:
            left = None if plan.minutes is None else 60 * plan.minutes - (time.monotonic() - began)
            if left is not None and left <= 0:
                _say("the time is over; the same command goes on")
                return
            opened.measure(setting, unit, left)
        opened.close()


class _Network:
    """One network, opened once, with its photographs."""

    def __init__(self, plan: Plan, name: str) -> None:
        self.plan, self.name = plan, name
        self.observer = open_observer(str(plan.data / "models" / f"{name}.onnx"), threads=plan.threads)
        self._cases: dict[str, dict[int, Case]] = {}

    def close(self) -> None:
        self.observer.close()

    def measure(self, setting: Setting, unit: Unit, seconds: float | None) -> None:
        """Attack the photographs that a unit has not got, for at most so many seconds."""
        lacking = METHODS[unit.method].missing()
        if lacking is not None:
            _say(f"{unit.file}: left out, {lacking} is not here")
            return
        observer = self.observer if setting.knowledge is None else restrict(self.observer, setting.knowledge)
        with Session(observer, batch_size=16) as session:
            figures = find(self.plan.folder, unit, self._facts(setting, unit, session))
            chosen = self.plan.photographs(setting, unit.network)
            missing = figures.missing([index for index, _ in chosen])
            if not missing:
                return
            cases = self._open(session, chosen, self.plan.split)
            learned = self._learned(session, setting, unit, figures)
            self._attack(session, setting, figures, [cases[index] for index in missing], learned, seconds)

    def _attack(
        self,
        session: Session,
        setting: Setting,
        figures: Figures,
        cases: Sequence[Case],
        learned: dict[str, Any],
        seconds: float | None,
    ) -> None:
        unit = figures.unit
        attack = METHODS[unit.method].attack()
        queries = self.plan.queries(setting, unit.method, unit.network)
        drawn = (unit.setting, unit.method) if setting.ablates is None else (setting.ablates, "ours")
        began = kept = time.monotonic()
        spent = figures.seconds
        try:
            for done, case in enumerate(cases, 1):
                goal = case.goal(len(session.observer.labels), setting.targeted)
                rng = stream(unit.seed, case.sha256, "benchmark", *drawn)
                outcome = attack(session, case.frame, goal, setting.bound, queries, rng, **learned)
                _check(outcome, queries, setting)
                now = time.monotonic()
                figures.rows[case.index] = (case.correct, outcome)
                figures.seconds = spent + now - began
                if now - kept > KEEP_EVERY:
                    kept = now
                    figures.write(self.plan.folder)
                    _say(f"{unit.file}: {done} of {len(cases)}, {figures.sent:,} queries")
                if seconds is not None and now - began > seconds:
                    break
        finally:
            if figures.rows:
                figures.write(self.plan.folder)
        _say(_summary(figures))

    def _facts(self, setting: Setting, unit: Unit, session: Session) -> dict[str, Any]:
        observer: Observer = session.observer
        return {
            "fingerprint": session.fingerprint,
            "engine": observer.identity.get("engine", ""),
            "device": observer.identity.get("device", ""),
            "bound": str(setting.bound),
            "queries": self.plan.queries(setting, unit.method, unit.network),
            "knowledge": setting.knowledge or observer.level.value,
            "targeted": setting.targeted,
            "split": self.plan.split,
            "version": METHODS[unit.method].version,
        }

    def _open(self, session: Session, chosen: list[tuple[int, Path]], split: str) -> dict[int, Case]:
        """The photographs; each is brought to the frame and asked for once."""
        known = self._cases.setdefault(split, {})
        new = [(index, path) for index, path in chosen if index not in known]
        if new:
            known.update((case.index, case) for case in open_cases(session, new))
        return known

    def _learned(
        self, session: Session, setting: Setting, unit: Unit, figures: Figures
    ) -> dict[str, dict[str, Any]]:
        """What the method learns on this network, as an argument of its attack; kept, and learned once."""
        learn = METHODS[unit.method].learning()
        if learn is None:
            return {}
        path = self.plan.learned / f"{session.fingerprint[:12]}-{unit.file}"
        if path.exists():
            learned = json.loads(path.read_text(encoding="utf-8"))
        else:
            _say(f"{unit.file}: learning")
            chosen = choose(self.plan.data / "photos", "learn", None)
            cases = list(self._open(session, chosen, "learn").values())
            learned = learn(session, cases, setting.bound, unit.seed)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(learned), encoding="utf-8")
        if "tile" in learned:
            keep_pattern(self.plan.folder, unit, session.fingerprint, setting.bound, learned)
        figures.learning = learned["queries"]
        return {"learned": learned}


def _check(outcome: Any, queries: int, setting: Setting) -> None:
    """No method gets a query or a pixel more than the others."""
    if outcome.total > queries or (outcome.first is not None and not 1 <= outcome.first <= outcome.total):
        raise AssertionError(f"{outcome} does not keep to {queries} queries in {setting.name}")


def _summary(figures: Figures) -> str:
    eligible = [outcome for correct, outcome in figures.rows.values() if correct]
    firsts = sorted(outcome.first or 10**9 for outcome in eligible)
    reached = sum(outcome.first is not None for outcome in eligible)
    median = firsts[(len(firsts) - 1) // 2] if firsts else 10**9
    middle = "> Q" if median == 10**9 else str(median)
    return (
        f"{figures.unit.file}: {reached} of {len(eligible)} correct ones deceived, median {middle}, "
        f"{figures.sent:,} queries, {figures.seconds:.0f} s"
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
