"""The section on fooling images: how often a class is reached, with how many queries, and beside what."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from deepception.statistics import Interval

from . import comparing
from .comparing import Results
from .fooling import CLASSES, QUERIES, THRESHOLD
from .fooling_rows import METHODS, OURS, PLAIN, SCRAMBLED, Rows
from .settings import NINE
from .tables import MISSING, break_even, network_title, p_value, percent, queries, table

Found = Mapping[tuple[str, str], tuple[Results, Results]]
"""By network and method: to the threshold, and to the first answer that is the class, which the image has kept."""


def fooling_section(rows: Sequence[Rows]) -> str | None:
    """The section; ``None`` where nothing is measured."""
    found = _found(rows)
    networks = [n for n in NINE if any((n, method) in found for method in METHODS)]
    if not networks:
        return None
    reached = [(network_title(n), *_row(found, n)) for n in networks]
    learned = [(network_title(n), *_plain(found, n)) for n in networks if (n, PLAIN) in found]
    compared = [(network_title(n), *_beside(found, n)) for n in networks if (n, SCRAMBLED) in found]
    parts = [
        "## Fooling images",
        f"For {CLASSES} classes drawn at random, a canvas of repeated patches that is to be recognised as the "
        f"class with a probability of {THRESHOLD:g} or above, within {QUERIES:,} queries. The patches are crops "
        "and thumbnails of photographs of the learn split, without the class and its near-synonyms, plain colours "
        "and gratings. What each of them answers alone is learned before, one query a patch, once for all "
        "classes: *learning*, which is on top. The saved image, read again and shown alone, decides. n counts "
        "classes; a median counts a class that was not reached as more than the budget.",
        table(
            (
                "network",
                "n",
                f"≥ {THRESHOLD:g}, % of classes",
                "top-1, %",
                "median queries to top-1",
                f"median queries to ≥ {THRESHOLD:g}",
                "learning, for all classes",
            ),
            reached,
        ),
    ]
    if learned:
        parts += [
            "**Beside the search without learning**, which screens some patches for each class: same bank, same "
            "budget. *Break-even*: classes after which the learning is paid for by the queries that it saves.",
            table(
                (
                    "network",
                    "n",
                    f"without: ≥ {THRESHOLD:g}, %",
                    "without: top-1, %",
                    f"without: median to ≥ {THRESHOLD:g}",
                    "only ours : only without",
                    "p",
                    "break-even",
                ),
                learned,
            ),
        ]
    if compared:
        parts += [
            "**Beside the control**: the same learning, search, bank and budget with every patch scrambled, so "
            "that it keeps colours and spatial frequencies and shows nothing. p is McNemar's exact test of the "
            "classes that only one of the two reaches.",
            table(
                (
                    "network",
                    "n",
                    f"scrambled: ≥ {THRESHOLD:g}, %",
                    "scrambled: top-1, %",
                    f"scrambled: median to ≥ {THRESHOLD:g}",
                    "only ours : only scrambled",
                    "p",
                ),
                compared,
            ),
        ]
    return "\n\n".join(parts)


def fooling_rates(rows: Sequence[Rows]) -> dict[str, Interval]:
    """By network, the share of the classes that ours reaches, for the table of targets."""
    found = _found(rows)
    return {n: comparing.success_rate(found[n, OURS][0]) for n in NINE if (n, OURS) in found}


def _found(rows: Sequence[Rows]) -> Found:
    """All seeds on the classes that all of them have."""
    groups: dict[tuple[str, str], list[Rows]] = {}
    for one in rows:
        if one.made:
            groups.setdefault((one.network, one.method), []).append(one)
    return {key: (_results(seeds, "first"), _results(seeds, "first_top1")) for key, seeds in groups.items()}


def _results(seeds: Sequence[Rows], column: str) -> Results:
    shared = sorted(set.intersection(*(set(one.made) for one in seeds)))
    made = [[(index, one.made[index]) for index in shared] for one in seeds]
    shape = (len(seeds), len(shared))

    def values(name: str) -> comparing.Floats:
        read = [
            [getattr(one, name) if one.first or one.top1 == index else None for index, one in row]
            for row in made
        ]
        floats = [[math.inf if value is None else float(value) for value in row] for row in read]
        return np.array(floats, np.float64).reshape(shape)

    return Results(
        method=seeds[0].method,
        queries=int(seeds[0].facts["queries"]),
        learning=float(np.mean([one.learning for one in seeds])),
        index=np.array(shared, np.int64),
        correct=np.ones(len(shared), bool),  # every class counts
        first=values(column),
        total=np.array([[one.total for _, one in row] for row in made], np.float64).reshape(shape),
        used=np.full(shape, np.nan),
        fingerprint=str(seeds[0].facts["fingerprint"]),
    )


def _row(found: Found, network: str) -> tuple[str, ...]:
    if (network, OURS) not in found:
        return (MISSING,) * 6
    sure, any_ = found[network, OURS]
    return (
        str(sure.index.size),
        percent(comparing.success_rate(sure)),
        percent(comparing.success_rate(any_)),
        queries(comparing.median_queries(any_), sure.queries),
        queries(comparing.median_queries(sure), sure.queries),
        f"{sure.learning:,.0f}",
    )


def _beside(found: Found, network: str, method: str = SCRAMBLED) -> tuple[str, ...]:
    sure, any_ = found[network, method]
    figures = (
        percent(comparing.success_rate(sure)),
        percent(comparing.success_rate(any_)),
        queries(comparing.median_queries(sure), sure.queries),
    )
    compared = _against(found, network, method)
    if compared is None:
        return (str(sure.index.size), *figures, MISSING, MISSING)
    pair = f"{compared.ours_only} : {compared.theirs_only}"
    return (str(compared.n), *figures, pair, p_value(compared.p))


def _plain(found: Found, network: str) -> tuple[str, ...]:
    compared = _against(found, network, PLAIN)
    paid = MISSING if compared is None else break_even(compared.break_even)
    return (*_beside(found, network, PLAIN), paid)


def _against(found: Found, network: str, method: str) -> comparing.Against | None:
    ours = found.get((network, OURS))
    return None if ours is None else comparing.against(ours[0], found[network, method][0])
