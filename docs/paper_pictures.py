"""A forest plot for each claim."""

from __future__ import annotations

import math
import re
from pathlib import Path

from paper_study import Plan
from paper_verdicts import Verdict, Verdicts

_PIXELS = 1.75
"""CSS pixels for a point of the sheet."""


def pictured(verdicts: Verdicts, claim: str) -> bool:
    """Whether there is anything to draw."""
    return any(of == claim and verdict.difference is not None for (of, _), verdict in verdicts.items())


def draw(path: Path, verdicts: Verdicts, claim: str, plan: Plan) -> None:
    """Write an SVG: for a property effect − best control, for the deception its fooling ratio."""
    from deepception.plots import forest, to_svg

    deception = claim == "deception"
    rows = [(n, *(_ratio if deception else _difference)(verdicts[claim, n])) for n in plan.networks]
    unit = {
        "cumulative": "decades of odds per doubling, effect − best control",
        "deception": "fooling ratio, %",
    }.get(claim, "decades of odds, effect − best control")
    figure = forest(
        rows,
        unit=unit,
        control_name="best control" if deception else "random region − its best control",
        digits=0 if deception else 2,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_alone(to_svg(figure)) + "\n", encoding="utf-8")


def _difference(verdict: Verdict) -> tuple[float, float, float, float | None]:
    beside = verdict.unselected
    return (*_ends(verdict.difference), None if beside is None else _number(beside["value"]))


def _ratio(verdict: Verdict) -> tuple[float, float, float, float | None]:
    value, low, high = (100 * v for v in _ends(verdict.effect))
    control = _ends(verdict.of_control)[0]
    return value, low, high, None if math.isnan(control) else 100 * control


def _ends(figure: object) -> tuple[float, float, float]:
    if not isinstance(figure, dict):
        return math.nan, math.nan, math.nan
    return _number(figure["value"]), _number(figure.get("low")), _number(figure.get("high"))


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _alone(svg: str) -> str:
    """With a size of its own, as a picture that a page only refers to needs it."""
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    if box is None:
        raise ValueError("the picture has no viewBox that begins at 0")
    wide, high = (round(_PIXELS * float(side)) for side in box.groups())
    return svg.replace(' width="100%"', f' width="{wide}" height="{high}"', 1)
