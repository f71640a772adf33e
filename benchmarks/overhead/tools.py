"""The ways to make one map: the bare engine, ours, Captum, SHAP, LIME. Each is a function to call again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .engines import Engine, Floats, OnnxEngine, TorchEngine
from .task import GREY, PATCH, Task

SEED = 0


@dataclass(frozen=True, eq=False)
class Map:
    """What a tool made.

    Attributes:
        forwards: Images that the network saw for it.
        values: Ours: float ``[places]``, log p of the class at each place. Captum's: ``[H, W]``, its
            attribution. None elsewhere.
    """

    forwards: int
    values: NDArray[np.float64] | None = None


Tool = Callable[[], Map]


class Bench:
    """One engine in one process, with what its tools share: the prepared images and batches."""

    def __init__(self, task: Task, engine: str) -> None:
        self.task = task
        self.kind = engine
        self.engine: Engine = OnnxEngine(task) if engine == "onnx" else TorchEngine(task)
        self._images: NDArray[np.uint8] | None = None
        self._batches: list[Floats] | None = None

    def normaliser(self) -> Callable[[NDArray[np.uint8]], Floats]:
        """Our observers' normalisation, in a buffer of its own."""
        from deepception.observers import Normaliser

        return Normaliser(self.task.preprocessing())

    def images(self) -> NDArray[np.uint8]:
        """All stimuli, uint8."""
        if self._images is None:
            self._images = self.task.images()
        return self._images

    def batches(self) -> list[Floats]:
        """All stimuli, normalised, as the engine takes them."""
        if self._batches is None:
            normalise = self.normaliser()
            self._batches = [normalise(self.images()[rows]).copy() for rows in self.task.slices()]
        return self._batches

    def first_batch(self) -> Floats:
        """The first of them, without making the others."""
        return self.normaliser()(self.task.images(self.task.batch)).copy()

    def logits(self) -> Floats:
        """Of all stimuli, from the bare engine."""
        return np.concatenate([self.engine.forward(batch) for batch in self.batches()])

    def counted(self) -> tuple[Callable[[NDArray[Any]], Floats], list[int]]:
        """For SHAP and LIME: a function from images to logits, and a list of how many it was given."""
        normalise, seen = self.normaliser(), []

        def answer(images: NDArray[Any]) -> Floats:
            shown = np.ascontiguousarray(images, dtype=np.uint8)
            seen.append(len(shown))
            return self.engine.forward(normalise(shown))

        return answer, seen


def bare(bench: Bench) -> Tool:
    """The engine on prepared batches, and nothing else."""
    batches, engine = bench.batches(), bench.engine

    def run() -> Map:
        return Map(sum(len(engine.forward(batch)) for batch in batches))

    return run


def again(bench: Bench) -> Tool:
    """The same once more, on an engine opened anew: what differs is the noise of the machine."""
    if bench.kind != "onnx":
        return bare(bench)
    other = OnnxEngine(bench.task)
    return lambda: Map(sum(len(other.forward(batch)) for batch in bench.batches()))


def defaults(bench: Bench) -> Tool:
    """ONNX Runtime with its own settings, in which idle threads spin."""
    other = OnnxEngine(bench.task, defaults=True)
    return lambda: Map(sum(len(other.forward(batch)) for batch in bench.batches()))


def normalised(bench: Bench) -> Tool:
    """The engine on prepared uint8 images, with our observer's normalisation."""
    images, normalise, engine = bench.images(), bench.normaliser(), bench.engine

    def run() -> Map:
        return Map(sum(len(engine.forward(normalise(images[rows]))) for rows in bench.task.slices()))

    return run


def channels_last(bench: Bench) -> Tool:
    """Bare torch on prepared batches that lie in memory with the channels last, as our adapter hands them over."""
    import torch

    assert isinstance(bench.engine, TorchEngine)
    network = bench.engine.network
    batches = [torch.from_numpy(b).contiguous(memory_format=torch.channels_last) for b in bench.batches()]

    def run() -> Map:
        with torch.inference_mode():
            return Map(sum(len(network(batch)) for batch in batches))

    return run


