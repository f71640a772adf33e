"""Reports: one self-contained HTML page, made from a run folder alone.

Nothing here measures or judges: figures come from the stored results, pictures from the stored arrays.
"""

from __future__ import annotations

from .page import render_report, write_report
from .stored import StoredRun, read_run
from .verdicts import Verdict, judge

__all__ = ["StoredRun", "Verdict", "judge", "read_run", "render_report", "write_report"]
