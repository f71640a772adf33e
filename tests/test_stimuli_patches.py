"""Patches, their controls, canvases and regions."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepception.errors import InputError
from deepception.stimuli import (
    Canvas,
    Frame,
    Patch,
    Stimuli,
    blurred,
    circular_mask,
    crop,
    enlarge,
    grating,
    grey,
    grid,
    match,
    mean_colour,
    moments,
    noise,
    noise_patch,
    phase_scramble,
    render,
    scramble,
    superpixels,
    uniform_patch,
    windows,
)


def textured(height: int = 24, width: int = 30, seed: int = 0, contrast: float = 25.0) -> np.ndarray:
    """A smooth coloured texture with correlated channels, well inside 0…255."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    common = np.sin(y / 3) + np.cos(x / 4) + 0.3 * rng.standard_normal((height, width))
    channels = [120 + contrast * common, 130 + 0.5 * contrast * common, 110 - 0.8 * contrast * common]
    own = 3 * rng.standard_normal((height, width, 3))
    return np.clip(np.rint(np.stack(channels, axis=-1) + own), 0, 255).astype(np.uint8)


def test_patches_refuse_what_is_no_patch() -> None:
    with pytest.raises(ValueError, match="patch pixels"):
        Patch(np.zeros((4, 4, 3), np.float32))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="patch pixels"):
        Patch(np.zeros((0, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="mask"):
        Patch(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5), np.uint8))


def test_a_frame_refuses_what_is_no_frame() -> None:
    with pytest.raises(ValueError, match="at least 1x1"):
        Frame(0, 5)
    with pytest.raises(ValueError, match="crop_fraction"):
        Frame(5, 5, crop_fraction=1.5)


def test_a_crop_is_a_copy_that_knows_where_it_is_from() -> None:
    image = textured()
    patch = crop(image, 3, 4, 5, 6, source="cat.jpg")
    np.testing.assert_array_equal(patch.pixels, image[3:8, 4:10])
    assert patch.source == "cat.jpg y=3 x=4 5x6"
    assert not np.shares_memory(patch.pixels, image)
    with pytest.raises(ValueError, match="leaves the image"):
        crop(image, 20, 0, 5, 5)


def test_moments_weigh_by_the_mask() -> None:
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[0, 0], pixels[1, 1] = 100, 200
    mean, deviation = moments(Patch(pixels, np.array([[255, 0], [0, 255]], np.uint8)))
    np.testing.assert_allclose(mean, 150)
    np.testing.assert_allclose(deviation, 50)
    np.testing.assert_allclose(moments(Patch(pixels))[0], 75)
    np.testing.assert_allclose(moments(Patch(pixels, np.zeros((2, 2), np.uint8)))[0], 75)
    np.testing.assert_allclose(moments(Patch(pixels, np.array([[51, 0], [0, 153]], np.uint8)))[0], 175)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 17), st.integers(1, 17), st.integers(0, 2**32 - 1))