def ours(bench: Bench) -> Tool:
    """A new session, no cache: describing, rendering, normalising, asking, and reading the answers."""
    from deepception.sessions import Session

    observer, task = bench.engine.observer(), bench.task

    def run() -> Map:
        with Session(observer, batch_size=task.batch) as session:
            answers = session.ask(task.stimuli(), [task.target])
            return Map(session.transmissions, answers.log_probability[:, 0])

    return run


def captum(bench: Bench) -> Tool:
    """Captum's Occlusion, with as many perturbations per evaluation as a batch has images."""
    import torch
    from captum.attr import Occlusion

    torch.set_num_threads(bench.task.threads)
    task, engine = bench.task, bench.engine
    normalise = bench.normaliser()
    photograph = torch.from_numpy(normalise(task.image[None]).copy())
    grey = torch.from_numpy(normalise(np.full_like(task.image, GREY)[None]).copy())
    seen: list[int] = []

    def forward(images: torch.Tensor) -> torch.Tensor:
        seen.append(len(images))
        if isinstance(engine, TorchEngine):
            logits: torch.Tensor = engine.network(images)
            return logits
        return torch.from_numpy(engine.forward(images.numpy()))

    occlusion = Occlusion(forward)

    def run() -> Map:
        seen.clear()
        attribution = occlusion.attribute(
            photograph,
            sliding_window_shapes=(3, PATCH, PATCH),
            strides=(3, task.step, task.step),
            baselines=grey,
            target=task.target,
            perturbations_per_eval=task.batch,
        )
        return Map(sum(seen), attribution[0, 0].numpy().astype(np.float64))

    return run


def shap(bench: Bench) -> Tool:
    """SHAP's partition explainer with as many evaluations as there are places, asked for the one class."""
    import shap

    task = bench.task
    answer, seen = bench.counted()
    masker = shap.maskers.Image(np.full(task.image.shape, GREY, dtype=np.uint8), task.image.shape)
    explainer = shap.PartitionExplainer(lambda images: answer(images)[:, task.target], masker)

    def run() -> Map:
        seen.clear()
        explainer(task.image[None], max_evals=task.places, batch_size=task.batch, silent=True)
        return Map(sum(seen))

    return run


def lime(bench: Bench) -> Tool:
    """LIME with as many samples as there are places, on its own superpixels, for the one class."""
    from lime.lime_image import LimeImageExplainer

    task = bench.task
    answer, seen = bench.counted()

    def run() -> Map:
        seen.clear()
        LimeImageExplainer(random_state=SEED).explain_instance(
            task.image,
            lambda images: answer(images)[:, [task.target]],
            labels=(0,),
            top_labels=None,
            hide_color=GREY,
            num_samples=task.places,
            batch_size=task.batch,
            random_seed=SEED,
        )
        return Map(sum(seen))

    return run


TOOLS: dict[str, Callable[[Bench], Tool]] = {
    tool.__name__: tool
    for tool in (bare, again, defaults, normalised, channels_last, ours, captum, shap, lime)
}


def disagreement(bench: Bench, name: str, made: Map) -> float | None:
    """Largest difference between a tool's map and the same map from the bare engine's logits; None for others.

    Ours is compared in log p. Captum gives each pixel the mean, over the squares that cover it, of what the
    class's logit lost.
    """
    if made.values is None or name not in ("ours", "captum"):
        return None
    task, logits = bench.task, bench.logits()
    if name == "ours":
        return float(np.abs(made.values - _log_probability(logits, task.target)).max())
    clean = bench.engine.forward(bench.normaliser()(task.image[None]))[0, task.target]
    total, weight = (np.zeros(task.image.shape[:2]) for _ in range(2))
    for place, lost in enumerate(clean - logits[:, task.target].astype(np.float64)):
        y, x = (index * task.step for index in divmod(place, task.grid))
        total[y : y + PATCH, x : x + PATCH] += lost
        weight[y : y + PATCH, x : x + PATCH] += 1
    return float(np.abs(made.values - total / weight).max())


def _log_probability(logits: Floats, target: int) -> NDArray[np.float64]:
    z = logits.astype(np.float64)
    peak = z.max(axis=1)
    values: NDArray[np.float64] = z[:, target] - peak - np.log(np.exp(z - peak[:, None]).sum(axis=1))
    return values
