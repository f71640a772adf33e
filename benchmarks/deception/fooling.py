"""Fooling images: for seeded random classes, a canvas of patches of other classes that is recognised as the class.

The bank is cut from the photographs of the learn split, without those of the class and its near-synonyms, and is
the same for all networks of a frame. Ours first learns what each patch answers alone, once for all classes. The
control is the same learning and search with the patches scrambled; beside it stands the search without learning.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from deepception.deceive.bank import Bank, make_bank
from deepception.deceive.fooling import fool
from deepception.deceive.potency import Potency, measure_potency
from deepception.observers import Observer, open_observer
from deepception.properties import Subject
from deepception.properties.streams import stream
from deepception.sessions import Session
from deepception.stimuli import fit_frame, load_photograph

from .fooling_rows import METHODS, OURS, PLAIN, SCRAMBLED, Made, Rows, done, find_rows, read_made
from .photographs import choose
from .running import Plan
from .settings import FOUR

NAME = "fooling"
CLASSES, OF = 40, 1_000
QUERIES, THRESHOLD = 2_000, 0.9
VERSION = {OURS: 2, SCRAMBLED: 2, PLAIN: 1}
"""Raised when the same search would find something else."""


def drawn_classes(count: int = CLASSES, of: int = OF) -> list[int]:
    """The classes that are targets: the same for every network and seed."""
    return [int(index) for index in stream(0, "benchmark", "fooling classes").permutation(of)[:count]]


@dataclass(frozen=True)
class Fooling:
    """What is to be made.

    Attributes:
        plan: Data, folders, networks, methods, seeds, number of classes (``limit``), time and queries.
        networks: Which networks have it.
        labels: How many classes they know, of which the targets are drawn.
    """

    plan: Plan
    networks: tuple[str, ...] = FOUR
    labels: int = OF

    @property
    def queries(self) -> int:
        """Most queries of a class."""
        return min(QUERIES, self.plan.most or QUERIES)

    @property
    def targets(self) -> list[int]:
        """The classes."""
        return drawn_classes(min(CLASSES, self.plan.limit or CLASSES), self.labels)

    def show_price(self) -> None:
        """Say what is missing and what it costs at most."""
        rows = read_made(self.plan.folder)
        missing = {
            network: sum(
                len(set(self.targets) - done(rows, network, method, seed)) for method, seed in self._methods()
            )
            for network in self._networks()
        }
        for network, count in missing.items():
            if count:
                _say(
                    f"{network} {NAME}: at most {count * self.queries:,} queries ({count} images), and one for "
                    "each patch of a bank that is learned"
                )
        _say(f"{NAME}: at most {sum(missing.values()) * self.queries:,} queries in all")

    def run(self) -> None:
        """Make what is missing; stop at a class's end when the time is over."""
        minutes = self.plan.minutes
        until = None if minutes is None else time.monotonic() + 60 * minutes
        for network in self._networks():
            if not self._measure(network, until):
                _say("the time is over; the same command goes on")
                return

    def _networks(self) -> list[str]:
        return [name for name in self.plan.networks if name in self.networks]

    def _methods(self) -> Iterator[tuple[str, int]]:
        for seed in range(self.plan.seeds or 1):
            for method in METHODS:
                if self.plan.methods is None or method in self.plan.methods:
                    yield method, seed

    def _measure(self, network: str, until: float | None) -> bool:
        """Make the images of one network; whether that was finished in time."""
        observer = open_observer(
            str(self.plan.data / "models" / f"{network}.onnx"), threads=self.plan.threads
        )
        try:
            subjects = self._subjects(observer)
            with Session(observer, batch_size=observer.fixed_batch or 1) as session:
                for method, seed in self._methods():
                    empty = Rows(network, method, seed, self._facts(session, subjects, method))
                    rows = find_rows(self.plan.folder, empty)
                    if rows.missing(self.targets) and not self._make(session, subjects, rows, until):
                        return False
        finally:
            observer.close()
        return True

    def _make(self, session: Session, subjects: list[Subject], rows: Rows, until: float | None) -> bool:
        bank = _bank(session.observer, subjects, rows)
        began = time.monotonic()
        potency = None if rows.method == PLAIN else measure_potency(session, bank, len(bank), seed=rows.seed)
        rows.seconds += time.monotonic() - began
        rows.learning = 0 if potency is None else potency.queries
        for target in rows.missing(self.targets):
            if until is not None and time.monotonic() >= until:
                return False
            began = time.monotonic()
            rows.made[target] = make_one(session, target, bank, self.queries, rows.seed, potency)
            rows.seconds += time.monotonic() - began
            rows.write(self.plan.folder)
            _say(f"{rows.file}: {len(rows.made)} of {len(self.targets)}, {rows.sent:,} queries")
        reached = sum(one.first is not None for one in rows.made.values())
        _say(f"{rows.file}: {reached} of {len(rows.made)} reached, {rows.seconds:.0f} s")
        return True

    def _subjects(self, observer: Observer) -> list[Subject]:
        made = []
        for index, path in choose(self.plan.data / "photos", "learn", None):
            photograph = load_photograph(path)
            pixels = fit_frame(photograph, observer.frame)
            made.append(Subject(pixels, index, path.name, photograph.sha256))
        return made

    def _facts(self, session: Session, subjects: list[Subject], method: str) -> dict[str, Any]:
        identity = session.observer.identity
        digest = hashlib.sha256("".join(s.sha256 for s in subjects).encode()).hexdigest()
        return {
            "fingerprint": session.fingerprint,
            "engine": identity.get("engine", ""),
            "device": identity.get("device", ""),
            "queries": self.queries,
            "threshold": THRESHOLD,
            "photographs": len(subjects),
            "bank": digest[:16],
            "version": VERSION[method],
        }


def make_one(
    session: Session, target: int, bank: Bank, queries: int, seed: int, potency: Potency | None
) -> Made:
    """One class's image."""
    found = fool(session, target, bank, queries=queries, threshold=THRESHOLD, seed=seed, potency=potency)
    if found.queries > queries or (found.reached and not found.first):
        raise AssertionError(f"class {target} took {found.queries} of {queries} queries")
    p = None if found.p is None else round(found.p, 4)
    return Made(found.first, found.first_top1, p, found.top1, found.queries, found.copies)


def _bank(observer: Observer, subjects: list[Subject], rows: Rows) -> Bank:
    shape = observer.frame.shape
    bank = make_bank(subjects, (shape[0], shape[1]), rows.seed)
    return bank.scramble(rows.seed) if rows.method == SCRAMBLED else bank


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
