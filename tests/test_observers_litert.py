from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import small_network
from command_line import assert_refused, call, save_photographs
from deepception.errors import InputError, ObserverError
from deepception.observers import Observer, best_classes, check_answers, inspect, open_observer
from deepception.observers.protocol import resolution_of
from deepception.sessions import Session
from deepception.stimuli import fit_frame, load_photograph
from small_network import CLASSES, MEAN, SIDE, STD

pytest.importorskip("ai_edge_litert")

from litert_models import Graph, pack_labels, save_small_network
from test_same_answers import NORMALISED

# What a quantised input usually stands for: -1 to 1.
USUAL = {"UINT8": (1 / 127.5, 128), "INT8": (1 / 127.5, 0)}


def images(n: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, size=(n, SIDE, SIDE, 3), dtype=np.uint8)


def softmax(z: np.ndarray) -> np.ndarray:
    weights = np.exp(z - z.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def centred(x: np.ndarray) -> np.ndarray:
    """Logits of the small network where its pixels run from -1 to 1."""
    scaled = (x.astype(np.float64) - 128) / 127.5
    return small_network.logits((scaled * STD + MEAN) * 255)


@pytest.mark.parametrize(
    ("any_batch", "reshaped", "fixed"), [(True, False, None), (False, False, None), (True, True, 1)]
)
def test_batches(any_batch: bool, reshaped: bool, fixed: int | None, tmp_path: Path) -> None:
    model = save_small_network(tmp_path / "m.tflite", any_batch=any_batch, reshaped=reshaped)
    observer = open_observer(model, **NORMALISED)
    assert observer.fixed_batch == fixed
    assert observer.level == "logits"
    wanted = small_network.logits(images(5))
    for n in (5, 2, 0, 1, 4):
        assert observer.answer(images(5)[:n]).scores == pytest.approx(wanted[:n], abs=1e-4)


@pytest.mark.parametrize("kind", ["UINT8", "INT8"])
def test_quantised_probabilities_bear_their_steps(kind: str, tmp_path: Path) -> None:
    model = save_small_network(tmp_path / "m.tflite", kind=kind, last="SOFTMAX", image=USUAL[kind])
    observer = open_observer(model)
    assert observer.settings.warnings == ()  # type: ignore[attr-defined]
    raw = observer.answer(images(6))
    check_answers(raw, CLASSES, 6)
    assert (raw.level, raw.resolution, raw.ceiling) == ("probabilities", 1 / 256, 255 / 256)
    assert resolution_of(observer) == 1 / 256
    assert np.abs(raw.scores - softmax(centred(images(6)))).max() <= 1 / 256 + 1e-6
    assert set(np.unique(raw.scores * 256 % 1)) == {0}


def test_the_greatest_whole_number_stands_for_all_above(tmp_path: Path) -> None:
    """The last step of 8 bits is 255/256, and a probability of one is told as that."""
    model = save_small_network(
        tmp_path / "m.tflite", kind="UINT8", last="SOFTMAX", image=USUAL["UINT8"], sharper=3
    )
    observer = open_observer(model)
    # A frame on which the network is as good as sure.
    many = np.random.default_rng(3).integers(0, 2, size=(400, 2, 2, 3), dtype=np.uint8) * 255
    frames = many.repeat(SIDE // 2, axis=1).repeat(SIDE // 2, axis=2)
    true = softmax(3 * centred(frames))
    sure = int(true.max(axis=1).argmax())
    assert true[sure].max() > 0.999
    with Session(observer) as session:
        answers = session.ask_images(frames[sure : sure + 1])
    best = int(answers.top[0, 0])
    assert answers.saturated[0, best]
    assert answers.log_odds[0, best] == pytest.approx(np.log(254.5 / 1.5))
    assert answers.log_odds[0, best] < np.log(true[sure, best] / (1 - true[sure, best]))
    others = [c for c in range(CLASSES) if c != best]
    assert answers.censored[0, others].all()


def test_a_normalisation_is_rounded_as_the_input_says(tmp_path: Path) -> None:
    """A network fed with ImageNet's mean and std, quantised: whole numbers are not the pixels."""
    low = min((0 - m) / s for m, s in zip(MEAN, STD, strict=True))
    high = max((1 - m) / s for m, s in zip(MEAN, STD, strict=True))
    scale = (high - low) / 255
    model = save_small_network(tmp_path / "m.tflite", kind="INT8", image=(scale, round(-128 - low / scale)))
    observer = open_observer(model, **NORMALISED)
    wanted = small_network.logits(images(6))
    assert np.abs(observer.answer(images(6)).scores - wanted).max() < 0.25  # steps of 0.25, rounded
    # Without a word about it, the pixels are passed as they are, and a warning says so.
    (warning,) = open_observer(model).settings.warnings  # type: ignore[attr-defined]
    assert "no usual range of pixels" in warning


def test_quantised_logits_are_real_numbers(tmp_path: Path) -> None:
    model = save_small_network(tmp_path / "m.tflite", kind="UINT8", image=USUAL["UINT8"])
    observer = open_observer(model)
    raw = observer.answer(images(4))
    assert (raw.level, raw.resolution, raw.ceiling) == ("logits", 0.0, 1.0)
    assert resolution_of(observer) == 0
    assert np.abs(raw.scores - centred(images(4))).max() <= 0.125 + 1e-3


def test_a_background_class_is_known_by_the_sidecar(tmp_path: Path) -> None:
    model = save_small_network(tmp_path / "m.tflite", background=True)
    names = [f"thing {number}" for number in range(CLASSES)]
    (tmp_path / "m.json").write_text(f'{{"label_offset": 1, "labels": {names}}}'.replace("'", '"'))
    observer = open_observer(model, **NORMALISED)
    assert observer.labels == ("background", *names)
    assert best_classes(observer.answer(images(3)), 1).min() >= 1


def test_labels_inside_the_file(tmp_path: Path) -> None:
    model = save_small_network(tmp_path / "m.tflite")
    names = [f"thing {number}" for number in range(CLASSES)]
    pack_labels(model, names)
    assert open_observer(model, **NORMALISED).labels == tuple(names)
    other = tmp_path / "names.txt"
    other.write_text("\n".join(names[::-1]))
    assert open_observer(model, labels=other, **NORMALISED).labels == tuple(names[::-1])


def test_a_file_that_ends_in_a_softmax_gives_probabilities(tmp_path: Path) -> None:
    observer = open_observer(save_small_network(tmp_path / "m.tflite", last="SOFTMAX"), **NORMALISED)
    raw = observer.answer(images(3))
    assert raw.level == "probabilities"
    assert raw.scores == pytest.approx(softmax(small_network.logits(images(3))), abs=1e-5)


def _cut(path: Path) -> None:
    content = save_small_network(path).read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _foreign(path: Path) -> None:
    small_network.save_onnx(path)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _two_inputs(path: Path) -> None:
    graph = Graph()
    one, two, made = (graph.tensor(name, [1, 8, 8, 3]) for name in ("one", "two", "sum"))
    graph.operator("ADD", [one, two], [made], "AddOptions")
    graph.save(path, [one, two], [made])


def _no_scores(path: Path) -> None:
    graph = Graph()
    image, made = graph.tensor("image", [1, 8, 8, 3]), graph.tensor("twice", [1, 8, 8, 3])
    graph.operator("ADD", [image, image], [made], "AddOptions")
    graph.save(path, [image], [made])


def _strange_operator(path: Path) -> None:
    graph = Graph()
    image, made = graph.tensor("image", [1, 8, 8, 3]), graph.tensor("scores", [1, 10])
    graph.operator("CUSTOM", [image], [made])
    graph.model.operatorCodes[0].customCode = "MyOperator"
    graph.model.operatorCodes[0].deprecatedBuiltinCode = graph.schema.BuiltinOperator.CUSTOM
    graph.save(path, [image], [made])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_cut, ("LiteRT cannot open", "whole TFLite file")),
        (_foreign, ("LiteRT cannot open",)),
        (_empty, ("LiteRT cannot open",)),
        (_two_inputs, ("2 inputs", "one", "two")),
        (_no_scores, ("table of scores",)),
        (_strange_operator, ("MyOperator",)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_bad_file_is_refused(make: Any, words: tuple[str, ...], tmp_path: Path) -> None:
    make(tmp_path / "m.tflite")
    assert_refused(call("info", tmp_path / "m.tflite"), *words, "m.tflite")


def test_damaged_bytes_are_refused_or_harmless(tmp_path: Path) -> None:
    content = save_small_network(tmp_path / "m.tflite").read_bytes()
    rng = np.random.default_rng(5)
    refused = 0
    for number in range(20):
        damaged = bytearray(content)
        # The tables of the file begin at its start; the weights behind them may be anything.
        for place in rng.integers(0, 64, size=3):
            damaged[place] = rng.integers(0, 256)
        path = tmp_path / f"{number}.tflite"
        path.write_bytes(bytes(damaged))
        try:
            assert isinstance(open_observer(path, **NORMALISED), Observer)
        except (ObserverError, InputError):
            refused += 1
    assert refused > 10


def test_metadata_that_lies_is_passed_over() -> None:
    from deepception.observers.litert_metadata import _normalisations, read_normalisation

    graph = Graph()
    schema = graph.schema
    for block in (b"", b"\xff" * 12, struct.pack("<I", 4) + bytes(40)):
        buffer, entry = schema.BufferT(), schema.MetadataT()
        buffer.data = np.frombuffer(block, dtype=np.uint8)
        entry.name, entry.buffer = "TFLITE_METADATA", len(graph.model.buffers)
        graph.model.buffers.append(buffer)
        graph.model.metadata = [entry]
        import flatbuffers

        builder = flatbuffers.Builder(0)
        builder.Finish(graph.model.Pack(builder), file_identifier=b"TFL3")
        assert read_normalisation(bytes(builder.Output())) is None
    with pytest.raises(struct.error):
        list(_normalisations(b""))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"device": "cuda"}, "run on the cpu"),
        ({"engine": "openvino"}, "no engine 'openvino'"),
        ({"weights": "w.pth"}, "holds its weights"),
        ({"version": "1"}, "known by its bytes"),
        ({"threads": 0}, "at least 1"),
        ({"input_name": "other"}, "no input 'other'"),
        ({"size": 31}, "takes 32"),
    ],
)
def test_options_that_mean_nothing_here(options: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    model = save_small_network(tmp_path / "m.tflite")
    with pytest.raises(InputError, match=sentence):
        open_observer(model, **options)


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = save_small_network(tmp_path / "m.tflite")
    monkeypatch.setitem(__import__("sys").modules, "ai_edge_litert.interpreter", None)
    assert_refused(call("info", model), "pip install 'deepception[litert]'")


@pytest.fixture(scope="module")
def quantised(shared_data: Path) -> Path:
    return shared_data / "models" / "mobilenet_v2_1.0_224_quant.tflite"


def test_a_quantised_mobilenet_is_understood(quantised: Path, shared_data: Path) -> None:
    observer = open_observer(quantised)
    assert (len(observer.labels), observer.labels[0], observer.level) == (1001, "background", "probabilities")
    report = inspect(observer, seconds=0.01)
    assert report.deterministic
    assert report.batch_difference == 0
    photograph = shared_data / "photos" / "0012_n01532829.jpg"
    raw = observer.answer(fit_frame(load_photograph(photograph), observer.frame)[None])
    assert observer.labels[int(best_classes(raw, 1)[0, 0])].startswith("house finch")


def test_a_table_that_counts_without_the_background_is_read_by_its_names(
    quantised: Path, shared_data: Path, tmp_path: Path
) -> None:
    (tmp_path / "labels.csv").write_text("file,index,name\na.jpg,12,house_finch\n")
    (tmp_path / "a.jpg").write_bytes((shared_data / "photos" / "0012_n01532829.jpg").read_bytes())
    done = call("info", quantised, tmp_path, "--json")
    assert done.code == 0, done
    assert '"value": 1.0' in done.out


def test_an_audit_of_a_quantised_file(tmp_path: Path) -> None:
    model = save_small_network(tmp_path / "m.tflite", kind="UINT8", last="SOFTMAX", image=USUAL["UINT8"])
    photographs = save_photographs(tmp_path / "photos", 2)
    done = call("audit", model, photographs, "--quick", "--out", tmp_path / "run", page=False)
    assert done.code == 0, done
