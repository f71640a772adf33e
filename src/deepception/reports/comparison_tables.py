"""The tables of a comparison in words: the same for the page, for Markdown and for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..studies.comparison.alike import ACCURACY, DECEPTION
from .bound_words import marked
from .deception_tables import median_words, p_words
from .verdicts import title_of
from .wording import UNKNOWN, counted, decimal, estimate, joined, percent, points, signed, whole

Document = Mapping[str, Any]
APART, ALIKE = "told apart", "cannot be told apart"
_ABSENT = {"null": "none", "true": "yes", "false": "no"}
_MARKS = {True: "✓ holds", False: "✕ not shown", None: "? open"}


@dataclass(frozen=True)
class Table:
    """A table as texts.

    Attributes:
        caption: What it holds.
        heads: Heads of the columns.
        rows: Cells, as many as heads.
        strong: Rows that are findings.
        words: Columns that hold words and not figures, besides the first.
    """

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    strong: tuple[bool, ...] = ()
    words: tuple[int, ...] = ()

    def is_strong(self, row: int) -> bool:
        """Whether a row is a finding."""
        return row < len(self.strong) and self.strong[row]


def measure_title(name: str) -> str:
    """The title of a property, of accuracy or of deception."""
    return {ACCURACY: "Right answers", DECEPTION: "Deception"}.get(name, title_of(name))


def runs_table(document: Document) -> Table:
    """What each run is."""
    rows = []
    for run in document["runs"]:
        state = "complete"
        if not run["complete"]:
            parts = [
                counted(run["pending"], "unit") + " to go" if run["pending"] else "",
                counted(run["failures"], "failure") if run["failures"] else "",
            ]
            state = ", ".join(part for part in parts if part)
        rows.append(
            (
                run["key"],
                run["folder"],
                "×".join(map(str, run["frame"])),
                run["answers"],
                str(run["setting"]),
                whole(run["photographs"]),
                whole(run["labelled"]),
                whole(run["queries"]),
                state,
            )
        )
    heads = ("Observer", "Run", "Frame, px", "Answers", "Setting", "Photographs", "Labelled", "Queries")
    return Table("What is compared", (*heads, "State"), tuple(rows), words=(1, 3, 4, 8))


def differences_table(document: Document) -> Table | None:
    """The settings that differ; ``None`` where none does."""
    if not document["differences"]:
        return None
    rows = []
    for entry in document["differences"]:
        having: dict[str, list[str]] = {}
        for key, value in entry["values"].items():
            having.setdefault(value if len(value) <= 40 else f"{value[:12]}…", []).append(key)
        told = "; ".join(f"{_ABSENT.get(value, value)} ({', '.join(keys)})" for value, keys in having.items())
        rows.append((entry["name"], told))
    heads = ("Setting", "Its values, and the runs that have them")
    return Table("Settings that differ", heads, tuple(rows), words=(1,))


def has_verdicts(document: Document) -> bool:
    """Whether properties are compared, which hold or do not, rather than shares of photographs alone."""
    return bool(_properties(document))


def _properties(document: Document) -> list[str]:
    names = [measure["measure"] for measure in document["measures"]]
    return [name for name in names if name not in (ACCURACY, DECEPTION)]


def glance_table(document: Document) -> Table:
    """Each observer's main figures in one row."""
    measures = document["measures"]
    rows = []
    for run in document["runs"]:
        cells = [run["key"]]
        for measure in measures:
            own = next((o for o in measure["observers"] if o["key"] == run["key"]), None)
            cells.append(UNKNOWN if own is None else _glance(measure, own))
        rows.append(tuple(cells))
    heads = tuple(measure_title(measure["measure"]) for measure in measures)
    unit = " or ".join(dict.fromkeys(run["scale"] for run in document["runs"]))
    shown = ["shares of photographs"] if len(measures) > len(_properties(document)) else []
    if has_verdicts(document):
        shown.insert(0, f"effect minus best control, {unit}")
    caption = f"Each observer over its own photographs: {'; '.join(shown)}"
    return Table(caption, ("Observer", *heads), tuple(rows))


def observers_tables(document: Document, measure: Mapping[str, Any]) -> list[tuple[Table, str]]:
    """The tables of a measure's observers, each with the sentence why it is not ranked (empty: it is)."""
    own = {entry["key"]: entry for entry in measure["observers"]}
    boards = measure["leaderboards"]
    made = []
    listed: list[str] = []
    for board in boards:
        keys = [row["key"] for row in board["rows"]]
        ranks = [_rank(row) for row in board["rows"]] if board["ranked"] else None
        made.append((_observers(measure["measure"], [own[key] for key in keys], ranks), board["reason"]))
        listed += keys
    left = [entry for key, entry in own.items() if key not in listed]
    # Deceptions of different kinds have no table in common.
    kinds = [[entry] for entry in left] if measure["measure"] == DECEPTION else [left] if left else []
    return made + [(_observers(measure["measure"], entries, None), "") for entries in kinds]


