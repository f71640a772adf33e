"""Words and numbers as they stand in a figure: safe, measured, and cut where there is no room."""

from __future__ import annotations

import unicodedata
import warnings
from functools import lru_cache

import numpy as np

BODY, SMALL, HEADING = 9.5, 8.5, 10.5
FAMILY = "DejaVu Sans"  # comes with matplotlib; wider than the browsers' own, so what fits here fits there
UNIT = "decades of odds"


def plain(text: object) -> str:
    """Text on one line that any page can carry: control characters become spaces, broken ones marks."""
    words = "".join(" " if unicodedata.category(c) == "Cc" else c for c in str(text))
    words = words.encode("utf-8", "replace").decode("utf-8")
    return "".join("�" if c in "\ufffe\uffff" else c for c in words).strip()


@lru_cache(maxsize=4096)
def text_width(text: str, size: float = BODY, *, bold: bool = False) -> float:
    """Width of a text in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family=FAMILY, size=size, weight="bold" if bold else "normal")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0])


def elide(text: str, room: float, size: float = BODY, *, bold: bool = False) -> str:
    """The text, cut with "…" in the middle where it is wider than ``room`` points."""
    text = plain(text)
    if text_width(text, size, bold=bold) <= room:
        return text
    text = text[:400]
    low, high = 0, len(text)
    while low < high:
        keep = (low + high + 1) // 2
        if text_width(_cut(text, keep), size, bold=bold) <= room:
            low = keep
        else:
            high = keep - 1
    return _cut(text, low)


def _cut(text: str, keep: int) -> str:
    tail = keep // 3
    return text[: keep - tail].rstrip() + "…" + (text[-tail:].lstrip() if tail else "")


def number(value: float, digits: int | None = None) -> str:
    """A number with a real minus sign; without ``digits``, about three figures."""
    if not np.isfinite(value):
        return "–" if np.isnan(value) else ("∞" if value > 0 else "−∞")
    if digits is None:
        size = abs(value)
        if size and (size >= 1e5 or size < 1e-3):
            return f"{value:.1e}".replace("-", "−")
        digits = 0 if size >= 100 else 1 if size >= 10 else 2
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.removeprefix("-")
    return text.replace("-", "−")
