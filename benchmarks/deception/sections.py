"""The sections of the page: one for each setting, made of small tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from deepception.statistics import holm

from . import comparing
from .comparing import Against, Difference, Results
from .methods import METHODS
from .settings import NINE, SETTINGS, Setting
from .tables import (
    MISSING,
    break_even,
    folded,
    more,
    network_title,
    number,
    p_value,
    percent,
    points,
    queries,
    short_percent,
    table,
)
from .targets import Found, pick

OURS = ("ours", "ours_universal", "ours_universal_alone")
"""What the package does, in the settings that have it."""

RIVALS = ("random_square", "random_pixels", "art_square", "art_hopskipjump", "best_drawn")
"""Baselines that are set against it one by one."""

PAID_OVER = (10, 100, 1_000)
"""Photographs over which the cost of learning is spread (METHODS §5)."""

Networks = Mapping[str, Sequence[Results]]


def setting_section(setting: Setting, networks: Networks, image: str, found: Found) -> str:
    """One setting: the curves, ours, all methods side by side, and ours against the others."""
    networks = with_borrowed(setting, networks, found)
    parts = [f"## {setting.title}"]
    if setting.queries > 1:
        parts.append(f"At most {setting.queries:,} queries a photograph.")
        parts.append(f"![Success against queries: {setting.title}]({image})")
    parts += _ours(setting, networks)
    parts += _side_by_side(setting, networks)
    parts += _rivals(setting, networks)
    parts += _best_control(networks)
    parts.append(folded("All figures of all methods", _everything(networks)))
    return "\n\n".join(parts)


def with_borrowed(setting: Setting, networks: Networks, found: Found) -> Networks:
    """With the controls of the setting that differs in knowledge alone: they read no scores."""
    return {network: [*results, *_borrowed(setting, network, found)] for network, results in networks.items()}


def _borrowed(setting: Setting, network: str, found: Found) -> list[Results]:
    if setting.controls_of is None:
        return []
    own = found[setting.name, network][0].fingerprint
    return [
        replace(results, fingerprint=own)
        for results in found.get((setting.controls_of, network), ())
        if METHODS[results.method].control
    ]


# --- ours -------------------------------------------------------------------------------------------------------


def _ours(setting: Setting, networks: Networks) -> list[str]:
    rows = []
    for network, results in networks.items():
        ours = first_of(results, OURS)
        if ours is None:
            continue
        fooled = comparing.fooling_ratio(ours)
        row = [network_title(network), percent(comparing.success_rate(ours), n=True), percent(fooled, n=True)]
        row.append(percent(comparing.robust_error(ours)))
        if setting.queries > 1:
            row.append(queries(comparing.median_queries(ours), ours.queries))
            row.append(queries(comparing.mean_queries(ours), ours.queries))
            row.append(number(_total(ours)))
            row.append(percent(comparing.survival(ours)))
        else:
            row += [_seeds(ours), f"{ours.learning:,.0f}"]
        rows.append(row)
    if not rows:
        return []
    head = ["network", "success", "fooling ratio", "robust error"]
    if setting.queries > 1:
        head += ["median", "mean", "all", "survives a shift"]
        words = (
            "**Ours.** Median and mean of the queries to the first success; *all* with pruning, confirmation and "
            "the shifted showing; *survives a shift*: share of the deceptions that last when moved by one pixel."
        )
    else:
        head += ["fooling ratio of a seed", "learning queries"]
        words = "**Ours.** Least and greatest fooling ratio of a learning seed beside the mean over seeds."
    return [words, table(head, rows)]


def _seeds(one: Results) -> str:
    """Least and greatest fooling ratio over seeds, and how many there are."""
    rates = [100 * float(np.isfinite(first).mean()) for first in one.first]
    if len(rates) == 1:
        return f"{rates[0]:.0f} % (one seed)"
    return f"{min(rates):.0f}–{max(rates):.0f} % ({len(rates)} seeds)"


# --- all methods ------------------------------------------------------------------------------------------------


def _side_by_side(setting: Setting, networks: Networks) -> list[str]:
    names = list(dict.fromkeys(r.method for results in networks.values() for r in results))
    names = [name for name in METHODS if name in names]
    searches = [name for name in names if not METHODS[name].control]
    controls = [name for name in names if METHODS[name].control]
    rate = comparing.success_rate if setting.queries > 1 else comparing.fooling_ratio
    what = "Success" if setting.queries > 1 else "Fooling ratio"
    parts = []
    if len(searches) > 1:
        parts += [
            f"**{what} of the searches**, %.",
            _grid(networks, searches, lambda r: short_percent(rate(r))),
        ]
        if setting.queries > 1:
            grid = _grid(networks, searches, lambda r: queries(comparing.median_queries(r), r.queries))
            parts += ["**Median queries of the searches.**", grid]
    if controls:
        words = "each the best of as many showings" if setting.queries > 1 else "nothing learned"
        if any(
            r.queries < setting.queries for rs in networks.values() for r in rs if METHODS[r.method].control
        ):
            words += ", or of so many as stand behind it"

        def cell(one: Results) -> str:
            fewer = f" ({one.queries:,})" if one.queries < setting.queries else ""
            return short_percent(rate(one)) + fewer

        parts += [f"**{what} of the controls**, %: {words}.", _grid(networks, controls, cell)]
    return parts


def _grid(networks: Networks, names: Sequence[str], cell: Callable[[Results], str]) -> str:
    rows = []
    for network, results in networks.items():
        by_name = {r.method: r for r in results}
        cells = [cell(by_name[name]) if name in by_name else MISSING for name in names]
        rows.append((network_title(network), *cells))
    return table(("network", *(METHODS[name].column for name in names)), rows)


# --- ours against others ----------------------------------------------------------------------------------------


def _rivals(setting: Setting, networks: Networks) -> list[str]:
    names = [n for n in RIVALS if any(r.method == n for results in networks.values() for r in results)]
    compared: dict[tuple[str, str], Against] = {}
    for network, results in networks.items():
        ours = first_of(results, OURS)
        for name in names:
            other = next((r for r in results if r.method == name), None)
            if ours is not None and other is not None and (one := comparing.against(ours, other)) is not None:
                compared[network, name] = one
    if not compared:
        return []
    adjusted = dict(zip(compared, holm([one.p for one in compared.values()]), strict=True))
    rows = []
    for network in networks:
        cells = []
        for name in names:
            one = compared.get((network, name))
            if one is None:
                cells += [MISSING] * (2 if setting.queries == 1 else 3)
                continue
            if setting.queries > 1:
                mark = " (bound)" if one.censored else ""
                cells.append(f"{one.ratio.value:.2g} [{one.ratio.low:.2g}, {one.ratio.high:.2g}]{mark}")
            cells += [f"{one.ours_only} : {one.theirs_only}", p_value(adjusted[network, name])]
        rows.append((network_title(network), *cells))
    head = ["network"]
    for name in names:
        column = METHODS[name].column
        head += [f"{column}: ratio of medians"] if setting.queries > 1 else []
        head += [f"{column}: only ours : only theirs", "p"]
    words = (
        "**Ours against the baselines**, on the same photographs, those that were right before. "
        + (
            "The ratio of medians is ours divided by theirs, with a paired bootstrap over photographs, failures "
            "counting as the budget (*bound*: a median lies beyond it). "
            if setting.queries > 1
            else ""
        )
        + "p: McNemar's exact test of who deceives which photographs, after Holm over the table."
    )
    return [words, table(head, rows)]


def _best_control(networks: Networks) -> list[str]:
    made = [(network, *found) for network, results in networks.items() if (found := beyond_control(results))]
    if not made:
        return []
    adjusted = holm([margin.p for _, _, margin in made])
    rows = [
        (
            network_title(network),
            METHODS[best.method].column,
            f"{best.queries:,}",
            percent(comparing.success_rate(best)),
            points(margin.success),
            f"{margin.first_only} : {margin.second_only}",
            p_value(p),
        )
        for (network, best, margin), p in zip(made, adjusted, strict=True)
    ]
    head = (
        "network",
        "best control",
        "budget",
        "its success",
        "ours − control, points",
        "only ours : only control",
        "p",
    )
    words = (
        "**The margin over the best control**, paired, ours cut to the control's budget; p as above. Only what "
        "goes beyond it is ours."
    )
    return [words, table(head, rows)]


def beyond_control(results: Sequence[Results]) -> tuple[Results, Difference] | None:
    """The best control of a network, and ours minus it; ``None`` where one of them is missing."""
    ours = first_of(results, OURS)
    controls = [r for r in results if METHODS[r.method].control]
    if ours is None or not controls:
        return None
    best = max(controls, key=lambda r: comparing.success_rate(r).value)
    margin = comparing.difference(ours, best)
    return None if margin is None else (best, margin)


# --- learning is paid for ---------------------------------------------------------------------------------------


def learning_section(found: Found) -> str | None:
    """METHODS §5: three comparisons that charge a method for what it learned, and the break-even."""
    parts = []
    for setting in ("patch-5", "patch-2", "patch-10"):
        here = [n for n in NINE if pick(found, setting, n, "ours_learned") is not None]
        if here:
            parts += _paid_for(setting, here, found)
    if not parts:
        return None
    words = (
        "The dictionary that the package carries was learned on other networks, so a new network costs nothing. "
        "A dictionary can also be learned on the network itself. Three comparisons charge that for its learning "
        "queries: without learning, at the same budget; the baseline with the learning queries on top, shared by "
        "n photographs; the baseline with a warm start learned from as many queries. *Break-even*: photographs "
        "after which learning is paid for by the queries that it saves on each."
    )
    return "\n\n".join(["## Learning is paid for", words, *parts])


def _paid_for(setting: str, networks: Sequence[str], found: Found) -> list[str]:
    rows = []
    for network in networks:
        mine = pick(found, setting, network, "ours_learned")
        assert mine is not None
        cells = [network_title(network), f"{mine.learning:,.0f}", percent(comparing.success_rate(mine))]
        for name in ("ours_plain", "random_square_learned"):
            other = pick(found, setting, network, name)
            one = None if other is None else comparing.difference(mine, other)
            cells.append(MISSING if one is None else f"{points(one.success)}; {more(one.queries)}")
        for name in ("ours", "ours_plain", "random_square"):
            other = pick(found, setting, network, name)
            against = None if other is None else comparing.against(mine, other)
            cells.append(MISSING if against is None else break_even(against.break_even))
        rows.append(cells)
    head = (
        "network",
        "learning queries",
        "success, learned here",
        "− without learning: points; mean queries",
        "− square with learned start: points; mean queries",
        "break-even against the package's dictionary",
        "… no dictionary",
        "… one square",
    )
    parts = [f"**{SETTINGS[setting].title}**", table(head, rows)]
    paid = _with_more(setting, networks, found)
    if paid:
        parts += [f"**{SETTINGS[setting].title}: the square given the learning queries as well**", paid]
    return parts


def _with_more(setting: str, networks: Sequence[str], found: Found) -> str | None:
    rows = []
    for network in networks:
        mine = pick(found, setting, network, "ours_learned")
        for name in (s.name for s in SETTINGS.values() if s.paid_for == setting):
            other = pick(found, name, network, "random_square")
            if mine is None or other is None:
                continue
            for n in PAID_OVER:
                one = comparing.paid(mine, other, n)
                if one is not None:
                    rows.append(
                        (
                            network_title(network),
                            f"{n:,}",
                            f"{one.extra:,}",
                            percent(one.ours),
                            percent(one.theirs),
                            f"{one.ours_only} : {one.theirs_only}",
                            p_value(one.p),
                        )
                    )
    head = ("network", "n", "queries more", "ours", "the square", "only ours : only theirs", "p")
    return table(head, rows) if rows else None


# --- everything -------------------------------------------------------------------------------------------------


def _everything(networks: Networks) -> str:
    rows = []
    for network, results in networks.items():
        for one in results:
            fooled, success = comparing.fooling_ratio(one), comparing.success_rate(one)
            rows.append(
                (
                    network_title(network),
                    METHODS[one.method].title,
                    percent(fooled),
                    percent(success),
                    percent(comparing.robust_error(one)),
                    queries(comparing.median_queries(one), one.queries),
                    queries(comparing.mean_queries(one), one.queries),
                    number(_total(one)),
                    f"{one.learning:,.0f}" if one.learning else MISSING,
                    f"{fooled.n} ({success.n})",
                    _seeds(one),
                )
            )
    head = (
        "network",
        "method",
        "fooling ratio",
        "success",
        "robust error",
        "median",
        "mean",
        "all",
        "learning",
    )
    return table((*head, "n (right before)", "fooling ratio of a seed"), rows)


def _total(one: Results) -> float:
    """Mean of all queries over the photographs that were right before."""
    return float(one.total[:, one.correct].mean()) if one.correct.any() else math.nan


def first_of(results: Sequence[Results], names: Sequence[str]) -> Results | None:
    """The first of these methods that was measured, if any."""
    return next((r for name in names for r in results if r.method == name), None)
