"""Patterns: what they do to a photograph, on any frame, and their files."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from deepception.deceive.bounds import Area, Linf
from deepception.deceive.contents import CONTENTS, paint
from deepception.deceive.pattern import CONTRAST, INVERSE, PIXELS, Pattern, apply, load_pattern
from deepception.errors import InputError
from deepception.stimuli import Frame, save_stimulus

SIDES = st.integers(1, 40)


def photograph(shape: tuple[int, int], seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def patch(shape: tuple[int, int] = (24, 30), fraction: float = 0.1, seed: int = 0, **more: Any) -> Pattern:
    """A patch that covers all it may, of every kind of content."""
    rng = np.random.default_rng(seed)
    bound = Area(fraction)
    content = np.zeros(shape, np.uint8)
    there = rng.choice(content.size, bound.limit(shape), replace=False)
    content.ravel()[there] = rng.integers(PIXELS, INVERSE + 1, there.size)
    return Pattern(photograph(shape, seed + 1), content, bound, Frame(*shape), **more)


def veil(shape: tuple[int, int] = (24, 30), levels: int = 10, seed: int = 0, **more: Any) -> Pattern:
    delta = np.random.default_rng(seed).integers(-levels, levels + 1, (*shape, 3), dtype=np.int16)
    return Pattern(delta, None, Linf(levels / 255), Frame(*shape), **more)


@given(
    SIDES, SIDES, SIDES, SIDES, st.floats(0.001, 1), st.integers(0, 99), st.sampled_from(["stretch", "tile"])
)
@settings(deadline=None, max_examples=60)
def test_a_patch_never_covers_more_than_its_area_on_any_frame(
    h: int, w: int, rows: int, columns: int, fraction: float, seed: int, fitting: Any
) -> None:
    clean = photograph((rows, columns), seed)
    pattern = patch((h, w), fraction, seed, fitting=fitting)
    shown = pattern.apply_to(clean)
    assert shown.shape == clean.shape
    assert pattern.fitted((rows, columns)).used <= Area(fraction).limit((rows, columns))
    assert Area(fraction).used(clean, shown) <= Area(fraction).limit((rows, columns))


@given(
    SIDES, SIDES, SIDES, SIDES, st.integers(1, 255), st.integers(0, 99), st.sampled_from(["stretch", "tile"])
)
@settings(deadline=None, max_examples=60)
def test_a_veil_never_exceeds_its_levels_on_any_frame(
    h: int, w: int, rows: int, columns: int, levels: int, seed: int, fitting: Any
) -> None:
    clean = photograph((rows, columns), seed)
    shown = veil((h, w), levels, seed, fitting=fitting).apply_to(clean)
    assert Linf(levels / 255).used(clean, shown) <= levels


def test_each_content_does_what_it_says() -> None:
    clean = np.zeros((1, 4, 3), np.uint8)
    clean[0, :] = [250, 120, 200]  # bright on the whole, dark in green
    content = np.array([[0, PIXELS, CONTRAST, INVERSE]], np.uint8)
    pattern = Pattern(np.full((1, 4, 3), 7, np.uint8), content, Area(0.75), Frame(1, 4))
    assert pattern.apply_to(clean)[0].tolist() == [[250, 120, 200], [7, 7, 7], [0, 0, 0], [0, 255, 0]]
    assert pattern.used == 3
    assert clean[0, 1].tolist() == [250, 120, 200]


def test_a_patch_of_contents_paints_as_stencils_do() -> None:
    clean = photograph((20, 20), 4)
    codes = np.full((20, 20), -1)
    codes[::2] = np.arange(20) % len(CONTENTS)
    pattern = Pattern.from_contents(codes, Area(0.5), Frame(20, 20), about={"from": "test"})
    expected = clean.copy()
    for code in range(len(CONTENTS)):
        np.copyto(expected, paint(code, clean), where=(codes == code)[..., None])
    assert np.array_equal(pattern.apply_to(clean), expected)
    assert pattern.used == 200


def test_a_veil_is_added_and_clipped() -> None:
    delta = np.array([[[10, -10, 3]]], np.int16)
    shown = Pattern(delta, None, Linf(10 / 255), Frame(1, 1)).apply_to(np.array([[[250, 4, 0]]], np.uint8))
    assert shown[0, 0].tolist() == [255, 0, 3]


def test_stretching_keeps_the_picture_and_tiling_its_pixels() -> None:
    delta = np.where(np.arange(8) % 2, 5, -5)[None, :, None] * np.ones((8, 1, 3))
    small = Pattern(delta.astype(np.int16), None, Linf(5 / 255), Frame(8, 8))
    assert small.fitted((16, 16)).values[0, :4, 0].tolist() == [-5, -5, 5, 5]
    tiled = Pattern(delta.astype(np.int16), None, Linf(5 / 255), Frame(8, 8), fitting="tile")
    assert tiled.fitted((16, 16)).values[0, :4, 0].tolist() == [-5, 5, -5, 5]
    assert tiled.fitted((16, 16)).frame == Frame(16, 16)


@pytest.mark.parametrize("pattern", [patch(about={"seed": 3}), veil(fitting="tile")], ids=["patch", "veil"])
def test_a_file_brings_the_pattern_back(pattern: Pattern, tmp_path: Path) -> None:
    pattern.save(tmp_path / "one.npz")
    pattern.save(tmp_path / "two.npz")
    back = load_pattern(tmp_path / "one.npz")
    clean = photograph((24, 30), 5)
    assert np.array_equal(back.apply_to(clean), pattern.apply_to(clean))
    assert (back.frame, back.bound, back.fitting, back.about) == (
        pattern.frame,
        pattern.bound,
        pattern.fitting,
        pattern.about,
    )
    assert back.to_json() == pattern.to_json()
    assert back.kind == pattern.kind
    assert Pattern.from_bytes(pattern.to_bytes()).to_json() == pattern.to_json()
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["one.npz", "two.npz"]


def test_the_digest_is_of_what_it_does() -> None:
    assert patch(about={"a": 1}).sha256 == patch().sha256
    assert len({patch().sha256, patch(seed=1).sha256, veil().sha256, veil(fitting="tile").sha256}) == 4


def test_apply_takes_anything_like_an_image(tmp_path: Path) -> None:
    from PIL import Image

    pattern = patch((32, 32))
    pattern.save(tmp_path / "pattern.npz")
    pixels = photograph((32, 32))
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    expected = pattern.apply_to(pixels)
    for photo in (pixels, tmp_path / "photo.png", str(tmp_path / "photo.png"), Image.fromarray(pixels)):
        assert np.array_equal(apply(tmp_path / "pattern.npz", photo), expected)
    grey = apply(pattern, pixels[..., 0])
    assert grey.shape == (32, 32, 3)


def test_apply_brings_photographs_to_the_frame_and_leaves_ours_alone(tmp_path: Path) -> None:
    pattern = patch((32, 32), 0.05)
    assert apply(pattern, photograph((100, 60))).shape == (32, 32, 3)
    assert apply(pattern, photograph((100, 60)), Frame(20, 40)).shape == (20, 40, 3)
    assert apply(pattern, photograph((100, 60)), as_is=True).shape == (100, 60, 3)
    ours = photograph((50, 70), 2)
    save_stimulus(tmp_path / "ours.png", ours)
    shown = apply(pattern, tmp_path / "ours.png")
    assert 0 < Area(0.05).used(ours, shown) <= Area(0.05).limit((50, 70))


def test_a_bound_that_is_exceeded_is_a_fault() -> None:
    with pytest.raises(ValueError, match="exceeds the bound"):
        Pattern(photograph((4, 4)), np.ones((4, 4), np.uint8), Area(0.5), Frame(4, 4))
    with pytest.raises(ValueError, match="exceeds the bound"):
        Pattern(np.full((4, 4, 3), -11, np.int16), None, Linf(10 / 255), Frame(4, 4))
    with pytest.raises(ValueError, match="contents"):
        Pattern(photograph((4, 4)), np.ones((4, 4), np.uint8), Linf(1), Frame(4, 4))


def rewrite(path: Path, change: Any, **arrays: Any) -> None:
    """Write a pattern's file again with other facts or arrays."""
    with np.load(path) as archive:
        found = {name: archive[name] for name in archive.files}
    facts = json.loads(found["about"].tobytes())
    change(facts)
    found |= arrays
    found["about"] = np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8)
    np.savez(path, **found)


