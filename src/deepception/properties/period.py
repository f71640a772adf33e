"""The period of an observer: how often its answer repeats as a patch moves, from answers alone (METHODS §2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..statistics import PeriodFit, find_period
from ..stimuli import Stimuli, crop
from .backdrops import make_backdrops
from .fading import MOST_QUERIES
from .result import Result
from .showing import Showing
from .streams import stream, stream_seed
from .subject import ImageLike, open_subject

if TYPE_CHECKING:
    from ..sessions import Session

# METHODS §2: the period is judged over at least this many photographs.
PHOTOGRAPHS = 12


@dataclass(frozen=True)
class PeriodParameters:
    """How the period is measured.

    Attributes:
        patch: Side of the patch as a fraction of the frame's shorter side.
        canvas: Name of the canvas.
        photographs: Photographs that are used; 0 leaves the period unmeasured.
    """

    patch: float = 1 / 7
    canvas: str = "grey"
    photographs: int = PHOTOGRAPHS


@dataclass(frozen=True, eq=False)
class PeriodRows(Result):
    """One photograph's rows: a patch moved in one-pixel steps along x and along y.

    Attributes:
        rows: float64 ``[2, S − P + 1]``, ℓ_c in decades (minus the threshold in points from labels alone) along
            x, then along y; a non-square frame's longer row is cut to the shorter.
        patch: Side of the patch in pixels.
    """

    axes: ClassVar[dict[str, tuple[str, ...]]] = {"rows": ("axis", "offset")}

    rows: NDArray[np.float64]
    patch: int

    def summary(self) -> dict[str, Any]:
        """The spread of each row."""
        return {"spread_x": float(np.ptp(self.rows[0])), "spread_y": float(np.ptp(self.rows[1]))}


def patch_side(shape: tuple[int, int], fraction: float) -> int:
    """Side in pixels of a patch that is ``fraction`` of the shorter side, at least 1."""
    return max(1, round(min(shape) * fraction))


def measure_period_rows(
    session: Session,
    image: ImageLike,
    label: int | str | None = None,
    *,
    parameters: PeriodParameters | None = None,
    seed: int = 0,
) -> PeriodRows:
    """Move one random patch of the photograph along a row and along a column, pixel by pixel."""
    parameters = parameters or PeriodParameters()
    before = session.answered
    subject = open_subject(session, image, label)
    height, width = shape = session.observer.frame.shape
    side = patch_side(shape, parameters.patch)
    rng = stream(seed, subject.sha256, "period")
    cut_y, cut_x = rng.integers(height - side + 1), rng.integers(width - side + 1)
    patch = crop(subject.pixels, int(cut_y), int(cut_x), side, side, source=subject.name)
    at_y, at_x = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    canvas = make_backdrops(shape, (parameters.canvas,), seed=seed)
    showing = Showing()
    length = min(shape) - side + 1
    offsets = np.arange(length)
    for name, y, x in (("along x", at_y, offsets), ("along y", offsets, at_x)):
        showing.add(name, Stimuli.single(canvas.pixels, [patch], background=0, patch=0, y=y, x=x), (length,))
    views = showing.ask(session, [subject.label], "period", subject)
    return PeriodRows(
        name=subject.name,
        sha256=subject.sha256,
        label=subject.label,
        queries=session.answered - before,
        rows=np.stack([views["along x"].values[:, 0], views["along y"].values[:, 0]]),
        patch=side,
    )


def judge_period(rows: list[PeriodRows], *, seed: int = 0) -> PeriodFit:
    """Judge the period over photographs; at least 12 are needed, else ``period`` is ``None``."""
    if not rows:
        none = np.empty(0)
        return PeriodFit(None, none.astype(np.int64), none, none, (), 1.0, (), 0, "no photograph was shown")
    return find_period(np.stack([r.rows for r in rows]), seed=stream_seed(seed, "period"))


def period_price(parameters: PeriodParameters, shape: tuple[int, int], *, labels_only: bool = False) -> int:
    """Exact queries of one photograph, its label given; from labels alone an upper bound."""
    showings = 2 * (min(shape) - patch_side(shape, parameters.patch) + 1)
    return showings * (MOST_QUERIES if labels_only else 1)
