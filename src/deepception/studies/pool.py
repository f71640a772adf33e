"""The control photographs of a run: which they are, and where the embedded ones lie."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import PhotographError
from ..observers import Observer
from ..properties import Experiment, Subject
from ..properties.catalogue import POOL
from ..properties.streams import stream
from ..stimuli import Frame, fit_frame, load_photograph
from .settings import PhotographEntry


def embedded_photographs() -> list[Path]:
    """The photographs that the package carries."""
    folder = Path(str(resources.files("deepception") / "data" / "photos"))
    return sorted(folder.glob("*.jpg"))


def embedded_by_sha256() -> dict[str, Path]:
    """The embedded photographs by the SHA-256 of their bytes."""
    return {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in embedded_photographs()}


class Usable:
    """Whether a photograph can be shown at all; each is opened once."""

    def __init__(self, frame: Frame, *, as_is: bool, max_pixels: int) -> None:
        self._frame, self._as_is, self._max_pixels = frame, as_is, max_pixels
        self._known: dict[str, bool] = {}
        self.reasons: dict[str, str] = {}

    def __call__(self, path: str) -> bool:
        """Whether the photograph at a path can be shown."""
        if path not in self._known:
            try:
                loaded = load_photograph(path, max_pixels=self._max_pixels)
                fit_frame(loaded, self._frame, as_is=self._as_is)
            except PhotographError as error:  # it is reported when its own unit fails
                self.reasons[path] = str(error)
            self._known[path] = path not in self.reasons
        return self._known[path]


def uses_pool(experiment: Experiment, parameters: Any, observer: Observer) -> bool:
    """Whether an experiment shows control photographs with these parameters."""
    nothing = np.zeros((0, 0, 3), dtype=np.uint8)
    pool = [Subject(nothing, -1 - i, "", str(i)) for i in range(POOL)]
    tasks = experiment.controls(parameters, pool, observer.frame.shape)
    return bool(tasks or getattr(parameters, "crops", 0) or experiment.needs_background(parameters))


def choose_controls(
    entries: Sequence[PhotographEntry], seed: int, size: int, period: int, usable: Callable[[str], bool]
) -> tuple[list[dict[str, Any]], list[str]]:
    """The control pool and the photographs of the period: the first that can be shown, in a seeded order.

    Args:
        entries: The run's photographs.
        seed: Seed of the run.
        size: Photographs of the pool, of different classes where those are known; embedded ones fill it up.
        period: Photographs of the period.
        usable: Whether the photograph behind a path can be shown.

    Returns:
        The pool, each with name, SHA-256 and class, and the SHA-256 of the photographs of the period.
    """
    order = stream(seed, "control photographs").permutation(len(entries))
    pool: list[dict[str, Any]] = []
    rows: list[str] = []
    classes: set[int] = set()
    for index in order:
        entry = entries[int(index)]
        distinct = entry.label is None or entry.label not in classes
        if entry.sha256 in rows or ((len(pool) >= size or not distinct) and len(rows) >= period):
            continue
        if not usable(entry.path):
            continue
        if len(rows) < period:
            rows.append(entry.sha256)
        if len(pool) < size and distinct:
            pool.append({"name": entry.name, "sha256": entry.sha256, "label": entry.label})
            classes.update([] if entry.label is None else [entry.label])
    known = {p["sha256"] for p in pool} | {e.sha256 for e in entries}
    for digest, path in embedded_by_sha256().items():
        if len(pool) < size and digest not in known and usable(str(path)):
            pool.append({"name": f"embedded/{path.name}", "sha256": digest, "label": None})
    return pool, rows
