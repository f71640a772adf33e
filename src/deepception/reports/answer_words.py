"""What the observer tells, in a few words: how many classes, which scores, how fine (DESIGN, "Answers")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..observers.labels import BACKGROUND
from .claims import CLAIMS
from .wording import as_float, whole

_FINEST = 1e-6  # finer steps are those of number formats
_COARSEST_FRACTION = 65_536


def answers_fact(results: Mapping[str, Any]) -> tuple[str, str, str]:
    """The fact about answers on a page: its name, what is told, and a remark, from the results of a run."""
    observer, settings = results["observer"], results["settings"]
    knowledge = str(observer["identity"].get("knowledge") or "")
    level, _, rounded = (knowledge or str(observer.get("level") or "scores")).partition("@")
    labels_only = settings.get("answers") == "label" or level == "label"
    remarks = [_outputs(settings.get("labels", ()))]
    if labels_only:
        measured = any(name in CLAIMS for name in results["properties"])
        remarks += ["thresholds in points of opacity instead of scores"] if measured else []
        return "Answers", "labels only", "; ".join(filter(None, remarks))
    if level.startswith("top-"):
        level = _listed(level.removeprefix("top-"), observer["identity"])
    step = as_float(observer.get("resolution"))
    if rounded:
        remarks.append(f"rounded to {step_words(float(rounded))}")
    elif step is not None and step > _FINEST:
        remarks.append(f"in steps of {step_words(step)}")
    return "Answers", level, "; ".join(filter(None, remarks))


def step_words(step: float) -> str:
    """A step as a person writes it: ``"1/256"``, ``"0.01"``."""
    parts = 1 / step
    whole_parts = abs(parts - round(parts)) < 1e-3 and parts <= _COARSEST_FRACTION
    return f"1/{round(parts)}" if whole_parts and len(f"{step:.12g}") > 6 else f"{step:.4g}"


def _listed(count: str, identity: Mapping[str, Any]) -> str:
    """How many of the best classes are listed, from a number or from what the endpoint's protocol says."""
    if not count.isdigit():
        described = identity.get("answer")
        told = described.get("level", "") if isinstance(described, Mapping) else ""
        count = str(identity.get("k") or str(told).removeprefix("top-"))
    if not count.isdigit() or count == "0":
        return "the best classes, as many as the endpoint sends" if _remote(identity) else "the best classes"
    return "the best class" if count == "1" else f"the best {count} classes"


def _remote(identity: Mapping[str, Any]) -> bool:
    return identity.get("adapter") == "http" or "address" in identity


def _outputs(labels: Any) -> str:
    """How many classes there are, and whether the first is a background."""
    if not labels:
        return ""
    background = ", a background first" if str(labels[0]).casefold() == BACKGROUND else ""
    return f"{whole(len(labels))} classes{background}"
