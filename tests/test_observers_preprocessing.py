from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from deepception.errors import InputError
from deepception.observers import Normaliser, Preprocessing
from deepception.stimuli import Frame

FRAME = Frame(20, 30)


def images(n: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size=(n, 20, 30, 3), dtype=np.uint8)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("order", ["RGB", "BGR"])
@pytest.mark.parametrize(
    ("pixel_range", "mean", "std"),
    [
        ("0..255", (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
        ("0..255", (0.0, 0.0, 0.0), (255.0, 255.0, 255.0)),
        ("0..255", (123.0, 117.0, 104.0), (1.0, 1.0, 1.0)),
        ("0..1", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ("0..1", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    ],
)
def test_the_batch_is_x_minus_mean_over_std(
    layout: Any, order: Any, pixel_range: Any, mean: Any, std: Any
) -> None:
    x = images()
    batch = Normaliser(Preprocessing(FRAME, mean, std, pixel_range, layout, order))(x)
    ordered = (x[..., ::-1] if order == "BGR" else x).astype(np.float32)
    if pixel_range == "0..1":
        ordered = ordered / np.float32(255)
    wanted = (ordered - np.float32(mean)) / np.float32(std)
    if layout == "NCHW":
        wanted = wanted.transpose(0, 3, 1, 2)
    assert batch.dtype == np.float32
    assert batch.flags.c_contiguous
    np.testing.assert_array_equal(batch, wanted)
    # Against exact arithmetic: within one unit in the last place of what was subtracted.
    exact = (x[..., ::-1] if order == "BGR" else x) / (255.0 if pixel_range == "0..1" else 1.0)
    exact = (exact - np.array(mean)) / np.array(std)
    exact = exact.transpose(0, 3, 1, 2) if layout == "NCHW" else exact
    unit = np.spacing(np.float32(max(np.abs(exact).max(), max(np.abs(mean)) / min(std))))
    np.testing.assert_allclose(batch, exact, rtol=0, atol=2 * float(unit))


def test_half_precision_is_rounded_once() -> None:
    x = images()
    full = Normaliser(Preprocessing(FRAME, (127.0,) * 3, (128.0,) * 3))(x)
    half = Normaliser(Preprocessing(FRAME, (127.0,) * 3, (128.0,) * 3, dtype="float16"))(x)
    assert half.dtype == np.float16
    np.testing.assert_array_equal(half, full.astype(np.float16))


def test_bytes_reach_a_byte_input_unchanged() -> None:
    x = images()
    batch = Normaliser(Preprocessing(FRAME, layout="NHWC", dtype="uint8"))(x)
    np.testing.assert_array_equal(batch, x)


def test_the_bits_do_not_depend_on_the_batch_and_the_buffer_is_reused() -> None:
    x = images(7)
    normalise = Normaliser(Preprocessing(FRAME, (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)))
    whole = normalise(x)
    memory = whole.ctypes.data
    kept = whole.copy()
    for index in range(7):
        alone = normalise(x[index : index + 1])
        np.testing.assert_array_equal(alone[0], kept[index])
        assert alone.ctypes.data == memory


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((1, 20, 30, 3), np.float32),
        np.zeros((1, 30, 20, 3), np.uint8),
        np.zeros((20, 30, 3), np.uint8),
    ],
)
def test_other_images_are_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="images must be uint8"):
        Normaliser(Preprocessing(FRAME))(wrong)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"std": (1.0, 0.0, 1.0)}, "must be positive"),
        ({"mean": (1.0, 2.0)}, "three finite numbers"),
        ({"mean": (float("nan"),) * 3}, "three finite numbers"),
        ({"mean": (123.0, 117.0, 104.0), "pixel_range": "0..1"}, "does not fit pixels from 0 to 1"),
        ({"mean": (127.0,) * 3, "dtype": "uint8"}, "as they are"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Preprocessing(FRAME, **settings)
