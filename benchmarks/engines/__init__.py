"""What engines cost and how they scale: ``python -m benchmarks.engines``."""
