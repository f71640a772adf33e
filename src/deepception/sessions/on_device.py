"""Observers that live on an accelerator: stimuli are rendered there, and only columns travel."""

from __future__ import annotations

from collections.abc import Generator
from time import perf_counter
from typing import Any, Protocol, cast

from ..observers import Observer, RawAnswers
from ..stimuli import Stimuli, render_torch
from .prefetch import Batch


class OnDevice(Protocol):
    """What an observer has beside the protocol when its images may be torch tensors on its own device."""

    device: Any

    def answer_tensor(self, images: Any) -> RawAnswers:
        """Answer a uint8 tensor ``[N, H, W, 3]`` on ``device``, as ``answer`` does for arrays."""


def on_device(observer: Observer) -> OnDevice | None:
    """The observer, where it takes tensors on a device other than the processor; otherwise None."""
    device = getattr(observer, "device", None)
    if hasattr(observer, "answer_tensor") and getattr(device, "type", "cpu") != "cpu":
        return cast(OnDevice, observer)
    return None


def device_batches(stimuli: Stimuli, size: int, device: Any) -> Generator[Batch, None, None]:
    """As ``Prefetch.batches``, on the device. The device itself queues work, so no thread renders ahead."""
    import torch

    for start in range(0, len(stimuli), size):
        began = perf_counter()
        stop = min(start + size, len(stimuli))
        images = render_torch(stimuli, start, stop, device)
        missing = size - (stop - start)
        if missing:
            images = torch.cat([images, images[:1].expand(missing, -1, -1, -1)])
        yield Batch(slice(start, stop), images, None, perf_counter() - began)
