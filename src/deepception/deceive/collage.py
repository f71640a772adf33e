"""Collages: a canvas on which one patch is repeated everywhere, and layers of repeated patches upon it.

A collage is described, as every stimulus is, and rendered when it is shown. ``Changes`` draws its neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..stimuli import Patch, Stimuli, render
from ..stimuli.patches import UInt8
from .bank import Bank

PLACEMENTS = 64
"""Most placements upon the repeated patch."""

# Ranges of a layer's tones; most layers keep the patch as it is.
_OPACITY, _CONTRAST, _BRIGHTNESS = (0.25, 1.0), (0.6, 1.5), 50.0
_MOST_ROWS = 4


@dataclass(frozen=True)
class Layer:
    """Copies of one patch in a lattice.

    Attributes:
        patch: Its index in the bank.
        y: Top row of the first copy, pixels.
        x: Left column of the first copy, pixels.
        rows: Copies from top to bottom.
        columns: Copies from left to right.
        step_y: Pixels from one copy to the next below.
        step_x: Pixels from one copy to the next on the right.
        opacity: 0…1.
        contrast: Factor about the patch's mean colour.
        brightness: Grey levels that are added.
    """

    patch: int
    y: int
    x: int
    rows: int = 1
    columns: int = 1
    step_y: int = 1
    step_x: int = 1
    opacity: float = 1.0
    contrast: float = 1.0
    brightness: float = 0.0

    @property
    def copies(self) -> int:
        """Placements of it."""
        return self.rows * self.columns

    def fitted(self, patch: Patch, shape: tuple[int, int]) -> Layer:
        """The layer with as many of its copies as the frame has room for, moved into it."""
        place = {}
        for side, extent, at, count, step in (
            (shape[0], patch.shape[0], "y", "rows", "step_y"),
            (shape[1], patch.shape[1], "x", "columns", "step_x"),
        ):
            room = side - extent
            place[step] = max(1, getattr(self, step))
            place[count] = min(getattr(self, count), 1 + room // place[step])
            place[at] = min(max(getattr(self, at), 0), room - (place[count] - 1) * place[step])
        return replace(self, **place)


@dataclass(frozen=True)
class Collage:
    """A canvas of repeated patches.

    Attributes:
        ground: Index of the patch that is repeated over the whole frame.
        phase: (y, x) by which that repetition is moved, pixels.
        layers: What lies upon it, later ones over earlier ones.
    """

    ground: int
    phase: tuple[int, int] = (0, 0)
    layers: tuple[Layer, ...] = ()

    @property
    def placements(self) -> int:
        """Placements upon the ground."""
        return sum(layer.copies for layer in self.layers)

    def copies(self, bank: Bank) -> dict[int, int]:
        """Copies of each patch that is used, those of the ground included, by its index."""
        height, width = bank.patches[self.ground].shape
        counts = {self.ground: math.ceil(bank.shape[0] / height) * math.ceil(bank.shape[1] / width)}
        for layer in self.layers:
            counts[layer.patch] = counts.get(layer.patch, 0) + layer.copies
        return counts

    def describe(self, bank: Bank) -> Stimuli:
        """The one described stimulus."""
        used = sorted({layer.patch for layer in self.layers})
        rows = [
            (
                used.index(layer.patch),
                layer.y + row * layer.step_y,
                layer.x + column * layer.step_x,
                layer.opacity,
                layer.contrast,
                layer.brightness,
            )
            for layer in self.layers
            for row in range(layer.rows)
            for column in range(layer.columns)
        ]
        names = ("patch", "y", "x", "opacity", "contrast", "brightness")
        columns = dict(zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True))
        ground = repeated(bank.patches[self.ground].pixels, bank.shape, self.phase)
        patches = [bank.patches[i] for i in used]
        return Stimuli.describe(ground[None], patches, background=[0], counts=[len(rows)], **columns)

    def render(self, bank: Bank) -> UInt8:
        """The stimulus, uint8 ``[H, W, 3]``."""
        pixels: UInt8 = render(self.describe(bank), 0, 1)[0]
        return pixels


def repeated(pixels: UInt8, shape: tuple[int, int], phase: tuple[int, int] = (0, 0)) -> UInt8:
    """Repeat pixels uint8 ``[h, w, 3]`` over a frame from (−y, −x) on; the last copies are cut off."""
    rows = (np.arange(shape[0]) + phase[0]) % pixels.shape[0]
    columns = (np.arange(shape[1]) + phase[1]) % pixels.shape[1]
    return np.ascontiguousarray(pixels[rows[:, None], columns])


def repeated_bytes(bank: Bank, patch: int) -> bytes:
    """What tells two canvases of one repeated patch apart: a uniform patch makes the same one at any size."""
    pixels = bank.patches[patch].pixels
    first = pixels[0, 0]
    return first.tobytes() if (pixels == first).all() else f"patch {patch}".encode()


class Changes:
    """Draws neighbours of a collage; what has helped lately is drawn more often.

    Args:
        bank: What patches there are.
        rng: Draws.
        pick: Draws a patch of the bank: the search knows which promise something.
    """

    def __init__(self, bank: Bank, rng: np.random.Generator, pick: Callable[[], int]) -> None:
        self._bank, self._rng, self._pick = bank, rng, pick
        self._kinds = (
            self._add,
            self._add_lattice,
            self._remove,
            self._shift,
            self._move,
            self._swap,
            self._space,
            self._tone,
            self._copy,
            self._raise,
            self._ground,
        )
        self._credit: NDArray[np.float64] = np.full(len(self._kinds), 0.2)

    def draw(self, collage: Collage) -> tuple[Collage, int]:
        """A neighbour, and the number of the kind of change, for ``credited``."""
        while True:
            weights = 0.02 + self._credit
            kind = int(self._rng.choice(len(weights), p=weights / weights.sum()))
            changed = self._kinds[kind](collage)
            if changed is not None and (changed := self._trimmed(changed)) != collage:
                return changed, kind

    def credited(self, kind: int, helped: bool) -> None:
        """Tell whether a change of this kind brought the goal nearer."""
        self._credit[kind] += 0.05 * (float(helped) - self._credit[kind])

    # --- the kinds ------------------------------------------------------------------------------------------

    def _add(self, collage: Collage) -> Collage:
        return self._put(collage, self._layer(1, 1))

    def _add_lattice(self, collage: Collage) -> Collage:
        rows, columns = (int(n) for n in self._rng.integers(1, _MOST_ROWS + 1, 2))
        return self._put(collage, self._layer(rows, columns))

    def _remove(self, collage: Collage) -> Collage | None:
        if not collage.layers:
            return None
        index = self._which(collage)
        return replace(collage, layers=collage.layers[:index] + collage.layers[index + 1 :])

    def _shift(self, collage: Collage) -> Collage | None:
        far = max(1, min(self._bank.shape) // 28)
        dy, dx = (int(d) for d in self._rng.integers(-far, far + 1, 2))
        return self._change(collage, lambda layer: replace(layer, y=layer.y + dy, x=layer.x + dx))

    def _move(self, collage: Collage) -> Collage | None:
        y, x = self._place()
        return self._change(collage, lambda layer: replace(layer, y=y, x=x))

    def _swap(self, collage: Collage) -> Collage | None:
        """Another patch around the same middle."""

        def swapped(layer: Layer) -> Layer:
            patch = self._pick()
            (old_h, old_w), (new_h, new_w) = (self._bank.patches[i].shape for i in (layer.patch, patch))
            return replace(
                layer, patch=patch, y=layer.y + (old_h - new_h) // 2, x=layer.x + (old_w - new_w) // 2
            )

        return self._change(collage, swapped)

    def _space(self, collage: Collage) -> Collage | None:
        """Another number of copies at another spacing."""
        rows, columns = (int(n) for n in self._rng.integers(1, _MOST_ROWS + 1, 2))

        def spaced(layer: Layer) -> Layer:
            step_y, step_x = self._steps(layer.patch, rows, columns)
            return replace(layer, rows=rows, columns=columns, step_y=step_y, step_x=step_x)

        return self._change(collage, spaced)

    def _tone(self, collage: Collage) -> Collage | None:
        return self._change(collage, lambda layer: self._toned(layer))

    def _copy(self, collage: Collage) -> Collage | None:
        """One more layer of a patch that is there: all of its copies elsewhere, or one beside one of them."""
        if not collage.layers:
            return None
        layer = collage.layers[self._which(collage)]
        if self._rng.random() < 0.5:
            y, x = self._place()
            return self._put(collage, replace(layer, y=y, x=x))
        return self._put(collage, self._beside(layer))

    def _beside(self, layer: Layer) -> Layer:
        """One copy that touches one of a layer's on a side; beyond an edge it comes in at the opposite one."""
        rng, (height, width) = self._rng, self._bank.patches[layer.patch].shape
        down, right = ((0, 1), (1, 0), (0, -1), (-1, 0))[int(rng.integers(4))]
        y = layer.y + int(rng.integers(layer.rows)) * layer.step_y + down * height
        x = layer.x + int(rng.integers(layer.columns)) * layer.step_x + right * width
        return replace(layer, y=y % self._bank.shape[0], x=x % self._bank.shape[1], rows=1, columns=1)

    def _raise(self, collage: Collage) -> Collage | None:
        """Another order."""
        if len(collage.layers) < 2:
            return None
        layers = list(collage.layers)
        layer = layers.pop(self._which(collage))
        layers.insert(int(self._rng.integers(len(layers) + 1)), layer)
        return replace(collage, layers=tuple(layers))

    def _ground(self, collage: Collage) -> Collage:
        """Another patch repeated everywhere, or the same one moved."""
        if self._rng.random() < 0.5:
            return replace(collage, ground=self._pick(), phase=(0, 0))
        height, width = self._bank.patches[collage.ground].shape
        return replace(collage, phase=(int(self._rng.integers(height)), int(self._rng.integers(width))))

    # --- their parts ----------------------------------------------------------------------------------------

    def _which(self, collage: Collage) -> int:
        return int(self._rng.integers(len(collage.layers)))

    def _place(self) -> tuple[int, int]:
        return int(self._rng.integers(self._bank.shape[0])), int(self._rng.integers(self._bank.shape[1]))

    def _layer(self, rows: int, columns: int) -> Layer:
        """A new layer anywhere."""
        patch = self._pick()
        height, width = self._bank.patches[patch].shape
        y = int(self._rng.integers(self._bank.shape[0] - height + 1))
        x = int(self._rng.integers(self._bank.shape[1] - width + 1))
        layer = Layer(patch, y, x, rows, columns, *self._steps(patch, rows, columns))
        return self._toned(layer) if self._rng.random() < 0.5 else layer

    def _steps(self, patch: int, rows: int, columns: int) -> tuple[int, int]:
        """Spacings at which copies touch, or spread over the frame, or anything between."""
        steps = []
        for side, extent, count in zip(
            self._bank.shape, self._bank.patches[patch].shape, (rows, columns), strict=True
        ):
            widest = max(extent, (side - extent) // max(1, count - 1))
            steps.append(int(self._rng.integers(extent, widest + 1)))
        return steps[0], steps[1]

    def _toned(self, layer: Layer) -> Layer:
        rng = self._rng
        return replace(
            layer,
            opacity=float(rng.uniform(*_OPACITY)) if rng.random() < 0.6 else 1.0,
            contrast=float(rng.uniform(*_CONTRAST)) if rng.random() < 0.5 else 1.0,
            brightness=float(rng.uniform(-_BRIGHTNESS, _BRIGHTNESS)) if rng.random() < 0.5 else 0.0,
        )

    def _put(self, collage: Collage, layer: Layer) -> Collage:
        """With one more layer, mostly on top."""
        layers = list(collage.layers)
        at = len(layers) if self._rng.random() < 0.7 else int(self._rng.integers(len(layers) + 1))
        layers.insert(at, layer.fitted(self._bank.patches[layer.patch], self._bank.shape))
        return replace(collage, layers=tuple(layers))

    def _change(self, collage: Collage, how: Callable[[Layer], Layer]) -> Collage | None:
        """With one layer changed."""
        if not collage.layers:
            return None
        index = self._which(collage)
        layer = how(collage.layers[index])
        layers = list(collage.layers)
        layers[index] = layer.fitted(self._bank.patches[layer.patch], self._bank.shape)
        return replace(collage, layers=tuple(layers))

    def _trimmed(self, collage: Collage) -> Collage:
        """With no more placements than are allowed: random layers go."""
        layers = list(collage.layers)
        while sum(layer.copies for layer in layers) > PLACEMENTS:
            layers.pop(int(self._rng.integers(len(layers))))
        return replace(collage, layers=tuple(layers))
