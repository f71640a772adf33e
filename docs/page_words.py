"""How figures are written in the pages of this folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Figure = Mapping[str, Any]

MISSING = "–"


def interval(value: Figure | None) -> str:
    """A figure with its interval: ``0.37 [0.32, 0.49]``."""
    if value is None or value["value"] is None:
        return MISSING
    if value.get("method") == "degenerate":
        return f"{number(value['value'])} (all equal)"
    return number(value["value"]) + _ends(value, number)


def percent(value: Figure | None) -> str:
    """A share with its interval: ``28 % [22, 33]``."""
    if value is None or value["value"] is None:
        return MISSING
    if value.get("method") == "degenerate":
        return f"{100 * value['value']:.0f} % (all equal)"
    return f"{100 * value['value']:.0f} %" + _ends(value, lambda end: f"{100 * end:.0f}")


def points(value: Figure | None) -> str:
    """A difference of shares in points with its interval: ``+42 [+30, +55]``."""
    if value is None or value["value"] is None:
        return MISSING
    return _signed(100 * value["value"]) + _ends(value, lambda end: _signed(100 * end))


def share(value: Figure | None) -> str:
    """A number of photographs: ``3 of 20``."""
    return MISSING if value is None else f"{value['count']} of {value['n']}"


def number(value: float) -> str:
    """Two decimals, with a true minus."""
    return f"{value:.2f}".replace("-", "−")


def p_value(value: float | None) -> str:
    """A probability."""
    if value is None:
        return MISSING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _ends(value: Figure, write: Any) -> str:
    low, high = value.get("low"), value.get("high")
    return "" if low is None or high is None else f" [{write(low)}, {write(high)}]"


def _signed(value: float) -> str:
    rounded = f"{abs(value):.0f}"
    if rounded == "0":
        return "0"
    return ("+" if value > 0 else "−") + rounded
