"""Studies: observers x photographs x experiments, on the workers of an engine, resumed wherever they ended."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import STUDY_NAME, Study
    from .course import RunEnd, StudyRun
    from .driver import StudyEnd, conduct
    from .preparing import Prepared
    from .status import STATUS, read_status

__all__ = [
    "STATUS",
    "STUDY_NAME",
    "Prepared",
    "RunEnd",
    "Study",
    "StudyEnd",
    "StudyRun",
    "conduct",
    "read_status",
]

_PLACES = {
    "STATUS": "status",
    "STUDY_NAME": "api",
    "Prepared": "preparing",
    "RunEnd": "course",
    "Study": "api",
    "StudyEnd": "driver",
    "StudyRun": "course",
    "conduct": "driver",
    "read_status": "status",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_PLACES[name]}", __name__), name)
