"""The renderer against a slow one written from its definition, pixel by pixel."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepception.stimuli import (
    Jitter,
    Patch,
    Stimuli,
    circular_mask,
    concatenate,
    moments,
    noise_patch,
    render,
    render_torch,
    uniform_patch,
    union_area,
)

f32 = np.float32


def reference(stimuli: Stimuli, index: int) -> np.ndarray:
    """One stimulus, one placement, one pixel, one channel after another, every operation in float32."""
    image = stimuli.backgrounds[stimuli.background[index]].copy()
    for row in range(stimuli.offsets[index], stimuli.offsets[index + 1]):
        patch = stimuli.patches[stimuli.patch[row]]
        opacity, contrast = stimuli.opacity[row], stimuli.contrast[row]
        mean = moments(patch)[0].astype(f32)
        for i in range(patch.shape[0]):
            for j in range(patch.shape[1]):
                mask = f32(1) if patch.mask is None else f32(patch.mask[i, j]) / f32(255)
                alpha = f32(mask * opacity)
                for c in range(3):
                    value = f32(f32(patch.pixels[i, j, c]) - mean[c])
                    value = f32(f32(f32(value * contrast) + mean[c]) + stimuli.brightness[row])
                    value = f32(min(max(np.rint(value), 0), 255))
                    place = (stimuli.y[row] + i, stimuli.x[row] + j, c)
                    below = f32(f32(image[place]) * f32(1 - alpha))
                    image[place] = np.rint(f32(below + f32(value * alpha)))
    return image


@st.composite
def described(draw: st.DrawFn) -> Stimuli:
    """Stimuli of small frames, of all kinds of patches, with 0 to 4 placements each."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    backgrounds = rng.integers(0, 256, (draw(st.integers(1, 3)), height, width, 3), dtype=np.uint8)
    patches = []
    for _ in range(draw(st.integers(1, 4))):
        shape = (int(rng.integers(1, height + 1)), int(rng.integers(1, width + 1)))
        kind = draw(st.sampled_from(["opaque", "hard", "soft", "empty"]))
        masks = {
            "opaque": None,
            "hard": rng.choice(np.array([0, 255], np.uint8), shape),
            "soft": rng.integers(0, 256, shape, dtype=np.uint8),
            "empty": np.zeros(shape, np.uint8),
        }
        patches.append(Patch(noise_patch(shape, rng).pixels, masks[kind]))
    counts = rng.integers(0, draw(st.integers(0, 4)) + 1, draw(st.integers(1, 6)))
    total = int(counts.sum())
    patch = rng.integers(0, len(patches), total)
    room = np.array([height, width]) - np.array([patches[p].shape for p in patch]).reshape(-1, 2)
    place = rng.integers(0, room + 1)
    plain = draw(st.booleans())
    return Stimuli.describe(
        backgrounds,
        patches,
        background=rng.integers(0, len(backgrounds), counts.size),
        counts=counts,
        patch=patch,
        y=place[:, 0],
        x=place[:, 1],
        opacity=rng.choice([0.0, 0.25, 0.7, 1.0], total) if draw(st.booleans()) else 1.0,
        contrast=1.0 if plain else rng.uniform(-0.5, 2, total),
        brightness=0.0 if plain else rng.uniform(-300, 300, total),
    )


@settings(max_examples=150, deadline=None)
@given(described())
def test_renders_what_the_definition_says(stimuli: Stimuli) -> None:
    expected = np.stack([reference(stimuli, n) for n in range(len(stimuli))])
    np.testing.assert_array_equal(render(stimuli, 0, len(stimuli)), expected)


@settings(max_examples=60, deadline=None)
@given(described(), st.data())
def test_an_image_does_not_depend_on_its_batch(stimuli: Stimuli, data: st.DataObject) -> None:
    whole = render(stimuli, 0, len(stimuli))
    start = data.draw(st.integers(0, len(stimuli)))
    stop = data.draw(st.integers(start, len(stimuli)))
    np.testing.assert_array_equal(render(stimuli, start, stop), whole[start:stop])
    part = stimuli.slice(start, stop)
    np.testing.assert_array_equal(render(part, 0, len(part)), whole[start:stop])


@settings(max_examples=40, deadline=None)
@given(described())
def test_concatenating_slices_gives_the_same_images_and_stores_nothing_twice(stimuli: Stimuli) -> None:
    middle = len(stimuli) // 2
    joined = concatenate([stimuli.slice(0, middle), stimuli.slice(middle, len(stimuli)), stimuli])
    assert joined.backgrounds is stimuli.backgrounds
    assert joined.patches == stimuli.patches
    whole = render(stimuli, 0, len(stimuli))
    np.testing.assert_array_equal(render(joined, 0, len(joined)), np.concatenate([whole, whole]))


def test_concatenating_different_sources_keeps_each_with_its_own() -> None:
    rng = np.random.default_rng(1)
    parts = []
    for _ in range(3):
        backgrounds = rng.integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
        patches = [noise_patch((3, 2), rng), noise_patch((2, 5), rng)]
        parts.append(
            Stimuli.single(
                backgrounds, patches, background=[0, 1, 1], patch=[1, 0, 1], y=[0, 5, 6], x=[3, 6, 0]
            )
        )
    joined = concatenate(parts)
    np.testing.assert_array_equal(
        render(joined, 0, 9), np.concatenate([render(part, 0, 3) for part in parts])
    )
    with pytest.raises(ValueError, match="frames differ"):
        concatenate([parts[0], Stimuli.plain(np.zeros((1, 9, 8, 3), np.uint8))])
    with pytest.raises(ValueError, match="nothing to concatenate"):
        concatenate([])


