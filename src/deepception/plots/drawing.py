"""The figure that every plot returns: matplotlib's own, which a notebook shows without pyplot."""

from __future__ import annotations

from matplotlib.figure import Figure


class Drawing(Figure):
    """A matplotlib figure; a notebook asks it for its SVG."""

    def _repr_svg_(self) -> str:
        from .export import to_svg

        return to_svg(self)