def test_phase_scrambling_keeps_mean_spectra_and_colour_correlations(h: int, w: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(120, 40, (h, w, 3))
    scrambled = phase_scramble(values, rng)
    before, after = (np.fft.fft2(v, axes=(0, 1)) for v in (values, scrambled))
    np.testing.assert_allclose(scrambled.mean(axis=(0, 1)), values.mean(axis=(0, 1)))
    np.testing.assert_allclose(np.abs(after), np.abs(before), atol=1e-7)
    cross = [f[..., 0] * f[..., 1].conj() for f in (before, after)]
    np.testing.assert_allclose(cross[1], cross[0], atol=1e-5)


def test_a_scramble_of_8_bit_pixels_keeps_the_moments_and_follows_the_seed() -> None:
    patch = Patch(textured(), source="cat")
    scrambled = scramble(patch, np.random.default_rng(1))
    for found, wanted in zip(moments(scrambled), moments(patch), strict=True):
        np.testing.assert_allclose(found, wanted, atol=0.5)
    assert scrambled.source == "scramble of cat"
    correlation = np.corrcoef(scrambled.pixels[..., 0].ravel(), patch.pixels[..., 0].ravel())[0, 1]
    assert abs(correlation) < 0.6
    colours = [np.corrcoef(p.pixels.reshape(-1, 3).T) for p in (patch, scrambled)]
    np.testing.assert_allclose(colours[1], colours[0], atol=0.02)
    again = scramble(patch, np.random.default_rng(1))
    np.testing.assert_array_equal(again.pixels, scrambled.pixels)
    assert (scramble(patch, np.random.default_rng(2)).pixels != scrambled.pixels).any()


def test_a_masked_scramble_keeps_the_moments_under_the_mask_and_ignores_the_rest() -> None:
    mask = circular_mask(24, 30)
    pixels = textured()
    patch = Patch(pixels, mask)
    scrambled = scramble(patch, np.random.default_rng(1))
    assert scrambled.mask is mask
    for found, wanted in zip(moments(scrambled), moments(patch), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1.0)
    other = pixels.copy()
    other[mask == 0] = 255
    same = scramble(Patch(other, mask), np.random.default_rng(1))
    np.testing.assert_array_equal(same.pixels, scrambled.pixels)


def test_a_uniform_patch_scrambles_to_itself() -> None:
    for mask in (None, circular_mask(9, 9)):
        patch = Patch(uniform_patch((9, 9), (10, 128, 250)).pixels, mask)
        np.testing.assert_array_equal(scramble(patch, np.random.default_rng(0)).pixels, patch.pixels)


def test_match_gives_mean_and_contrast_of_the_reference() -> None:
    rng = np.random.default_rng(0)
    reference = Patch(textured(seed=3, contrast=12), source="dog")
    for mask in (None, circular_mask(32, 32)):
        matched = match(Patch(noise_patch((32, 32), rng).pixels, mask), reference)
        for found, wanted in zip(moments(matched), moments(reference), strict=True):
            np.testing.assert_allclose(found, wanted, atol=0.26)
    # Where the wanted contrast clips, shift and scale are corrected for it.
    stark = Patch(np.where(textured() > 125, 250, 20).astype(np.uint8))
    mean, deviation = moments(match(Patch(textured(seed=5)), stark))
    np.testing.assert_allclose(mean, moments(stark)[0], atol=3)
    np.testing.assert_allclose(deviation, moments(stark)[1], rtol=0.05)
    flat = match(uniform_patch((5, 5), 40), reference)
    np.testing.assert_allclose(moments(flat)[0], moments(reference)[0], atol=0.5)
    np.testing.assert_array_equal(moments(flat)[1], 0)


def test_enlarging_keeps_mean_and_kind_of_mask() -> None:
    patch = Patch(textured(), circular_mask(24, 30))
    large = enlarge(patch, 48, 60)
    assert large.shape == (48, 60)
    assert large.mask is not None
    assert set(np.unique(large.mask)) == {0, 255}
    np.testing.assert_allclose((large.mask > 0).mean(), (circular_mask(24, 30) > 0).mean(), atol=0.02)
    np.testing.assert_allclose(moments(large)[0], moments(patch)[0], atol=1)
    soft = enlarge(Patch(textured(), np.full((24, 30), 100, np.uint8)), 12, 15)
    assert soft.mask is not None
    assert np.unique(soft.mask).tolist() == [100]


def test_gratings_have_the_period_orientation_phase_and_colour_they_were_given() -> None:
    vertical = grating((8, 16), period=8, orientation=0).pixels
    assert (vertical == vertical[:1]).all()
    assert vertical[0, :, 0].tolist() == [255, 218, 128, 37, 0, 37, 128, 218] * 2
    horizontal = grating((16, 8), period=8, orientation=90).pixels
    np.testing.assert_array_equal(horizontal, vertical.transpose(1, 0, 2))
    np.testing.assert_array_equal(grating((8, 16), 8, 0, phase=180).pixels[0, 0], 0)
    coloured = grating((8, 8), 8, 0, contrast=0.5, colour=(1, 0, -1)).pixels[0, 0]
    assert coloured.tolist() == [191, 128, 64]
    for wrong in ({"period": 0}, {"contrast": 2}, {"colour": (1, 1)}, {"colour": (2, 0, 0)}):
        with pytest.raises(ValueError, match="grating"):
            grating(**({"shape": (4, 4), "period": 4.0, "orientation": 0.0} | wrong))  # type: ignore[arg-type]


def test_a_circular_mask_is_an_ellipse() -> None:
    mask = circular_mask(100, 60)
    assert mask.dtype == np.uint8
    assert abs((mask > 0).mean() - np.pi / 4) < 0.01
    np.testing.assert_array_equal(mask, mask[::-1, ::-1])
    assert circular_mask(1, 1).tolist() == [[255]]


def test_canvases_are_what_they_are_called() -> None:
    assert (grey((5, 7)).pixels == 128).all()
    assert (grey((5, 7)).name, grey((5, 7), 90).name, grey((5, 7)).shape) == ("grey", "grey 90", (5, 7))
    assert mean_colour((5, 7), (1.4, 2.6, 255)).pixels[0, 4, 6].tolist() == [1, 3, 255]
    drawn = noise((40, 50), np.random.default_rng(0), draws=4)
    assert drawn.pixels.shape == (4, 40, 50, 3)
    assert len(drawn) == 4
    assert np.bincount(drawn.pixels.ravel(), minlength=256).min() > 50
    assert (drawn.pixels[0] != drawn.pixels[1]).any()
    smooth = blurred(textured(), 6, "blurred dog")
    assert smooth.name == "blurred dog"
    assert smooth.pixels.std() < textured().std()
    np.testing.assert_allclose(smooth.pixels.mean(), textured().mean(), atol=3)
    for wrong in (-1, 256, np.nan):
        with pytest.raises(ValueError, match="colour"):
            mean_colour((5, 7), wrong)
    with pytest.raises(ValueError, match="canvas"):
        Canvas("flat", np.zeros((5, 7, 3), np.uint8))


@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_a_grid_partitions_the_frame_evenly(height: int, width: int, data: st.DataObject) -> None:
    rows, columns = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    regions = grid((height, width), rows, columns)
    assert regions.shape == (rows, columns)
    assert len(regions) == rows * columns
    covered = np.zeros((height, width), int)
    for y, x, h, w in regions.boxes:
        covered[y : y + h, x : x + w] += 1
    assert (covered == 1).all()
    assert np.ptp(regions.boxes[:, 2]) <= 1
    assert np.ptp(regions.boxes[:, 3]) <= 1
    labels = regions.label_map()
    np.testing.assert_array_equal(np.bincount(labels.ravel()), regions.areas())


def test_windows_slide_by_the_stride() -> None:
    regions = windows((10, 12), (4, 5), (3, 7))
    assert regions.shape == (3, 2)
    assert regions.boxes.tolist() == [[y, x, 4, 5] for y in (0, 3, 6) for x in (0, 7)]
    assert regions.label_map()[9, 6] == -1
    assert len(windows((224, 224), 32, 16)) == 13**2


def test_regions_that_do_not_fit_are_refused_with_a_sentence() -> None:
    with pytest.raises(InputError, match="larger than the frame"):
        windows((10, 10), 11, 1)
    with pytest.raises(InputError, match="at least 1"):
        windows((10, 10), 3, 0)
    with pytest.raises(InputError, match="coarser"):
        grid((10, 10), 11)
    with pytest.raises(InputError, match="0 superpixels"):
        superpixels(textured(), 0)
    with pytest.raises(ValueError, match="do not fit"):
        grid((10, 10), 2).cut(textured())


def test_superpixels_partition_the_photograph_and_are_the_same_each_time() -> None:
    pytest.importorskip("skimage")
    y, x = np.mgrid[:60, :80]
    image = np.stack([y * 4, x * 3, np.where(x < 37, 20, 220)], axis=-1).astype(np.uint8)
    regions = superpixels(image, 20)
    assert 10 <= len(regions) <= 30
    assert regions.areas().sum() == 60 * 80
    for patch in regions.cut(image):
        inside = patch.pixels[..., 2][... if patch.mask is None else patch.mask > 0]
        share = (inside > 100).mean()
        assert min(share, 1 - share) < 0.15, "a region crosses the edge"
    labels = regions.label_map()
    assert labels.min() == 0
    np.testing.assert_array_equal(np.bincount(labels.ravel()), regions.areas())
    np.testing.assert_array_equal(superpixels(image, 20).label_map(), labels)


@pytest.mark.parametrize("kind", ["grid", "superpixels"])
def test_cut_regions_put_back_in_place_make_the_photograph_again(kind: str) -> None:
    image = textured(40, 50)
    if kind == "superpixels":
        pytest.importorskip("skimage")
    regions = grid((40, 50), 3, 4) if kind == "grid" else superpixels(image, 12, compactness=20)
    patches = regions.cut(image, "cat.jpg")
    assert patches[0].source.startswith("cat.jpg y=0 x=0")
    stimuli = Stimuli.describe(
        grey((40, 50), 0).pixels,
        patches,
        background=0,
        counts=[len(regions)],
        patch=np.arange(len(regions)),
        y=regions.boxes[:, 0],
        x=regions.boxes[:, 1],
    )
    np.testing.assert_array_equal(render(stimuli, 0, 1)[0], image)


def test_superpixels_without_scikit_image_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.segmentation", None)
    with pytest.raises(InputError, match=r"deepception\[superpixels\]"):
        superpixels(textured(), 5)
