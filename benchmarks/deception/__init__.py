"""Deceiving: ours beside baselines on the same networks, photographs, bounds and budgets."""
