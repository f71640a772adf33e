"""The command: ``python -m benchmarks.overhead``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .measuring import ONNX_LANES, TORCH_LANES, measure
from .table import NETWORK, render, write_between_marks
from .task import make_task

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MCUNET = "MCUNet"
PACKAGES = ("numpy", "onnxruntime", "torch", "captum", "shap", "lime")


def main() -> None:
    """Measure, or take what was measured; write the JSON; print the table."""
    arguments = _arguments()
    if arguments.stored:
        results = json.loads(arguments.out.read_text(encoding="utf-8"))
    else:
        results = _measure(arguments)
        arguments.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        _say(f"written: {arguments.out}")
    text = render(results)
    print(text, end="")
    if arguments.write_readme:
        write_between_marks(arguments.write_readme, text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.overhead",
        description="Time and memory of one occlusion map: the bare engine, ours, Captum, SHAP and LIME.",
    )
    parser.add_argument("--repeats", type=int, default=5, help="rounds after the warm-up (default 5)")
    parser.add_argument("--grid", type=int, default=25, help="places on each axis (default 25)")
    parser.add_argument("--batch-size", type=int, default=25, help="images a call, a divisor of the places")
    parser.add_argument(
        "--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads of the engine"
    )
    parser.add_argument(
        "--mcunet", type=Path, default=ROOT.parent / "shared/data/models/mcunet_320kb_176.onnx"
    )
    parser.add_argument("--only", choices=("efficientnet", "mcunet"), help="one of the two networks")
    parser.add_argument("--lanes", help="only the processes with these names, separated by ;")
    parser.add_argument("--out", type=Path, default=HERE / "results.json", help="the JSON to write")
    parser.add_argument("--stored", action="store_true", help="measure nothing: print what --out holds")
    parser.add_argument(
        "--write-readme",
        type=Path,
        nargs="?",
        const=ROOT / "README.md",
        help="also put the table into this page",
    )
    arguments = parser.parse_args()
    whole = not (arguments.only or arguments.lanes) and arguments.grid == 25
    if not whole and arguments.out == HERE / "results.json" and not arguments.stored:
        parser.error("a part of the measurement needs an --out of its own")
    return arguments


def _measure(arguments: argparse.Namespace) -> dict[str, Any]:
    import deepception

    default = Path(deepception.__file__).parent / "data" / "default" / "efficientnet_lite0.onnx"
    networks = {NETWORK: default, MCUNET: arguments.mcunet}
    if arguments.only:
        networks = {name: path for name, path in networks.items() if name.lower().startswith(arguments.only)}
    measured = {}
    for name, model in networks.items():
        if not model.is_file():
            _say(f"{name} is left out: there is no {model}")
            continue
        threads, batch = arguments.threads, arguments.batch_size
        try:
            task = make_task(name, model, grid=arguments.grid, batch=batch, threads=threads)
        except ValueError as error:
            raise SystemExit(f"{error}.") from None
        lanes = ONNX_LANES + (TORCH_LANES if name == NETWORK else ())
        if arguments.lanes:
            lanes = tuple(lane for lane in lanes if lane.name in arguments.lanes.split(";"))
        measured[name] = measure(task, lanes, arguments.repeats, _say)
    return {
        "machine": {
            "processor": _processor(),
            "processors": len(os.sched_getaffinity(0)),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
        },
        "versions": {name: version(name) for name in PACKAGES},
        "settings": {
            "places": arguments.grid**2,
            "batch": arguments.batch_size,
            "threads": arguments.threads,
            "repeats": arguments.repeats,
        },
        "networks": measured,
    }


def _processor() -> str:
    """The processor's name, as Linux tells it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
