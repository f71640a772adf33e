"""A subject: one photograph in the observer's frame, and the class that is measured on it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..observers import AnswerLevel, resolve_label
from ..stimuli import Photograph, as_photograph, fit_frame
from ..stimuli.patches import UInt8

if TYPE_CHECKING:
    from ..sessions import Session

# What can be measured: a path, a Pillow image, a uint8 array [h, w, 3], or a loaded photograph.
ImageLike = Photograph | str | Path | Any

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Subject:
    """One photograph as the observer sees it, and the class c that is read.

    Attributes:
        pixels: uint8 ``[H, W, 3]`` in the frame.
        label: The class c, an index.
        name: The photograph's name.
        sha256: SHA-256 of the photograph's bytes.
        labelled: Whether c was given; else it is the observer's clean top-1.
    """

    pixels: UInt8
    label: int
    name: str
    sha256: str
    labelled: bool = True


def open_subject(
    session: Session, image: ImageLike, label: int | str | None = None, *, as_is: bool = False
) -> Subject:
    """Bring an image to the session's frame and settle its class.

    Without a label the observer is asked for its clean top-1, which costs one query. Raises PhotographError
    for an image that cannot be used, InputError for an unknown label.
    """
    if isinstance(image, Subject):
        if label is None:
            return image
        return replace(image, label=resolve_label(label, session.observer.labels), labelled=True)
    photograph = as_photograph(image)
    pixels = fit_frame(photograph, session.observer.frame, as_is=as_is)
    if label is None:
        index = int(session.ask_images(pixels[None]).top[0, 0])
    else:
        index = resolve_label(label, session.observer.labels)
    return Subject(pixels, index, photograph.name, photograph.sha256, labelled=label is not None)


def require_scores(session: Session) -> None:
    """Refuse observers that give a label only, where every class is read from the same showings."""
    if session.observer.level is AnswerLevel.LABEL:
        raise InputError(
            f"{session.observer.name} answers with a label only, from which other classes cannot be read, so that "
            "no controls can be shared by photographs: leave the shared controls out."
        )


def of_other_classes(subjects: Sequence[Subject], subject: Subject) -> list[int]:
    """Indices of ``subjects`` that are neither this photograph nor of its class."""
    return [i for i, s in enumerate(subjects) if s.sha256 != subject.sha256 and s.label != subject.label]


def all_subjects(subjects: Sequence[Subject]) -> None:
    """Raise InputError where these are not subjects."""
    if not isinstance(subjects, Sequence) or not all(isinstance(one, Subject) for one in subjects):
        raise InputError(
            "photographs with their class are wanted here: give a list of what open_subject returns."
        )


def not_among(hashes: Sequence[str], learned_on: frozenset[str], what: str) -> list[int]:
    """Indices of the photographs that figures may be about: those not learned on; a warning counts the others.

    Args:
        hashes: SHA-256 of each photograph.
        learned_on: What the SHA-256 of those that were learned on begin with, all of one length.
        what: What was learned on them, in words.

    Raises:
        InputError: None of them is left.
    """
    digits = len(next(iter(learned_on), ""))
    left = [i for i, digest in enumerate(hashes) if digest[:digits] not in learned_on]
    if hashes and not left:
        raise InputError(f"{what} was learned on all these photographs: give others.")
    if len(left) < len(hashes):
        out = len(hashes) - len(left)
        _log.warning("%d of %d photographs are left out: %s was learned on them.", out, len(hashes), what)
    return left
