from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import small_network
from command_line import assert_refused, call
from deepception.errors import InputError, ObserverError
from deepception.observers import fingerprint, open_observer
from small_network import CLASSES, SIDE

# To look for it by importing it would choose its backend.
if not all(importlib.util.find_spec(name) for name in ("torch", "keras")):
    pytest.skip("keras and torch are not installed", allow_module_level=True)

from deepception.observers.keras import _keras
from test_same_answers import NORMALISED

keras: Any = _keras()


def images(n: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, size=(n, SIDE, SIDE, 3), dtype=np.uint8)


def classifier(*layers: Any) -> Any:
    """These layers, and a head of five classes."""
    keras.utils.set_random_seed(0)
    pooled = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(5, activation="softmax")]
    return keras.Sequential([keras.Input((SIDE, SIDE, 3)), *layers, *pooled])


def test_a_model_and_its_file_answer_alike(tmp_path: Path) -> None:
    model = small_network.make_keras()
    model.save(tmp_path / "m.keras")
    opened = open_observer(model, name="small", **NORMALISED)
    from_file = open_observer(tmp_path / "m.keras", **NORMALISED)
    assert (opened.name, from_file.name) == ("small", "m")
    assert opened.level == from_file.level == "logits"
    one, other = opened.answer(images(4)).scores, from_file.answer(images(4)).scores
    assert np.array_equal(one, other)
    assert one == pytest.approx(small_network.logits(images(4)), abs=1e-4)
    assert opened.answer(images(0)).scores.shape == (0, CLASSES)


def test_the_fingerprint_is_that_of_structure_and_weights() -> None:
    one, same, other = (small_network.make_keras() for _ in range(3))
    other.layers[-1].bias.assign(np.ones(CLASSES, np.float32))
    prints = [fingerprint(open_observer(model, **NORMALISED)) for model in (one, same, other)]
    assert prints[0] == prints[1] != prints[2]


def test_a_rescaling_of_its_own_takes_the_pixels_as_they_are(tmp_path: Path) -> None:
    model = classifier(keras.layers.Rescaling(1 / 255))
    observer = open_observer(model)
    assert observer.settings.warnings == ()  # type: ignore[attr-defined]
    assert observer.settings.sources["mean"] == "the model's Rescaling layer"  # type: ignore[attr-defined]
    raw = observer.answer(images(3))
    assert raw.level == "probabilities"
    assert raw.scores == pytest.approx(model.predict(images(3).astype(np.float32), verbose=0), abs=1e-6)
    assert open_observer(model, mean=1, std=2).settings.sources["mean"] == "flag"  # type: ignore[attr-defined]


def test_channels_first() -> None:
    keras.utils.set_random_seed(0)
    pooled = keras.layers.GlobalAveragePooling2D(data_format="channels_first")
    model = keras.Sequential([keras.Input((3, SIDE, SIDE)), pooled, keras.layers.Dense(5)])
    kernel, _ = model.layers[-1].get_weights()
    observer = open_observer(model, mean=0, std=1)
    wanted = images(3).mean(axis=(1, 2)) @ kernel
    assert observer.answer(images(3)).scores == pytest.approx(wanted, rel=1e-5, abs=1e-3)


def test_python_code_in_a_file_is_refused(tmp_path: Path) -> None:
    classifier(keras.layers.Lambda(lambda x: x * 2)).save(tmp_path / "m.keras")
    assert_refused(call("info", tmp_path / "m.keras"), "m.keras", "Python code")


@pytest.mark.parametrize("kind", ["cut", "rewritten", "text"])
def test_a_damaged_or_foreign_file_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    small_network.make_keras().save(path)
    content = path.read_bytes()
    if kind == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "text":
        path.write_text("no model")
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", "{}")
    assert_refused(call("info", path), "m.keras")


def test_what_is_no_classifier_of_one_image_is_refused() -> None:
    table = keras.Sequential([keras.Input((12,)), keras.layers.Dense(5)])
    with pytest.raises(ObserverError, match="not one image"):
        open_observer(table)
    with pytest.raises(ObserverError, match="one row of scores"):
        open_observer(keras.Sequential([keras.Input((SIDE, SIDE, 3)), keras.layers.Conv2D(4, 3)]))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"device": "cuda"}, "on the cpu"),
        ({"engine": "openvino"}, "no engine 'openvino'"),
        ({"version": "1"}, "known by its bytes"),
        ({"size": 31}, "takes 32"),
    ],
)
def test_options_that_mean_nothing_here(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        open_observer(small_network.make_keras(), **options)


def test_the_backend_is_torch_whatever_the_environment_says(tmp_path: Path) -> None:
    small_network.make_keras().save(tmp_path / "m.keras")
    spec = str(tmp_path / "m.keras")
    code = (
        f"import os, deepception as dc; print(dc.open_observer({spec!r}).level, os.environ['KERAS_BACKEND'])"
    )
    path = os.pathsep.join(sys.path)
    environment = {**os.environ, "PYTHONPATH": path, "KERAS_BACKEND": "jax"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.split() == ["logits", "jax"]


def test_another_backend_that_is_loaded_already_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_network.make_keras()
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(InputError, match=r"Keras runs on jax in this process.*KERAS_BACKEND=torch"):
        open_observer(model, **NORMALISED)


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_network.make_keras().save(tmp_path / "m.keras")
    monkeypatch.delitem(sys.modules, "keras")
    monkeypatch.setattr(sys, "meta_path", [_NoKeras(), *sys.meta_path])
    assert_refused(call("info", tmp_path / "m.keras"), "pip install 'deepception[keras]'")


class _NoKeras:
    """Finds no Keras."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "keras":
            raise ModuleNotFoundError(name)