@pytest.mark.parametrize(
    ("change", "arrays", "words"),
    [
        (lambda facts: facts.update(bound={"area": 0.01}), {}, "exceeds the bound"),
        (lambda facts: facts.update(bound={"area": 7}), {}, "no share"),
        (lambda facts: facts.update(bound={"volume": 1}), {}, "unknown kind"),
        (lambda facts: facts.update(format="deepception-pattern-9"), {}, "this version"),
        (lambda facts: facts.update(frame={"height": 24}), {}, "damaged"),
        (lambda facts: facts["frame"].update(fit="fold"), {}, "frame is unknown"),
        (lambda facts: facts.update(fitting="fold"), {}, "damaged"),
        (lambda facts: facts.pop("bound"), {}, "damaged"),
        (lambda facts: None, {"values": np.zeros((2, 2, 3), np.uint8)}, "damaged"),
        (lambda facts: None, {"content": np.full((24, 30), 9, np.uint8)}, "damaged"),
    ],
)
def test_damaged_files_are_refused_with_one_sentence(
    change: Any, arrays: dict[str, Any], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "pattern.npz"
    patch().save(path)
    rewrite(path, change, **arrays)
    with pytest.raises(InputError, match=words):
        load_pattern(path)


def test_other_files_are_refused_and_never_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pattern.npz"
    with pytest.raises(InputError, match="cannot be read"):
        load_pattern(path)
    path.write_bytes(b"PK no zip")
    with pytest.raises(InputError, match="no pattern file"):
        load_pattern(path)
    np.savez(path, about=np.array([{"format": 1}], dtype=object))
    with pytest.raises(InputError, match="no pattern file"):
        load_pattern(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("values.npy", bytes(3_000))
    monkeypatch.setattr("deepception.deceive.pattern_file._MAX_BYTES", 2_000)
    with pytest.raises(InputError, match="unpacks to"):
        load_pattern(path)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        veil().save(tmp_path / "missing" / "pattern.npz")
    with pytest.raises(InputError, match=r"kept as \.npz"):
        veil().save(tmp_path / "pattern.png")
    assert not (tmp_path / "pattern.png").exists()
