"""Bad observers: one clear sentence and exit code 2, and nothing lost."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import deepception
import onnx_models
from command_line import (
    CLASSES,
    SIDE,
    assert_refused,
    call,
    empty,
    results,
    save_observer,
    save_placed_observer,
)
from deepception.errors import InputError
from deepception.stimuli import crop


def corrupt(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(5_000))


def cut_short(path: Path) -> None:
    save_placed_observer(path)
    path.write_bytes(path.read_bytes()[:3_000])


def two_inputs(path: Path) -> None:
    image = ("image", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])
    other = ("other", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])
    nodes = [
        helper.make_node("Add", ["image", "other"], ["sum"]),
        helper.make_node("ReduceMean", ["sum"], ["colour"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["colour", "matrix"], ["scores"]),
    ]
    scores = ("scores", TensorProto.FLOAT, ["n", CLASSES])
    onnx_models.save_model(path, nodes, [image, other], [scores], {"matrix": onnx_models.weights()})


def no_image(path: Path) -> None:
    table = ("table", TensorProto.FLOAT, ["n", 12])
    scores = ("scores", TensorProto.FLOAT, ["n", CLASSES])
    matrix = np.ones((12, CLASSES), np.float32)
    nodes = [helper.make_node("MatMul", ["table", "matrix"], ["scores"])]
    onnx_models.save_model(path, nodes, [table], [scores], {"matrix": matrix})


def answers_nan(path: Path) -> None:
    save_observer(path, matrix=np.full((3, CLASSES), np.nan, np.float32))


def sigmoids(path: Path) -> None:
    save_observer(path, last="Sigmoid")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (corrupt, ("model.onnx",)),
        (cut_short, ("model.onnx",)),
        (empty, ("model.onnx",)),
        (two_inputs, ("2 image inputs", "image", "other")),
        (no_image, ("no image input", "table")),
        (answers_nan, ("NaN",)),
        (sigmoids, ("sum to", "not to one")),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.parametrize("command", ["audit", "info"])
def test_a_bad_observer(
    lab: Path, tmp_path: Path, command: str, make: Callable[[Path], None], words: tuple[str, ...]
) -> None:
    make(tmp_path / "model.onnx")
    options = ["--quick", "--out", tmp_path / "run"] if command == "audit" else []
    done = call(command, tmp_path / "model.onnx", lab / "photos", *options)
    assert_refused(done, *words)


def test_no_such_observer(lab: Path, kept: Path) -> None:
    for model in (lab / "nothing.onnx", "onnx:nothing.onnx", lab / "nothing"):
        done = call("audit", model, lab / "photos", "--quick", "--out", kept)
        assert_refused(done, "nothing")


def test_no_such_torch_network(lab: Path, kept: Path) -> None:
    there = importlib.util.find_spec("torch") is not None
    done = call("audit", "torch:nothing", lab / "photos", "--quick", "--out", kept)
    assert_refused(done, "nothing" if there else "deepception[torch]")


def test_an_unknown_scheme(lab: Path, kept: Path) -> None:
    done = call("audit", "caffe:model.prototxt", lab / "photos", "--quick", "--out", kept)
    assert_refused(done, "'caffe'", "onnx:", "torch:", "python:")


def test_an_unknown_kind_of_file(lab: Path, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"x")
    assert_refused(call("info", tmp_path / "model.bin"), "model.bin", "write its scheme before it")


def test_999_labels_for_1000_outputs(lab: Path, tmp_path: Path) -> None:
    save_observer(tmp_path / "model.onnx", classes=1000)
    (tmp_path / "names.txt").write_text("\n".join(f"thing {number}" for number in range(999)))
    asked = (tmp_path / "model.onnx", lab / "photos", "--labels", tmp_path / "names.txt")
    for command in (["info"], ["audit", "--quick", "--out", tmp_path / "run"]):
        done = call(*command, *asked)
        assert_refused(done, "999 labels", "1000 outputs")
    assert not (tmp_path / "run").exists()


def test_logits_that_are_called_probabilities(lab: Path, tmp_path: Path) -> None:
    done = call(
        *("audit", lab / "good.onnx", lab / "photos", "--quick", "--out", tmp_path / "run"),
        *("--output", "probabilities"),
    )
    contradiction, *refusal = done.said
    assert "flag says that the output is probabilities" in contradiction
    assert_refused(replace(done, err="\n".join(refusal)), "not to one", 'output "logits"')


def test_nan_answers_when_a_budget_leaves_no_probe(lab: Path, tmp_path: Path) -> None:
    answers_nan(tmp_path / "model.onnx")
    done = call(
        *("audit", tmp_path / "model.onnx", lab / "photos", "--quick", "--out", tmp_path / "run"),
        *("--budget", 5000),
    )
    assert done.code == 2
    assert "NaN" in done.said[-1]
    assert "Traceback" not in done.err


def test_a_batch_of_one_is_enough(lab: Path, kept: Path, tmp_path: Path) -> None:
    model = onnx.load(lab / "good.onnx")
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(model, tmp_path / "one.onnx")
    done = call(
        *("audit", tmp_path / "one.onnx", lab / "photos", "--quick", "--out", tmp_path / "run"), page=False
    )
    assert done.code == 0, done
    one, many = results(tmp_path / "run"), results(kept)
    assert one["batch_size"] == 1
    for name, summary in many["properties"].items():
        for here, there in zip(one["properties"][name]["rows"], summary["rows"], strict=True):
            assert here.keys() == there.keys()
            numbers = [key for key, value in there.items() if isinstance(value, float)]
            assert numbers
            for key in numbers:
                assert here[key] == pytest.approx(there[key], rel=1e-3, abs=1e-4), (name, key)
    assert call("info", tmp_path / "one.onnx", lab / "photos").code == 0


def test_a_patch_larger_than_the_frame(lab: Path) -> None:
    photograph = lab / "photos" / "p0.png"
    patch = crop(np.zeros((60, 60, 3), np.uint8), 0, 0, SIDE + 5, SIDE + 1)
    with deepception.Session(deepception.open_observer(lab / "good.onnx"), batch_size=16) as session:
        for measure in (
            deepception.measure_spatial,
            deepception.measure_activation,
            deepception.measure_cumulative,
        ):
            with pytest.raises(InputError, match=r"a patch of 40x36 pixels .*: choose a smaller patch\.$"):
                measure(session, photograph, 3, patch=patch)
        assert session.transmissions == 0


@pytest.mark.parametrize("size", ["4", "6x200"])
def test_a_frame_too_small_for_a_patch(lab: Path, tmp_path: Path, size: str) -> None:
    save_observer(tmp_path / "any.onnx", side="s")
    done = call(
        *("audit", tmp_path / "any.onnx", lab / "photos", "--quick", "--out", tmp_path / "run"),
        *("--size", size),
    )
    assert_refused(done, "frame", size if "x" in size else f"{size}x{size}")
