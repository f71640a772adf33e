from __future__ import annotations

import numpy as np
import pytest

from deepception.errors import InputError
from deepception.properties import LocalParameters, measure_local, measure_local_controls
from deepception.sessions import Session
from deepception.statistics import spearman
from deepception.stimuli import Jitter, grid
from known import GREY, correlation, picture, plant, subject

SIDE, CELLS = 56, 7
# Some regions speak for class 0, some against it, most of them say nothing.
WEIGHTS = np.where(
    np.arange(49) % 3 == 0, np.random.default_rng(0).permutation(np.linspace(-1.5, 2.5, 49)), 0.0
)


def region_observer(photo: np.ndarray, weights: np.ndarray, base: float = -1.0) -> Session:
    """Says the sum of the weights of the regions of one photograph that are there, on any canvas."""
    boxes = grid((SIDE, SIDE), CELLS).boxes.tolist()
    templates = [photo[y : y + h, x : x + w] for y, x, h, w in boxes]

    def decades(images: np.ndarray) -> np.ndarray:
        seen = [
            correlation(images[:, y : y + h, x : x + w], t) > 0.9
            for (y, x, h, w), t in zip(boxes, templates, strict=True)
        ]
        return base + np.stack(seen, axis=1) @ weights

    return plant(decades, SIDE)


def test_planted_regions_are_recovered_on_every_canvas() -> None:
    me = subject(SIDE)
    session = region_observer(me.pixels, WEIGHTS)
    result = measure_local(session, me)
    np.testing.assert_allclose(result.sufficiency, np.broadcast_to(WEIGHTS, (3, 3, 49)), atol=1e-9)
    np.testing.assert_allclose(result.necessity, np.broadcast_to(WEIGHTS, (3, 49)), atol=1e-9)
    np.testing.assert_allclose(result.scrambled, 0, atol=1e-9)
    np.testing.assert_allclose(result.empty, -1, atol=1e-9)
    assert result.best.index == int(WEIGHTS.argmax())
    assert result.best.value == pytest.approx(WEIGHTS.max())
    assert result.best.same_choice == 1
    figures = result.summary()
    assert figures["sufficiency_necessity_correlation"] == pytest.approx(1)
    assert figures["canvas_agreement"] == pytest.approx(1)
    assert not figures["depends_on_canvas"]
    low, high = np.quantile(WEIGHTS, (0.05, 0.95))
    assert figures["range"] == pytest.approx(high - low)
    assert figures["max_minus_min"] == pytest.approx(np.ptp(WEIGHTS))
    assert figures["scrambled_range"] == pytest.approx(0, abs=1e-9)
    # Alone, a region is recognised where class 0 beats the four others: above one fifth of the probability.
    assert figures["recognised_alone_top1"] == pytest.approx((1 + np.log10(1 / 4) < WEIGHTS).mean())


def test_a_graded_map_is_recovered_under_jitter() -> None:
    """A linear model with a chosen weight map: what a region says depends on its own contrast."""
    photo = picture(SIDE, 3)
    weights = np.random.default_rng(1).normal(size=(SIDE, SIDE, 3)) * 2e-4
    session = plant(
        lambda images: (images.astype(np.float64) - GREY).reshape(len(images), -1) @ weights.reshape(-1), SIDE
    )
    one = LocalParameters(canvases=("grey",), jitter=Jitter(0.0, 0.0))
    exact = measure_local(session, photo, 0, parameters=one)
    planted = ((photo.astype(np.float64) - GREY) * weights).sum(axis=2)
    planted = planted.reshape(7, 8, 7, 8).sum(axis=(1, 3)).reshape(-1)
    np.testing.assert_allclose(exact.map, planted, atol=1e-9)
    np.testing.assert_allclose(exact.necessity_map, planted, atol=1e-9)
    jittered = measure_local(session, photo, 0)
    # On noise a linear model answers the difference to what the region covers: another map, and rightly so.
    assert spearman(jittered.canvas_maps[0], planted) >= 0.99


def test_only_planted_regions_carry_the_answer() -> None:
    me = subject(SIDE)
    session = region_observer(me.pixels, WEIGHTS)
    others = [subject(SIDE, seed, label=1) for seed in range(1, 6)]
    controls = measure_local_controls(session, others)
    assert controls.sufficiency.shape == (5, 3, 49, 5)
    np.testing.assert_allclose(controls.sufficiency[..., 0], 0, atol=1e-6)
    carrying = measure_local(session, me).carries([controls])
    assert np.array_equal(carrying, WEIGHTS > 0)


def test_what_every_photograph_says_is_not_carried() -> None:
    """An observer of brightness in a place: the same regions of other photographs say as much."""
    place = np.random.default_rng(2).random((SIDE, SIDE, 1)) * 1e-4

    def decades(images: np.ndarray) -> np.ndarray:
        return (np.abs(images.astype(np.float64) - GREY) * place).sum(axis=(1, 2, 3))

    session = plant(decades, SIDE)
    me = subject(SIDE)
    controls = measure_local_controls(session, [subject(SIDE, s, 1) for s in range(1, 7)])
    result = measure_local(session, me)
    # By chance the photograph exceeds six exchangeable ones and a scramble in an eighth of the regions.
    assert result.carries([controls]).mean() < 0.3
    assert result.summary()["range"] == pytest.approx(controls.ranges(0, range(6)), rel=0.35)