@settings(max_examples=60, deadline=None)
@given(described())
def test_torch_renders_the_same_bits(stimuli: Stimuli) -> None:
    pytest.importorskip("torch")
    images = render_torch(stimuli, 0, len(stimuli), "cpu")
    np.testing.assert_array_equal(images.numpy(), render(stimuli, 0, len(stimuli)))


def test_torch_renders_the_same_bits_at_full_size() -> None:
    pytest.importorskip("torch")
    stimuli = jittered(64)
    images = render_torch(stimuli, 10, 50, "cpu").numpy()
    np.testing.assert_array_equal(images, render(stimuli, 10, 50))
    with pytest.raises(ValueError, match="not within"):
        render_torch(stimuli, 0, 65, "cpu")


def jittered(count: int, side: int = 224) -> Stimuli:
    rng = np.random.default_rng(0)
    jitter = Jitter().draw(count, rng, 4)
    patches = [
        Patch(noise_patch((32, 32), rng).pixels, mask)
        for mask in (None, circular_mask(32, 32))
        for _ in range(3)
    ]
    return Stimuli.single(
        rng.integers(0, 256, (2, side, side, 3), dtype=np.uint8),
        patches,
        background=rng.integers(0, 2, count),
        patch=rng.integers(0, 6, count),
        y=rng.integers(0, side - 35, count) + jitter.dy,
        x=rng.integers(0, side - 35, count) + jitter.dx,
        contrast=jitter.contrast,
        brightness=jitter.brightness,
        opacity=rng.choice([0.5, 1.0], count),
    )


def test_renders_into_a_buffer_of_any_strides() -> None:
    stimuli = jittered(6, side=64)
    expected = render(stimuli, 0, 6)
    buffer = np.zeros((6, 3, 64, 64), dtype=np.uint8)
    out = buffer.transpose(0, 2, 3, 1)
    assert render(stimuli, 0, 6, out=out) is out
    np.testing.assert_array_equal(buffer, expected.transpose(0, 3, 1, 2))


def test_nothing_to_render() -> None:
    stimuli = jittered(3, side=64)
    assert render(stimuli, 2, 2).shape == (0, 64, 64, 3)
    plain = Stimuli.plain(stimuli.backgrounds)
    np.testing.assert_array_equal(render(plain, 0, 2), stimuli.backgrounds)


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (0, 4), (2, 1)])
def test_a_range_outside_the_stimuli_is_refused(start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="not within"):
        render(jittered(3, side=64), start, stop)


@pytest.mark.parametrize(
    "out", [np.empty((2, 64, 64, 3), np.uint8), np.empty((3, 64, 64, 3), np.float32)], ids=["shape", "type"]
)
def test_a_buffer_that_does_not_fit_is_refused(out: np.ndarray) -> None:
    with pytest.raises(ValueError, match="out must be uint8"):
        render(jittered(3, side=64), 0, 3, out=out)


def test_a_million_stimuli_fit_in_memory_and_showing_them_takes_no_more() -> None:
    count, side = 1_000_000, 12
    rng = np.random.default_rng(0)
    tracemalloc.start()
    try:
        patches = [noise_patch((3, 3), rng), Patch(noise_patch((4, 4), rng).pixels, circular_mask(4, 4))]
        jitter = Jitter().draw(count, rng, 4)
        stimuli = Stimuli.single(
            np.full((1, side, side, 3), 128, np.uint8),
            patches,
            background=0,
            patch=rng.integers(0, 2, count, dtype=np.int32),
            y=jitter.dy,
            x=jitter.dx,
            contrast=jitter.contrast,
            brightness=jitter.brightness,
        )
        assert tracemalloc.get_traced_memory()[1] < 100e6
        del jitter
        out = np.empty((500, side, side, 3), np.uint8)
        for start in range(0, 10_000, 500):  # caches (the means of patches) fill
            render(stimuli, start, start + 500, out=out)
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for start in range(0, 100_000, 500):
            render(stimuli, start, start + 500, out=out)
        after, peak = tracemalloc.get_traced_memory()
        assert after - held < 100_000, "memory grows while stimuli are shown"
        assert peak - held < 5e6, "a batch takes more than its own size"
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"background": 2}, "background index"),
        ({"patch": 1}, "patch index"),
        ({"y": 5}, "leaves the frame"),
        ({"x": -1}, "leaves the frame"),
        ({"opacity": 1.1}, "opacity"),
        ({"opacity": np.nan}, "opacity"),
        ({"contrast": np.inf}, "finite"),
    ],
)
def test_a_description_that_is_impossible_is_refused(change: dict[str, float], message: str) -> None:
    columns: dict[str, float] = {"background": 0, "patch": 0, "y": 4, "x": 4} | change
    with pytest.raises(ValueError, match=message):
        Stimuli.single(np.zeros((2, 8, 8, 3), np.uint8), [uniform_patch((4, 4))], **columns)


def test_a_patch_larger_than_the_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="leaves the frame"):
        Stimuli.single(
            np.zeros((1, 8, 8, 3), np.uint8), [uniform_patch((9, 4))], background=0, patch=0, y=0, x=0
        )


def test_union_area_counts_overlap_once_and_what_is_transparent_not_at_all() -> None:
    ring = Patch(uniform_patch((4, 4)).pixels, np.pad(np.zeros((2, 2), np.uint8), 1, constant_values=1))
    stimuli = Stimuli.describe(
        np.zeros((1, 10, 10, 3), np.uint8),
        [uniform_patch((4, 4)), ring],
        background=0,
        counts=[2, 1, 2, 0],
        patch=[0, 0, 1, 0, 1],
        y=[0, 2, 6, 0, 0],
        x=[0, 2, 6, 0, 0],
        opacity=[1, 0.5, 1, 0, 1],
    )
    assert [union_area(stimuli, n) for n in range(4)] == [16 + 16 - 4, 12, 12, 0]
