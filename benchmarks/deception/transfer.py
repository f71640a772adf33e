"""Transfer: what was learned on some networks, shown to others, without another learning query.

- *Patterns*: the universal veils and patches that were learned on each of the eight, shown to all nine. The veils
  are those that were not begun with the package's own, which were learned on other networks.
- *Several*: one veil learned on seven of the eight together, with as many queries in all, shown to the one that is
  left out.
- *Dictionaries*: the stencils of the package in the order that covers most of what one single network answered,
  or all but the one at hand, or in none; TRIED of them at most are shown, and nothing is searched.

A row is one file, which grows by the networks that it is shown to.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from deepception.deceive.bounds import Area, Bound, Linf
from deepception.deceive.builtin import Shelf, builtin_dictionary, shelves_from_json
from deepception.deceive.dictionary import cover_order
from deepception.deceive.stencils import Stencil
from deepception.deceive.tiles import tiles_within
from deepception.deceive.together import learn_together
from deepception.observers import open_observer
from deepception.properties.streams import stream
from deepception.sessions import Session
from deepception.stimuli.patches import UInt8

from .keeping import write_json
from .patterns import FOLDER as PATTERNS
from .patterns import Kept, read_pattern
from .photographs import Case, choose, open_cases, teacher
from .running import Plan
from .settings import EIGHT, FOUR, PHOTOGRAPHS
from .transfer_rows import FOLDER, Column, Row, read_row

NAME = "transfer"
BOUNDS: dict[str, Bound] = {"veil-10": Linf(10 / 255), "patch-10": Area(0.10)}
LEARNED = {
    "veil-10": "universal-veil-10-alone--ours_universal_alone",
    "patch-10": "universal-patch-10--ours_universal",
}
"""Of a kind of pattern, the setting and the method that learn it on one network."""

SEVERAL = "several"
OTHERS, SHUFFLED = "all others", "no order"
AREAS = {"dictionary-5": 0.05, "dictionary-2": 0.02}
TRIED = 12
"""Stencils of a dictionary that are shown, as many as ``deceive`` shows before it searches."""

QUERIES = 20_000
"""Learning queries of one pattern, whether one network is asked or several."""


def left_out(network: str) -> str:
    """What a row is called that was learned on all of the eight but one."""
    return f"{SEVERAL} without {network}"


@dataclass(frozen=True)
class Transfer:
    """What is to be learned and shown.

    Attributes:
        plan: Data, folders, networks that it is shown to, seeds, threads, time and split.
        teachers: The networks that several are learned on.
        held_out: Those that are left out in turn.
        queries: Learning queries of one pattern.
    """

    plan: Plan
    teachers: tuple[str, ...] = EIGHT
    held_out: tuple[str, ...] = FOUR
    queries: int = QUERIES

    def price(self) -> tuple[int, int]:
        """Most queries of learning, and of showing, that are missing."""
        learning, rows = self.queries * len(list(self._unlearned())), self._rows()
        showing = 0
        for network in self.plan.networks:
            for row in rows:
                if network not in row.columns:
                    dictionary = row.what in AREAS
                    count = len(self._photographs(network, everything=not dictionary))
                    showing += count * (TRIED if dictionary else 1)
        return learning, showing

    def show_price(self) -> None:
        """Say it, and what is waited for."""
        learning, showing = self.price()
        _say(f"{NAME}: at most {learning:,} queries of learning on several networks, {showing:,} of showing")
        for what, source in LEARNED.items():
            known = {name for kind, (name, _) in self._kept() if kind == what}
            missing = [name for name in self.teachers if name not in known]
            if missing:
                setting = source.partition("--")[0]
                _say(f"{NAME}: {what} waits for the patterns of {', '.join(missing)} (--settings {setting})")

    def run(self) -> None:
        """Learn and show what is missing; stop at a column's end when the time is over."""
        began = time.monotonic()
        minutes = self.plan.minutes

        def over() -> bool:
            return minutes is not None and time.monotonic() - began > 60 * minutes

        for network, seed in self._unlearned():
            if over():
                return
            self._learn_without(network, seed)
        for network in self.plan.networks:
            self._show_all(network, over)

    # --- learning on several ----------------------------------------------------------------------------------

    def _unlearned(self) -> Iterator[tuple[str, int]]:
        for network in self.held_out:
            if network in self.plan.networks:
                for seed in range(self.plan.seeds or 1):
                    if not self._several(network, seed).exists():
                        yield network, seed

    def _several(self, network: str, seed: int) -> Path:
        return self.plan.folder / PATTERNS / f"without-{network}--veil-10--{SEVERAL}--{seed}.json"

    def _learn_without(self, network: str, seed: int) -> None:
        path = self._several(network, seed)
        names = [name for name in self.teachers if name != network]
        _say(f"{path.name}: learning on {', '.join(names)}")
        chosen = choose(self.plan.data / "photos", "learn", None)
        with ExitStack() as stack:
            teachers = []
            for name in names:
                session = stack.enter_context(self._open(name, stack))
                teachers.append(teacher(session, open_cases(session, chosen)))
            bound = BOUNDS["veil-10"]
            kept = self.plan.learned / f"state-{path.name}"
            clean = sum(len(each.goals) for each in teachers)
            motif, spent = learn_together(teachers, bound, self.queries - clean, seed, kept=kept)
            content = {
                "learned_on": names,
                "fingerprints": [each.session.fingerprint for each in teachers],
                "seed": seed,
                "bound": str(bound),
                "queries": spent + clean,
                "tile": tiles_within(bound).to_json(motif),
            }
        write_json(path, content)

    def _open(self, network: str, stack: ExitStack) -> Session:
        path = self.plan.data / "models" / f"{network}.onnx"
        observer = open_observer(str(path), threads=self.plan.threads)
        stack.callback(observer.close)
        return Session(observer, batch_size=16)

    # --- showing ----------------------------------------------------------------------------------------------

    def _rows(self) -> list[Row]:
        """All rows, with the columns that they have."""
        split = self.plan.split
        rows = [
            Row(what, name, kept.seed, split, kept.digest, kept.queries)
            for what, (name, kept) in self._kept()
        ]
        for what, area in AREAS.items():
            shelf = _shelf(area)
            queries = {witness.observer: witness.queries for witness in shelf.witnesses}
            names = (*queries, OTHERS, SHUFFLED)
            queries[OTHERS] = sum(queries.values())
            about = (split, _digest(shelf))
            rows += [Row(what, name, 0, *about, queries.get(name, 0)) for name in names]
        return [self._known(row) for row in rows]

    def _kept(self) -> Iterator[tuple[str, tuple[str, Kept]]]:
        folder = self.plan.folder / PATTERNS
        for what, source in LEARNED.items():
            for network in self.teachers:
                for path in sorted(folder.glob(f"{network}--{source}--*.json")):
                    yield what, (network, read_pattern(path, BOUNDS[what]))
        for network in self.held_out:
            for path in sorted(folder.glob(f"without-{network}--veil-10--{SEVERAL}--*.json")):
                yield "veil-10", (left_out(network), read_pattern(path, BOUNDS["veil-10"]))

    def _known(self, row: Row) -> Row:
        path = self.plan.folder / FOLDER / row.file
        if not path.exists():
            return row
        found = read_row(path)
        if (found.digest, found.split) != (row.digest, row.split):
            _say(f"{path.name}: begun anew, another pattern or split was shown")
            return row
        return found

    def _photographs(self, network: str, *, everything: bool) -> list[tuple[int, Path]]:
        counts = [None if everything else PHOTOGRAPHS.get(network), self.plan.limit]
        known = [count for count in counts if count is not None]
        return choose(self.plan.data / "photos", self.plan.split, min(known) if known else None)

    def _show_all(self, network: str, over: Callable[[], bool]) -> None:
        missing = [row for row in self._rows() if network not in row.columns]
        if not missing or over():
            return
        patterns = {(what, name, kept.seed): kept for what, (name, kept) in self._kept()}
        with ExitStack() as stack:
            session = stack.enter_context(self._open(network, stack))
            everything = open_cases(session, self._photographs(network, everything=True))
            few = {index for index, _ in self._photographs(network, everything=False)}
            some = [case for case in everything if case.index in few]
            for row in missing:
                if over():
                    return
                if row.what in AREAS:
                    cases, first = some, _show_stencils(session, some, row)
                else:
                    kept = patterns[row.what, row.learned_on, row.seed]
                    cases, first = everything, _show_pattern(session, everything, BOUNDS[row.what], kept)
                row.columns[network] = Column(
                    session.fingerprint,
                    tuple(case.index for case in cases),
                    tuple(case.correct for case in cases),
                    tuple(first),
                )
                row.write(self.plan.folder)
                reached = sum(one is not None for one in first)
                _say(f"{row.file}: shown to {network}, {reached} of {len(cases)} deceived")


