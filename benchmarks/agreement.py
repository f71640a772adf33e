"""How far answers differ between batch sizes, threads and engines, for the same stimuli.

    python -m benchmarks.agreement

Shows 289 described stimuli (a patch at 17×17 places of a photograph) to EfficientNet-Lite0 and prints, beside ONNX
Runtime with batches of 16, the largest difference in decades of odds over all classes and the share of equal top-1
answers. OpenVINO and torch are rows where they are installed (torch with ``benchmarks/requirements.txt``).
"""

from __future__ import annotations

import importlib.util
import math
from importlib import resources
from pathlib import Path

import numpy as np

from benchmarks.overhead.engines import TorchEngine
from benchmarks.overhead.task import make_task
from deepception.observers import Observer, open_observer
from deepception.sessions import Answers, Session


def main() -> None:
    """Measure and print the table."""
    model = Path(str(resources.files("deepception"))) / "data" / "default" / "efficientnet_lite0.onnx"
    task = make_task("EfficientNet-Lite0", model, grid=17, batch=17, threads=2)

    def ask(observer: Observer, batch: int) -> Answers:
        with Session(observer, batch_size=batch) as session:
            return session.ask(task.stimuli())

    onnx = open_observer("default", threads=2)
    reference = ask(onnx, 16)
    rows = [(f"ONNX Runtime, batch {size}", ask(onnx, size)) for size in (1, 5, 32)]
    rows.append(("ONNX Runtime, 1 thread", ask(open_observer("default", threads=1), 16)))
    if importlib.util.find_spec("openvino"):
        rows.append(("OpenVINO", ask(open_observer("default", engine="openvino", threads=2), 16)))
    if importlib.util.find_spec("torch") and importlib.util.find_spec("efficientnet_lite_pytorch"):
        rows.append(("torch, original weights", ask(TorchEngine(task).observer(), 16)))
    print("| beside ONNX Runtime, batch 16, 2 threads | largest difference, decades of odds | equal top-1 |")
    print("| --- | --: | --: |")
    for name, answers in rows:
        difference = np.abs(answers.log_odds - reference.log_odds).max() / math.log(10)
        equal = (answers.top[:, 0] == reference.top[:, 0]).mean()
        print(f"| {name} | {difference:.2g} | {100 * equal:.1f} % |")


if __name__ == "__main__":
    main()
