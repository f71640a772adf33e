"""The tables of the deception in docs/paper.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kept import CONTROL
from page_words import MISSING, p_value, percent, points, table
from paper_study import Plan, budgets
from paper_verdicts import Verdicts
from property_tables import Results

from deepception.deceive.controls import UNSPENT

SATURATED = 0.95
"""A control that deceives so many leaves no room for a margin."""


def rates_table(found: Mapping[str, Results], verdicts: Verdicts) -> str:
    """What was counted, beside the best control."""
    rows = []
    for network, results in found.items():
        figures, verdict = results["properties"]["deception"]["figures"], verdicts["deception", network]
        control = f"{verdict.control}: {percent(verdict.of_control)}" if verdict.control else MISSING
        rows.append(
            (
                f"`{network}`",
                percent(figures["fooling_ratio"]),
                percent(figures["success_rate"]),
                percent(figures["robust_error"]),
                _queries(figures["queries"]),
                control,
                points(verdict.difference),
                str(verdict.n),
                verdict.words,
                p_value(verdict.adjusted),
            )
        )
    head = ("network", "fooling ratio", "success", "robust error", "queries, median", "best control")
    return table((*head, "deceived − best control, points", "n", "holds", "p after Holm"), rows)


def within_table(found: Mapping[str, Results], plan: Plan) -> str:
    """Ours and the best control at fewer queries: with enough of them, chance deceives as well."""
    at = budgets(plan.queries)
    cells, full = [], 0
    for network, results in found.items():
        rows = results["properties"]["deception"]["rows"]
        kinds = [k for k in rows[0] if k.startswith(CONTROL) and k.removeprefix(CONTROL) not in UNSPENT]
        of = {name: [_reached(rows, name, q) for q in at] for name in ("first", *kinds)}
        best = [
            max(((of[k][i], k.removeprefix(CONTROL)) for k in kinds), default=None) for i in range(len(at))
        ]
        cells.append(
            (
                f"`{network}`",
                *(
                    f"{100 * ours:.0f}" + (f" : {100 * control[0]:.0f} ({control[1]})" if control else "")
                    for ours, control in zip(of["first"], best, strict=True)
                ),
            )
        )
        full += best[-1] is not None and best[-1][0] >= SATURATED
    head = ("network", *(f"{q:,}" for q in at))
    return (
        "Fooling ratio, % : that of the control that is best with so many queries. "
        f"With all {plan.queries:,} the best control deceives {100 * SATURATED:.0f} % or more on {full} of "
        f"{len(found)} networks, where the budget leaves no room for a margin.\n\n" + table(head, cells)
    )


def controls_table(found: Mapping[str, Results]) -> str:
    """Fooling ratios of all controls."""
    controls = {n: r["properties"]["deception"]["figures"]["controls"] for n, r in found.items()}
    names = list(dict.fromkeys(name for mine in controls.values() for name in mine))
    if not names:
        return "No control is measured yet."
    rows = [
        (f"`{n}`", *(percent(mine[name]["fooling_ratio"]) if name in mine else MISSING for name in names))
        for n, mine in controls.items()
    ]
    return f"Fooling ratios of the controls:\n\n{table(('network', *names), rows)}"


def _queries(figures: Results) -> str:
    """The median with its interval; what lies beyond the budget is only known to."""
    if not figures["n"]:
        return MISSING
    beyond = f"> {figures['budget']:,}"
    low, high = figures["median_interval"]
    median = beyond if figures["median"] is None else f"{figures['median']:g}"
    ends = "" if low is None else f" [{low:g}, {beyond if high is None else f'{high:g}'}]"
    return median + ends


def _reached(rows: Sequence[Results], name: str, queries: int) -> float:
    """Share of the photographs that have it on which it deceived within so many queries."""
    known = [row[name] for row in rows if name in row]
    return sum(first is not None and first <= queries for first in known) / len(known)