def _show_pattern(session: Session, cases: Sequence[Case], bound: Bound, kept: Kept) -> list[int | None]:
    pattern = tiles_within(bound).pattern(kept.motif, session.observer.frame)
    reached = _reached(session, cases, [pattern.apply_to(case.frame) for case in cases])
    return [1 if one else None for one in reached]


def _show_stencils(session: Session, cases: Sequence[Case], row: Row) -> list[int | None]:
    """The number of the first stencil that deceived each photograph, ``None`` where none did."""
    area = AREAS[row.what]
    lists = [_order(session, area, row.learned_on, case) for case in cases]
    limit = Area(area).limit(session.observer.frame.shape)
    first: list[int | None] = [None] * len(cases)
    for number in range(TRIED):
        left = [i for i, one in enumerate(first) if one is None]
        if not left:
            break
        stimuli = [lists[i][number].put(cases[i].frame, limit) for i in left]
        for i, reached in zip(left, _reached(session, [cases[i] for i in left], stimuli), strict=True):
            first[i] = number + 1 if reached else None
    return first


def _order(session: Session, area: float, name: str, case: Case) -> Sequence[Stencil]:
    if name == OTHERS:
        return builtin_dictionary(area, session.observer).stencils[:TRIED]
    shelf = _shelf(area)
    if name == SHUFFLED:  # another order for each photograph, so that no single draw decides
        drawn = stream(0, case.sha256, "transfer", "order").permutation(len(shelf.stencils))[:TRIED].tolist()
    else:
        witness = next(witness for witness in shelf.witnesses if witness.observer == name)
        drawn = cover_order(witness.reached, TRIED)
    return [shelf.stencils[i] for i in drawn]


def _digest(shelf: Shelf) -> str:
    said = hashlib.sha256(repr(shelf.stencils).encode())
    for witness in shelf.witnesses:
        said.update(witness.observer.encode() + np.packbits(witness.reached).tobytes())
    return said.hexdigest()[:12]


def _shelf(area: float) -> Shelf:
    if not _SHELVES:
        text = (files("deepception") / "data" / "dictionary.json").read_text(encoding="utf-8")
        _SHELVES.update(shelves_from_json(json.loads(text)))
    return _SHELVES[area]


_SHELVES: dict[float, Shelf] = {}


def _reached(session: Session, cases: Sequence[Case], stimuli: Sequence[UInt8]) -> list[bool]:
    top = session.ask_images(np.stack(stimuli), np.array([0]), purpose=NAME).top[:, 0]
    classes = len(session.observer.labels)
    return [bool(case.goal(classes, False).reached(top[i : i + 1])[0]) for i, case in enumerate(cases)]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
