"""Added memory: the peak of the resident set during one map, above the warmed-up engine; Linux only."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from .task import Task

_ENGINE_MODULES = {"onnx": ("onnxruntime",), "torch": ("torch", "efficientnet_lite_pytorch")}
_TOOL_MODULES = {
    "ours": ("deepception.observers", "deepception.sessions", "deepception.stimuli"),
    "captum": ("torch", "captum.attr"),
    "shap": ("shap",),
    "lime": ("lime.lime_image",),
}


@dataclass(frozen=True)
class Memory:
    """Megabytes (10⁶ bytes) that one tool adds to its engine.

    Attributes:
        imports: Resident set after importing the tool, minus before, the engine's library being imported.
        added: Peak during a whole map, minus the engine's own peak during two batches.
        above_resting: The same peak, minus what was resident after those batches; torch rests far below its peak.
    """

    imports: float
    added: float
    above_resting: float


def measure_memory(task: Task, engine: str, tool: str) -> Memory:
    """Measure one tool; to be called in a fresh process, see ``processes.alone``."""
    for module in _ENGINE_MODULES[engine]:
        import_module(module)
    before = _resident("VmRSS")
    for module in _TOOL_MODULES.get(tool, ()):
        import_module(module)
    imports = _resident("VmRSS") - before

    from .tools import TOOLS, Bench

    bench = Bench(task, engine)
    if tool in ("bare", "channels_last"):  # what is prepared is not what is added
        bench.batches()
    elif tool == "normalised":
        bench.images()
    batch = bench.first_batch()
    warm = bench.engine.warm if tool == "ours" else bench.engine.forward
    warm(batch)  # the first call also sets the engine up
    _forget_peak()
    warm(batch)
    warm(batch)
    peak, resting = _resident("VmHWM"), _resident("VmRSS")
    _forget_peak()
    TOOLS[tool](bench)()
    reached = _resident("VmHWM")
    return Memory(imports=imports, added=reached - peak, above_resting=reached - resting)


def _forget_peak() -> None:
    """The peak starts anew from what is resident now."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")


def _resident(field: str) -> float:
    """A line of ``/proc/self/status``, in megabytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise SystemExit(f"/proc/self/status has no {field}: memory is measured on Linux only.")
