"""``python -m deepception`` is the command ``deepception``."""

from __future__ import annotations

from .cli import main

if __name__ == "__main__":
    main()
