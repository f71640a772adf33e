"""The tables of the four properties on many networks, for the pages that judge them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from page_words import MISSING, interval, p_value, percent, share, table

Results = Mapping[str, Any]
Found = Mapping[str, Results]
"""Results by the name of the network."""

Column = Callable[[Results], str]

CLAIMS = {
    "local": "An image divides into regions that respond alone, with very different probabilities.",
    "spatial": "The same patch at another location can answer two or three orders of magnitude higher.",
    "activation": "Some locations activate a class, others inhibit it.",
    "cumulative": "Repeating a patch increases (or decreases) the probability of recognition.",
}

EFFECTS = {
    "local": "Effect: the range (p95 − p5) over the 49 regions of a 7×7 grid of what each region answers alone, "
    "median over three canvases (grey, mean colour, noise).",
    "spatial": "Effect: the difference between the best and the worst of 16 places for the most responsive "
    "region, each place averaged over the same 16 phases; best and worst are chosen on half of the phases and read "
    "on the other half. Variance is split into place, phase (alignment within one period) and their interaction.",
    "activation": "Effect: the lesser of the strongest activation and the strongest inhibition over 25 places (16 "
    "where the frame holds no more multiples of the period; above 0 only where both signs occur), cross-fitted, "
    "median over three canvases. A place is an activator or inhibitor beyond ±0.1 decade at a false discovery "
    "rate of 5 % over places.",
    "cumulative": "Effect: the slope on log2 of the number of identical copies (1 to 16), in decades of odds per "
    "doubling, median over three canvases; the first copy (onset) is apart. Shapes are cross-validated and never "
    "forced.",
}


def headline_table(found: Found, name: str, **more: Callable[[str], str]) -> str:
    """Effect, best control and difference of one property; ``more`` are further columns, of the network's name."""
    rows = []
    for network, results in found.items():
        headline = results["properties"][name]["headline"]
        best = headline["best_control"]
        control = f"{best}: {interval(headline['controls'][best])}" if best else MISSING
        beside = [] if name == "local" else [interval(headline["unselected"])]
        where = [_places(results["properties"][name]["rows"])] if name in ("spatial", "activation") else []
        rows.append(
            (
                f"`{network}`",
                *where,
                interval(headline["value"]),
                control,
                interval(headline["difference"]),
                *beside,
                *([column(network) for column in more.values()] or ["yes" if headline["holds"] else "no"]),
            )
        )
    random = [] if name == "local" else ["random region − its best control"]
    where = ["places"] if name in ("spatial", "activation") else []
    last = list(more) or ["holds"]
    return table(("network", *where, "effect", "best control", "effect − best control", *random, *last), rows)


def _places(rows: Sequence[Results]) -> str:
    """Numbers of places, which ranges depend on: networks of different ones are not compared."""
    return ", ".join(str(n) for n in sorted({row["places"] for row in rows}))


def figures_table(found: Found, name: str) -> str:
    """The further figures of one property."""
    columns = _COLUMNS[name]
    rows = [
        (f"`{network}`", *(column(results["properties"][name]["figures"]) for column in columns.values()))
        for network, results in found.items()
    ]
    return table(("network", *columns), rows)


def periods_table(found: Found) -> str:
    """The period of each network."""
    return table(
        ("network", "period, px", "nested inside it", "p", "note"),
        [
            (
                f"`{name}`",
                str(results["period"]["period"] or "none found"),
                ", ".join(map(str, results["period"].get("nested") or [])) or MISSING,
                p_value(results["period"].get("p")),
                str(results["period"]["reason"]),
            )
            for name, results in found.items()
        ],
    )


def _median(name: str) -> Column:
    return lambda figures: interval(figures[name])


def _percent(name: str) -> Column:
    return lambda figures: percent(figures[name])


def _share(name: str) -> Column:
    return lambda figures: share(figures.get(name))


def _of(group: str, name: str) -> Column:
    return lambda figures: share(figures[group].get(name))


def _trends(figures: Results) -> str:
    trends = figures["significant_trends"]
    return f"{share(trends['rising'])} / {share(trends['falling'])}"


def _threshold(figures: Results) -> str:
    median = figures["threshold_median"]
    if median is None:
        return "none"
    if median["value"] is None:
        return f"> 16 ({median['censored']} of {median['n']} never)"
    return f"{median['value']:.3g}"


_COLUMNS: dict[str, dict[str, Column]] = {
    "local": {
        "range in log10 p": _median("range_log10_p"),
        "regions recognised alone (top-1)": _percent("recognised_alone_top1"),
        "photographs with one such region": _share("any_region_recognised"),
        "regions that carry the answer": _percent("carrying_share"),
        "sufficiency ~ necessity (ρ)": _median("sufficiency_necessity_correlation"),
        "agreement between canvases (lowest ρ)": _median("canvas_agreement"),
        "map depends on the canvas": _share("map_depends_on_canvas"),
    },
    "spatial": {
        "range in log10 p": _median("range_log10_p"),
        "≥ 2 decades: patch": _of("at_least_2_decades", "patch"),
        "≥ 2 decades: scrambles": _of("at_least_2_decades", "scrambles"),
        "best − worst single showing": _median("single_max_minus_min"),
        "… of scrambles": _median("scrambled_single_max_minus_min"),
        "… ≥ 2 decades: patch": _of("single_at_least_2_decades", "patch"),
        "… ≥ 2 decades: scrambles": _of("single_at_least_2_decades", "scrambles"),
        "… ≥ 3 decades: patch": _of("single_at_least_3_decades", "patch"),
        "place": _percent("share_place"),
        "phase": _percent("share_phase"),
        "interaction": _percent("share_interaction"),
    },
    "activation": {
        "activators": _percent("mean_share_activator"),
        "inhibitors": _percent("mean_share_inhibitor"),
        "neutral": _percent("mean_share_neutral"),
        "undecided": _percent("mean_share_undecided"),
        "specific places": _percent("specific_share"),
        "an activator and an inhibitor (FDR)": _share("both_kinds"),
        "… on a photograph": _share("both_kinds_on_photograph"),
        "both signs, simultaneous bands": _share("shows_both_signs"),
        "… on a photograph, likewise": _share("shows_both_signs_on_photograph"),
        "presence (mean over places)": _median("presence"),
    },
    "cumulative": {
        "onset": _median("onset"),
        "rising": _of("shapes", "rising"),
        "falling": _of("shapes", "falling"),
        "peaked": _of("shapes", "peaked"),
        "flat": _of("shapes", "flat"),
        "mixed over canvases": _of("shapes", "mixed"),
        "significant rise / fall": _trends,
        "copies until recognised (Kaplan–Meier)": _threshold,
    },
}
