"""The page of a comparison: one HTML document that loads nothing and runs no script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..plots import forest
from ..studies.comparison.alike import ACCURACY, DECEPTION
from .comparison_tables import (
    Document,
    Table,
    agreement_table,
    beyond,
    differences_table,
    glance_table,
    has_verdicts,
    measure_title,
    observers_tables,
    pairs_table,
    runs_table,
    transfer_table,
)
from .comparison_words import (
    HOW_TRANSFER,
    banners,
    lead,
    method_of,
    notes_of,
    outcome_of,
    photographs_sentence,
    question_of,
    settings_sentence,
)
from .drawing import Picture, picture
from .templating import environment
from .wording import as_float, decimal, or_nan, printable, whole

FEW_PAIRS = 10
"""Tables of more pairs than this are folded."""


@dataclass(frozen=True)
class MeasureSection:
    """One measure on the page.

    Attributes:
        name: Its name.
        title: Its title.
        question: What it asks.
        outcome: What comes out.
        tables: Tables of its observers, each with the sentence why it is not ranked.
        pairs: Every pair, or ``None``.
        folded: Whether the pairs are folded.
        picture: Every observer's figure with its interval, or ``None``.
        differences: Every pair's difference with its interval, or ``None``.
        notes: Who and what is left out.
    """

    name: str
    title: str
    question: str
    outcome: str
    tables: list[tuple[Table, str]]
    pairs: Table | None
    folded: bool
    picture: Picture | None
    differences: Picture | None
    notes: list[str]


@dataclass(frozen=True)
class Shade:
    """One cell of a matrix: its text, how strongly it is coloured (0 … 1), its sign, and whether it is bold."""

    text: str
    strength: float = 0.0
    negative: bool = False
    strong: bool = False


@dataclass(frozen=True)
class Matrix:
    """Correlations of maps as a matrix.

    Attributes:
        title: Which maps.
        keys: The observers.
        rows: A row of cells each; above the diagonal nothing is repeated.
        table: The same pair by pair.
    """

    title: str
    keys: list[str]
    rows: list[list[Shade]]
    table: Table


def render_comparison(document: Document) -> str:
    """The page of a comparison, from its document alone."""
    page = (
        environment()
        .get_template("comparison.html")
        .render(
            document=document,
            title=_title(document),
            lead=lead(document),
            banners=banners(document),
            facts=_facts(document),
            runs=runs_table(document),
            glance=glance_table(document),
            marks=has_verdicts(document),
            photographs=photographs_sentence(document),
            settings=settings_sentence(document),
            differences=differences_table(document),
            sections=[_section(document, measure) for measure in document["measures"]],
            matrices=[_matrix(document, maps) for maps in document["agreement"]],
            transfer=[
                (transfer_table(matrix), matrix["same_photographs"]) for matrix in document["transfer"]
            ],
            how_transfer=HOW_TRANSFER,
            method=method_of(document),
        )
    )
    return printable(page)


def _title(document: Document) -> str:
    keys = [run["key"] for run in document["runs"]]
    return " and ".join(keys) if len(keys) == 2 else f"{len(keys)} runs compared"


def _facts(document: Document) -> list[tuple[str, str, str]]:
    runs, photographs = document["runs"], document["photographs"]
    queries = sum(run["queries"] or 0 for run in runs)
    incomplete = sum(not run["complete"] for run in runs)
    return [
        ("Runs", whole(len(runs)), "" if not incomplete else f"{incomplete} not complete"),
        ("Photographs in all runs", whole(photographs["shared"]), f"of {whole(photographs['all'])}"),
        ("Paired tests", whole(document["tests"]), "Holm over all of them"),
        ("Told apart", whole(document["told_apart"]), "p (Holm) below 0.05"),
        ("Pairs of maps tested", whole(document["agreement_tests"]), "Holm over all of them"),
        ("Settings that differ", whole(len(document["differences"])), ""),
        ("Asked for these runs", whole(queries), "queries; the comparison itself asks nothing"),
    ]


def _section(document: Document, measure: Mapping[str, Any]) -> MeasureSection:
    name = measure["measure"]
    pairs = pairs_table(measure)
    return MeasureSection(
        name=name,
        title=measure_title(name),
        question=question_of(measure),
        outcome=outcome_of(measure),
        tables=observers_tables(document, measure),
        pairs=pairs,
        folded=pairs is not None and len(pairs.rows) > FEW_PAIRS,
        picture=_observers_picture(measure),
        differences=_pairs_picture(measure),
        notes=notes_of(measure),
    )


def _observers_picture(measure: Mapping[str, Any]) -> Picture | None:
    """Each observer's figure with its interval, in the order of the tables; those of one unit only."""
    name = measure["measure"]
    key = {ACCURACY: "top1", DECEPTION: "fooling_ratio"}.get(name, "difference")
    own = {entry["key"]: entry for entry in measure["observers"]}
    listed = [row["key"] for board in measure["leaderboards"] for row in board["rows"]]
    entries = [own[k] for k in dict.fromkeys([*listed, *own]) if own[k][key] is not None]
    if not entries or len({entry.get("unit") for entry in entries}) > 1:
        return None
    share = name in (ACCURACY, DECEPTION)
    controls = [entry["control"] if name == DECEPTION else None for entry in entries]
    rows = [_row(e["key"], e[key], c, share=share) for e, c in zip(entries, controls, strict=True)]
    if share:
        unit = "% of photographs"
        caption = "Each observer over its own photographs, with the 95 % interval."
        if name == DECEPTION:
            caption += " Hollow: its best control."
    else:
        unit = f"effect minus best control, {entries[0]['unit']}"
        caption = (
            "Effect minus best control of each observer over its own photographs, with the 95 % interval."
        )
    figure = forest(rows, unit=unit, control_name="best control", digits=0 if share else None)
    return picture(figure, f"compare {name}", "Observers", caption)


