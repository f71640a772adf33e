"""What a comparison says of each run on its own: the run's own figures, as its report has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...properties.bounds import only_bounds, touches_limit
from .alike import ACCURACY, DECEPTION
from .measures import COLUMNS
from .runs import Compared

Entry = dict[str, Any]


def about(run: Compared) -> Entry:
    """What a run is, JSON values."""
    results = run.results
    observer, cost = results["observer"], results.get("cost", {})
    return {
        "key": run.key,
        "folder": run.run.name,
        "observer": observer["name"],
        "fingerprint": run.fingerprint,
        "version": results["version"],
        "setting": run.settings.get("setting"),
        "seed": results["seed"],
        "answers": run.told,
        "scale": run.scale,
        "frame": list(run.settings["frame"]),
        "photographs": len(run.photographs),
        "labelled": sum(bool(p["labelled"]) for p in run.photographs.values()),
        "properties": [name for name, summary in results["properties"].items() if summary["rows"]],
        "complete": run.complete,
        "pending": run.run.pending,
        "failures": run.failed,
        "queries": cost.get("queries"),
        "warnings": list(results.get("warnings", ())),
    }


def own_figures(run: Compared, measure: str) -> Entry:
    """The run's own figures of a measure, over all of its own photographs, JSON values."""
    if measure == ACCURACY:
        accuracy = run.results["accuracy"]
        return {"key": run.key, "top1": accuracy["top1"], "top5": accuracy["top5"]}
    summary = run.results["properties"][measure]
    return {"key": run.key} | (
        _deception(summary["figures"]) if measure == DECEPTION else _property(measure, summary)
    )


def _property(measure: str, summary: Mapping[str, Any]) -> Entry:
    """The headline of a property, and whether it holds."""
    headline = summary["headline"]
    if headline is None:
        reason = " ".join(summary["open_questions"]) or "nothing was measured"
        return dict.fromkeys(("effect", "control", "difference", "unselected", "holds", "p")) | {
            "touches_limit": False,
            "only_bounds": False,
            "control_only_bounds": False,
            "best_control": "",
            "reason": reason,
            "unit": "",
        }
    best, rows = headline["best_control"], summary["rows"]
    column = COLUMNS[measure].effect if measure in COLUMNS else ""
    return {
        "touches_limit": touches_limit(rows, column, headline["value"]["value"]),
        "only_bounds": only_bounds(measure, rows),
        "control_only_bounds": bool(best) and only_bounds(measure, rows, best),
        "effect": headline["value"],
        "best_control": best,
        "control": headline["controls"].get(best),
        "difference": headline["difference"],
        "unselected": headline["unselected"],
        "holds": headline["holds"],
        "p": headline["p"],
        "reason": headline["reason"],
        "unit": headline["unit"],
    }


def _deception(figures: Mapping[str, Any]) -> Entry:
    """The three rates, the best control, and the queries."""
    asked, margin = figures["queries"], figures["margin"]
    return {
        "bound": figures["bound"],
        "goal": figures["goal"],
        "budget": asked["budget"],
        **{name: figures[name] for name in ("fooling_ratio", "success_rate", "robust_error")},
        "best_control": None if margin is None else margin["control"],
        "control": None if margin is None else figures["controls"][margin["control"]]["fooling_ratio"],
        "margin": margin,
        "queries": {
            "value": asked["median"],
            "low": asked["median_interval"][0],
            "high": asked["median_interval"][1],
            "n": asked["n"],
        },
        "learned": None if figures.get("learned") is None else figures["learned"]["facts"].get("observer"),
    }
