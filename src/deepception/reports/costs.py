"""What a run has cost, among the facts at the top of a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..sessions import amount
from .wording import counted, duration, whole


def cost_facts(cost: Mapping[str, Any], remark: str = "") -> list[tuple[str, str, str]]:
    """Queries, what was charged where a price was stated, and time: name, figure, and a remark.

    Args:
        cost: What ``results.json`` says under ``cost``.
        remark: More about the queries.
    """
    sent = counted(int(cost["transmissions"]), "transmission")
    cached = int(cost.get("cached", 0))
    known = f"and {counted(cached, 'answer')} from the cache, counted below as well" if cached else ""
    facts = [("Queries", whole(cost["queries"]), "; ".join(part for part in (known, remark, sent) if part))]
    if "charged" in cost:
        facts.append(("Charged", amount(float(cost["charged"])), f"for {sent}"))
    return [*facts, ("Time", duration(cost["seconds"]), "spent on measuring")]


def asked_word(cost: Mapping[str, Any]) -> str:
    """What a measurement took, in one word: with answers from a cache among them, not all were queries."""
    return "answers" if cost.get("cached") else "queries"
