"""Measuring a planned unit: its photograph, its class, its session, and what becomes of a result."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import PhotographError, RunFolderError
from ...properties import Result, Subject
from ...sessions import Session
from ...stimuli import Frame, fit_frame, load_photograph
from ...stimuli.patches import UInt8
from ..units import Outcome

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 100
# Windows keeps these names for devices, whatever their suffix.
_RESERVED = frozenset(
    ["con", "prn", "aux", "nul", *(f"{p}{n}" for p in ("com", "lpt") for n in range(1, 10))]
)


@dataclass(frozen=True)
class PlannedPhotograph:
    """One photograph of a plan: its name, path, SHA-256 and class (``None``: the clean top-1)."""

    name: str
    path: str
    sha256: str
    label: int | None


@dataclass(frozen=True)
class Labelled:
    """A photograph of the plan, and the class that is measured on it."""

    photograph: PlannedPhotograph
    label: int


def file_names(photographs: Sequence[PlannedPhotograph]) -> dict[str, str]:
    """A name for files about each photograph, by SHA-256: its own without its suffix, safe everywhere, unique."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for photograph in photographs:
        plain = _UNSAFE.sub("_", photograph.name.rpartition(".")[0] or photograph.name)
        name = plain.strip("._")[:_LONGEST] or "photograph"
        if name.casefold() in taken or name.casefold().partition(".")[0] in _RESERVED:
            name = f"{name}-{photograph.sha256[:8]}"
        taken.add(name.casefold())
        names[photograph.sha256] = name
    return names


def labelled_as(photograph: PlannedPhotograph, cleans: Mapping[str, int]) -> Labelled:
    """The photograph with its class: the one that was given, else the clean top-1 by its SHA-256."""
    label = photograph.label
    return Labelled(photograph, cleans[photograph.sha256] if label is None else label)


def load_planned(photograph: PlannedPhotograph, frame: Frame, *, as_is: bool, max_pixels: int) -> UInt8:
    """A photograph in the frame, uint8 ``[H, W, 3]``; raises PhotographError where it changed or is unusable."""
    loaded = load_photograph(photograph.path, max_pixels=max_pixels)
    if loaded.sha256 != photograph.sha256:
        raise PhotographError(
            f"{photograph.path} has changed since the run began: restore it, or start another run."
        )
    return fit_frame(loaded, frame, as_is=as_is)


def timed(session: Session, measure: Callable[[], tuple[dict[str, Any], dict[str, Any]]]) -> Outcome:
    """Run a measurement and add what it cost."""
    answered, sent, cached = session.answered, session.transmissions, session.cached
    began = time.perf_counter()
    arrays, record = measure()
    return Outcome(
        arrays,
        record,
        session.answered - answered,
        session.transmissions - sent,
        time.perf_counter() - began,
        session.cached - cached,
    )


def result_of(kind: type[Result], outcome: Outcome) -> Result:
    """The result that an outcome holds. Raises RunFolderError where another version wrote it."""
    try:
        return kind.from_parts(dict(outcome.arrays), dict(outcome.record))
    except TypeError as error:
        raise RunFolderError(
            f"a stored {kind.__name__} was written by another version of deepception: measure into another folder."
        ) from error


def parts_of(result: Result) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arrays and record of a result."""
    return result.arrays(), result.record()


def subject_of(labelled: Labelled, clean: Outcome) -> Subject:
    """The photograph as the outcome of its clean unit holds it."""
    photograph = labelled.photograph
    return Subject(
        pixels=np.asarray(clean.arrays["pixels"]),
        label=labelled.label,
        name=photograph.name,
        sha256=photograph.sha256,
        labelled=photograph.label is not None,
    )


def asking_of(session: Session | None) -> Session:
    """The session of a plan; RuntimeError where it was made without one."""
    if session is None:
        raise RuntimeError("this plan was made to be read, not to be measured")
    return session
