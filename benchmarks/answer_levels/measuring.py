"""Measuring one photograph at one answer level: the four properties, with the patch that full knowledge chose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.deception.photographs import choose
from deepception.observers import Observer, open_observer, restrict
from deepception.properties import (
    LocalResult,
    Result,
    Subject,
    measure_activation,
    measure_cumulative,
    measure_local,
    measure_spatial,
    open_subject,
)
from deepception.properties.result import jsonable
from deepception.properties.summaries import activation_row, cumulative_row, local_row, spatial_row
from deepception.sessions import Session

from .settings import FULL, PROPERTIES, Level, parameters

_ROWS: Any = {
    "local": local_row,
    "spatial": spatial_row,
    "activation": activation_row,
    "cumulative": cumulative_row,
}
# What summaries do not need, and what is long.
_LEFT_OUT = ("variances", "rates", "patch")


@dataclass(frozen=True)
class Chosen:
    """The photographs of one network.

    Attributes:
        subjects: Those that are measured.
        pool: Photographs whose crops are controls.
    """

    subjects: list[Subject]
    pool: list[Subject]


def open_network(folder: Path, network: str, threads: int | None) -> Observer:
    """A network of the data folder."""
    options: dict[str, Any] = {} if threads is None else {"threads": threads}
    return open_observer(str(folder / "models" / f"{network}.onnx"), **options)


def choose_photographs(observer: Observer, folder: Path, count: int) -> Chosen:
    """The first photographs of the develop split, evenly spread, that the network answers right.

    From labels alone a photograph that is answered wrong has no threshold. The others are the pool.
    """
    spread = choose(folder / "photos", "develop", count * 3)
    with Session(observer, batch_size=observer.fixed_batch or 1) as session:
        subjects = [open_subject(session, path, index) for index, path in spread]
        tops = [int(session.ask_images(s.pixels[None], [0]).top[0, 0]) for s in subjects]
    right = [s for s, top in zip(subjects, tops, strict=True) if top == s.label][:count]
    if len(right) < count:
        raise SystemExit(f"{observer.name} answers only {len(right)} of {len(subjects)} photographs right.")
    return Chosen(right, [s for s in subjects if s not in right])


def measure_photograph(
    observer: Observer, level: Level, subject: Subject, pool: Sequence[Subject], local: LocalResult | None
) -> tuple[dict[str, Any], LocalResult]:
    """Everything about one photograph at one level, JSON values.

    Args:
        observer: The whole observer; it is restricted here.
        level: The answer level.
        subject: The photograph.
        pool: Photographs whose crops are controls.
        local: What full knowledge found, whose patches are used; ``None``: that is what is measured now.

    Returns:
        The entry, and the local result with full knowledge.
    """
    design = parameters(level)
    with Session(restrict(observer, level.knowledge), batch_size=16) as session:
        asked: dict[str, Any] = {"seed": level.seed}
        made: dict[str, Result] = {
            "local": measure_local(session, subject, parameters=design["local"], **asked)
        }
        chosen = made["local"] if local is None else local
        assert isinstance(chosen, LocalResult)
        asked |= {
            "patch": chosen.patch(subject.pixels),
            "random_patch": chosen.random_patch(subject.pixels, 0),
        }
        for name, measure in (("spatial", measure_spatial), ("activation", measure_activation)):
            made[name] = measure(  # type: ignore[operator]
                session, subject, parameters=design[name], crops_from=pool, **asked
            )
        made["cumulative"] = measure_cumulative(session, subject, parameters=design["cumulative"], **asked)
        queries = session.queries
    return {"queries": queries, "maps": maps_of(made), "rows": rows_of(made)}, chosen


def maps_of(made: dict[str, Any]) -> dict[str, list[float]]:
    """The maps whose ranks are compared, to six digits."""
    found = {
        "sufficiency": made["local"].map,
        "necessity": made["local"].necessity_map,
        "spatial": made["spatial"].map,
        "activation": made["activation"].map,
        "doses": np.median(made["cumulative"].copies.mean(axis=1), axis=0),
    }
    return {name: [float(f"{v:.6g}") for v in values] for name, values in found.items()}


def rows_of(made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The row of each property, from which its verdict is made again."""
    rows = {name: jsonable(_ROWS[name](made[name], [])) for name in PROPERTIES}
    return {
        name: {k: _shorter(v) for k, v in row.items() if k not in _LEFT_OUT} for name, row in rows.items()
    }


def _shorter(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {k: _shorter(v) for k, v in value.items() if k not in _LEFT_OUT}
    if isinstance(value, list):
        return [_shorter(v) for v in value]
    return value


def full_first(levels: Iterable[str]) -> list[str]:
    """The levels with full knowledge before the others, as its patch is needed by all."""
    return sorted(levels, key=lambda name: name != FULL)
