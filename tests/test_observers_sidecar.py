from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from deepception.errors import InputError, ObserverError
from deepception.observers import OnnxObserver, PreprocessingOptions
from onnx_models import CLASSES, SIDE, linear

NAMES = [f"kind {index}" for index in range(CLASSES)]
ENTRY: dict[str, Any] = {
    "name": "small",
    "file": "small.onnx",
    "input_size": SIDE,
    "mean": [123.0, 117.0, 104.0],
    "std": [1.0, 2.0, 3.0],
    "pixel_range": "0..255 before (x-mean)/std",
    "crop_fraction": 0.9,
    "colour_order": "BGR",
    "labels": NAMES,
    "measured": {"top1": 0.5},
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return linear(tmp_path / "small.onnx")


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def opened(model: Path, **options: Any) -> OnnxObserver:
    return OnnxObserver(model, options=PreprocessingOptions(**options))


@pytest.mark.parametrize(
    ("name", "content"), [("small.json", ENTRY), ("models.json", [{"file": "x.onnx"}, ENTRY])]
)
def test_a_sidecar_beside_the_model_is_read(model: Path, name: str, content: Any) -> None:
    write(model.parent / name, content)
    observer = opened(model)
    got = observer.settings.preprocessing
    assert (got.mean, got.std, got.pixel_range) == ((123.0, 117.0, 104.0), (1.0, 2.0, 3.0), "0..255")
    assert got.colour_order == "BGR"
    assert got.frame.crop_fraction == 0.9
    assert observer.labels == tuple(NAMES)
    sources = observer.settings.sources
    assert sources["mean"] == f"sidecar {name}"
    assert sources["height"] == "model"
    assert sources["interpolation"] == "default"


@pytest.mark.parametrize("content", [ENTRY, [ENTRY], [{"file": "x.onnx"}, ENTRY]])
def test_a_named_file_may_be_an_entry_or_a_list(model: Path, tmp_path: Path, content: Any) -> None:
    write(model.with_suffix(".json"), {"mean": 0, "std": 255})
    file = write(tmp_path / "elsewhere.json", content)
    assert opened(model, preprocessing=file).settings.preprocessing.std == (1.0, 2.0, 3.0)


def test_a_list_without_the_model_is_no_source_and_an_error_when_named(model: Path) -> None:
    file = write(model.parent / "models.json", [{"file": "x.onnx"}, {"file": "y.onnx"}])
    assert opened(model).settings.sources["mean"] == "default"
    with pytest.raises(InputError, match=r"no entry for small\.onnx"):
        opened(model, preprocessing=file)


def test_flags_override_and_say_so(model: Path) -> None:
    write(model.with_suffix(".json"), ENTRY)
    observer = opened(model, mean=(0.5,) * 3, std=(0.5,) * 3, crop_fraction=1.0)
    got = observer.settings.preprocessing
    assert (got.mean, got.pixel_range, got.frame.crop_fraction) == ((0.5,) * 3, "0..1", 1.0)
    assert observer.settings.sources["mean"] == "flag"
    assert "inferred" in observer.settings.sources["pixel_range"]
    assert observer.settings.sources["colour_order"] == "sidecar small.json"


def test_half_a_normalisation_is_refused() -> None:
    with pytest.raises(InputError, match="together"):
        PreprocessingOptions(mean=(0.5,) * 3)


def test_without_any_word_the_default_is_named_and_warned_of(model: Path) -> None:
    observer = opened(model)
    assert observer.settings.sources["mean"] == "default"
    assert any("Nothing says" in warning for warning in observer.settings.warnings)
    assert observer.labels[3] == "class 3"


@pytest.mark.parametrize("numbers", [(127.5, 64), ([127.5], [64])])
def test_one_number_stands_for_three_channels(model: Path, numbers: tuple[Any, Any]) -> None:
    write(model.with_suffix(".json"), ENTRY | dict(zip(("mean", "std"), numbers, strict=True)))
    got = opened(model).settings.preprocessing
    assert (got.mean, got.std) == ((127.5,) * 3, (64.0,) * 3)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"std": [1.0, 0.0, 1.0]}, "'std'"),
        ({"mean": "grey"}, "'mean'"),
        ({"mean": [0.5, 0.5]}, "'mean' cannot be used: it has 2 numbers; give one, or three"),
        ({"crop_fraction": 1.5}, "'crop_fraction'"),
        ({"layout": "CHWN"}, "'layout'"),
        ({"pixel_range": "0..2"}, "'pixel_range'"),
        ({"input_size": 0}, "'input_size'"),
        ({"labels": 7}, "'labels'"),
        ({"means": [1, 2, 3]}, "did you mean 'mean'"),
        ({"input_size": 32}, "takes 16"),
        ({"layout": "NHWC"}, "takes NCHW"),
    ],
)
def test_a_bad_field_is_named_with_its_file(model: Path, change: dict[str, Any], sentence: str) -> None:
    write(model.with_suffix(".json"), ENTRY | change)
    with pytest.raises(InputError, match=sentence) as caught:
        opened(model)
    assert "small.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_broken_json_is_refused(model: Path) -> None:
    model.with_suffix(".json").write_text('{"mean": ')
    with pytest.raises(InputError, match="not valid JSON"):
        opened(model)


