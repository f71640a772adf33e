"""What the claims do not say: for each claim what was chosen here, and what changes with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from page_words import number
from paper_study import Plan, budgets

Row = Mapping[str, Any]
Found = Mapping[str, Mapping[str, Any]]

NOTHING = "What changes with it is not measured yet."


def unsaid(claim: str, found: Found, plan: Plan) -> str:
    """The paragraph of a claim, with figures from the stored results only."""
    chosen, told = _PARAGRAPHS[claim]
    words = chosen(plan) if callable(chosen) else chosen
    return f"**What the claim does not say.** {words} {told(found, plan) if found else NOTHING}"


def _local(found: Found, plan: Plan) -> str:
    rows, figures = _rows(found, "local"), _figures(found, "local")
    over = [row["range_over_canvases"] for row in rows if row["range_over_canvases"]]
    told = [
        f"*Canvas:* two canvases rank the regions of a photograph with a correlation as low as "
        f"{_spread(f['canvas_agreement'] for f in figures)} (median of each network), and on "
        f"{_count((row['depends_on_canvas'] for row in rows), named=True)} the map depends on the canvas.",
        _wider(over),
        _beyond(
            rows, "range", ("scrambled_range", "crops_range", "other_classes_range"), "*Controls:* the range"
        ),
    ]
    return " ".join(filter(None, told))


def _spatial(found: Found, plan: Plan) -> str:
    rows, figures = _rows(found, "spatial"), _figures(found, "spatial")
    periods = Counter(found[n]["period"]["period"] for n in found)
    named = "; ".join(
        f"{'none found' if p is None else f'{p} px'}, {count}"
        for p, count in sorted(periods.items(), key=lambda item: (item[0] is None, item[0] or 0))
    )
    single, scrambled = "single_max_minus_min", "scrambled_single_max_minus_min"
    return (
        f"*Alignment:* networks answer alike after a period (on how many networks: {named}), so moving a patch "
        "changes its alignment as well as its place. Alignment alone has a share of "
        f"{_spread((f['share_phase'] for f in figures), _whole)} % of the variance (median of each network), place "
        f"{_spread((f['share_place'] for f in figures), _whole)} %. *How it is counted:* best minus worst single "
        f"showing, which mixes the two with chance, is {_spread(f[single] for f in figures)} decades, and two or "
        f"more on {_count(_at_least(rows, single, 2), named=True)}, three or more on {_count(_at_least(rows, single, 3))}; with "
        "phases averaged, and chosen and read on different halves, it is "
        f"{_spread(f['range'] for f in figures)} decades, and two or more on "
        f"{_count(_at_least(rows, 'range', 2))}. *Controls:* of scrambles of the patch, best minus worst single "
        f"showing is two or more on {_count(_at_least(rows, scrambled, 2))}. "
        + _beyond(rows, "range", ("scrambled_range", "crops_range", "other_classes_range"), "The range")
    )


def _activation(found: Found, plan: Plan) -> str:
    rows, figures = _rows(found, "activation"), _figures(found, "activation")
    controls = ("control_patches_amplitude", "other_classes_amplitude")
    return (
        f"*Margin:* with it {_spread((f['mean_share_undecided'] for f in figures), _whole)} % of the places stay "
        f"undecided and {_spread((f['mean_share_neutral'] for f in figures), _whole)} % are neutral (mean of each "
        "network). *Background:* an activator and an inhibitor of one patch are found on "
        f"{_count((row['both_kinds'] for row in rows), named=True)} on most canvases, and on "
        f"{_count(row['both_kinds_on_photograph'] for row in rows)} where the background is a photograph of another "
        f"class; beyond simultaneous bands on {_count(row['shows_both_signs'] for row in rows)} and "
        f"{_count(row['shows_both_signs_on_photograph'] for row in rows)}. *Controls:* the amplitude is above 0, as "
        f"it is where both signs occur, on {_count(_above(rows, 'amplitude'))}; of patches of other classes on "
        f"{_count(_above(rows, controls[0]))}, of other classes' answers to the same patch on "
        f"{_count(_above(rows, controls[1]))}. " + _beyond(rows, "amplitude", controls, "The amplitude")
    )


def _cumulative(found: Found, plan: Plan) -> str:
    rows, figures = _rows(found, "cumulative"), _figures(found, "cumulative")
    controls = ("scrambles_slope", "crops_slope", "enlarged_slope", "others_slope")
    over = [row["slope_over_canvases"] for row in rows if row["slope_over_canvases"]]
    return (
        f"*The first copy:* it moves the answer by {_spread(f['onset'] for f in figures)} decades (median of each "
        f"network), each doubling after it by {_spread(f['slope'] for f in figures)}. *Canvas:* on "
        f"{_count((low < 0 < high for low, high in over), named=True)} the slope rises on one canvas and falls on another. "
        f"*Controls:* the slope is above 0 on {_count(_above(rows, 'slope'))}; of scrambles in the same places on "
        f"{_count(_above(rows, controls[0]))}, of different crops on {_count(_above(rows, controls[1]))}, of one "
        f"patch as large as all copies on {_count(_above(rows, controls[2]))}. "
        + _beyond(rows, "slope", controls, "The slope")
    )


def _deception(found: Found, plan: Plan) -> str:
    rows, figures = _rows(found, "deception"), _figures(found, "deception")
    within = ", ".join(
        f"{_count((r['first'] is not None and r['first'] <= q for r in rows), named=not i)} within {q:,}"
        for i, q in enumerate(budgets(plan.queries))
    )
    survive = [r["survives_shift"] for r in rows if r["survives_shift"] is not None]
    controls: dict[str, list[float]] = {}
    for figure in figures:
        for name, control in figure["controls"].items():
            controls.setdefault(name, []).append(control["fooling_ratio"]["value"])
    shown = ", ".join(f"*{name}* {_spread(values, _whole)} %" for name, values in controls.items())
    return (
        f"*Budget:* deceived are {within} queries. *Controls,* as fooling ratios over networks: {shown}. "
        f"*How it lasts:* moved by one pixel, {_count(survive)} deceptions deceive still."
    )


_PARAGRAPHS: dict[str, tuple[str | Callable[[Plan], str], Callable[[Found, Plan], str]]] = {
    "local": (
        "How large its regions are, what surrounds a region that is shown alone, and what the differences between "
        "regions are compared with. Here a region is a seventh of the frame's side, the canvases are grey, the mean "
        "colour of photographs and noise, and the controls are phase scrambles of the regions, the same regions of "
        "other photographs, and the answers of other classes. Other sizes were not measured in this study: nothing "
        "here is about them.",
        _local,
    ),
    "spatial": (
        "How many locations there were, how they lay relative to the network's stride, on what, and whether another "
        "patch would have done the same. Here places are multiples of the period of each network, each shown at the "
        "same 16 alignments, on three canvases, with scrambles, crops of other classes and other classes' answers "
        "at the same places.",
        _spatial,
    ),
    "activation": (
        "From which change on a location activates or inhibits, on which background, and how often patches of other "
        "classes do so. Here a change counts beyond ±0.1 decade, and what is chosen as strongest is read on other "
        "repeats.",
        _activation,
    ),
    "cumulative": (
        "How many copies there were, where they lay, whether the first copy counts, and whether it is repetition "
        "that adds up rather than area or variety. Here 1 to 16 copies lie at random without overlap, four draws on "
        "each canvas, and the controls lie in the same places.",
        _cumulative,
    ),
    "deception": (
        lambda plan: (
            "How much of an image may be changed, by how many queries, and what chance and occlusion do by "
            f"themselves. Here patches cover at most {100 * plan.area:g} % of the frame, a photograph has "
            f"{plan.queries:,} queries, and each random control as many. VGG-19, on which the paper reports 88 %, "
            "is none of these networks."
        ),
        _deception,
    ),
}


def _rows(found: Found, name: str) -> list[Row]:
    return [row for results in found.values() for row in results["properties"][name]["rows"]]


def _figures(found: Found, name: str) -> list[Mapping[str, Any]]:
    return [results["properties"][name]["figures"] for results in found.values()]


def _spread(values: Iterable[Any], write: Callable[[float], str] = number) -> str:
    """Smallest to largest of figures over networks."""
    plain = [v["value"] if isinstance(v, Mapping) else v for v in values if v is not None]
    known = sorted(v for v in plain if v is not None)
    if not known:
        return "–"
    ends = list(dict.fromkeys((write(known[0]), write(known[-1]))))
    return " to ".join(ends)


def _whole(value: float) -> str:
    return f"{100 * value:.0f}"


def _count(flags: Iterable[bool | None], *, named: bool = False) -> str:
    """How many of those for which it is known; the first of a paragraph says of what."""
    known = [bool(flag) for flag in flags if flag is not None]
    of = " pairs of network and photograph" if named else ""
    return f"{sum(known):,} of {len(known):,}{of}"


def _at_least(rows: Sequence[Row], name: str, limit: float) -> list[bool | None]:
    return [None if row.get(name) is None else row[name] >= limit for row in rows]


def _above(rows: Sequence[Row], name: str) -> list[bool | None]:
    return [None if row.get(name) is None else row[name] > 0 for row in rows]


def _beyond(rows: Sequence[Row], effect: str, controls: Sequence[str], what: str) -> str:
    """How often the effect exceeds every control of its photograph."""
    flags = []
    for row in rows:
        known = [row[name] for name in controls if row.get(name) is not None]
        flags.append(None if row[effect] is None or not known else row[effect] > max(known))
    return f"{what} exceeds that of every control of its photograph on {_count(flags)}."


def _wider(over: Sequence[Sequence[float]]) -> str:
    """How much larger a range is on one canvas than on another."""
    ratios = [high / low for low, high in over if low > 0]
    if not ratios:
        return ""
    return (
        f"Its range is {median(ratios):.1f} times as wide on the widest canvas as on the narrowest (median)."
    )
