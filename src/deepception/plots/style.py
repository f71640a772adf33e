"""How every plot looks: matplotlib's defaults with our settings, and nothing of the caller's."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .words import FAMILY

_STYLE: dict[str, Any] = {
    "font.family": [FAMILY],
    "text.parse_math": False,  # names of classes and files may hold a dollar sign
    "text.usetex": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "deepception",
    "svg.image_inline": True,
    "image.composite_image": False,
    "hatch.linewidth": 0.6,
    "path.simplify": False,
}


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's defaults and our style; the caller's own settings come back after."""
    import matplotlib

    unrelated = ("backend", "interactive", "toolbar", "webagg", "tk.", "timezone", "savefig.directory")
    settings: dict[Any, Any] = {
        key: value for key, value in matplotlib.rcParamsDefault.items() if not key.startswith(unrelated)
    }
    with matplotlib.rc_context(settings | _STYLE), warnings.catch_warnings():
        # A name in another script: the browser has its letters; matplotlib's own font does not.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        yield