def test_controls_of_the_same_class_or_photograph_do_not_count() -> None:
    me = subject(SIDE)
    session = region_observer(me.pixels, WEIGHTS)
    itself = measure_local_controls(session, [me])
    same_class = measure_local_controls(session, [subject(SIDE, 1, label=0)])
    result = measure_local(session, me)
    assert np.array_equal(result.carries([itself, same_class]), WEIGHTS > 0)


def test_superpixels_and_windows() -> None:
    # Smooth enough for superpixels, too small to cut many.
    photo = picture(SIDE, 4, cells=7)
    session = plant(lambda images: (images[..., 0].astype(np.float64).mean(axis=(1, 2)) - GREY) / 20, SIDE)
    for kind in ("superpixels", "windows"):
        parameters = LocalParameters(regions=kind, canvases=("grey",), others=2)
        result = measure_local(session, photo, 0, parameters=parameters)
        number = len(result.boxes)
        assert result.sufficiency.shape == (1, 3, number)
        # 49 windows' starts overlap by half: 13 a side.
        assert number == 169 if kind == "windows" else 20 <= number <= 60
        assert result.patch(photo).shape == (8, 8)
        assert result.random_patch(photo, 0).shape == (8, 8)
        if kind == "superpixels":
            assert set(np.unique(result.label_map)) == set(range(number))
            assert (result.areas == np.bincount(result.label_map.reshape(-1))).all()
            assert result.summary()["range_without_area"] <= result.summary()["range"] * 1.5
            controls = measure_local_controls(session, [subject(SIDE, 1, 1)], parameters=parameters)
            assert result.carries([controls]).shape == (number,)


def test_too_many_regions_are_refused() -> None:
    session = plant(lambda images: np.zeros(len(images)), SIDE)
    for kind in ("grid", "windows", "superpixels"):
        for count in (0, SIDE + 1):
            with pytest.raises(InputError, match="regions"):
                measure_local(
                    session, picture(SIDE), 0, parameters=LocalParameters(regions=kind, count=count)
                )


def test_an_unknown_canvas_and_a_missing_background_are_refused() -> None:
    session = plant(lambda images: np.zeros(len(images)), SIDE)
    for name, words in (("sky", "no canvas named"), ("blur", "photograph of another class")):
        with pytest.raises(InputError, match=words):
            measure_local(session, picture(SIDE), 0, parameters=LocalParameters(canvases=(name,)))


def test_all_patches_of_a_frame_have_one_shape() -> None:
    """176 px in 7 cells are 25 or 26 px each: patch and controls must still be shown at the same places."""
    session = plant(lambda images: np.zeros(len(images)), 60)
    parameters = LocalParameters(canvases=("grey",), repeats=2, scrambles=0, others=0)
    photo = picture(60)
    result = measure_local(session, photo, 0, parameters=parameters)
    assert {tuple(b) for b in result.boxes[:, 2:]} == {(8, 8), (8, 9), (9, 8), (9, 9)}
    patches = [result.patch(photo, i) for i in range(49)]
    assert {p.shape for p in patches} == {(8, 8)}
    for patch, (y, x, _, _) in zip(patches, result.boxes, strict=True):
        assert np.array_equal(patch.pixels, photo[y : y + 8, x : x + 8])


def test_moments_of_scrambles_are_recorded() -> None:
    me = subject(SIDE)
    result = measure_local(region_observer(me.pixels, WEIGHTS), me)
    assert result.moments.shape == (49, 2, 3)
    assert result.scrambled_moments.shape == (3, 1, 49, 2, 3)
    first = me.pixels[:8, :8].reshape(-1, 3)
    np.testing.assert_allclose(result.moments[0], [first.mean(axis=0), first.std(axis=0)], rtol=1e-5)
    # Clipping changes them, but not by much.
    assert 0 < np.abs(result.scrambled_moments - result.moments).max() < 40


@pytest.mark.parametrize("kind", ["grid", "windows", "superpixels"])
def test_regions_of_a_real_photograph(kind: str) -> None:
    """On a frame that seven cells do not divide: every region is shown, and its patch has the common shape."""
    from importlib import resources

    folder = resources.files("deepception") / "data" / "photos"
    photo = next(file for file in sorted(folder.iterdir(), key=str) if file.name.endswith(".jpg"))
    session = plant(lambda images: images[..., 1].astype(np.float64).mean(axis=(1, 2)) / 50, 100)
    parameters = LocalParameters(regions=kind, canvases=("grey",), repeats=2, others=2)
    result = measure_local(session, str(photo), 0, parameters=parameters)
    assert result.name == photo.name
    assert np.isfinite(result.sufficiency).all()
    assert (result.areas > 0).all()
    y, x, h, w = result.boxes.T
    assert (y + h <= 100).all()
    assert (x + w <= 100).all()
    pixels = picture(100)
    assert {result.patch(pixels, i).shape for i in range(len(result.boxes))} == {(14, 14)}
    # A region's own brightness is all that this observer hears, so what is gained alone is lost without it.
    assert spearman(result.map, result.necessity_map) > 0.99
