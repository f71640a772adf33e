"""The same network gives the same answers, whatever runs it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import small_network
from deepception.observers import Observer, open_observer
from deepception.sessions import Session
from deepception.stimuli import fit_frame, load_photograph
from deepception.studies import embedded_photographs
from small_network import MEAN, SIDE, STD

NORMALISED: dict[str, Any] = {"mean": MEAN, "std": STD, "pixel_range": "0..1", "size": SIDE}


def from_onnx(folder: Path) -> Observer:
    return open_observer(small_network.save_onnx(folder / "small.onnx"), **NORMALISED)


def from_torch(folder: Path) -> Observer:
    return open_observer(small_network.make_torch(), **NORMALISED)


def from_keras(folder: Path) -> Observer:
    # Opening a file first lets the adapter choose the backend, also where Keras was never imported.
    from deepception.observers.keras import _keras

    _keras()
    small_network.make_keras().save(folder / "small.keras")
    return open_observer(folder / "small.keras", **NORMALISED)


def from_litert(folder: Path) -> Observer:
    from litert_models import save_small_network

    return open_observer(save_small_network(folder / "small.tflite"), **NORMALISED)


def from_python(folder: Path) -> Observer:
    return open_observer(small_network.logits, size=SIDE)


NEEDS = {"torch": "torch", "keras": "keras", "litert": "ai_edge_litert"}


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    """Random pixels, and photographs."""
    noise = np.random.default_rng(2).integers(0, 256, size=(6, SIDE, SIDE, 3), dtype=np.uint8)
    frame = from_python(Path()).frame
    pictures = [fit_frame(load_photograph(path), frame) for path in embedded_photographs()]
    return np.concatenate([noise, np.stack(pictures)])


def log_probabilities(observer: Observer, frames: np.ndarray) -> np.ndarray:
    with Session(observer, batch_size=observer.fixed_batch or 5) as session:
        return session.ask_images(frames).log_probability


@pytest.mark.parametrize("opened", [from_onnx, from_torch, from_keras, from_litert])
def test_engines_agree(opened: Callable[[Path], Observer], frames: np.ndarray, tmp_path: Path) -> None:
    needed = NEEDS.get(opened.__name__.removeprefix("from_"))
    if needed is not None and importlib.util.find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed")
    wanted = log_probabilities(from_python(tmp_path), frames)
    assert np.ptp(wanted, axis=0).max() > 2  # the frames differ in what they show
    found = log_probabilities(opened(tmp_path), frames)
    assert found.shape == (len(frames), small_network.CLASSES)
    assert np.abs(found - wanted).max() < 1e-4
