"""The section on transfer: matrices of what was learned on one network and shown to another."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from . import comparing
from .comparing import Results
from .settings import EIGHT, NINE
from .tables import MISSING, network_title, percent, table
from .transfer import BOUNDS, OTHERS, SHUFFLED, TRIED, left_out
from .transfer_rows import Row

WORDS = {
    "veil-10": (
        "Universal veils, L∞ 10/255",
        "Each was learned on one network with 20,000 queries, begun with nothing (not with the veils of the "
        "package, which come from other networks), and is repeated over the frame of the network shown to.",
    ),
    "patch-10": (
        "Universal patches, 10 % of the frame",
        "Each was learned on one network with 20,000 queries and is repeated over the frame of the network "
        "shown to.",
    ),
    "dictionary-5": (
        "Dictionaries, 5 % of the frame",
        "The same 160 stencils, in the order that covers most of what one network answered on photographs of the "
        "learn split.",
    ),
    "dictionary-2": ("Dictionaries, 2 % of the frame", "The same with 160 stencils of 2 %."),
}

LAST = "mean of others"


def transfer_section(rows: Sequence[Row]) -> str | None:
    """The section; ``None`` where nothing is measured."""
    cells = _cells(rows)
    if not cells:
        return None
    parts = [
        "## Transfer",
        "Rows: what it was learned on. Columns: the network it is shown to, which is asked nothing else. Bold: "
        "learned on that network itself.",
    ]
    for what in WORDS:
        here = {key[1:]: results for key, results in cells.items() if key[0] == what}
        if here:
            parts += _patterns(what, here) if what in BOUNDS else _dictionaries(what, here)
    return "\n\n".join(parts)


Cells = dict[tuple[str, str], Results]


def _cells(rows: Sequence[Row]) -> dict[tuple[str, str, str], Results]:
    """By kind, row and column: all seeds on the photographs that all of them have."""
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        for network in row.columns:
            found.setdefault((row.what, row.learned_on, network), []).append(row)
    return {key: _results(key[2], seeds) for key, seeds in found.items()}


def _results(network: str, seeds: Sequence[Row]) -> Results:
    columns = [row.columns[network] for row in seeds]
    shared = sorted(set.intersection(*(set(column.index) for column in columns)))
    firsts = [dict(zip(column.index, column.first, strict=True)) for column in columns]
    right = dict(zip(columns[0].index, columns[0].correct, strict=True))
    first = np.array([[math.inf if f[i] is None else f[i] for i in shared] for f in firsts], dtype=np.float64)
    return Results(
        seeds[0].learned_on,
        TRIED,
        float(np.mean([row.queries for row in seeds])),
        np.array(shared, dtype=np.int64),
        np.array([right[i] for i in shared], dtype=bool),
        first,
        np.full_like(first, np.nan),
        np.full_like(first, np.nan),
        columns[0].fingerprint,
    )


def _patterns(what: str, cells: Cells) -> list[str]:
    title, words = WORDS[what]
    columns = [name for name in NINE if any(column == name for _, column in cells)]
    n = sorted({comparing.fooling_ratio(r).n for r in cells.values()})
    seeds = sorted({r.seeds for r in cells.values()})
    rows = []
    for learned_on in (name for name in EIGHT if any(row == name for row, _ in cells)):
        texts, others = [], []
        for network in columns:
            results = cells.get((learned_on, network))
            if results is None:
                texts.append(MISSING)
                continue
            value = 100 * comparing.fooling_ratio(results).value
            texts.append(f"**{value:.0f}**" if network == learned_on else f"{value:.0f}")
            others += [value] if network != learned_on else []
        rows.append((network_title(learned_on), *texts, f"{np.mean(others):.0f}" if others else MISSING))
    parts = [
        f"### {title}",
        f"{words} Fooling ratio in %, {_range(n)} photographs, {_range(seeds)} learning "
        f"seed{'s' if seeds[-1] > 1 else ''} (intervals of a cell: at most ±{_widest(n)} points).",
        table(("learned on", *map(network_title, columns), LAST), rows),
    ]
    several = _several(cells, columns)
    if several:
        parts += [
            "**Learned on several for a network that was never asked**: one pattern for the seven others of the "
            "eight, with 20,000 queries in all. Beside it what was learned on one network.",
            several,
        ]
    return parts


def _several(cells: Cells, columns: Sequence[str]) -> str | None:
    rows = []
    for network in columns:
        together = cells.get((left_out(network), network))
        if together is None:
            continue
        single = {
            name: comparing.fooling_ratio(cells[name, network]) for name in EIGHT if (name, network) in cells
        }
        own = single.pop(network, None)
        best = max(single, key=lambda name: single[name].value, default=None)
        mean = MISSING if not single else f"{100 * np.mean([one.value for one in single.values()]):.0f} %"
        rows.append(
            (
                network_title(network),
                percent(comparing.fooling_ratio(together), n=True),
                mean,
                MISSING if best is None else f"{percent(single[best])} ({network_title(best)})",
                MISSING if own is None else percent(own),
            )
        )
    head = ("shown to", "learned on the seven others", "on one other: mean", "… the best", "on itself")
    return table(head, rows) if rows else None


def _dictionaries(what: str, cells: Cells) -> list[str]:
    title, words = WORDS[what]
    columns = [name for name in NINE if any(column == name for _, column in cells)]
    n = sorted({comparing.success_rate(r).n for r in cells.values()})
    rows = []
    names = [name for name in NINE if any(row == name for row, _ in cells)]
    for learned_on in (*names, OTHERS, SHUFFLED):
        texts = []
        for network in columns:
            results = cells.get((learned_on, network))
            if results is None:
                texts.append(MISSING)
                continue
            within = [100 * comparing.success_within(results, q).value for q in (1, TRIED)]
            text = " / ".join(MISSING if math.isnan(value) else f"{value:.0f}" for value in within)
            texts.append(f"**{text}**" if network == learned_on else text)
        if any(text != MISSING for text in texts):
            rows.append((network_title(learned_on), *texts))
    return [
        f"### {title}",
        f"{words} *{OTHERS}*: what the package does for this network; *{SHUFFLED}*: a random order for each "
        f"photograph. Success in %, within 1 / {TRIED} showings and no search, {_range(n)} photographs that were "
        f"right before (intervals of a cell: at most ±{_widest(n)} points).",
        table(("ordered by", *map(network_title, columns)), rows),
    ]


def _range(values: Sequence[int]) -> str:
    return str(values[0]) if values[0] == values[-1] else f"{values[0]}–{values[-1]}"


def _widest(n: Sequence[int]) -> str:
    """Half of the widest 95 % interval of a share of the fewest photographs, in points."""
    return f"{100 * 0.98 / math.sqrt(max(n[0], 1)):.0f}"
