"""A comparison as text: Markdown, and the summary of the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..studies.comparison.alike import DECEPTION
from .comparison_tables import (
    Document,
    Table,
    agreement_table,
    alike_words,
    differences_table,
    glance_table,
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
    settings_sentence,
)
from .wording import estimate, printable

# What Markdown would read as something else than text.
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")


def markdown(document: Document) -> str:
    """The whole comparison as Markdown; names are escaped."""
    return printable("\n".join(_markdown(document)))


def summary_lines(document: Document) -> list[str]:
    """The comparison in a few lines of plain text."""
    told = [lead(document), *banners(document), photographs_sentence(document), settings_sentence(document)]
    for measure in document["measures"]:
        told.append("")
        told.append(f"{measure_title(measure['measure'])}: {outcome_of(measure)}")
        for table, reason in observers_tables(document, measure):
            if measure["measure"] == DECEPTION:
                told.append(f"  {table.caption}")
            told += [f"  {line}" for line in _columns(_short(table))]
            if reason:
                told.append(f"  {reason}")
    for maps in document["agreement"]:
        told += ["", f"Same places, {measure_title(maps['measure']).lower()} maps (rank correlation):"]
        for pair in maps["pairs"]:
            figures = f"{estimate(pair['same'])}, of other photographs {estimate(pair['other'])}"
            told.append(f"  {pair['first']} and {pair['second']}: {figures}; {alike_words(pair)}")
    for matrix in document["transfer"]:
        table = transfer_table(matrix)
        told += ["", table.caption, *(f"  {line}" for line in _columns(table))]
    return [printable(line) for line in told]


def _markdown(document: Document) -> Iterator[str]:
    yield "# Observers compared"
    yield ""
    yield _escaped(lead(document))
    for banner in banners(document):
        yield ""
        yield f"> {_escaped(banner)}"
    yield ""
    yield from _table(runs_table(document))
    yield from _table(glance_table(document))
    yield "## What may be compared"
    yield ""
    yield _escaped(photographs_sentence(document))
    yield _escaped(settings_sentence(document))
    yield ""
    differences = differences_table(document)
    if differences is not None:
        yield from _table(differences)
    for measure in document["measures"]:
        yield f"## {_escaped(measure_title(measure['measure']))}"
        yield ""
        yield _escaped(outcome_of(measure))
        yield ""
        for table, reason in observers_tables(document, measure):
            yield from _table(table)
            if reason:
                yield f"{_escaped(reason)}\n"
        pairs = pairs_table(measure)
        if pairs is not None:
            yield from _table(pairs)
        for note in notes_of(measure):
            yield f"- {_escaped(note)}"
        yield ""
    yield "## Do they look at the same places?"
    yield ""
    for maps in document["agreement"]:
        yield from _table(agreement_table(maps))
    if not document["agreement"]:
        yield "No two runs have maps that can be compared.\n"
    yield "## Does what deceives one deceive another?"
    yield ""
    for matrix in document["transfer"]:
        yield from _table(transfer_table(matrix))
        if not matrix["same_photographs"]:
            yield "The cells are about different photographs.\n"
    if not document["transfer"]:
        yield f"{_escaped(HOW_TRANSFER)}\n"
    yield "## How this was made"
    yield ""
    for sentence in method_of(document):
        yield f"- {_escaped(sentence)}"
    yield ""


def _table(table: Table) -> Iterator[str]:
    yield f"{_escaped(table.caption)}:"
    yield ""
    yield _row(table.heads)
    yield _row(["---" if i == 0 or i in table.words else "--:" for i in range(len(table.heads))], plain=True)
    for i, row in enumerate(table.rows):
        cells = [f"**{_escaped(cell)}**" if table.is_strong(i) else _escaped(cell) for cell in row]
        yield _row(cells, plain=True)
    yield ""


def _row(cells: tuple[str, ...] | list[str], *, plain: bool = False) -> str:
    return f"| {' | '.join(cell if plain else _escaped(cell) for cell in cells)} |"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _short(table: Table) -> Table:
    """The same without the columns that a terminal has no room for."""
    keep = [i for i, head in enumerate(table.heads) if head not in _LONG]
    return Table(
        table.caption,
        tuple(table.heads[i] for i in keep),
        tuple(tuple(row[i] for i in keep) for row in table.rows),
    )


_LONG = frozenset(("Best control", "Success rate", "Robust error", "Among the first five"))


def _columns(table: Table) -> list[str]:
    rows = [table.heads, *table.rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.heads))]
    return ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
