"""What the pages of this folder keep of a run: small JSON files, from which they are written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROWS = r'(?=\{"name":)'
"""A line for each photograph."""

COLUMNS = r'(?<=,)(?="\w+":[\[{])'
"""A line for each list and each group."""

CONTROL = "control: "
"""Of a kept deception: before the name of a control, the column of the query at which it deceived, if it did."""


def keep(path: Path, figures: Mapping[str, Any], lines: str = ROWS) -> None:
    """Write figures compactly, to six significant digits, with a new line wherever ``lines`` matches."""
    text = json.dumps(rounded(figures), separators=(",", ":"), allow_nan=False)
    path.write_text(re.sub(lines, "\n", text) + "\n", encoding="utf-8")


def rounded(value: Any) -> Any:
    """The same JSON with every float to six significant digits."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {k: rounded(v) for k, v in value.items()}
    return [rounded(v) for v in value] if isinstance(value, (list, tuple)) else value


def small(results: Mapping[str, Any]) -> dict[str, Any]:
    """What is committed: figures and one row a photograph, without what only this machine has."""
    settings = {k: v for k, v in results["settings"].items() if k not in ("labels", "pool")}
    return {
        "schema": results["schema"],
        "version": results["version"],
        "observer": {k: v for k, v in results["observer"].items() if k in ("name", "fingerprint")},
        "settings": settings,
        "seed": results["seed"],
        "batch_size": results["batch_size"],
        "accuracy": results["accuracy"],
        "period": {k: v for k, v in results["period"].items() if k not in ("d", "dip", "candidates")},
        "properties": results["properties"],
        "cost": results["cost"],
    }


def smaller(results: Mapping[str, Any], digest: str) -> dict[str, Any]:
    """The same of a run of a study, also of one that is not finished.

    ``digest`` is that of its settings. Rows become columns, and only what is short stays in them; photographs and
    their SHA-256 are listed once. Errors stay in the run, for they name files of one machine.
    """
    names = ("name", "sha256", "label", "correct")
    return {
        "digest": digest,
        "units": results["units"],
        "failures": [{k: f[k] for k in ("experiment", "photograph")} for f in results["failures"]],
        **small(results),
        "photographs": columns([{k: p[k] for k in names} for p in results["photographs"]]),
        "properties": {
            name: {**summary, "rows": columns([_short(row) for row in summary["rows"]])}
            for name, summary in results["properties"].items()
        },
    }


def _short(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without lists of more than two numbers, tables and what the list of photographs says."""
    known = ("sha256", "label", "unit", "file", "pattern", "controls")
    kept = {k: v for k, v in row.items() if k not in known and _is_short(v)}
    for name, control in row.get("controls", {}).items():
        kept[CONTROL + name] = control["first"] if control["reached"] else None
    return kept


def _is_short(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return len(value) <= 2 and all(isinstance(v, (int, float)) for v in value)
    return not isinstance(value, Mapping)


def columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Rows as columns; what a row lacks is ``None``."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def read_kept(path: Path) -> dict[str, Any]:
    """Figures as they were before they were kept: columns are rows again."""
    figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for summary in figures["properties"].values():
        if isinstance(summary["rows"], dict):
            summary["rows"] = _rows(summary["rows"])
    if isinstance(figures.get("photographs"), dict):
        figures["photographs"] = _rows(figures["photographs"])
    return figures


def _rows(kept: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(kept, values, strict=True)) for values in zip(*kept.values(), strict=True)]
