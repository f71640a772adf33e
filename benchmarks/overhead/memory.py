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
        added: Peak during a whole map, minus the resident set of the engine after two batches.
    """

    imports: float
    added: float


def measure_memory(task: Task, engine: str, tool: str) -> Memory:
    """Measure one tool; to be called in a fresh process, see ``processes.alone``."""
    for module in _ENGINE_MODULES[engine]:
        import_module(module)
    before = _resident("VmRSS")
    for module in _TOOL_MODULES.get(tool, ()):
        import_module(module)
    imported = _resident("VmRSS") - before

    from .tools import TOOLS, Bench

    bench = Bench(task, engine)
    batch = bench.first_batch()
    for _ in range(2):
        if tool == "ours":
            bench.engine.warm(batch)
        else:
            bench.engine.forward(batch)
    if tool == "bare":  # what is prepared is not what is added
        bench.batches()
    elif tool == "normalised":
        bench.images()
    gc.collect()
    start = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from what is resident now
    TOOLS[tool](bench)()
    return Memory(imports=imported, added=_resident("VmHWM") - start)


def _resident(field: str) -> float:
    """A line of ``/proc/self/status``, in megabytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise SystemExit(f"/proc/self/status has no {field}: memory is measured on Linux only.")
