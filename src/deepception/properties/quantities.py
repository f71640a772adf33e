"""What the headline of each property is about, in words: read from scores, or from labels alone."""

from __future__ import annotations

from .scale import OPACITY

_SCORES = {
    "local": "range of what single regions answer alone, p95 − p5 over regions",
    "spatial": "range of what one patch answers over places, best minus worst, phases apart",
    "activation": "two-sided amplitude: the lesser of the strongest activation and the strongest inhibition",
    "cumulative": "slope of the answer on the number of identical copies, from one copy on",
}
_THRESHOLDS = {
    "local": "range of the thresholds of single regions, p95 − p5 over regions",
    "spatial": "range of the threshold of one patch over places, best minus worst, phases apart",
    "activation": "two-sided amplitude: the lesser of the strongest fall and the strongest rise of the threshold",
    "cumulative": "slope of the threshold on the number of identical copies, from one copy on (above 0: it falls)",
}


def quantity_of(name: str, scale: str) -> str:
    """What is measured on each photograph, for one of the four properties on one of the two scales."""
    return (_THRESHOLDS if scale == OPACITY else _SCORES)[name]
