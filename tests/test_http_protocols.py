"""Endpoints of every protocol give the answers of the classifier behind them; what is said wrong is refused."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from command_line import assert_refused, call, save_photographs
from deepception.errors import DeepceptionError, InputError, ObserverError, UnreachableError
from deepception.observers import (
    AnswerLevel,
    Normaliser,
    Preprocessing,
    PreprocessingOptions,
    fingerprint,
    open_observer,
)
from deepception.observers.http.client import Reply, _retry_after
from deepception.observers.http.context import Context
from deepception.observers.http.pixels import Numbers, Tensors, png
from deepception.observers.remote import TransientError
from deepception.sessions import raw_answers
from deepception.stimuli import Frame
from endpoint_server import classify
from endpoints import Endpoint, serving

SIDE, CLASSES = 35, 5
PLAIN: dict[str, Any] = {"mean": 0, "std": 1, "pixel_range": "0..255"}
LABELS = [f"class {k}" for k in range(CLASSES)]
SHOWN = np.random.default_rng(8).integers(0, 256, (12, SIDE, SIDE, 3), dtype=np.uint8)
LOGITS = np.stack([classify(image, CLASSES) for image in SHOWN])


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def certain() -> Iterator[Endpoint]:
    """A server whose scores are probabilities."""
    with serving(probabilities=True) as running:
        yield running


def described(folder: Path, request: str, answer: str, more: str = "") -> str:
    path = folder / "endpoint.toml"
    path.write_text(f"{more}\n[request]\n{request}\n[answer]\n{answer}\n", encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("kind", ["FP32", "UINT8"])
@pytest.mark.parametrize("binary", [True, False])
def test_v2_gives_the_classifiers_own_answers(kind: str, binary: bool) -> None:
    with serving(kind=kind, binary=binary) as endpoint:
        observer = open_observer(endpoint.v2, **(PLAIN if kind == "FP32" else {}))
        assert np.array_equal(raw_answers(observer, SHOWN).scores, LOGITS)
        assert np.array_equal(observer.answer(SHOWN[:3]).scores, LOGITS[:3])
        heard = endpoint.report()["heard"][0]
    assert ("inference-header-content-length" in heard) is binary
    assert (observer.name, observer.level, observer.frame.shape) == (
        "known",
        AnswerLevel.LOGITS,
        (SIDE, SIDE),
    )
    assert observer.identity["version"] == "3"


def test_v2_takes_either_form_when_told_so() -> None:
    with serving(binary=False) as endpoint:
        observer = open_observer(endpoint.v2, protocol="v2-binary", **PLAIN)
        assert np.array_equal(raw_answers(observer, SHOWN).scores, LOGITS)
    with serving(ids=False) as endpoint:  # an answer need not bear an id
        observer = open_observer(endpoint.v2, protocol="v2-json", **PLAIN)
        assert np.array_equal(raw_answers(observer, SHOWN).scores, LOGITS)


def test_tensorflow_serving(endpoint: Endpoint) -> None:
    observer = open_observer(f"{endpoint.base}/v1/models/known:predict", **PLAIN)
    assert np.array_equal(raw_answers(observer, SHOWN).scores, LOGITS)
    assert observer.identity["version"] == "7"


def test_torchserve_lists_the_best(certain: Endpoint) -> None:
    observer = open_observer(f"{certain.base}/predictions/known", labels=LABELS, size=SIDE, level="top-3")
    raw = raw_answers(observer, SHOWN)
    assert np.array_equal(raw.labels, np.argsort(-LOGITS, axis=1)[:, :3])
    p = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(raw.scores, -np.sort(-p, axis=1)[:, :3], rtol=1e-12)
    with pytest.raises(ObserverError, match=r"lists 3 classes and not 5: .* level, top-3"):
        raw_answers(open_observer(f"{certain.base}/predictions/known", labels=LABELS, size=SIDE), SHOWN[:1])


@pytest.mark.parametrize(
    "request_part",
    [
        '[request.json]\ninputs = [{ image = "$image" }]',
        'image = "data-url"\njson = { inputs = [{ image = "$image", top = 3 }] }',
        'image = "array"\njson.inputs = [{ image = "$image" }]',
        'send = "raw"',
        'send = "multipart"\nfield = "photo"\nform = { mode = "fast" }',
    ],
)
def test_a_described_endpoint_gets_the_image_where_it_wants_it(
    endpoint: Endpoint, tmp_path: Path, request_part: str
) -> None:
    protocol = described(tmp_path, request_part, 'level = "logits"\nscores = "$.scores"')
    more = {**PLAIN, "layout": "NHWC"} if "array" in request_part else {}
    observer = open_observer(f"{endpoint.base}/any", protocol=protocol, labels=LABELS, frame=SIDE, **more)
    assert np.array_equal(raw_answers(observer, SHOWN).scores, LOGITS)


def test_a_described_list_of_names_in_percent(certain: Endpoint, tmp_path: Path) -> None:
    protocol = described(
        tmp_path,
        'send = "raw"',
        'level = "top-2"\nlabels = "$.result.predictions[*].label"\n'
        'scores = "$.result.predictions[*].score"\nscale = 0.01\nresolution = 0.01',
    )
    observer = open_observer(f"{certain.base}/percent", protocol=protocol, labels=LABELS, frame=SIDE)
    raw = raw_answers(observer, SHOWN)
    p = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    assert np.array_equal(raw.labels[:, 0], LOGITS.argmax(axis=1))
    np.testing.assert_allclose(raw.scores[:, 0], np.round(p.max(axis=1), 2), atol=1e-9)
    assert raw.resolution == 0.01


def test_a_described_label(endpoint: Endpoint, tmp_path: Path) -> None:
    protocol = described(tmp_path, 'send = "raw"', 'level = "label"\nlabels = "$.best"')
    observer = open_observer(f"{endpoint.base}/label", protocol=protocol, labels=LABELS, frame=SIDE)
    raw = raw_answers(observer, SHOWN)
    assert np.array_equal(raw.labels[:, 0], LOGITS.argmax(axis=1))


def test_probabilities_must_be_said(certain: Endpoint) -> None:
    with pytest.raises(ObserverError, match="--output probabilities"):
        raw_answers(open_observer(certain.v2, **PLAIN), SHOWN)
    observer = open_observer(certain.v2, output="probabilities", **PLAIN)
    assert observer.level is AnswerLevel.PROBABILITIES
    np.testing.assert_allclose(raw_answers(observer, SHOWN).scores.sum(axis=1), 1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (40, 31)])
def test_png_is_read_back_bit_for_bit(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(2).integers(0, 256, (*shape, 3), dtype=np.uint8)
    read = Image.open(io.BytesIO(png(image)))
    assert (read.format, read.mode) == ("PNG", "RGB")
    assert np.array_equal(np.asarray(read), image)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("order", ["RGB", "BGR"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
def test_numbers_are_those_of_the_tensor(layout: Any, order: Any, dtype: Any) -> None:
    usual: dict[str, Any] = {
        "mean": (0.485, 0.456, 0.406),
        "std": (0.229, 0.224, 0.225),
        "pixel_range": "0..1",
    }
    more = {} if dtype == "uint8" else usual
    preprocessing = Preprocessing(Frame(6, 9), layout=layout, colour_order=order, dtype=dtype, **more)
    image = np.random.default_rng(1).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    want = Normaliser(preprocessing)(image[None])
    assert np.array_equal(Tensors(preprocessing)(image), want)
    numbers = Numbers(preprocessing)
    assert np.array_equal(np.array(json.loads(numbers.nested(image)), dtype=dtype), want[0])
    flat = np.array(json.loads(b"[" + numbers.flat(image) + b"]"), dtype=dtype)
    assert np.array_equal(flat, want.reshape(-1))


def test_the_fingerprint_tells_what_decides_the_answers(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPCEPTION_TOKEN", "one")
    base = fingerprint(open_observer(endpoint.v2, **PLAIN))
    same = [
        {"concurrency": 3, "rate": 9.0, "timeout": 3, "cost": 2, "name": "another"},
        {"headers": ["Authorization: Bearer ${DEEPCEPTION_TOKEN}"]},
    ]
    other = [
        {"headers": ["X-Region: eu"]},
        {"protocol": "v2-json"},
        {"version": "4"},
        {"mean": 3},
        {"output": "probabilities"},
    ]
    for options in same:
        assert fingerprint(open_observer(endpoint.v2, **{**PLAIN, **options})) == base
    for options in other:
        assert fingerprint(open_observer(endpoint.v2, **{**PLAIN, **options})) != base


def test_the_frame_that_is_sent(endpoint: Endpoint, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="takes 35"):
        open_observer(endpoint.v2, frame=(36, 35), **PLAIN)
    protocol = described(tmp_path, 'send = "raw"', 'level = "logits"\nscores = "$.scores"')
    observer = open_observer(f"{endpoint.base}/any", protocol=protocol, labels=LABELS, frame=(40, 60))
    assert observer.frame.shape == (40, 60)
    with pytest.raises(InputError, match="two words"):
        open_observer(endpoint.v2, frame=35, size=35)
    assert open_observer(endpoint.v2, preprocessing=PreprocessingOptions()).frame.shape == (SIDE, SIDE)


def test_info_says_what_was_understood_and_asks_little(endpoint: Endpoint, tmp_path: Path) -> None:
    photographs = save_photographs(tmp_path / "photographs", 2)
    before = endpoint.seen
    done = call("info", endpoint.v2, photographs, "--mean", "0", "--std", "1", "--no-cache")
    assert done.code == 0, done
    for words in (
        "known: 5 classes",
        "v2, binary tensors",
        "image, FP32 [-1, 3, 35, 35]",
        "asked            8 images",
    ):
        assert words in done.out
    assert endpoint.seen - before == 10
    found = json.loads(call("info", endpoint.v2, "--mean", "0", "--std", "1", "--json").out)
    assert found["transmissions"] == 8
    assert found["understood"]["server"] == "faults 1"


def _tensor(name: str, *sides: Any) -> dict[str, Any]:
    return {"name": name, "datatype": "FP32", "shape": list(sides)}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"inputs": [_tensor("image", "x", 3, 35, 35)]}, "describes itself otherwise"),
        ({"inputs": [{"name": "image", "shape": 5}]}, "describes itself otherwise"),
        ({"versions": 3}, "describes itself otherwise"),
        ({"inputs": [_tensor("image", -1, 3, 10**9, 10**9)]}, "more than any classifier"),
        ({"outputs": [_tensor("scores", -1, 10**12)]}, "more than any classifier"),
    ],
)
def test_a_description_of_no_classifier_is_refused(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, Any], words: str
) -> None:
    model = {"inputs": [_tensor("image", -1, 3, 35, 35)], "outputs": [_tensor("scores", -1, 5)], **said}
    monkeypatch.setattr(Context, "fetch_json", lambda self, url: model if "models" in url else {})
    with pytest.raises(ObserverError, match=words):
        open_observer("http://127.0.0.1:9/v2/models/known", **PLAIN)


def test_a_number_beyond_all_floats_is_a_bad_answer(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    observer = open_observer(endpoint.v2, **PLAIN)
    message = observer.encode(SHOWN[0])
    body = json.dumps({"outputs": [{"name": "scores", "datatype": "FP64", "data": [10**400] * 5}]})

    async def post(*request: Any) -> Reply:
        return Reply({}, body.encode())

    monkeypatch.setattr(observer._client, "post", post)
    with pytest.raises(TransientError, match="another form"):
        asyncio.run(observer.exchange(message))


BAD_OPTIONS: list[tuple[str, dict[str, Any], str]] = [
    ("http://", {}, "no address"),
    ("https:example", {}, "no address"),
    ("http://[::1/v2/models/known", {}, "no address"),
    ("http://user:word@127.0.0.1/v2/models/m", {}, "credentials"),
    ("http://127.0.0.1/v2/models/m?key=1", {}, "query"),
    ("http://127.0.0.1/v2/models/${KEY}", {}, "credentials"),
    ("http://127.0.0.1/classify", {}, "--protocol"),
    ("http://127.0.0.1/classify", {"protocol": "grpc"}, "no protocol 'grpc'"),
    ("http://127.0.0.1/classify", {"protocol": "v2"}, "/v2/models/NAME"),
    ("http://127.0.0.1/classify", {"protocol": "tfserving"}, "/v1/models/NAME"),
    ("http://127.0.0.1/classify", {"protocol": "torchserve"}, "/predictions/NAME"),
    ("http://127.0.0.1/predictions/m", {}, "--labels"),
    ("http://127.0.0.1/classify", {"protocol": "nowhere.toml"}, "cannot be read"),
    ("http://127.0.0.1/v2/models/m", {"headers": ["Authorization: Bearer abc"]}, "environment variable"),
    (
        "http://127.0.0.1/v2/models/m",
        {"headers": ["Authorization: ${UNSET_VARIABLE_OF_TESTS}"]},
        "is not set",
    ),
    ("http://127.0.0.1/v2/models/m", {"headers": ["nonsense"]}, "'Name: value'"),
    ("http://127.0.0.1/v2/models/m", {"concurrency": 0}, "concurrency"),
    ("http://127.0.0.1/v2/models/m", {"rate": -1.0}, "rate"),
    ("default", {"rate": 3.0}, "no endpoint"),
    ("default", {"level": "top-3"}, "is known"),
]


@pytest.mark.parametrize(("address", "options", "words"), BAD_OPTIONS)
def test_bad_configuration_is_refused_before_anything_is_asked(
    address: str, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError) as refused:
        open_observer(address, **options)
    assert words in str(refused.value)
    assert refused.value.exit_code == 2
    assert "abc" not in str(refused.value)
    assert "word@" not in str(refused.value)


BAD_FILES = [
    ('send = "raw"', 'level = "logits"', "scores is missing"),
    ('send = "raw"', 'level = "top-5"\nscores = "$.s"', "labels is missing"),
    ('send = "raw"', 'level = "logits"\nscores = "$.s["', "no JSONPath"),
    ('send = "raw"', 'level = "sure"\nscores = "$.s"', "no answer level"),
    ('send = "pigeon"', 'level = "logits"\nscores = "$.s"', "request.send"),
    ('json = { picture = "here" }', 'level = "logits"\nscores = "$.s"', '"$image" once'),
    (
        'send = "raw"\ncolour = 3',
        'level = "logits"\nscores = "$.s"',
        "where send, image, json, field, form are",
    ),
    ("send = raw", "", "not valid TOML"),
]


@pytest.mark.parametrize(("request_part", "answer", "words"), BAD_FILES)
def test_a_bad_description_is_refused(tmp_path: Path, request_part: str, answer: str, words: str) -> None:
    protocol = described(tmp_path, request_part, answer)
    with pytest.raises(InputError) as refused:
        open_observer("http://127.0.0.1:9/x", protocol=protocol, labels=LABELS)
    assert words in str(refused.value)


def test_the_level_of_a_handler_is_said_on_the_command_line(certain: Endpoint, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(LABELS), encoding="utf-8")
    photographs = save_photographs(tmp_path / "photographs", 1)
    command = ("info", f"{certain.base}/predictions/known", photographs, "--labels", labels, "--size", SIDE)
    assert_refused(call(*command, "--no-cache"), "lists 3 classes and not 5")
    done = call(*command, "--no-cache", "--level", "top-3", "--json")
    assert done.code == 0, done
    assert len(json.loads(done.out)["answers"][0]["top"]) == 3


def test_a_wrong_path_is_told_in_one_sentence(endpoint: Endpoint, tmp_path: Path) -> None:
    protocol = described(tmp_path, 'send = "raw"', 'level = "logits"\nscores = "$.wrong.path"')
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(LABELS), encoding="utf-8")
    photographs = save_photographs(tmp_path / "photographs", 1)
    done = call(
        *("audit", f"{endpoint.base}/any", photographs, "--out", tmp_path / "run", "--no-cache"),
        *("--protocol", protocol, "--labels", labels, "--frame", SIDE, "--concurrency", 1),
    )
    assert_refused(done, "$.wrong.path", "it has scores", "correct the JSONPath")


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("any", 'level = "probabilities"\nscores = "$.scores"\nscale = 100'),
        ("any", 'level = "probabilities"\nscores = "$.scores"\nscale = 0.01'),
        ("percent", 'level = "top-3"\nlabels = "$..label"\nscores = "$..score"'),
    ],
)
def test_scores_that_are_read_in_the_wrong_unit_are_told_with_the_remedy(
    certain: Endpoint, tmp_path: Path, path: str, answer: str
) -> None:
    protocol = described(tmp_path, 'send = "raw"', answer)
    observer = open_observer(f"{certain.base}/{path}", protocol=protocol, labels=LABELS, frame=SIDE)
    with pytest.raises(ObserverError, match=r"correct scale \(0\.01 for percent\), resolution"):
        raw_answers(observer, SHOWN[:1])


@pytest.mark.parametrize(
    ("prey", "kind", "words"),
    [
        ("status:400", ObserverError, "as told"),
        ("status:413", ObserverError, "413"),
        ("status:401", UnreachableError, "credentials"),
        ("status:404", UnreachableError, "check the address"),
        ("deep", ObserverError, "no whole JSON"),
    ],
)
def test_what_a_server_refuses(prey: str, kind: type[DeepceptionError], words: str) -> None:
    with serving(prey=prey) as endpoint:
        observer = open_observer(endpoint.v2, concurrency=1, **PLAIN)
        with pytest.raises(kind, match=words):
            raw_answers(observer, SHOWN[:1])
        if prey.startswith("status"):
            assert endpoint.seen == 1  # a refusal is final


def test_both_forms_of_retry_after() -> None:
    from email.utils import formatdate
    from time import time

    assert _retry_after({"retry-after": "17"}) == 17
    assert 25 < (_retry_after({"retry-after": formatdate(time() + 30, usegmt=True)}) or 0) <= 30
    assert _retry_after({"retry-after": formatdate(time() - 30, usegmt=True)}) == 0
    for useless in ("", "soon", "-3", "inf", "Fri, 99 Foo 9999"):
        assert _retry_after({"retry-after": useless}) is None


def test_the_description_in_the_documentation_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from deepception.observers.http.description import read_description

    page = Path(__file__).resolve().parents[1] / "docs" / "observers.md"
    text = page.read_text(encoding="utf-8").split("### Any other endpoint")[1]
    path = tmp_path / "vendor.toml"
    path.write_text(text.split("```toml\n")[1].split("```")[0], encoding="utf-8")
    assert read_description(path).answer.level == "top-5"
    monkeypatch.setenv("VENDOR_KEY", "k")
    labels = [f"class {k}" for k in range(9)]
    observer = open_observer("http://127.0.0.1:9/x", protocol=str(path), labels=labels, frame=256)
    assert observer.level is AnswerLevel.TOP_K
    assert observer.frame.shape == (256, 256)
