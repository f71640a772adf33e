"""What was measured alike: which settings differ, and which runs may be set side by side for a measure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ...deceive.bounds import read_bound
from ...properties import with_needs
from .runs import Compared

Values = dict[str, Any]
DECEPTION = "deception"
ACCURACY = "accuracy"

# What decides how hard a deception is; its controls are none of that.
_DECEPTION = ("target", "queries", "prune", "universal", "learn_queries", "applied")


def differences(runs: Sequence[Compared]) -> list[dict[str, Any]]:
    """The settings in which runs differ: ``{name, values}``, a value for each run (``None``: it has none)."""
    flat = {run.key: _named(run) for run in runs}
    names = list(dict.fromkeys(name for values in flat.values() for name in values))
    found = []
    for name in names:
        values = {key: _text(known.get(name)) for key, known in flat.items()}
        measured = [key for key, known in flat.items() if name in known]
        if len({values[key] for key in measured}) > 1:
            found.append({"name": name, "values": values})
    return found


def same_measurement(run: Compared, measure: str) -> Values:
    """What must be equal for figures of a measure to be compared at all, by name."""
    told: Values = {"what is told of the answers": run.told, "as is": run.settings.get("as_is")}
    if measure == ACCURACY:
        return {"as is": told["as is"]}
    if measure == DECEPTION:
        return told | _deception(run.settings["parameters"].get(DECEPTION, {}))
    parameters = run.settings["parameters"]
    return told | {
        f"{name}.{key}": value
        for name in _behind(measure)
        if name in parameters
        for key, value in _flat(parameters[name]).items()
    }


def same_contest(run: Compared, measure: str) -> Values:
    """What must be equal besides for runs to be ranked, by name."""
    if measure == ACCURACY:
        return {}
    pool = [entry["sha256"] for entry in run.settings.get("pool", ())]
    return {"seed": run.results["seed"], "max pixels": run.settings.get("max_pixels"), "control pool": pool}


def unequal(values: Sequence[Values]) -> list[str]:
    """The names under which these are not all equal."""
    names = dict.fromkeys(name for known in values for name in known)
    return [name for name in names if len({_text(known.get(name)) for known in values}) > 1]


def groups(runs: Sequence[Compared], measure: str) -> list[list[Compared]]:
    """The runs that have a measure, grouped by what must be equal, in the order of their first runs."""
    found: dict[str, list[Compared]] = {}
    for run in runs:
        has = run.results["accuracy"] is not None if measure == ACCURACY else bool(run.rows(measure))
        if has:
            found.setdefault(_text(same_measurement(run, measure)), []).append(run)
    return list(found.values())


def _deception(parameters: Mapping[str, Any]) -> Values:
    """The parameters of a deception, its bound in words: ``"10/255"`` and ``"0.0393"`` are one bound."""
    known = {name: parameters.get(name) for name in _DECEPTION}
    return {"bound": str(read_bound(parameters.get("area"), parameters.get("linf"))), **known}


def _behind(measure: str) -> list[str]:
    """The property and those that it needs, whose parameters decide its figures; the period where it is used."""
    experiments = with_needs([measure])
    names = [experiment.name for experiment in experiments]
    return [*names, *(["period"] if any(e.uses_period for e in experiments) else [])]


def _named(run: Compared) -> Values:
    """Every setting of a run that another may have otherwise."""
    settings, results = run.settings, run.results
    learning = settings.get("learning")
    return {
        "setting": settings.get("setting"),
        "seed": results["seed"],
        "answers": run.told,
        "scale": run.scale,
        "as is": settings.get("as_is"),
        "max pixels": settings.get("max_pixels"),
        "version": results["version"],
        **({} if learning is None else {"learning photographs": learning.get("rule")}),
        **{
            f"{name}.{key}": value
            for name, parameters in settings["parameters"].items()
            for key, value in _told(name, parameters).items()
        },
    }


def _told(name: str, parameters: Mapping[str, Any]) -> Values:
    """The parameters of an experiment, one bound in one way however it was written."""
    if name != DECEPTION:
        return _flat(parameters)
    return {**_deception(parameters), **{k: v for k, v in parameters.items() if k not in ("area", "linf")}}


def _flat(parameters: Mapping[str, Any], prefix: str = "") -> Values:
    values: Values = {}
    for key, value in parameters.items():
        if isinstance(value, Mapping):
            values |= _flat(value, f"{prefix}{key}.")
        else:
            values[f"{prefix}{key}"] = value
    return values


def _text(value: Any) -> str:
    """A value as it is told and compared; texts without their quotation marks."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
