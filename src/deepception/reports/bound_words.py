"""What is known as a bound only: which figures of a property are, and the sentences that say so (METHODS §0)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .wording import counted, percent, whole

_RANGES = frozenset({"local", "spatial"})


def marked(name: str, text: str, touching: bool) -> str:
    """A figure's text, marked where values behind it are bounds: a range is at least that, others are not."""
    if not touching:
        return text
    return f"≥ {text}" if name in _RANGES else f"{text} (some are bounds)"


def limit_note(name: str, rows: Sequence[Mapping[str, Any]], *, by_opacity: bool = False) -> str:
    """How many photographs have values at the limit of what the observer tells, and what follows; else empty."""
    touching = [row for row in rows if row.get("range_touches_limit") or row.get("values_touch_limit")]
    if not touching:
        return ""
    shares = [row["bounded_share"] for row in touching if row.get("bounded_share") is not None]
    share = f" ({percent(sum(shares) / len(shares))} of the values there)" if shares else ""
    follows = (
        "ranges there are lower bounds, printed with “≥”"
        if name in _RANGES
        else "what is made of them may be larger or smaller than it says"
    )
    which = (
        "thresholds are below 0 or above full opacity"
        if by_opacity
        else "values are at the limit of what the observer tells"
    )
    where = f"On {counted(len(touching), 'photograph')} of {len(rows)}"
    return f"{where} some {which} and known as bounds only{share}: {follows}."


def tie_note(local: Mapping[str, Any] | None, name: str) -> str:
    """Where the patch was no choice, because the most responsive regions answer alike; else empty."""
    rows = [] if local is None else [row for row in local["rows"] if row.get("measurable", True)]
    tied = [row for row in rows if row.get("best_ties")]
    if not tied:
        return ""
    what = "no region is the most responsive one" if name == "local" else "the patch was not chosen"
    return (
        f"On {counted(len(tied), 'photograph')} of {len(rows)} {what}: two regions or more are alike at the top, "
        "and the first of them is taken. Read what is said about the patch there as about any region."
    )


def map_note(bounded: NDArray[np.bool_], things: str, *, empty: float = 0.0, by_opacity: bool = False) -> str:
    """How many regions or places of a map are bounds, with a space before; empty where none is.

    Args:
        bounded: Which are.
        things: What they are, a plural.
        empty: Share of the empty canvases that are at the limit, too.
        by_opacity: Whether the values are thresholds.
    """
    count = int(bounded.sum())
    if not count:
        return ""
    why = (
        "half or more of their showings have the class without any of the photograph, or not even under all of it"
        if by_opacity
        else "half or more of their showings are at the limit of what the observer tells"
    )
    every = f"All {whole(count)}" if count == bounded.size else f"{whole(count)} of {whole(bounded.size)}"
    note = f" {every} {things} are bounds only (hatched): {why}."
    if empty > 0:
        follows = (
            "how they differ is not known"
            if count == bounded.size
            else "how far the others lie above it is known as “at least” only"
        )
        note += f" So is the empty canvas: {follows}."
    return note
