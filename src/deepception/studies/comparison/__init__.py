"""Comparison: runs side by side, paired by photograph (METHODS §0). No observer is asked anything.

Only what was measured alike is set side by side; what cannot be compared is named, with the reason.
"""

from __future__ import annotations

from .comparing import SCHEMA, compare
from .figures import Figure, find_figures, read_figures
from .runs import Compared, Run, gather

__all__ = ["SCHEMA", "Compared", "Figure", "Run", "compare", "find_figures", "gather", "read_figures"]
