"""docs/deception.md: tables, curves and the research log, made from the committed figures alone."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from deepception.statistics import Interval, holm

from . import comparing
from .comparing import Against, Results
from .curves import draw
from .keeping import read_all
from .methods import METHODS
from .settings import NINE, SETTINGS, Setting

PAID_OVER = (10, 100, 1_000)
"""Photographs over which the cost of learning is spread (METHODS §5)."""

LOG = Path(__file__).with_name("log.md")

INTRODUCTION = """\
# Deepception beside other methods

Made by `python -m benchmarks.deception --data FOLDER`, where FOLDER holds the networks (`models/`) and the
labelled photographs (`photos/`); the figures are in `benchmarks/results/deception/`, one file for each
network, setting, method and seed, and this page is written from them alone
(`python -m benchmarks.deception --page`). Do not edit it by hand; the research log at its end is
`benchmarks/deception/log.md`.

Test split (class index 2 modulo 4), all photographs attacked from their clean top-1; a deception's top-1 is
neither the clean top-1 nor the true label, or it is the target where there is one. *Fooling ratio*: of all
photographs; *success*: of those that were correct before, as are all query figures; *robust error*: wrong
before, or deceived. Every method sees the same 8-bit frame, goes through one session, and has the same bound,
checked on every image it shows, and the same budget; the clean answer is one query more for each and is not
counted. Queries are those to the first success; *all* is with what our pruning and confirmation took after
it. Where there are several seeds, rates are means over them with the Wilson interval of as many photographs,
and a photograph's queries are its median over seeds: the photograph is the unit; the least and the greatest
fooling ratio of a seed stand beside their number. Medians count failures as "more than the budget"
(order-statistic interval); the mean is restricted at the budget (BCa). The ratio of medians is paired, with a
bootstrap over photographs, failures counting as the budget; p is McNemar's exact test of who deceives which
photographs, after Holm over the table. Break-even: photographs after which our learning on that network is
paid for by what it saves.