def test_999_labels_for_1000_outputs(tmp_path: Path) -> None:
    model = linear(tmp_path / "wide.onnx", classes=1000)
    write(model.with_suffix(".json"), {"labels": [f"c{i}" for i in range(999)]})
    with pytest.raises(ObserverError, match=r"999 labels .* for 1000 outputs"):
        opened(model)


def test_other_classes_than_declared_are_refused(model: Path) -> None:
    write(model.with_suffix(".json"), {"classes": 11})
    with pytest.raises(ObserverError, match="11 classes"):
        opened(model)


def test_imagenet_names_come_from_the_label_order_only(tmp_path: Path) -> None:
    model = linear(tmp_path / "wide.onnx", classes=1000)
    assert opened(model).labels[0] == "class 0"
    write(model.with_suffix(".json"), {"label_order": "ImageNet-1k standard (sorted wnid)"})
    assert opened(model).labels[0] == "tench"
    more = linear(tmp_path / "more.onnx", classes=1001)
    write(more.with_suffix(".json"), {"label_order": "ImageNet-1k", "label_offset": 1})
    assert opened(more).labels[:2] == ("background", "tench")


def test_1001_outputs_have_a_background_class_first(tmp_path: Path) -> None:
    model = linear(tmp_path / "m.onnx", classes=1001)
    assumed = opened(model)
    assert assumed.labels[:2] == ("background", "tench")
    assert any("1,001 classes" in warning for warning in assumed.settings.warnings)
    (tmp_path / "names.txt").write_text("\n".join(f"thing {number}" for number in range(1000)))
    write(model.with_suffix(".json"), {"labels": "names.txt"})
    named = opened(model)
    assert named.labels[:2] == ("background", "thing 0")
    assert not any("1,001 classes" in warning for warning in named.settings.warnings)
    # Said to have none, it has none.
    write(model.with_suffix(".json"), {"label_offset": 0})
    assert opened(model).labels[0] == "class 0"


def test_labels_from_a_file(model: Path) -> None:
    (model.parent / "names.txt").write_text("\n".join(NAMES))
    write(model.with_suffix(".json"), {"labels": "names.txt"})
    assert opened(model).labels == tuple(NAMES)
    (model.parent / "others.txt").write_text("\n".join(name.upper() for name in NAMES))
    observer = opened(model, labels=model.parent / "others.txt")
    assert observer.labels[0] == "KIND 0"
    assert observer.settings.sources["labels"] == "flag"


def test_a_sidecar_of_other_bytes_is_warned_of(model: Path) -> None:
    write(model.with_suffix(".json"), ENTRY | {"sha256": "0" * 64})
    assert any("sha256" in warning for warning in opened(model).settings.warnings)


CONFIG = {"id2label": {str(index): name for index, name in enumerate(NAMES)}}


