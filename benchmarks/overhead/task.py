"""What every process measures: one network, one photograph, one map. Plain values: nothing heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from deepception.observers import Preprocessing
    from deepception.stimuli import Stimuli

PATCH = 32
GREY = 128


@dataclass(frozen=True, eq=False)
class Task:
    """A map of ``grid``² places: a grey square of 32 pixels wanders over a photograph, and one class is read.

    It is the occlusion map, because that is the one which Captum can make too: the same stimuli, bit for bit.

    Attributes:
        network: Name for people.
        model: The ONNX file.
        image: uint8 ``[H, W, 3]``, the photograph in the network's frame.
        target: The class that is read: the network's first answer to the photograph.
        mean: Of the network's preprocessing, in the units of ``pixel_range``.
        std: Likewise.
        pixel_range: ``"0..255"`` or ``"0..1"``.
        grid: Places on each axis.
        batch: Images a call.
        threads: Threads of the engine.
    """

    network: str
    model: Path
    image: NDArray[np.uint8]
    target: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    pixel_range: str
    grid: int
    batch: int
    threads: int

    @property
    def places(self) -> int:
        """Number of places, which is that of the forwards a map needs."""
        return self.grid * self.grid

    @property
    def step(self) -> int:
        """Pixels from one place to the next, the same on both axes."""
        return int(self.image.shape[0] - PATCH) // (self.grid - 1)

    def stimuli(self) -> Stimuli:
        """The map as our package describes it."""
        from deepception.stimuli import Patch, Stimuli
        from deepception.stimuli.places import lattice

        height, width = self.image.shape[:2]
        square = Patch(np.full((PATCH, PATCH, 3), GREY, dtype=np.uint8), source="grey")
        y, x = lattice((height, width), square.shape, self.grid, self.grid)
        return Stimuli.single(self.image[None], [square], background=0, patch=0, y=y, x=x)

    def images(self, count: int | None = None) -> NDArray[np.uint8]:
        """The first ``count`` of the same, rendered without our package: uint8 ``[count, H, W, 3]``."""
        count = self.places if count is None else count
        shown = np.repeat(self.image[None], count, axis=0)
        for place in range(count):
            y, x = (index * self.step for index in divmod(place, self.grid))
            shown[place, y : y + PATCH, x : x + PATCH] = GREY
        return shown

    def preprocessing(self) -> Preprocessing:
        """The network's preprocessing; its layout is N, channels, rows, columns."""
        from deepception.observers import Preprocessing
        from deepception.stimuli import Frame

        height, width = self.image.shape[:2]
        values: dict[str, Any] = {"mean": self.mean, "std": self.std, "pixel_range": self.pixel_range}
        return Preprocessing(Frame(height, width), output="logits", **values)

    def slices(self) -> list[slice]:
        """The batches."""
        return [slice(start, start + self.batch) for start in range(0, self.places, self.batch)]


def make_task(network: str, model: Path, *, grid: int, batch: int, threads: int) -> Task:
    """The task on one network: reads its preprocessing and its answer to the photograph.

    Raises ValueError where the places would not be evenly spaced or leave gaps, or the batches not be full.
    """
    from importlib.resources import as_file, files

    from deepception.observers import OnnxObserver
    from deepception.stimuli import fit_frame, load_photograph

    with as_file(files("deepception") / "data" / "photos" / "german_shepherd.jpg") as path:
        photograph = load_photograph(path)
    observer = OnnxObserver(model, threads=threads)
    image = fit_frame(photograph, observer.frame)
    settings = observer.settings.preprocessing
    target = int(observer.answer(image[None]).scores.argmax())
    observer.close()
    if grid < 2 or (image.shape[0] - PATCH) % (grid - 1) or image.shape[0] != image.shape[1]:
        raise ValueError(f"{grid} evenly spaced places do not fit the frame {image.shape[:2]} of {network}")
    if image.shape[0] - PATCH > PATCH * (grid - 1):
        raise ValueError(
            f"{grid} places on an axis leave gaps between squares of {PATCH} px, as Captum forbids"
        )
    if grid**2 % batch:
        raise ValueError(
            f"batches of {batch} do not divide {grid**2} places: the tools would fill the last one differently"
        )
    return Task(
        network=network,
        model=model,
        image=image,
        target=target,
        mean=settings.mean,
        std=settings.std,
        pixel_range=settings.pixel_range,
        grid=grid,
        batch=batch,
        threads=threads,
    )
