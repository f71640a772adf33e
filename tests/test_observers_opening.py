from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deepception.errors import InputError
from deepception.observers import Observer, OnnxObserver, open_observer, schemes
from onnx_models import linear


def test_the_built_in_schemes_are_entry_points() -> None:
    assert {"default", "keras", "litert", "onnx", "python", "sklearn", "torch"} <= set(schemes())


def test_a_path_or_a_scheme_opens(tmp_path: Path) -> None:
    model = linear(tmp_path / "m.onnx")
    for spec in (model, str(model), f"onnx:{model}"):
        observer = open_observer(spec, mean=127, std=[128, 128, 128], threads=1)
        assert isinstance(observer, OnnxObserver)
        assert observer.settings.preprocessing.mean == (127.0,) * 3
        assert observer.threads == 1
    assert open_observer(observer) is observer


def test_a_colon_in_a_file_name_is_no_scheme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    linear(tmp_path / "new:model.onnx")
    monkeypatch.chdir(tmp_path)
    assert open_observer("new:model.onnx").name == "new:model"


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("gopher:somewhere", "scheme 'gopher' is not known; known here: .*onnx:.*torch:"),
        ("nothing.onnx", "no model file nothing.onnx"),
        ("nothing", "no model nothing"),
        (7, "int is no classifier"),
        ("onnx:", "nothing stands behind onnx:, where a file"),
        ("litert:", "nothing stands behind litert:, where a file"),
        ("keras:", "nothing stands behind keras:, where a file"),
        ("sklearn: ", "nothing stands behind sklearn:, where a file"),
        ("torch:", "nothing stands behind torch:, where a file"),
        ("LITERT:none.tflite", "known here: .*litert:"),
    ],
)
def test_an_unusable_spec_is_refused(spec: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        open_observer(spec)


def test_an_unknown_kind_of_file_and_option_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"x")
    with pytest.raises(InputError, match="write its scheme before it"):
        open_observer(tmp_path / "model.bin")
    with pytest.raises(InputError, match="is a folder"):
        open_observer(tmp_path)
    with pytest.raises(InputError, match=r"no option 'colour'.*colour_order"):
        open_observer(linear(tmp_path / "m.onnx"), colour="RGB")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("model.h5", r"model\.save\(\"NAME\.keras\"\)"),
        ("model.pb", "TFLite file or an endpoint"),
        ("model.bin", r"write its scheme before it, litert:model\.bin or onnx:model\.bin for example"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, remedy: str
) -> None:
    (tmp_path / name).write_bytes(b"weights")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=remedy):
        open_observer(name)


def test_the_embedded_network_answers() -> None:
    observer = open_observer("default")
    assert isinstance(observer, Observer)
    assert (len(observer.labels), observer.labels[0]) == (1000, "tench")
    assert observer.settings.warnings == ()  # type: ignore[attr-defined]
    raw = observer.answer(np.full((1, *observer.frame.shape, 3), 128, np.uint8))
    assert raw.scores.shape == (1, 1000)


def test_opening_a_package_imports_nothing_heavy() -> None:
    heavy = (
        "onnxruntime",
        "torch",
        "openvino",
        "ai_edge_litert",
        "keras",
        "sklearn",
        "skops",
        "pydantic",
        "scipy",
        "PIL",
        "matplotlib",
        "importlib.metadata",
    )
    code = f"import sys, deepception.observers; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
