"""How figures are written in the tables of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from deepception.statistics import Interval

from .settings import TITLES

MISSING = "–"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def folded(title: str, content: str) -> str:
    """What is only shown when its title is clicked."""
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>"


def network_title(network: str) -> str:
    """Its name for people."""
    return TITLES.get(network, network)


def percent(value: Interval, *, n: bool = False) -> str:
    """A share with its interval: ``98.4 % [92, 100]``; with ``n`` photographs in brackets behind it."""
    if math.isnan(value.value):
        return MISSING
    ends = "" if math.isnan(value.low) else f" [{100 * value.low:.0f}, {100 * value.high:.0f}]"
    return f"{100 * value.value:.1f} %{ends}" + (f" (n {value.n})" if n else "")


def short_percent(value: Interval) -> str:
    """The same in few letters, for tables that say % at their head: ``98 [92, 100]``."""
    if math.isnan(value.value):
        return MISSING
    ends = "" if math.isnan(value.low) else f" [{100 * value.low:.0f}, {100 * value.high:.0f}]"
    return f"{100 * value.value:.0f}{ends}"


def points(value: Interval) -> str:
    """A difference of shares in points, with its sign."""
    if math.isnan(value.value):
        return MISSING
    ends = "" if math.isnan(value.low) else f" [{_signed(100 * value.low)}, {_signed(100 * value.high)}]"
    return _signed(100 * value.value) + ends


def more(value: Interval) -> str:
    """A difference of numbers, with its sign."""
    if math.isnan(value.value):
        return MISSING
    ends = "" if math.isnan(value.low) else f" [{_signed(value.low)}, {_signed(value.high)}]"
    return _signed(value.value) + ends


def queries(value: Interval, budget: int) -> str:
    """A number of queries with its interval; beyond the budget it is ``> 1,000``."""
    if math.isnan(value.value):
        return MISSING
    ends = "" if math.isnan(value.low) else f" [{until(value.low, budget)}, {until(value.high, budget)}]"
    return until(value.value, budget) + ends


def until(value: float, budget: int) -> str:
    """One number of queries."""
    return f"> {budget:,}" if math.isinf(value) else number(value)


def number(value: float) -> str:
    """A number with as many digits as say something."""
    if math.isnan(value):
        return MISSING
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.1f}"


def p_value(p: float) -> str:
    """A probability."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _signed(value: float) -> str:
    rounded = f"{abs(value):,.0f}" if abs(value) >= 9.95 else f"{abs(value):.1f}"
    if not rounded.strip("0."):
        return "0"
    return ("+" if value > 0 else "−") + rounded


def break_even(value: float) -> str:
    """After how many photographs or classes learning is paid for."""
    return "never" if math.isinf(value) else f"{math.ceil(value):,}"
