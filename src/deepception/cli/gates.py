"""Gates: ``--fail-on 'fooling_ratio > 0.5'``, a condition on a figure that ends the command with exit code 1."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import click

FIGURES = (
    "fooling_ratio",
    "success_rate",
    "robust_error",
    "margin",
    "survives_shift",
    "queries.mean",
    "queries.median",
)

_HOLDS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
# The figure may be any text: names of observers hold dots, dashes and spaces.
_CONDITION = re.compile(r"\s*(\S.*?)\s*(>=|<=|>|<)\s*([0-9.eE+-]+)\s*(%?)\s*")


@dataclass(frozen=True)
class Gate:
    """A condition under which the command fails.

    Attributes:
        figure: One of FIGURES, or of those of a comparison.
        relation: ``">"``, ``">="``, ``"<"`` or ``"<="``.
        limit: What the figure is held against.
    """

    figure: str
    relation: str
    limit: float

    def __str__(self) -> str:
        return f"{self.figure} {self.relation} {self.limit:g}"

    def fails(self, figures: Mapping[str, Any]) -> bool:
        """Whether the condition holds; a figure that is not there fulfils none."""
        return self.holds(self.value(figures))

    def value(self, figures: Mapping[str, Any]) -> float | None:
        """The figure, as it is held against the limit; ``None`` where there is none."""
        value: Any = figures
        for part in self.figure.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(value, Mapping):
            value = value.get("value")
        if value is None and self.figure == "queries.median" and figures["queries"]["n"]:
            value = math.inf  # more than half of the photographs were not deceived at all
        return None if value is None else float(value)

    def holds(self, value: float | None) -> bool:
        """Whether the condition is true of a value; of a figure that there is none of, none is."""
        return value is not None and _HOLDS[self.relation](float(value), self.limit)


def read_gate(
    text: str,
    *,
    known: Collection[str] | None = FIGURES,
    example: str = "fooling_ratio > 0.5",
) -> Gate:
    """The gate that a person wrote; raises a usage error for anything else.

    Args:
        text: What was written.
        known: The figures that there are; ``None`` where they are only known later.
        example: A condition, for those who wrote none.
    """
    found = _CONDITION.fullmatch(text)
    try:
        limit = float(found[3]) if found else math.nan
    except ValueError:
        limit = math.nan
    if found is None or not math.isfinite(limit) or (known is not None and found[1] not in known):
        figures = "" if known is None else f", with one of {', '.join(known)}"
        raise click.BadParameter(
            f"{text!r} is no condition on a figure: write it as '{example}'{figures}.",
            param_hint="--fail-on",
        )
    return Gate(found[1], found[2], limit / 100 if found[4] else limit)
