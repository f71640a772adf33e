"""Photographs in: every mode, orientation and kind of bad file; and the way into the frame."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from deepception.errors import InputError, PhotographError
from deepception.stimuli import (
    Frame,
    Photograph,
    as_photograph,
    fit_frame,
    load_photograph,
    save_stimulus,
)


def picture(height: int = 20, width: int = 30) -> np.ndarray:
    """Smooth colours, another in every corner."""
    y, x = np.mgrid[:height, :width]
    return np.stack([255 * y / height, 255 * x / width, 255 - 255 * y / height], axis=-1).astype(np.uint8)


def saved(tmp_path: Path, image: Image.Image, name: str, **options: object) -> Path:
    image.save(tmp_path / name, **options)
    return tmp_path / name


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tiff", "a.webp", "a.gif", "a.ppm", "a.jpg"])
def test_formats(tmp_path: Path, name: str) -> None:
    options: dict[str, object] = {
        "a.webp": {"lossless": True},
        "a.jpg": {"quality": 98, "subsampling": 0},
    }.get(name, {})
    path = saved(tmp_path, Image.fromarray(picture()), name, **options)
    photograph = load_photograph(path)
    assert photograph.name == name
    assert photograph.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert not photograph.framed
    assert photograph.pixels.dtype == np.uint8
    assert photograph.pixels.flags.c_contiguous
    tolerance = {"a.jpg": 6, "a.gif": 40}.get(name, 0)
    np.testing.assert_allclose(photograph.pixels.astype(int), picture(), atol=tolerance)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(tmp_path: Path, orientation: int) -> None:
    image = Image.fromarray(picture())
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path, image, "turned.png", exif=exif)
    with Image.open(path) as again:
        upright = np.asarray(ImageOps.exif_transpose(again))
    np.testing.assert_array_equal(load_photograph(path).pixels, upright)


def test_an_orientation_outside_1_to_8_is_ignored(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 77
    path = saved(tmp_path, Image.fromarray(picture()), "odd.png", exif=exif)
    np.testing.assert_array_equal(load_photograph(path).pixels, picture())


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr", "HSV"])
def test_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(picture()).convert(mode)
    photograph = as_photograph(image)
    np.testing.assert_array_equal(photograph.pixels, np.asarray(image.convert("RGB")))
    if mode in ("L", "1", "P"):
        path = saved(tmp_path, image, "a.png")
        np.testing.assert_array_equal(load_photograph(path).pixels, photograph.pixels)


def test_a_cmyk_jpeg_has_the_colours_of_its_rgb(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.fromarray(picture(64, 64)).convert("CMYK"), "a.jpg", quality=95)
    np.testing.assert_allclose(load_photograph(path).pixels.astype(int), picture(64, 64), atol=25)


def test_transparency_shows_grey_128(tmp_path: Path) -> None:
    alpha = np.full((20, 30), 255, np.uint8)
    alpha[:, 10:20], alpha[:, 20:] = 0, 128
    image = Image.fromarray(np.dstack([picture(), alpha]))
    for name in ("a.png", "a.tiff"):
        pixels = load_photograph(saved(tmp_path, image, name)).pixels
        np.testing.assert_array_equal(pixels[:, :10], picture()[:, :10])
        assert (pixels[:, 10:20] == 128).all()
        half = (picture()[:, 20:].astype(float) * 128 + 128 * 127) / 255
        np.testing.assert_allclose(pixels[:, 20:], half, atol=1)
    grey = Image.fromarray(np.dstack([picture()[..., 0], alpha]))
    assert (load_photograph(saved(tmp_path, grey, "la.png")).pixels[:, 10:20] == 128).all()
    palette = Image.fromarray(np.tile(np.arange(20, dtype=np.uint8), (20, 1))).convert("P")
    clear = load_photograph(saved(tmp_path, palette, "p.png", transparency=5)).pixels
    assert (clear[:, 5] == 128).all()
    assert (clear[:, 6] == 6).all()


@pytest.mark.parametrize("name", ["a.png", "a.tiff", "a.pgm"])
def test_16_bit_grey_is_scaled_not_clipped(tmp_path: Path, name: str) -> None:
    values = np.linspace(0, 65535, 600).reshape(20, 30).astype(np.uint16)
    pixels = load_photograph(saved(tmp_path, Image.fromarray(values), name)).pixels
    assert (pixels.min(), pixels.max()) == (0, 255)
    np.testing.assert_allclose(pixels[..., 1], values / 257, atol=0.5)


def test_an_animation_shows_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "blue")]
    path = saved(tmp_path, frames[0], "a.gif", save_all=True, append_images=frames[1:])
    assert (load_photograph(path).pixels == (255, 0, 0)).all()


def truncated_jpeg(folder: Path) -> Path:
    path = saved(folder, Image.fromarray(picture(200, 300)), "cut.jpg")
    path.write_bytes(path.read_bytes()[:-800])
    return path


def text_named_jpg(folder: Path) -> Path:
    (folder / "text.jpg").write_text("This is no photograph.\n" * 20)
    return folder / "text.jpg"


def empty_file(folder: Path) -> Path:
    (folder / "empty.png").write_bytes(b"")
    return folder / "empty.png"


def broken_png(folder: Path) -> Path:
    path = saved(folder, Image.fromarray(picture()), "broken.png")
    content = bytearray(path.read_bytes())
    content[60:90] = bytes(30)
    path.write_bytes(content)
    return path


def floating(folder: Path) -> Path:
    return saved(folder, Image.fromarray(np.ones((20, 20), np.float32)), "float.tiff")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "missing.jpg", "does not exist"),
        (lambda folder: folder, "is a folder"),
        (truncated_jpeg, "cannot be decoded"),
        (text_named_jpg, "is not an image"),
        (empty_file, "is not an image"),
        (broken_png, "cannot be decoded"),
        (floating, "floating-point"),
        (lambda folder: saved(folder, Image.new("RGB", (1, 1)), "dot.png"), "at least 16"),
        (lambda folder: saved(folder, Image.new("RGB", (10000, 1)), "line.png"), "at least 16"),
        (lambda folder: saved(folder, Image.new("RGB", (337, 16)), "long.png"), "20 times"),
    ],
    ids=["missing", "folder", "truncated", "text", "empty", "broken", "float", "1x1", "1x10000", "long"],
)
def test_bad_files_are_refused_with_one_sentence(tmp_path: Path, make, message: str) -> None:
    path = make(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(PhotographError, match=message) as caught:
            load_photograph(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_limits_themselves_are_fine(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.new("RGB", (320, 16)), "long.png")
    assert load_photograph(path).pixels.shape == (16, 320, 3)
    assert load_photograph(path, max_pixels=320 * 16).pixels.shape == (16, 320, 3)


def test_too_many_pixels(tmp_path: Path) -> None:
    image = Image.fromarray(picture(203, 301))
    for name, options in (("a.png", {}), ("progressive.jpg", {"progressive": True})):
        with pytest.raises(PhotographError, match="--max-pixels"):
            load_photograph(saved(tmp_path, image, name, **options), max_pixels=40_000)
    baseline = saved(tmp_path, image, "a.jpg", quality=95)
    drafted = load_photograph(baseline, max_pixels=40_000)
    assert drafted.pixels.shape == (51, 76, 3)
    assert drafted.sha256 == hashlib.sha256(baseline.read_bytes()).hexdigest()
    np.testing.assert_allclose(
        drafted.pixels[1:-1, 1:-1].astype(int),
        np.asarray(image.resize((76, 51), Image.Resampling.BOX), dtype=int)[1:-1, 1:-1],
        atol=12,
    )
    with pytest.raises(PhotographError, match="--max-pixels"):
        load_photograph(baseline, max_pixels=900)
    with pytest.raises(PhotographError, match="--max-pixels"):
        as_photograph(image, max_pixels=40_000)


def test_pillow_is_left_as_it_was(tmp_path: Path) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    load_photograph(saved(tmp_path, Image.fromarray(picture()), "a.png"))
    with pytest.raises(PhotographError):
        load_photograph(text_named_jpg(tmp_path))
    assert limit == Image.MAX_IMAGE_PIXELS


def test_a_photograph_larger_than_pillow_would_warn_of_is_read_silently(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, Image.fromarray(picture()), "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_photograph(path).pixels.shape == (20, 30, 3)


def test_as_photograph_takes_what_callers_have(tmp_path: Path) -> None:
    pixels = picture()
    path = saved(tmp_path, Image.fromarray(pixels), "a.png")
    photograph = load_photograph(path)
    assert as_photograph(photograph) is photograph
    assert as_photograph(path).sha256 == as_photograph(str(path)).sha256 == photograph.sha256
    array = as_photograph(pixels, name="mine")
    np.testing.assert_array_equal(array.pixels, pixels)
    assert array.name == "mine"
    assert array.sha256 == as_photograph(Image.fromarray(pixels)).sha256
    assert array.sha256 != as_photograph(pixels.reshape(30, 20, 3)).sha256
    pixels[0, 0] += 1
    assert (array.pixels[0, 0] != pixels[0, 0]).any(), (
        "the photograph must not change with the caller's array"
    )
    grey = as_photograph(pixels[..., 0])
    np.testing.assert_array_equal(grey.pixels, np.repeat(pixels[..., :1], 3, axis=2))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (picture() / 255, "uint8"),
        (picture().astype(np.int64), "uint8"),
        (np.zeros((20, 20, 4), np.uint8), "shape"),
        (np.zeros((3, 20, 20), np.uint8), "shape"),
        (np.zeros((4, 4, 3), np.uint8), "at least 16"),
        (None, "NoneType"),
    ],
)
def test_as_photograph_refuses_the_rest(image: object, message: str) -> None:
    with pytest.raises(PhotographError, match=message):
        as_photograph(image)  # type: ignore[arg-type]


def test_a_saved_stimulus_is_ours_and_is_shown_untouched(tmp_path: Path) -> None:
    pixels = picture(40, 40)
    path = tmp_path / "stimulus.png"
    save_stimulus(path, pixels, {"area": "0.02", "observer": "Zoë's <network>"})
    again = tmp_path / "again.png"
    save_stimulus(again, pixels, {"area": "0.02", "observer": "Zoë's <network>"})
    assert path.read_bytes() == again.read_bytes()
    photograph = load_photograph(path)
    assert photograph.framed
    with Image.open(path) as image:
        assert image.info["observer"] == "Zoë's <network>"
        assert as_photograph(image).framed
    frame = Frame(40, 40, crop_fraction=0.5)
    np.testing.assert_array_equal(fit_frame(photograph, frame), pixels)
    with pytest.raises(PhotographError, match="another frame"):
        fit_frame(photograph, Frame(41, 40))
    with pytest.raises(InputError, match="cannot be written"):
        save_stimulus(tmp_path / "nowhere" / "a.png", pixels)
    with pytest.raises(ValueError, match="uint8"):
        save_stimulus(path, pixels / 255)  # type: ignore[arg-type]


def test_as_is_shows_a_photograph_untouched_or_refuses_it() -> None:
    photograph = as_photograph(picture(40, 40))
    np.testing.assert_array_equal(
        fit_frame(photograph, Frame(40, 40, crop_fraction=0.5), as_is=True), picture(40, 40)
    )
    with pytest.raises(PhotographError, match="as it is"):
        fit_frame(photograph, Frame(40, 48), as_is=True)


@pytest.mark.parametrize(("height", "width"), [(256, 341), (500, 375), (100, 100), (256, 256)])
def test_the_crop_is_short_side_to_floor_then_centre(height: int, width: int) -> None:
    photograph = as_photograph(picture(height, width))
    frame = Frame(224, 224, crop_fraction=0.875)
    scale = 256 / min(height, width)
    size = (int(width * scale), int(height * scale))
    resized = np.asarray(Image.fromarray(photograph.pixels).resize(size, Image.Resampling.BICUBIC))
    top, left = (size[1] - 224) // 2, (size[0] - 224) // 2
    np.testing.assert_array_equal(fit_frame(photograph, frame), resized[top : top + 224, left : left + 224])


def test_odd_fractions_are_floored_on_the_right_side() -> None:
    # 28 / 0.56 is 50, and 49.999… in floating point.
    for side, fraction, short in ((176, 0.875, 201), (28, 0.56, 50), (260, 0.904, 287)):
        photograph = as_photograph(np.arange(short * short * 3).reshape(short, short, 3).astype(np.uint8))
        top = (short - side) // 2
        np.testing.assert_array_equal(
            fit_frame(photograph, Frame(side, side, crop_fraction=fraction)),
            photograph.pixels[top : top + side, top : top + side],
        )


@settings(max_examples=60, deadline=None)
@given(
    st.integers(16, 80),
    st.integers(16, 80),
    st.integers(1, 60),
    st.integers(1, 60),
    st.sampled_from([0.5, 0.875, 0.9, 1.0]),
    st.sampled_from(["crop", "squash"]),
    st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos", "box"]),
)
def test_every_photograph_fits_every_frame(
    height, width, rows, columns, fraction, fit, interpolation
) -> None:
    photograph = Photograph(picture(height, width), "a", "")
    fitted = fit_frame(photograph, Frame(rows, columns, fit, fraction, interpolation))
    assert fitted.shape == (rows, columns, 3)
    assert fitted.dtype == np.uint8


def test_squash_shows_all_of_the_photograph() -> None:
    photograph = as_photograph(picture(60, 200))
    fitted = fit_frame(photograph, Frame(30, 30, "squash", 0.875, "bilinear"))
    assert fitted[0, 0, 0] < 10
    assert fitted[-1, 0, 0] > 240
    assert fitted[0, 0, 1] < 10
    assert fitted[0, -1, 1] > 240
