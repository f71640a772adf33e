"""How the share that a random search changes shrinks with the budget."""

from __future__ import annotations

from collections.abc import Sequence


def share(begin: float, passed: float, divisors: Sequence[tuple[float, float]]) -> float:
    """The share at the start divided by what stands beside the first limit that ``passed`` does not exceed."""
    return begin / next((divisor for limit, divisor in divisors if passed <= limit), divisors[-1][1])