def pairs_table(measure: Mapping[str, Any]) -> Table | None:
    """Every pair of a measure; ``None`` where there is none."""
    if not measure["pairs"]:
        return None
    shares = measure["measure"] in (ACCURACY, DECEPTION)
    rows = []
    for pair in measure["pairs"]:
        both = f"{pair['first']} − {pair['second']}"
        figure = f"{points(pair['difference'])} points" if shares else _signed(pair["difference"])
        counts = (whole(pair["more_first"]), whole(pair["more_second"]))
        rows.append(
            (
                both,
                figure,
                *counts,
                whole(pair["n"]),
                p_words(pair["p"], alone=True),
                p_words(pair["p_holm"], alone=True),
                said_of(pair),
            )
        )
    heads = ("Only the first", "Only the second") if shares else ("More in the first", "In the second")
    caption = (
        "Difference of the shares over the same photographs, exact McNemar test"
        if shares
        else f"Median of the paired differences of (effect − best control), {measure['pairs'][0]['unit']}; "
        "exact sign test"
    )
    return Table(
        caption,
        ("Pair", "Difference [95 %]", *heads, "n", "p", "p (Holm)", "What it says"),
        tuple(rows),
        strong=tuple(bool(pair["told_apart"]) for pair in measure["pairs"]),
        words=(5 + len(heads),),
    )


def agreement_table(maps: Mapping[str, Any]) -> Table:
    """The rank correlations of maps, every pair."""
    rows = []
    for pair in maps["pairs"]:
        rows.append(
            (
                f"{pair['first']} and {pair['second']}",
                estimate(pair["same"]),
                estimate(pair["other"]),
                _signed(pair["beyond"]),
                whole(pair["n"]),
                p_words(pair["p"], alone=True),
                p_words(pair["p_holm"], alone=True),
                alike_words(pair),
            )
        )
    heads = ("Pair", "Same photograph", "Another photograph", "Beyond it, paired", "n", "p", "p (Holm)")
    strong = tuple(beyond(pair) for pair in maps["pairs"])
    caption = f"Rank correlation of {maps['of']}, median over photographs [95 %]"
    return Table(caption, (*heads, "What it says"), tuple(rows), strong=strong, words=(7,))


def transfer_table(matrix: Mapping[str, Any]) -> Table:
    """A transfer matrix: rows learned on, columns shown to."""
    rows = []
    for learned in matrix["learned_on"]:
        cells = [learned]
        for shown in matrix["shown_to"]:
            found = [c for c in matrix["cells"] if (c["learned_on"], c["shown_to"]) == (learned, shown)]
            cells.append("; ".join(_cell(cell) for cell in found) or UNKNOWN)
        rows.append(tuple(cells))
    what = "universal patterns" if matrix["kind"] == "pattern" else "dictionaries"
    caption = f"Fooling ratio of {what}, {matrix['bound']}, {matrix['goal']}, {_budget(matrix)}"
    return Table(caption, ("Learned on ↓, shown to →", *matrix["shown_to"]), tuple(rows))


def said_of(pair: Mapping[str, Any]) -> str:
    """What a pair's test says."""
    if pair["reason"]:
        return str(pair["reason"])
    return APART if pair["told_apart"] else ALIKE


def beyond(pair: Mapping[str, Any]) -> bool:
    """Whether two observers' maps agree more on the same photograph than across photographs, by p (Holm)."""
    return bool(pair["agree"])


def alike_words(pair: Mapping[str, Any]) -> str:
    """What the correlation of two observers' maps says."""
    if pair["reason"]:
        return str(pair["reason"])
    left = sum(pair["left_out"].values())
    out = "" if not left else f"; {left} left out ({joined(list(pair['left_out']))})"
    return f"{'agree beyond a common habit' if beyond(pair) else 'no agreement shown'}{out}"