@pytest.mark.parametrize(
    ("processor", "frame", "numbers"),
    [
        (
            {
                "do_resize": True,
                "size": {"shortest_edge": 18},
                "do_center_crop": True,
                "crop_size": {"height": SIDE, "width": SIDE},
                "resample": 2,
                "rescale_factor": 1 / 255,
                "image_mean": [0.5, 0.4, 0.3],
                "image_std": [0.2, 0.2, 0.2],
            },
            ("crop", 18, "bilinear"),
            ((0.5, 0.4, 0.3), (0.2, 0.2, 0.2), "0..1"),
        ),
        (
            {"size": SIDE, "do_normalize": False, "resample": 3, "image_mean": [0.5, 0.4, 0.3]},
            ("squash", SIDE, "bicubic"),
            ((0.0,) * 3, (1.0,) * 3, "0..1"),
        ),
        (
            {"size": {"shortest_edge": SIDE}, "crop_pct": 0.8, "image_mean": 0.5, "image_std": 0.5},
            ("crop", 20, "bicubic"),
            ((0.5,) * 3, (0.5,) * 3, "0..1"),
        ),
        (
            {
                "size": {"height": SIDE, "width": SIDE},
                "rescale_factor": 1 / 127.5,
                "rescale_offset": True,
                "image_mean": [0.0] * 3,
                "image_std": [1.0] * 3,
            },
            ("squash", SIDE, "bicubic"),
            ((127.5,) * 3, (127.5,) * 3, "0..255"),
        ),
    ],
)
@pytest.mark.parametrize("above", [False, True])
def test_hugging_face_folders(
    tmp_path: Path, processor: dict[str, Any], frame: Any, numbers: Any, above: bool
) -> None:
    folder = tmp_path / "onnx" if above else tmp_path
    folder.mkdir(exist_ok=True)
    model = linear(folder / "model.onnx")
    write(tmp_path / "config.json", CONFIG)
    write(tmp_path / "preprocessor_config.json", processor)
    got = opened(model).settings.preprocessing
    short = math.floor(SIDE / got.frame.crop_fraction)
    assert (got.frame.fit, short, got.frame.interpolation) == frame
    assert got.pixel_range == numbers[2]
    assert got.mean == pytest.approx(numbers[0])
    assert got.std == pytest.approx(numbers[1])
    assert got.labels == tuple(NAMES)


def test_crop_fractions_land_on_the_size_of_the_resize() -> None:
    from deepception.observers.huggingface import layer_from_hugging_face

    for side in (96, 160, 176, 224, 260):
        for resize in range(side, side + 130):
            processor = {"size": {"shortest_edge": resize}, "do_center_crop": True, "crop_size": side}
            fraction = layer_from_hugging_face(processor, {}, "x").values["crop_fraction"]
            assert math.floor(side / fraction) == resize


def test_bad_hugging_face_fields_are_named(model: Path) -> None:
    write(model.parent / "preprocessor_config.json", {"size": "big", "image_mean": [0.5] * 3})
    with pytest.raises(InputError, match=r"preprocessor_config\.json.*'size'"):
        opened(model)


def test_timm_s_config_on_the_hub_is_read(model: Path) -> None:
    timm = {"input_size": [3, SIDE, SIDE], "crop_pct": 0.95, "interpolation": "bicubic", "mean": [0.5] * 3}
    write(model.parent / "config.json", {"pretrained_cfg": timm | {"std": [0.5] * 3}, "label_names": NAMES})
    got = opened(model).settings.preprocessing
    assert (got.mean, got.pixel_range, got.frame.crop_fraction) == ((0.5,) * 3, "0..1", 0.95)


def test_the_shared_list_is_valid_as_a_whole(shared_data: Path) -> None:
    folder = shared_data / "models"
    for entry in json.loads((folder / "models.json").read_text()):
        observer = OnnxObserver(folder / entry["file"])
        got = observer.settings.preprocessing
        assert (list(got.mean), list(got.std)) == (entry["mean"], entry["std"])
        assert (got.frame.height, got.frame.crop_fraction) == (entry["input_size"], entry["crop_fraction"])
        assert observer.identity["sha256"] == entry["sha256"]
        assert (observer.labels[0], observer.name) == ("tench", entry["name"])
        assert observer.settings.warnings == ()
