"""Keeping what was found for one photograph as a pattern, which any other photograph can be given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..properties.subject import Subject
from ..sessions import Session
from ..stimuli import Frame
from .bounds import Area, Bound
from .dictionary import DIGITS, LEARNED_ON
from .found import Found
from .pattern import Fitting, Pattern


def packed(
    found: Found, bound: Bound, session: Session, subject: Subject, facts: Mapping[str, Any]
) -> NDArray[np.uint8]:
    """The pattern of what was found, as the bytes of its file, uint8 ``[B]``; ``[0]`` where there is none.

    It says where it comes from: ``facts``, the observer, and the photograph, of which no figure of it may be.
    """
    if found.painted is None:
        return np.zeros(0, np.uint8)
    about = {
        "observer": session.observer.name,
        "fingerprint": session.fingerprint,
        "photograph": subject.name,
        "photographs": 1,
        "bound": str(bound),
        **facts,
        LEARNED_ON: [subject.sha256[:DIGITS]],
    }
    pattern = _pattern(found.painted, bound, session.observer.frame, found.repeats, about)
    return np.frombuffer(pattern.to_bytes(), dtype=np.uint8)


def _pattern(
    painted: NDArray[np.int64] | NDArray[np.int8],
    bound: Bound,
    frame: Frame,
    repeats: bool,
    about: Mapping[str, Any],
) -> Pattern:
    """On the photograph that it was found for it gives what was found; what follows that follows others, too."""
    fitting: Fitting = "tile" if repeats else "stretch"
    if isinstance(bound, Area):
        return Pattern.from_contents(painted.astype(np.int64), bound, frame, fitting=fitting, about=about)
    return Pattern(painted.astype(np.int16) * np.int16(bound.levels), None, bound, frame, fitting, about)
