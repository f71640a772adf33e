"""Figures as a person reads them: sensible precision, a real minus sign, intervals, counts and times."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

UNKNOWN = "–"
# Characters that no page may hold (most control characters), and halves of pairs that no UTF-8 file can.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """The text with a mark in place of each character that a page cannot hold."""
    return _UNPRINTABLE.sub("�", text)


def as_float(value: Any) -> float | None:
    """A stored number, ``"inf"`` and ``"-inf"`` included; ``None`` where it is none."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return None if math.isnan(number) else number


def or_nan(value: Any) -> float:
    """A stored number, NaN where it is none."""
    number = as_float(value)
    return math.nan if number is None else number


def decimal(value: Any, digits: int = 2) -> str:
    """A number with ``digits`` decimals; a dash where it is not known."""
    number = as_float(value)
    if number is None:
        return UNKNOWN
    if math.isinf(number):
        return "∞" if number > 0 else "−∞"
    text = f"{number:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = text.removeprefix("-")
    return text.replace("-", "−")


def signed(value: Any, digits: int = 2) -> str:
    """A number with its sign, plus included."""
    text = decimal(value, digits)
    number = as_float(value)
    return f"+{text}" if number is not None and number > 0 and text.strip("0.,") else text


def whole(value: Any) -> str:
    """A count with separators between thousands."""
    return decimal(value, 0)


def percent(value: Any) -> str:
    """A share in 0…1 as a percentage; a decimal only below ten per cent where it matters."""
    number = as_float(value)
    if number is None:
        return UNKNOWN
    share = 100 * number
    fine = 0 < abs(share) < 9.95 and abs(share - round(share)) > 0.05
    return f"{decimal(share, 1 if fine else 0)} %"


def estimate(
    figure: Mapping[str, Any] | None, *, share: bool = False, digits: int = 2, bounds: bool = False
) -> str:
    """A figure with its interval, ``"1.31 [1.16, 1.37]"``, or as percentages; without one where it has none.

    Resampling photographs that all gave the same figure tells nothing: ``"0 % (all equal)"``. Where ``bounds``
    says that the figure is made of bounds, equal ones say no more than that: ``"0.00 (bounds only)"``.
    """
    if figure is None:
        return UNKNOWN
    say = percent if share else lambda v: decimal(v, digits)
    value, low, high = (as_float(figure.get(k)) for k in ("value", "low", "high"))
    if value is None:
        return UNKNOWN
    if low is None or high is None:
        return f"{say(value)} (no interval)"
    if figure.get("method") == "degenerate":
        return f"{say(value)} ({'bounds only' if bounds else 'all equal'})"
    return f"{say(value)} [{say(low)}, {say(high)}]"


def points(figure: Mapping[str, Any]) -> str:
    """A difference of two shares, with its interval, in percentage points: ``"+55 [42, 68]"``."""
    value, low, high = (as_float(figure.get(k)) for k in ("value", "low", "high"))
    if value is None:
        return UNKNOWN
    ends = "" if low is None or high is None else f" [{decimal(100 * low, 0)}, {decimal(100 * high, 0)}]"
    return signed(100 * value, 0) + ends


def odds_factor(decades: float) -> str:
    """A number of decades, whatever its sign, as what odds are multiplied with: ``"a factor of 20"``."""
    factor = 10 ** min(abs(decades), 300.0)
    if factor >= 1e6:
        return f"{decimal(abs(decades), 1)} powers of ten"
    return f"a factor of {decimal(factor, 0 if factor >= 9.95 else 1 if factor >= 1.95 else 2)}"


def probability(log10_p: Any) -> str:
    """A probability, given as its log10."""
    number = as_float(log10_p)
    if number is None:
        return UNKNOWN
    share = 100 * 10**number
    if share < 0.1:
        return "< 0.1 %"
    return f"{decimal(share, 0 if share >= 9.95 and share <= 99 else 1)} %"


def duration(seconds: Any) -> str:
    """A time in the one or two units that matter."""
    number = as_float(seconds)
    if number is None:
        return UNKNOWN
    total = round(number)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60:02d} s"
    return f"{total // 3600:,} h {total % 3600 // 60:02d} min"


def joined(words: list[str]) -> str:
    """Words as a list in a sentence."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def counted(number: int, word: str, plural: str | None = None) -> str:
    """A number with its word in the right form."""
    return f"{whole(number)} {word if number == 1 else plural or word + 's'}"


def spelled(number: int) -> str:
    """A small number as a word."""
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return words[number] if 0 <= number < len(words) else whole(number)
