"""Every figure of a comparison under a name: what a table has as its rows, and a gate as its conditions."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .alike import ACCURACY, DECEPTION

PARTS = ("low", "high", "n", "p", "p_holm")
"""What a figure has besides its value, each named by a dot and one of these behind the figure's name."""


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        name: Its name, unique but for runs that repeat a transfer.
        observer: The run that it is about, or the first of two; empty for counts.
        other: The second run of a pair; else empty.
        measure: The property, ``"accuracy"``, ``"deception"``, ``"transfer"``; empty for counts.
        quantity: What it is.
        value: The figure; ``None`` where there is none.
        low: Lower end of its 95 % interval, or ``None``.
        high: Upper end.
        n: Photographs behind it.
        p: Of its test, before correction.
        p_holm: The same with Holm's correction over all tests of the comparison.
        unit: Its unit.
    """

    name: str
    observer: str
    other: str
    measure: str
    quantity: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    p: float | None = None
    p_holm: float | None = None
    unit: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    def part(self, name: str) -> float | None:
        """The value (an empty name), or one of PARTS; infinite queries where most photographs take more."""
        if not name and self.value is None and self.quantity == "queries" and self.n:
            return math.inf
        found: float | None = getattr(self, name or "value")
        return found


def read_figures(document: Mapping[str, Any]) -> list[Figure]:
    """The figures of a comparison, as they stand in it."""
    return [Figure(**values) for values in document["figures"]]


def find_figures(figures: Sequence[Figure], named: str) -> list[tuple[str, float | None]]:
    """The figures that a name means, with their values; none where there is no such figure.

    In a name ``*`` stands for anything; figures of pairs and of transfer are meant only where it begins so. After
    it may follow ``.low``, ``.high``, ``.n``, ``.p`` or ``.p_holm``.
    """
    kind = _kind(named)
    for stem, part in ((named, ""), *((named[: -len(p) - 1], p) for p in PARTS if named.endswith(f".{p}"))):
        pattern = re.compile(".*".join(map(re.escape, stem.split("*"))))
        found = [
            f for f in figures if pattern.fullmatch(f.name) and (_kind(f.name) == kind or stem == f.name)
        ]
        if found:
            return [(f"{f.name}.{part}" if part else f.name, f.part(part)) for f in found]
    return []


def _kind(name: str) -> str:
    """``"pairs"``, ``"transfer"`` or empty, by what a name begins with."""
    first = name.partition(".")[0]
    return first if first in ("pairs", "transfer") else ""


def collect_figures(document: Mapping[str, Any]) -> list[Figure]:
    """Every figure of a comparison that is made, in the order in which it is told."""
    return [
        *_counts(document),
        *(figure for measure in document["measures"] for figure in _of_measure(measure)),
        *(
            figure
            for maps in document["agreement"]
            for pair in maps["pairs"]
            for figure in _agreement(maps["measure"], pair)
        ),
        *(figure for matrix in document["transfer"] for figure in _transfer(matrix)),
    ]


def _counts(document: Mapping[str, Any]) -> Iterator[Figure]:
    runs = document["runs"]
    compared = document["tests"]
    for name, value in (
        ("runs.compared", len(runs)),
        ("runs.incomplete", sum(not run["complete"] for run in runs)),
        ("photographs.shared", document["photographs"]["shared"]),
        ("pairs.compared", compared),
        ("pairs.told_apart", document["told_apart"]),
    ):
        yield Figure(name, "", "", "", name.partition(".")[2], float(value))


def _of_measure(measure: Mapping[str, Any]) -> Iterator[Figure]:
    name = measure["measure"]
    for entry in measure["observers"]:
        key = entry["key"]
        if name == ACCURACY:
            quantities: dict[str, tuple[Any, str]] = {q: (entry[q], "share") for q in ("top1", "top5")}
        elif name == DECEPTION:
            rates = ("fooling_ratio", "success_rate", "robust_error", "control", "margin")
            quantities = {q: (entry[q], "share") for q in rates} | {"queries": (entry["queries"], "queries")}
        else:
            unit = entry["unit"]
            quantities = {q: (entry[q], unit) for q in ("effect", "control", "difference")}
            holds = None if entry["holds"] is None else {"value": float(entry["holds"])}
            quantities["holds"] = (holds, "1 or 0")
        for quantity, (figure, unit) in quantities.items():
            p = entry["p"] if quantity == "holds" else (figure or {}).get("p")
            yield _figure(f"{key}.{name}.{quantity}", (key, "", name, quantity), figure, unit, p)
    for pair in measure["pairs"]:
        keys = (pair["first"], pair["second"], name, "difference")
        label = f"pairs.{pair['first']}:{pair['second']}.{name}.difference"
        yield _figure(label, keys, pair["difference"], pair["unit"], pair["p"], pair["p_holm"])


def _agreement(measure: str, pair: Mapping[str, Any]) -> Iterator[Figure]:
    for quantity, figure in (
        ("correlation", pair["same"]),
        ("correlation_other", pair["other"]),
        ("correlation_beyond", pair["beyond"]),
    ):
        label = f"pairs.{pair['first']}:{pair['second']}.{measure}.{quantity}"
        tested = (pair["p"], pair["p_holm"]) if quantity == "correlation_beyond" else (None, None)
        keys = (pair["first"], pair["second"], measure, quantity)
        yield _figure(label, keys, figure, "rank correlation", *tested)


def _transfer(matrix: Mapping[str, Any]) -> Iterator[Figure]:
    for cell in matrix["cells"]:
        learned, shown = cell["learned_on"], cell["shown_to"]
        label = f"transfer.{matrix['kind']}.{matrix['bound']}.{learned}:{shown}.fooling_ratio"
        yield _figure(label, (learned, shown, "transfer", "fooling_ratio"), cell["fooling_ratio"], "share")


def _figure(
    label: str,
    keys: tuple[str, str, str, str],
    figure: Mapping[str, Any] | None,
    unit: str,
    p: float | None = None,
    p_holm: float | None = None,
) -> Figure:
    known = figure or {}
    n = known.get("n")
    return Figure(
        label,
        *keys,
        value=_number(known.get("value")),
        low=_number(known.get("low")),
        high=_number(known.get("high")),
        n=None if n is None else int(n),
        p=p,
        p_holm=p_holm,
        unit=unit,
    )


def _number(value: Any) -> float | None:
    """A finite number; infinite ends ("inf") are none that a table could hold."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