def _pairs_picture(measure: Mapping[str, Any]) -> Picture | None:
    """Each pair's difference with its interval; none where they are too many to be read."""
    pairs = measure["pairs"]
    if not pairs or len(pairs) > 3 * FEW_PAIRS:
        return None
    share = measure["measure"] in (ACCURACY, DECEPTION)
    rows = [_row(f"{p['first']} − {p['second']}", p["difference"], None, share=share) for p in pairs]
    unit = "difference, percentage points" if share else f"paired difference, {pairs[0]['unit']}"
    caption = (
        "The first minus the second over the photographs that both have, with the 95 % interval of each pair by "
        "itself; which pairs are told apart is decided by p (Holm)."
    )
    figure = forest(rows, unit=unit, digits=0 if share else None)
    return picture(figure, f"pairs {measure['measure']}", "Pairs", caption)


def _row(
    label: str, figure: Mapping[str, Any], control: Mapping[str, Any] | None, *, share: bool
) -> tuple[str, float, float, float, float | None]:
    scale = 100 if share else 1
    value, low, high = (scale * or_nan(figure[k]) for k in ("value", "low", "high"))
    beside = None if control is None else as_float(control["value"])
    return label, value, low, high, None if beside is None else scale * beside


def _matrix(document: Document, maps: Mapping[str, Any]) -> Matrix:
    found = {(pair["first"], pair["second"]): pair for pair in maps["pairs"]}
    named = {key for pair in found for key in pair}
    keys = [run["key"] for run in document["runs"] if run["key"] in named]
    rows = []
    for i, first in enumerate(keys):
        cells = []
        for j, second in enumerate(keys):
            pair = found.get((first, second)) if i < j else found.get((second, first))
            # Below the diagonal stands what other photographs give.
            cells.append(Shade("") if i == j or pair is None else _shade(pair, above=i < j))
        rows.append(cells)
    return Matrix(measure_title(maps["measure"]), keys, rows, agreement_table(maps))


def _shade(pair: Mapping[str, Any], *, above: bool) -> Shade:
    value = as_float(pair["same" if above else "other"]["value"])
    if value is None:
        return Shade("–")
    return Shade(decimal(value), round(min(abs(value), 1.0), 2), value < 0, above and beyond(pair))