*Baselines*: `random_square` and `random_pixels` are our own code in the manner of Sparse-RS. ART's attacks
are charged for an image once, however often they ask for it again, and see the 8-bit image that every method
sees. HopSkipJump has no bound: the first image within ε that is answered wrong is its success. There is no
attack on labels alone with a bound on the area in ART or foolbox: with patches the controls, which need
labels only, are what stands beside ours.
"""


def write_page(folder: Path, page: Path) -> None:
    """Write the page and its pictures; the pictures stand in ``images`` beside it."""
    found = comparing.gather(read_all(folder))
    parts = [INTRODUCTION.strip()]
    for setting in SETTINGS.values():
        networks = {n: _in_order(found[setting.name, n]) for n in NINE if (setting.name, n) in found}
        if networks:
            image = page.parent / "images" / f"deception-{setting.name}.svg"
            if setting.queries > 1:
                draw(image, networks)
            parts.append(_section(setting, networks, os.path.relpath(image, page.parent)))
            if setting.paid_for is not None:
                ours = {n: found.get((setting.paid_for, n), []) for n in networks}
                parts += _paid(ours, networks)
    waiting = [setting.title for setting in SETTINGS.values() if not any(s == setting.name for s, _ in found)]
    if waiting:
        parts.append("**Not measured yet:** " + "; ".join(waiting) + ". The same command goes on with them.")
    if LOG.exists():
        parts.append(LOG.read_text(encoding="utf-8").strip())
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _in_order(results: Sequence[Results]) -> list[Results]:
    order = list(METHODS)
    return sorted(results, key=lambda one: order.index(one.method))


def _section(setting: Setting, networks: Mapping[str, Sequence[Results]], image: str) -> str:
    parts = [f"## {setting.title}"]
    if setting.queries > 1:
        parts.append(f"At most {setting.queries:,} queries a photograph.")
        parts.append(f"![Success against queries: {setting.title}]({image})")
    return "\n\n".join([*parts, _rates(networks), *_comparisons(networks)])


def _rates(networks: Mapping[str, Sequence[Results]]) -> str:
    rates = ("fooling ratio", "success", "robust error")
    queries = ("median queries", "mean queries", "all", "learning")
    head = ("network", "method", *rates, *queries, "n", "seeds")
    rows = []
    for network, results in networks.items():
        for one in results:
            fooled, success = comparing.fooling_ratio(one), comparing.success_rate(one)
            rows.append(
                (
                    f"`{network}`",
                    METHODS[one.method].title,
                    _percent(fooled),
                    _percent(success),
                    _percent(comparing.robust_error(one)),
                    _queries(comparing.median_queries(one), one.queries),
                    _queries(comparing.mean_queries(one), one.queries),
                    _number(comparing.mean_total(one)),
                    f"{one.learning:,.0f}" if one.learning else "–",
                    f"{fooled.n} ({success.n})",
                    _seeds(one),
                )
            )
    return _table(head, rows)


def _seeds(one: Results) -> str:
    """Number of seeds, and the least and greatest fooling ratio over them."""
    if one.seeds == 1:
        return "1"
    rates = [float(np.isfinite(first).mean()) for first in one.first]
    return f"{one.seeds} ({100 * min(rates):.0f}–{100 * max(rates):.0f} %)"


def _paid(ours: Mapping[str, Sequence[Results]], theirs: Mapping[str, Sequence[Results]]) -> list[str]:
    """Ours with its learning against baselines that are given as many queries, shared by n photographs."""
    rows = []
    for network, results in theirs.items():
        for mine in ours[network]:
            for other in results:
                for n in PAID_OVER:
                    compared = comparing.paid(mine, other, n) if mine.learning else None
                    if compared is not None:
                        rows.append(
                            (
                                f"`{network}`",
                                METHODS[mine.method].title,
                                METHODS[other.method].title,
                                f"{n:,}",
                                f"{compared.extra:,}",
                                _percent(compared.ours),
                                _percent(compared.theirs),
                                f"{compared.ours_only} / {compared.theirs_only}",
                                "< 0.001" if compared.p < 0.001 else f"{compared.p:.3f}",
                            )
                        )
    head = ("network", "ours", "against", "photographs", "queries more", "ours", "theirs")
    return [_table((*head, "only ours / only theirs", "p"), rows)] if rows else []


def _comparisons(networks: Mapping[str, Sequence[Results]]) -> list[str]:
    """Each of our methods against each other one, network by network."""
    pairs: list[tuple[str, Results, Results, Against]] = []
    for network, results in networks.items():
        ours = [one for one in results if one.method.startswith("ours")]
        for mine in ours:
            for other in results:
                # Our own variants are only set against the one that the package does.
                if other.method == mine.method or (other.method.startswith("ours") and mine.method != "ours"):
                    continue
                compared = comparing.against(mine, other)
                if compared is not None:
                    pairs.append((network, mine, other, compared))
    if not pairs:
        return []
    adjusted = holm([compared.p for _, _, _, compared in pairs])
    rows = [
        (
            f"`{network}`",
            METHODS[mine.method].title,
            METHODS[other.method].title,
            _ratio(compared),
            f"{compared.ours_only} / {compared.theirs_only}",
            "< 0.001" if p < 0.001 else f"{p:.3f}",
            _break_even(compared.break_even, mine),
            str(compared.n),
        )
        for (network, mine, other, compared), p in zip(pairs, adjusted, strict=True)
    ]
    head = (
        "network",
        "ours",
        "against",
        "ratio of medians",
        "only ours / only theirs",
        "p",
        "break-even",
        "n",
    )
    return [_table(head, rows)]


def _percent(value: Interval) -> str:
    if math.isnan(value.value):
        return "–"
    return f"{100 * value.value:.1f} % [{100 * value.low:.0f}, {100 * value.high:.0f}]"


def _queries(value: Interval, budget: int) -> str:
    if math.isnan(value.value):
        return "–"
    ends = "" if math.isnan(value.low) else f" [{_until(value.low, budget)}, {_until(value.high, budget)}]"
    return _until(value.value, budget) + ends


def _until(value: float, budget: int) -> str:
    return f"> {budget:,}" if math.isinf(value) else _number(value)


def _number(value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.1f}"


def _ratio(compared: Against) -> str:
    ratio = compared.ratio
    mark = " (bound)" if compared.censored else ""
    return f"{ratio.value:.3g} [{ratio.low:.3g}, {ratio.high:.3g}]{mark}"


def _break_even(value: float, mine: Results) -> str:
    if not mine.learning:
        return "nothing learned here"
    return "never" if math.isinf(value) else f"{math.ceil(value):,} of {mine.learning:,.0f} queries"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
