"""How much of what a server permits reaches it: ``python -m benchmarks.endpoints``."""
