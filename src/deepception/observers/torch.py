"""The adapter for torch networks, on any device that torch knows."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, ObserverError
from .layers import Layer
from .options import OpeningOptions
from .preprocessing import Normaliser, Preprocessing, check_images
from .protocol import AnswerLevel, RawAnswers
from .resolved import ResolvedObserver
from .settings import ModelFacts, PreprocessingOptions, Settings, resolve_settings, said
from .sidecar import read_sidecars
from .torch_load import LoadedNetwork, load_network, state_digest

if TYPE_CHECKING:
    import torch


class TorchObserver(ResolvedObserver):
    """A torch network as an observer.

    The network is put into evaluation mode, moved to the device, and called in inference mode.

    Attributes:
        settings: The preprocessing, with where each setting came from.
        device: The torch device on which it runs.
        channels_last: Whether its batches lie in memory with the channels last, as the images do.
    """

    def __init__(
        self,
        network: Any,
        *,
        options: PreprocessingOptions | None = None,
        device: str = "cpu",
        threads: int | None = None,
        weights: Path | None = None,
        name: str | None = None,
    ) -> None:
        """Open a network.

        Args:
            network: A ``torch.nn.Module``, or what may stand behind ``torch:`` (see ``load_network``).
            options: What the user says about preprocessing; a module object says nothing of itself.
            device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
            threads: Threads of torch, which are those of the whole process; ``None`` leaves them.
            weights: File of weights, read with ``weights_only=True``.
            name: Name for people.

        Raises InputError and ObserverError, with one sentence, where it cannot be opened or does not answer.
        """
        try:
            import torch
        except ImportError as error:
            raise InputError(
                "torch networks need the package torch: pip install 'deepception[torch]'."
            ) from error
        options = options or PreprocessingOptions()
        if isinstance(network, (str, Path)):
            loaded = load_network(str(network), weights)
        elif isinstance(network, torch.nn.Module):
            kind = type(network)
            source = {"class": f"{kind.__module__}.{kind.__qualname__}", "state": state_digest(network)}
            loaded = LoadedNetwork(network, {**source, "structure": repr(network)}, kind.__name__)
        else:
            raise InputError(f"a {type(network).__name__} is no torch network.")
        self.device = _device(torch, device)
        if threads is not None:
            torch.set_num_threads(threads)
        if self.device.type == "cpu":
            _keep_freed_memory()
        self._torch = torch
        self._network: Any = _ready(loaded.network, self.device)
        self._dtype = _floating_type(self._network, torch)
        self._source = loaded.source
        self._name = name or loaded.name
        layers = [options.layer(), *read_sidecars(loaded.path, options.preprocessing), *loaded.layers]
        self.settings, self._fixed_batch, self.channels_last = self._understand(layers, loaded)
        preprocessing = self.settings.preprocessing
        # The images have their channels last: normalised in that order they are copied once, without a
        # shuffle.
        self._normaliser = _host_normaliser(preprocessing, self.channels_last)
        shape = (1, 1, 1, 3)
        self._mean = torch.tensor(preprocessing.mean, device=self.device).reshape(shape)
        self._std = torch.tensor(preprocessing.std, device=self.device).reshape(shape)

    @property
    def identity(self) -> dict[str, Any]:
        """Adapter, weights, structure, preprocessing, output, engine, precision and kind of device."""
        torch = self._torch
        precision = str(self._dtype).removeprefix("torch.")
        if self.device.type == "cuda" and torch.backends.cudnn.allow_tf32:
            precision += ", TF32 in convolutions"
        return {
            "adapter": "torch",
            "network": self._source,
            "preprocessing": self.settings.preprocessing.identity(),
            "output": self.settings.preprocessing.output,
            "engine": f"torch {torch.__version__}" + (", channels last" if self.channels_last else ""),
            "precision": precision,
            "device": self.device.type,
        }

    def answer(self, images: NDArray[np.uint8]) -> RawAnswers:
        """Scores ``[N, K]`` of uint8 ``[N, H, W, 3]`` images, any N.

        Raises ObserverError where the network fails.
        """
        check_images(images, self.frame)
        if self.device.type == "cpu":
            return self._in_batches(images, self._host_batch)
        return self.answer_tensor(self._torch.from_numpy(np.ascontiguousarray(images)).to(self.device))

    def answer_tensor(self, images: torch.Tensor) -> RawAnswers:
        """Scores of images that were rendered on a device: a uint8 tensor ``[N, H, W, 3]``."""
        return self._in_batches(images, self._device_batch)

    def close(self) -> None:
        """Release the network."""
        self._network = None

    def _in_batches(self, images: Any, prepare: Any) -> RawAnswers:
        """One call, or as many as a fixed batch size asks for."""
        if self._network is None:
            raise ObserverError(f"the observer {self._name} is closed.")
        n, fixed = len(images), self._fixed_batch
        classes = len(self.labels)
        parts = []
        for start in range(0, n, fixed or max(n, 1)):
            part = images[start : start + (fixed or n)]
            rows = len(part)
            if fixed is not None and rows < fixed:
                # Filled up with its last image; the fillers' answers are dropped.
                filling = [part[-1:]] * (fixed - rows)
                join = np.concatenate if isinstance(part, np.ndarray) else self._torch.cat
                part = join([part, *filling])
            scores = self._call(prepare(part))
            if scores.shape != (len(part), classes):
                raise ObserverError(
                    f"the network {self._name} answered {list(scores.shape)} for {len(part)} images "
                    f"of {classes} classes."
                )
            parts.append(scores[:rows])
        if not parts:
            scores = np.empty((0, classes), dtype=np.float32)
        else:
            scores = parts[0] if len(parts) == 1 else np.concatenate(parts)
        resolution = 0.0
        if self.level is AnswerLevel.PROBABILITIES:
            numbers = self._torch.finfo(self._dtype)
            resolution = float(2.0**-24 if self._dtype == self._torch.float16 else numbers.tiny)
        return RawAnswers(self.level, scores, resolution=resolution)

    def _host_batch(self, images: NDArray[np.uint8]) -> torch.Tensor:
        """The batch, normalised by numpy in a reused buffer that torch reads in place."""
        batch = self._torch.from_numpy(self._normaliser(images))
        if self.channels_last:
            batch = batch.permute(0, 3, 1, 2)
        return batch.to(self._dtype)

    def _device_batch(self, images: torch.Tensor) -> torch.Tensor:
        """The batch, normalised on the device: a quarter of the bytes travel."""
        preprocessing = self.settings.preprocessing
        with self._torch.inference_mode():
            pixels = images.to(self.device).to(self._torch.float32)
            if preprocessing.colour_order == "BGR":
                pixels = pixels.flip(-1)
            if preprocessing.pixel_range == "0..1":
                pixels /= 255
            pixels -= self._mean
            pixels /= self._std
            if preprocessing.layout == "NCHW":
                pixels = pixels.permute(0, 3, 1, 2)
                if not self.channels_last:
                    pixels = pixels.contiguous()
            return pixels.to(self._dtype)

    def _call(self, batch: torch.Tensor) -> NDArray[Any]:
        """Scores of one batch, on the host."""
        torch = self._torch
        try:
            with torch.inference_mode():
                scores = _scores(self._network(batch), torch)
                if scores.dtype in (torch.float16, torch.bfloat16):
                    scores = scores.float()
                # A copy: the network may answer with a buffer that its next call overwrites.
                array: NDArray[Any] = np.array(scores.cpu().numpy())
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".")[:300]
            raise ObserverError(f"the network {self._name} failed: {reason}.") from error
        # Convolutional heads leave axes of length one behind the classes.
        return array.reshape(array.shape[:2]) if array.ndim > 2 and set(array.shape[2:]) == {1} else array

    def _understand(
        self, layers: Sequence[Layer], loaded: LoadedNetwork
    ) -> tuple[Settings, int | None, bool]:
        """Settings, fixed batch size and memory format, by showing it black images."""
        torch = self._torch
        size = loaded.size or (said(layers, "height")[0] or 224, said(layers, "width")[0] or 224)
        layout = said(layers, "layout")[0] or "NCHW"
        shape = (*size, 3) if layout == "NHWC" else (3, *size)
        fixed = loaded.batch
        batch = torch.zeros((fixed or 2, *shape), dtype=self._dtype, device=self.device)
        try:
            scores = self._call(batch)
        except ObserverError:
            if fixed is not None:
                raise
            # Two images are refused by a network that was traced with one.
            fixed, batch = 1, batch[:1]
            scores = self._call(batch)
        if scores.ndim != 2 or scores.shape[0] != batch.shape[0] or scores.shape[1] < 2:
            raise ObserverError(
                f"the network {self._name} answered {list(scores.shape)} for {batch.shape[0]} images: "
                "a classifier gives one row of scores for each."
            )
        channels_last = False
        if layout == "NCHW" and self.device.type == "cpu":
            # Networks that call view() on feature maps refuse this order; they get the other one.
            try:
                last = self._call(batch.contiguous(memory_format=torch.channels_last))
                channels_last = last.shape == scores.shape
            except ObserverError:
                channels_last = False
        height, width = loaded.size or (None, None)
        facts = ModelFacts(scores.shape[1], height, width)
        return resolve_settings(layers, facts, self._name), fixed, channels_last


def open_torch(rest: str, options: OpeningOptions) -> TorchObserver:
    """Open ``torch:…``; the factory behind the entry point."""
    return TorchObserver(
        rest,
        options=options.preprocessing,
        device=options.device,
        threads=options.threads,
        weights=options.weights,
        name=options.name,
    )


def observe_module(network: Any, options: OpeningOptions) -> TorchObserver:
    """A ``torch.nn.Module`` as an observer, with the options of ``open_observer``."""
    return TorchObserver(
        network,
        options=options.preprocessing,
        device=options.device,
        threads=options.threads,
        name=options.name,
    )


def _host_normaliser(preprocessing: Preprocessing, channels_last: bool) -> Normaliser:
    from dataclasses import replace

    layout = "NHWC" if channels_last else preprocessing.layout
    return Normaliser(replace(preprocessing, layout=layout))


def _device(torch: Any, device: str) -> Any:
    """A torch device that is there."""
    try:
        chosen = torch.device(device)
        torch.zeros(1, device=chosen)
    except Exception as error:
        reason = str(error).splitlines()[0].rstrip(".")[:200]
        raise InputError(f"torch cannot use the device {device!r}: {reason}.") from error
    return chosen


def _ready(network: Any, device: Any) -> Any:
    """The network in evaluation mode on the device."""
    # An exported program refuses: it was put into its mode when it was exported.
    with contextlib.suppress(NotImplementedError):
        network.eval()
    return network.to(device)


def _floating_type(network: Any, torch: Any) -> Any:
    """The type of its first floating-point parameter; float32 without one."""
    for parameter in network.parameters():
        if parameter.is_floating_point():
            return parameter.dtype
    return torch.float32


def _scores(answer: Any, torch: Any) -> Any:
    """The scores in what a network returns: itself, ``.logits``, ``["logits"]``, or the first of several."""
    if isinstance(answer, torch.Tensor):
        return answer
    logits = getattr(answer, "logits", None)
    if logits is None and isinstance(answer, dict):
        logits = answer.get("logits")
    if logits is None and isinstance(answer, (tuple, list)) and answer:
        logits = answer[0]
    if not isinstance(logits, torch.Tensor):
        raise TypeError(f"it returned a {type(answer).__name__} and no tensor of scores")
    return logits


def _keep_freed_memory() -> None:
    """Let glibc keep what torch frees between two layers.

    Without it every large feature map is handed back to the system and faulted in again, page by page, which
    took up to half of the processor time of a small network. A user's own MALLOC_ settings are left alone.
    """
    if not sys.platform.startswith("linux") or any(name.startswith("MALLOC_") for name in os.environ):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        trim_threshold, mmap_threshold, one_gibibyte = -1, -3, 1 << 30
        mallopt(mmap_threshold, one_gibibyte)
        mallopt(trim_threshold, one_gibibyte)
