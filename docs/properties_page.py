"""The text of docs/properties.md, from the figures in docs/properties/*.json; called by docs/properties.py."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from deepception.statistics import holm

Results = Mapping[str, Any]

CLAIMS = {
    "local": "An image divides into regions that respond alone, with very different probabilities.",
    "spatial": "The same patch at another location can answer two or three orders of magnitude higher.",
    "activation": "Some locations activate a class, others inhibit it.",
    "cumulative": "Repeating a patch increases (or decreases) the probability of recognition.",
}


def write_page(folder: Path, page: Path, order: Sequence[str]) -> None:
    """Write the page from what is there; networks without figures are named as missing."""
    found = {
        name: json.loads((folder / f"{name}.json").read_text("utf-8"))
        for name in order
        if (folder / f"{name}.json").exists()
    }
    missing = [name for name in order if name not in found]
    page.write_text(text(found, missing), encoding="utf-8")


def text(found: Mapping[str, Results], missing: Sequence[str]) -> str:
    """The page in Markdown."""
    parts = [_introduction(found, missing)]
    if found:
        parts += [
            _verdicts(found),
            _local(found),
            _spatial(found),
            _activation(found),
            _cumulative(found),
            _cost(found),
        ]
    return "\n\n".join(parts) + "\n"


def _introduction(found: Mapping[str, Results], missing: Sequence[str]) -> str:
    photographs = {len(r["properties"]["local"]["rows"]) for r in found.values()}
    number = " or ".join(map(str, sorted(photographs))) or "20"
    lines = [
        "# The four properties on nine networks",
        "",
        "Made by `python docs/properties.py --data FOLDER`, where FOLDER holds the networks (`models/`) and the",
        "labelled photographs (`photos/`); the figures are in `docs/properties/*.json`, one a network, and this page",
        "is written from them alone (`python docs/properties.py --page`). Do not edit it by hand.",
        "",
        f"{number} photographs of the develop split (class index 4 modulo 8, evenly spread), the class that is read is",
        "the label, setting *standard*, seed 0, ONNX Runtime on CPU. The photograph is the unit: medians over",
        "photographs with 95 % BCa intervals. All effects are in **decades of odds** (one decade: ten times the odds).",
        "An effect *holds* on a network when the lower 95 % bounds of the paired median (effect − best control) and of",
        "the effect itself are above 0; the best control is the one that it exceeds least surely. Where the patch is the most",
        "responsive region, a random region of the same photograph must exceed its control too: a region chosen for its",
        "answer beats controls that were not chosen even where nothing is there. What each figure means is in",
        "[methods.md](methods.md).",
    ]
    if missing:
        lines += ["", f"**Not measured yet:** {', '.join(missing)}. The same command goes on with them."]
    return "\n".join(lines)


def _verdicts(found: Mapping[str, Results]) -> str:
    cells = [(name, claim) for name in found for claim in CLAIMS]
    p = [found[name]["properties"][claim]["headline"]["p"] for name, claim in cells]
    adjusted = dict(zip(cells, holm(p), strict=True))
    rows = []
    for claim, words in CLAIMS.items():
        held = [n for n in found if found[n]["properties"][claim]["headline"]["holds"]]
        strict = [n for n in held if adjusted[n, claim] < 0.05]
        rows.append((claim, words, f"{len(held)} of {len(found)}", f"{len(strict)} of {len(found)}"))
    table = _table(
        ("property", "the paper's claim", "holds beyond the best control", "… and p < 0.05 after Holm"), rows
    )
    detail = _table(
        ("network", *CLAIMS),
        [
            (
                f"`{name}`",
                *(
                    f"{'holds' if results['properties'][c]['headline']['holds'] else 'does not hold'} "
                    f"(p {_p(adjusted[name, c])})"
                    for c in CLAIMS
                ),
            )
            for name, results in found.items()
        ],
    )
    return (
        "## What holds\n\n"
        "The paper's claims, each judged against its best control. Sign-flip p of the paired differences, adjusted by "
        f"Holm over {len(cells)} pairs of network and claim.\n\n{table}\n\n{detail}"
    )


def _headline_table(found: Mapping[str, Results], name: str) -> str:
    rows = []
    for network, results in found.items():
        headline = results["properties"][name]["headline"]
        best = headline["best_control"]
        beside = [] if name == "local" else [_interval(headline["unselected"])]
        places = [_places(results["properties"][name]["rows"])] if name in ("spatial", "activation") else []
        rows.append(
            (
                f"`{network}`",
                *places,
                _interval(headline["value"]),
                f"{best}: {_interval(headline['controls'][best])}",
                _interval(headline["difference"]),
                *beside,
                "yes" if headline["holds"] else "no",
            )
        )
    random = [] if name == "local" else ["random region − its best control"]
    of_places = ["places"] if name in ("spatial", "activation") else []
    return _table(
        ("network", *of_places, "effect", "best control", "effect − best control", *random, "holds"), rows
    )


def _places(rows: Sequence[Results]) -> str:
    """Numbers of places, which ranges depend on: networks of different ones are not compared."""
    return ", ".join(str(n) for n in sorted({row["places"] for row in rows}))


def _figures(found: Mapping[str, Results], name: str, columns: Mapping[str, Callable[[Results], str]]) -> str:
    rows = [
        (f"`{network}`", *(column(results["properties"][name]["figures"]) for column in columns.values()))
        for network, results in found.items()
    ]
    return _table(("network", *columns), rows)


def _local(found: Mapping[str, Results]) -> str:
    return "\n\n".join(
        [
            "## Local",
            f"> {CLAIMS['local']}",
            "Effect: the range (p95 − p5) over the 49 regions of a 7×7 grid of what each region answers alone, median "
            "over three canvases (grey, mean colour, noise).",
            _headline_table(found, "local"),
            _figures(
                found,
                "local",
                {
                    "range in log10 p": lambda f: _interval(f["range_log10_p"]),
                    "regions recognised alone (top-1)": lambda f: _percent(f["recognised_alone_top1"]),
                    "photographs with one such region": lambda f: _share(f["any_region_recognised"]),
                    "regions that carry the answer": lambda f: _percent(f["carrying_share"]),
                    "sufficiency ~ necessity (ρ)": lambda f: _interval(
                        f["sufficiency_necessity_correlation"]
                    ),
                    "agreement between canvases (lowest ρ)": lambda f: _interval(f["canvas_agreement"]),
                    "map depends on the canvas": lambda f: _share(f["map_depends_on_canvas"]),
                },
            ),
        ]
    )


def _spatial(found: Mapping[str, Results]) -> str:
    periods = _table(
        ("network", "period, px", "nested inside it", "p", "note"),
        [
            (
                f"`{name}`",
                str(results["period"]["period"] or "none found"),
                ", ".join(map(str, results["period"].get("nested") or [])) or "–",
                _p(results["period"]["p"]) if "p" in results["period"] else "–",
                str(results["period"]["reason"]),
            )
            for name, results in found.items()
        ],
    )

    def at_least(decades: int, who: str) -> Callable[[Results], str]:
        return lambda f: _share(f[f"at_least_{decades}_decades"].get(who))

    return "\n\n".join(
        [
            "## Spatial",
            f"> {CLAIMS['spatial']}",
            "Effect: the difference between the best and the worst of 16 places for the most responsive region, each "
            "place averaged over the same 16 phases; best and worst are chosen on half of the phases and read on the "
            "other half. Variance is split into place, phase (alignment within one period) and their interaction.",
            _headline_table(found, "spatial"),
            _figures(
                found,
                "spatial",
                {
                    "range in log10 p": lambda f: _interval(f["range_log10_p"]),
                    "≥ 2 decades: patch": at_least(2, "patch"),
                    "≥ 2 decades: scrambles": at_least(2, "scrambles"),
                    "best − worst single showing": lambda f: _interval(f["single_max_minus_min"]),
                    "… of scrambles": lambda f: _interval(f["scrambled_single_max_minus_min"]),
                    "… ≥ 2 decades: patch": lambda f: _share(f["single_at_least_2_decades"]["patch"]),
                    "… ≥ 2 decades: scrambles": lambda f: _share(
                        f["single_at_least_2_decades"].get("scrambles")
                    ),
                    "… ≥ 3 decades: patch": lambda f: _share(f["single_at_least_3_decades"]["patch"]),
                    "place": lambda f: _percent(f["share_place"]),
                    "phase": lambda f: _percent(f["share_phase"]),
                    "interaction": lambda f: _percent(f["share_interaction"]),
                },
            ),
            "### The period of each network, from its answers alone",
            periods,
        ]
    )


def _activation(found: Mapping[str, Results]) -> str:
    return "\n\n".join(
        [
            "## Activation–inhibition",
            f"> {CLAIMS['activation']}",
            "Effect: the lesser of the strongest activation and the strongest inhibition over 25 places (16 where the frame holds no more multiples of the period; above 0 only "
            "where both signs occur), cross-fitted, median over three canvases. A place is an activator or inhibitor "
            "beyond ±0.1 decade at a false discovery rate of 5 % over places.",
            _headline_table(found, "activation"),
            _figures(
                found,
                "activation",
                {
                    "activators": lambda f: _percent(f["mean_share_activator"]),
                    "inhibitors": lambda f: _percent(f["mean_share_inhibitor"]),
                    "neutral": lambda f: _percent(f["mean_share_neutral"]),
                    "undecided": lambda f: _percent(f["mean_share_undecided"]),
                    "specific places": lambda f: _percent(f["specific_share"]),
                    "an activator and an inhibitor (FDR)": lambda f: _share(f["both_kinds"]),
                    "… on a photograph": lambda f: _share(f.get("both_kinds_on_photograph")),
                    "both signs, simultaneous bands": lambda f: _share(f["shows_both_signs"]),
                    "… on a photograph, likewise": lambda f: _share(f["shows_both_signs_on_photograph"]),
                    "presence (mean over places)": lambda f: _interval(f["presence"]),
                },
            ),
        ]
    )


def _cumulative(found: Mapping[str, Results]) -> str:
    def shape(name: str) -> Callable[[Results], str]:
        return lambda f: _share(f["shapes"][name])

    def median(figures: Results) -> str:
        found_median = figures["threshold_median"]
        if found_median is None:
            return "none"
        if found_median["value"] is None:
            return f"> 16 ({found_median['censored']} of {found_median['n']} never)"
        return f"{found_median['value']:.3g}"

    return "\n\n".join(
        [
            "## Cumulative",
            f"> {CLAIMS['cumulative']}",
            "Effect: the slope on log2 of the number of identical copies (1 to 16), in decades of odds per doubling, "
            "median over three canvases; the first copy (onset) is apart. Shapes are cross-validated and never forced.",
            _headline_table(found, "cumulative"),
            _figures(
                found,
                "cumulative",
                {
                    "onset": lambda f: _interval(f["onset"]),
                    "rising": shape("rising"),
                    "falling": shape("falling"),
                    "peaked": shape("peaked"),
                    "flat": shape("flat"),
                    "mixed over canvases": shape("mixed"),
                    "significant rise / fall": lambda f: (
                        f"{_share(f['significant_trends']['rising'])} / {_share(f['significant_trends']['falling'])}"
                    ),
                    "copies until recognised (Kaplan–Meier)": median,
                },
            ),
        ]
    )


def _cost(found: Mapping[str, Results]) -> str:
    rows = [
        (
            f"`{name}`",
            _accuracy(results),
            f"{results['cost']['queries']:,}",
            f"{results['cost']['seconds'] / 60:.0f} min",
            f"`{results['observer']['fingerprint'][:12]}`",
        )
        for name, results in found.items()
    ]
    table = _table(("network", "top-1 on these photographs", "queries", "time", "fingerprint"), rows)
    return f"## What it cost\n\nTwo cores, shared with other work.\n\n{table}"


def _accuracy(results: Results) -> str:
    return _share(results["accuracy"]["top1"]) if results["accuracy"] else "–"


def _interval(value: Results | None) -> str:
    if value is None or value["value"] is None:
        return "–"
    low, high = value.get("low"), value.get("high")
    figure = _number(value["value"])
    if value.get("method") == "degenerate":
        return f"{figure} (all equal)"
    return figure if low is None or high is None else f"{figure} [{_number(low)}, {_number(high)}]"


def _percent(value: Results | None) -> str:
    if value is None or value["value"] is None:
        return "–"
    if value.get("method") == "degenerate":
        return f"{100 * value['value']:.0f} % (all equal)"
    return f"{100 * value['value']:.0f} % [{100 * value['low']:.0f}, {100 * value['high']:.0f}]"


def _share(value: Results | None) -> str:
    return "–" if value is None else f"{value['count']} of {value['n']}"


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
