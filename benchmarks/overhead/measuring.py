"""One network: rounds in which every tool of every lane runs once, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any, TypeVar

from .memory import measure_memory
from .processes import Lane, Run, alone, workers
from .task import Task

ONNX_LANES = (
    Lane("onnx", "onnx", ("bare", "again", "defaults", "normalised", "ours")),
    # Torch, which Captum needs, and what SHAP and LIME bring along stay out of the process of ours.
    Lane("onnx, others", "onnx", ("bare", "again", "captum", "shap", "lime")),
)
TORCH_LANES = (
    Lane("torch", "torch", ("bare", "again", "captum", "shap")),
    # Our adapter makes glibc keep freed memory, for the whole process: here Captum has that gain, too.
    Lane("torch, our allocator", "torch", ("ours", "bare", "again", "channels_last", "captum")),
)

Runs = dict[str, dict[str, list[Run]]]
T = TypeVar("T")
Say = Callable[[str], None]


def measure(task: Task, lanes: tuple[Lane, ...], repeats: int, say: Say) -> dict[str, Any]:
    """Time and memory of all tools on one network, JSON-able: ``rows`` and ``noise``."""
    runs: Runs = {lane.name: {tool: [] for tool in lane.tools} for lane in lanes}
    differences: dict[str, dict[str, float | None]] = {lane.name: {} for lane in lanes}
    with workers(task, lanes) as started:
        for worker in started:
            for tool in worker.lane.tools:
                say(f"{task.network}: warming up, {worker.lane.name}: {tool}")
                differences[worker.lane.name][tool] = worker.warm(tool)
        for number in range(repeats):
            for worker in _turned(started, number):
                for tool in _turned(worker.lane.tools, number):
                    run = worker.run(tool)
                    runs[worker.lane.name][tool].append(run)
                    say(
                        f"{task.network}: round {number + 1} of {repeats}, {worker.lane.name}: {tool} "
                        f"{run.cpu:.2f} s CPU, {run.wall:.2f} s"
                    )
    rows, noise = [], {}
    for lane in lanes:
        noise[lane.name] = summarise_noise(runs[lane.name])
        for tool in lane.tools:
            if tool == "again":
                continue
            memory = None
            # The two are in other settings than the engine that is warmed up, so their memory says nothing.
            if tool not in ("defaults", "channels_last"):
                say(f"{task.network}: memory, {lane.name}: {tool}")
                memory = asdict(alone(measure_memory, task, lane.engine, tool))
            row = {"lane": lane.name, "engine": lane.engine, "tool": tool, **summarise(runs[lane.name], tool)}
            rows.append({**row, "memory_mb": memory, "difference": differences[lane.name][tool]})
    return {"frame": list(task.image.shape[:2]), "target": task.target, "rows": rows, "noise": noise}


def summarise(runs: dict[str, list[Run]], tool: str) -> dict[str, Any]:
    """Medians over the rounds, and the ratios to the bare engine of the same round and process, per image.

    Bare is the mean of the round's two bare runs. A ratio is [median, least, greatest] over the rounds.
    """
    own = runs[tool]
    places = runs["bare"][0].forwards
    ratios: dict[str, list[float]] = {}
    for field in ("cpu", "wall"):
        each = []
        for number, run in enumerate(own):
            bares = [runs[name][number] for name in ("bare", "again")]
            base = sum(getattr(other, field) / other.forwards for other in bares) / len(bares)
            each.append(getattr(run, field) / run.forwards / base)
        ratios[f"{field}_ratio"] = [median(each), min(each), max(each)]
    return {
        "forwards": own[0].forwards,
        "cpu": median(run.cpu for run in own),
        "wall": median(run.wall for run in own),
        # What the same number of forwards as the map has places takes: SHAP and LIME make a few more.
        "wall_per_map": median(run.wall / run.forwards for run in own) * places,
        **ratios,
        "runs": [{"cpu": run.cpu, "wall": run.wall} for run in own],
    }


def summarise_noise(runs: dict[str, list[Run]]) -> dict[str, Any]:
    """How the bare engine differs from itself: second to first run of a round, and all runs to their median."""
    noise: dict[str, Any] = {}
    for field in ("cpu", "wall"):
        pairs = [
            getattr(second, field) / getattr(first, field)
            for first, second in zip(runs["bare"], runs["again"], strict=True)
        ]
        everything = [getattr(run, field) for name in ("bare", "again") for run in runs[name]]
        middle = median(everything)
        noise[field] = {
            "pairs": [median(pairs), min(pairs), max(pairs)],
            "runs": [min(everything) / middle, max(everything) / middle],
        }
    return noise


def _turned(things: Sequence[T], number: int) -> Iterator[T]:
    """Another one begins in each round, and every second round runs backwards: nobody is always behind X."""
    start = number % len(things)
    turned = [*things[start:], *things[:start]]
    return reversed(turned) if number % 2 else iter(turned)
