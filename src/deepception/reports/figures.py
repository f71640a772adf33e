"""Further figures of a property as rows of a table: what it is, the figure with interval, and n."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .claims import CLAIMS, CORRELATION, DECADES, DECADES_P, NUMBER, SHARE
from .threshold_claims import claim_of
from .wording import UNKNOWN, as_float, decimal, estimate, percent, whole

# Told elsewhere on the page, or better by the mean over photographs.
_HEADLINE = frozenset({"range", "amplitude", "slope", "period", "places"})
_MEDIAN_SHARES = frozenset(f"share_{kind}" for kind in ("activator", "inhibitor", "neutral", "undecided"))


@dataclass(frozen=True)
class FigureRow:
    """One further figure: what it is, its text, its unit and its photographs."""

    name: str
    text: str
    unit: str = ""
    n: str = ""


def further_figures(
    name: str, figures: Mapping[str, Any], scale: str = DECADES, *, bounds: bool = False
) -> list[FigureRow]:
    """The figures of one of the four properties in the order of their wording; those of others as they come.

    ``bounds`` says that the property's values are bounds on every photograph: equal figures then say no more.
    """
    if name not in CLAIMS:
        return [row for key, value in figures.items() for row in _generic(key, value)]
    claim = claim_of(name, scale)
    rows = [
        row
        for key, (words, unit) in claim.figures.items()
        if key in figures and words
        for row in [_worded(words, scale if unit == DECADES else unit, figures[key], bounds)]
        if not (scale != DECADES and (unit == DECADES_P or figures[key] is None))
    ]
    for key, words in claim.kinds.items():
        rows += _kinds(words, figures.get(key) or {})
    known = {*claim.figures, *claim.kinds, *_HEADLINE, *_MEDIAN_SHARES}
    rows += [row for key, value in figures.items() if key not in known for row in _generic(key, value)]
    return rows


def _worded(words: str, unit: str, value: Any, bounds: bool) -> FigureRow:
    if value is None:
        # A map of bounds has been measured: it ranks nothing.
        return FigureRow(words, "not told: bounds only" if bounds and unit == CORRELATION else "not measured")
    if isinstance(value, Mapping) and "count" in value:
        return _share(words, value)
    shown = "" if unit in (SHARE, CORRELATION, NUMBER) else unit
    if isinstance(value, Mapping):
        measured = unit in (SHARE, NUMBER)  # of showings or photographs, counted
        text = estimate(value, share=unit == SHARE, bounds=bounds and not measured)
        return FigureRow(words, text, shown, whole(value.get("n")))
    return FigureRow(words, percent(value) if unit == SHARE else decimal(value), shown)


def _share(words: str, value: Mapping[str, Any]) -> FigureRow:
    return FigureRow(
        words,
        f"{whole(value['count'])} of {whole(value['n'])}: {estimate(value, share=True)}",
        "",
        whole(value["n"]),
    )


def _kinds(words: str, groups: Mapping[str, Any]) -> Iterator[FigureRow]:
    """One row for each kind of a grouped count; kinds that never occur are left out where others do."""
    counts = {k: v["count"] if isinstance(v, Mapping) else v for k, v in groups.items() if v is not None}
    for kind, value in groups.items():
        if value is None or (not counts[kind] and any(counts.values()) and kind == "mixed"):
            continue
        label = f"{words} {kind}" if words.endswith(("are", ",")) else f"{words}: {_kind(kind)}"
        if isinstance(value, Mapping):
            yield _share(label, value)
        else:
            yield FigureRow(label, f"{whole(value)} of {whole(sum(counts.values()))}")


def _kind(kind: str) -> str:
    """The kinds of thresholds in words; everything else as it is."""
    return {
        "fit": "fitted",
        "> N": "not up to the largest number shown",
        "< 1": "before the first copy",
        "none": "no turn",
    }.get(kind, kind)


def _generic(key: str, value: Any) -> Iterator[FigureRow]:
    words = key.replace("_", " ")
    if isinstance(value, Mapping) and "count" in value and "n" in value:
        yield _share(words, value)
    elif isinstance(value, Mapping) and "value" in value:
        yield FigureRow(words, estimate(value), "", whole(value.get("n")))
    elif isinstance(value, Mapping):
        for inner, content in value.items():
            for row in _generic(str(inner), content):
                yield FigureRow(f"{words}: {row.name}", row.text, row.unit, row.n)
    elif isinstance(value, bool):
        yield FigureRow(words, "yes" if value else "no")
    elif isinstance(value, (list, tuple)):
        yield FigureRow(words, ", ".join(_plain(v) for v in value[:20]) or UNKNOWN)
    else:
        yield FigureRow(words, _plain(value))


def _plain(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return whole(value)
    return (
        decimal(value)
        if as_float(value) is not None and not isinstance(value, str)
        else str(value or UNKNOWN)
    )