def _observers(name: str, entries: Sequence[Mapping[str, Any]], ranks: Sequence[str] | None) -> Table:
    """The table of some observers of a measure, in this order, ranked where there are ranks."""
    if name == ACCURACY:
        heads: tuple[str, ...] = ("Right [95 %]", "Among the first five", "n")
        cells: list[tuple[str, ...]] = [
            (_share(e["top1"]), percent((e["top5"] or {}).get("value")), whole(e["top1"]["n"]))
            for e in entries
        ]
        caption = "Labelled photographs answered right when clean"
        words: tuple[int, ...] = ()
    elif name == DECEPTION:
        first = entries[0]
        heads = ("Fooling ratio", "Success rate", "Robust error", "Best control", "Beyond it, points")
        heads = (*heads, "Queries, median", "n")
        cells = [_deceived(e) for e in entries]
        # What each observer has learned for itself is one contest, too.
        alike = len({e["learned"] for e in entries}) == 1
        caption = f"Deceived photographs: {_contest(first if alike else {**first, 'learned': 'itself'})}"
        words = (4,)
    else:
        heads = ("Effect", "Best control", "Effect − best control", "Verdict", "n")
        cells = [_headline(name, e) for e in entries]
        unit = next((e["unit"] for e in entries if e["unit"]), "")
        caption = f"Median over photographs [95 %], {unit}"
        words = (2, 4)
    shift = 0 if ranks is None else 1
    rows = [
        (entry["key"], *(() if ranks is None else (ranks[i],)), *cells[i]) for i, entry in enumerate(entries)
    ]
    return Table(
        caption,
        ("Observer", *(() if ranks is None else ("Rank",)), *heads),
        tuple(rows),
        words=tuple(word + shift for word in words),
    )


def _headline(name: str, entry: Mapping[str, Any]) -> tuple[str, ...]:
    difference = entry["difference"]
    judged = difference or entry["effect"] or {"n": 0}
    return (
        marked(name, estimate(entry["effect"], bounds=entry["only_bounds"]), entry["touches_limit"]),
        _control(entry, share=False),
        _signed(difference, bounds=entry["only_bounds"]),
        _MARKS[entry["holds"]],
        whole(judged["n"]),
    )


def _deceived(entry: Mapping[str, Any]) -> tuple[str, ...]:
    asked, margin = entry["queries"], entry["margin"]
    median = {
        "median": asked["value"],
        "median_interval": (asked["low"], asked["high"]),
        "budget": entry["budget"],
    }
    return (
        *(_share(entry[name]) for name in ("fooling_ratio", "success_rate", "robust_error")),
        _control(entry, share=True),
        UNKNOWN if margin is None else points(margin),
        median_words(median) if asked["n"] and entry["budget"] > 1 else UNKNOWN,
        whole(entry["fooling_ratio"]["n"]),
    )


def _control(entry: Mapping[str, Any], *, share: bool) -> str:
    """The best control and its figure."""
    best = entry["best_control"]
    figure = (
        _share(entry["control"]) if share else estimate(entry["control"], bounds=entry["control_only_bounds"])
    )
    return f"{best}: {figure}" if best else UNKNOWN


def _share(figure: Mapping[str, Any] | None) -> str:
    """A share with its interval, ``"83 % [55, 95]"``."""
    if figure is None or figure["value"] is None:
        return UNKNOWN
    low, high = (percent(figure[k]).removesuffix(" %") for k in ("low", "high"))
    # No line is broken inside of it.
    return f"{percent(figure['value'])} [{low}, {high}]".replace(" ", "\u00a0")


def _contest(entry: Mapping[str, Any]) -> str:
    learned = "" if entry["learned"] is None else f", learned on {entry['learned']}"
    return f"{entry['bound']}, {entry['goal']}, {_budget(entry)}{learned}"


def _budget(entry: Mapping[str, Any]) -> str:
    budget = entry["budget"]
    return "shown once" if budget == 1 else f"at most {whole(budget)} queries a photograph"


def _glance(measure: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    name = measure["measure"]
    if name == ACCURACY:
        return percent(own["top1"]["value"])
    if name == DECEPTION:
        bounds = {entry["bound"] for entry in measure["observers"]}
        within = f", {own['bound']}" if len(bounds) > 1 else ""
        best = own["control"]
        beside = "no control" if best is None else f"best control {percent(best['value'])}"
        return f"{percent(own['fooling_ratio']['value'])} deceived{within} ({beside})"
    figure = own["difference"] or own["effect"]
    mark = _MARKS[own["holds"]].partition(" ")[0]
    return UNKNOWN if figure is None else f"{signed(figure['value'])} {mark}"


def _rank(row: Mapping[str, Any]) -> str:
    best, worst = row["best_rank"], row["worst_rank"]
    return str(best) if best == worst else f"{best}–{worst}"


def _signed(figure: Mapping[str, Any] | None, *, bounds: bool = False) -> str:
    if figure is None or figure["value"] is None:
        return UNKNOWN
    if figure["method"] == "degenerate":
        return f"{signed(figure['value'])} ({'bounds only' if bounds else 'all equal'})"
    ends = f" [{decimal(figure['low'])}, {decimal(figure['high'])}]" if figure["low"] is not None else ""
    return f"{signed(figure['value'])}{ends}"


def _cell(cell: Mapping[str, Any]) -> str:
    own = "" if cell["brought"] else ", learned in this run"
    return f"{_share(cell['fooling_ratio'])}, n = {whole(cell['n'])}{own}"
