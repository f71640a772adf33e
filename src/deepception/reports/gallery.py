"""The table over all photographs: what each is, its clean answer, and each effect beside its control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..plots import region_field
from ..properties import LocalResult
from .claims import CLAIMS, Claim
from .deception_gallery import DeceivedCell, deceived_cell
from .drawing import mini_map, thumbnail
from .maps import region_masks
from .stored import StoredRun
from .verdicts import title_of
from .wording import decimal, probability


@dataclass(frozen=True)
class Column:
    """One property in the table's head: its title, what stands in the cells, and the control's name."""

    name: str
    title: str
    short: str
    control: str


@dataclass(frozen=True)
class Cell:
    """One property of one photograph: its effect, its control, and a mark where it is below it."""

    effect: str
    control: str
    above: bool | None


@dataclass(frozen=True)
class PhotographRow:
    """One photograph of the table; pictures are data URIs, empty where there is none."""

    name: str
    label: str
    labelled: bool
    answer: str
    probability: str
    correct: bool | None
    shown: bool
    thumbnail: str
    map: str
    cells: tuple[Cell, ...]
    deceived: tuple[DeceivedCell, ...]


def columns(results: Mapping[str, Any]) -> list[Column]:
    """The properties of the four that were measured."""
    return [
        Column(
            name, title_of(name), CLAIMS[name].short, (summary["headline"] or {}).get("best_control") or ""
        )
        for name, summary in results["properties"].items()
        if name in CLAIMS and summary["rows"]
    ]


def photograph_rows(run: StoredRun, deceptions: Sequence[str] = ()) -> list[PhotographRow]:
    """Every photograph of the run, in its order; one frame is in memory at a time.

    Args:
        run: The run.
        deceptions: Experiments whose results are deceptions.
    """
    heads = columns(run.results)
    stimuli = {n: {row["sha256"]: row for row in run.results["properties"][n]["rows"]} for n in deceptions}
    rows = {
        head.name: {row["sha256"]: row for row in run.results["properties"][head.name]["rows"]}
        for head in heads
    }
    made = []
    for photograph in run.results["photographs"]:
        clean, sha256 = photograph["clean"], photograph["sha256"]
        frame = run.frame(sha256)
        local = run.result("local", sha256) if "local" in rows else None
        made.append(
            PhotographRow(
                name=str(photograph["name"]),
                label=run.label(photograph["label"]),
                labelled=bool(photograph["labelled"]),
                answer=run.label(clean["top"][0]) if clean else "",
                probability=_said(clean["log10_p"][0]) if clean else "",
                correct=photograph["correct"],
                shown=clean is not None,
                thumbnail="" if frame is None else thumbnail(frame),
                map=_local_map(local, frame.shape[:2])
                if isinstance(local, LocalResult) and frame is not None
                else "",
                cells=tuple(_cell(head, rows[head.name].get(sha256)) for head in heads),
                deceived=tuple(deceived_cell(run, n, stimuli[n].get(sha256)) for n in deceptions),
            )
        )
    return made


def _said(log10_p: Any) -> str:
    """A probability; nothing where the observer gives only labels."""
    return "" if log10_p is None else probability(log10_p)


def _local_map(local: LocalResult, shape: tuple[int, ...]) -> str:
    known = np.where(local.bound_regions, np.nan, local.map)  # what is only a bound stays grey
    return mini_map(region_field((shape[0], shape[1]), known, local.boxes, region_masks(local)))


def _cell(head: Column, row: Mapping[str, Any] | None) -> Cell:
    if row is None:
        return Cell("not measured", "", None)
    claim = CLAIMS[head.name]
    effect = row.get(claim.effect)
    control = row.get(claim.controls[head.control]) if head.control in claim.controls else None
    above = None if effect is None or control is None else effect > control
    return Cell(_effect(row, claim), decimal(control), above)


def _effect(row: Mapping[str, Any], claim: Claim) -> str:
    return ("≥ " if row.get("range_touches_limit") else "") + decimal(row.get(claim.effect))


def photograph_line(name: str, row: Mapping[str, Any], unit: str) -> str:
    """One photograph's effect of one of the four properties beside its controls, as a line of text.

    Args:
        name: The property.
        row: One of the ``rows`` of its summary.
        unit: Unit of the figures.
    """
    claim = CLAIMS[name]
    beside = [f"{words} {decimal(row[c])}" for words, c in claim.controls.items() if row.get(c) is not None]
    return "; ".join([f"{row['name']}: {claim.short} {_effect(row, claim)} {unit}".rstrip(), *beside])
