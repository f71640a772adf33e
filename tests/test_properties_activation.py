from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deepception.properties import (
    ActivationControls,
    ActivationParameters,
    ActivationResult,
    LocalParameters,
    measure_activation,
    measure_local,
)
from deepception.properties.activation import measure_activation_controls
from deepception.properties.summaries import activation_row, summarise_activation
from deepception.sessions import Session
from deepception.statistics import ACTIVATOR, INHIBITOR, NEUTRAL, UNDECIDED, spearman
from deepception.stimuli import Patch, crop
from known import GREY, ask, copies, on_grey, picture, plant, same_content, subject

SIDE, T = 70, 8
PLACES = ActivationParameters(canvases=("grey",))
PATCH = crop(picture(SIDE, 9), 3, 5, 10, 10)
# The places that a patch of 10 px has in 70 px at multiples of 8: the planted sign is constant within each cell.
CELLS = (SIDE - 10 + 1) // T
# Decades on both sides of the margin of 0.1: clear signs, clear zeros, and the margin itself.
LEVELS = np.array([0.8, 0.4, -0.4, -0.9, 0.0, 0.02, -0.03, 0.1])
SIGNS = np.random.default_rng(3).permuted(np.resize(LEVELS, CELLS * CELLS)).reshape(CELLS, CELLS)
BASE = -6.0


def observer(
    field: np.ndarray = SIGNS, *, only: Patch | None = None, noise: float = 0.04, base: float = BASE
) -> Session:
    """Adds a planted effect where a patch lies, and an answer to the jitter of its brightness and contrast."""

    def decades(images: np.ndarray) -> np.ndarray:
        box = on_grey(images)
        counts = box.there if only is None else box.there & same_content(images, box, only.pixels)
        values = np.full(len(images), base)
        for n in np.flatnonzero(counts):
            window = images[n, box.y[n] : box.bottom[n], box.x[n] : box.right[n]].astype(np.float64)
            y, x = box.y[n] // T, box.x[n] // T
            # Depends on the jitter and on the place, with no mean over either.
            wobble = np.sin(3 * window.mean() + 5 * window.std() + y + 2.3 * x)
            values[n] += field[y, x] + noise * wobble
        return values

    return plant(decades, SIDE)


def planted(result: ActivationResult, field: np.ndarray = SIGNS) -> np.ndarray:
    y, x = (result.places // T).T
    return field[y, x]


def measured(session: Session, **options: object) -> ActivationResult:
    options = {"patch": PATCH, "period": T, "parameters": PLACES, **options}
    return measure_activation(session, subject(SIDE), **options)


def test_every_planted_sign_is_right() -> None:
    result = measured(observer())
    truth = planted(result)
    assert result.delta.shape == (1, 12, 25)
    assert spearman(result.map, truth) >= 0.9
    np.testing.assert_allclose(result.map, truth, atol=0.04)
    expected = np.select(
        [truth > 0.11, truth < -0.11, np.abs(truth) < 0.09], [ACTIVATOR, INHIBITOR, NEUTRAL], 0
    )
    judged = np.abs(np.abs(truth) - 0.1) > 0.01
    assert np.array_equal(result.classes[0][judged], expected[judged])
    # At the margin itself neither side can be shown.
    assert (result.classes[0][~judged] == UNDECIDED).all()
    assert (~judged).any()
    assert result.both_signs.all()
    assert result.shows
    figures = result.summary()
    assert figures["amplitude"] == pytest.approx(min(truth.max(), -truth.min()), abs=0.05)
    assert figures["presence"] == pytest.approx(truth.mean(), abs=0.02)
    assert sum(figures["shares"].values()) == pytest.approx(1)


def test_a_graded_map_is_recovered() -> None:
    field = np.random.default_rng(8).normal(size=(CELLS, CELLS))
    result = measured(observer(field))
    assert spearman(result.map, planted(result, field)) >= 0.99


def test_the_same_classes_on_every_canvas() -> None:
    """The sign map is found on the mean colour, noise and a photograph too."""

    def decades(images: np.ndarray) -> np.ndarray:
        values = np.full(len(images), BASE)
        n, y, x = np.nonzero(copies(images, PATCH.pixels))
        values[n] += SIGNS[y // T, x // T]
        return values

    background = subject(SIDE, 77, label=1)
    parameters = replace(PLACES, canvases=("grey", "mean", "noise", "photograph"), repeats=6)
    result = measured(plant(decades, SIDE), parameters=parameters, background=background)
    assert result.canvases == ("grey", "mean", "noise", "photograph")
    assert result.background_sha256 == background.sha256
    for k in range(4):
        np.testing.assert_allclose(result.canvas_maps[k], planted(result), atol=1e-9)
    assert result.summary()["shows_both_signs_on_photograph"]
    # Without a photograph of another class there is no such background.
    assert measured(plant(decades, SIDE), parameters=parameters).canvases == ("grey", "mean", "noise")


def controls_on(session: Session, label: int = 1) -> ActivationControls:
    pool = [subject(SIDE, s, label=label) for s in range(1, 7)]
    return measure_activation_controls(
        session, pool, "grey", patch_shape=PATCH.shape, period=T, parameters=PLACES
    )


def test_what_any_patch_does_is_not_specific() -> None:
    session = observer()
    controls = controls_on(session)
    assert controls.delta.shape == (24, 2, 25, 5)
    result = measured(session)
    assert (np.abs(result.classes) == 1).sum() > 8
    assert not result.specific([controls]).any()


def test_what_only_the_patch_does_is_specific() -> None:
    session = observer(only=PATCH)
    result = measured(session)
    signed = np.abs(planted(result)) > 0.11
    assert np.array_equal(result.specific([controls_on(session)])[0], signed)
    np.testing.assert_allclose(result.specific_map, result.canvas_maps, atol=1e-3)


def test_what_moves_every_class_is_not_specific() -> None:
    """The patch alone counts, but it moves the other classes as much as its own."""

    def logits(images: np.ndarray) -> np.ndarray:
        box = on_grey(images)
        counts = box.there & same_content(images, box, PATCH.pixels)
        moved = np.where(counts, SIGNS[box.y // T % CELLS, box.x // T % CELLS], 0.0) * np.log(10)
        z = np.full((len(images), 22), -20.0)
        # Class 21 takes nearly all; what is added to the others is added to their odds.
        z[:, 21] = 0
        z[:, :21] += moved[:, None]
        return z

    session = ask(logits, SIDE, 22)
    result = measured(session, parameters=replace(PLACES, others=19))
    assert (np.abs(result.classes) == 1).sum() > 8
    assert not result.specific([controls_on(session, label=5)]).any()
    assert result.others_amplitude == pytest.approx(result.amplitude, abs=0.05)
    assert np.abs(result.specific_map).max() < 0.05


def test_too_few_or_misplaced_control_patches_settle_nothing() -> None:
    session = observer(only=PATCH)
    result = measured(session)
    controls = controls_on(session)
    few = replace(
        controls, delta=controls.delta[:19], labels=controls.labels[:19], sha256s=controls.sha256s[:19]
    )
    elsewhere = replace(controls, delta=controls.delta[:, :, :24])
    own_class = replace(controls, labels=(0,) * 24)
    for useless in (few, elsewhere, own_class, replace(controls, canvas="noise")):
        assert not result.specific([useless]).any()
    assert result.specific([controls]).any()


def test_zero_variance_is_exact() -> None:
    result = measured(observer(noise=0.0))
    truth = planted(result)
    inside, outside = np.abs(truth) < 0.099, np.abs(truth) > 0.11
    assert (result.classes[0][inside] == NEUTRAL).all()
    assert np.array_equal(result.classes[0][outside], np.sign(truth[outside]))


def test_presence_is_no_place() -> None:
    result = measured(observer(np.full((CELLS, CELLS), 0.7)))
    assert result.summary()["presence"] == pytest.approx(0.7, abs=0.02)
    assert result.summary()["place_deviation"] < 0.03
    assert not result.shows
    assert result.amplitude < 0


def test_occlusion_is_the_case_of_an_uninformative_patch() -> None:
    """A grey patch on the photograph itself: the map is minus the necessity of what it covers."""
    me = subject(SIDE)
    weights = np.random.default_rng(4).normal(size=(SIDE, SIDE, 3)) * 3e-4

    def decades(images: np.ndarray) -> np.ndarray:
        return (images.astype(np.float64) - GREY).reshape(len(images), -1) @ weights.reshape(-1)

    session = plant(decades, SIDE)
    patch = Patch(np.full((10, 10, 3), GREY, dtype=np.uint8))
    parameters = replace(PLACES, canvases=("photograph",), places=7)
    result = measured(session, patch=patch, parameters=parameters, background=me)
    contribution = (me.pixels.astype(np.float64) - GREY) * weights
    assert result.canvases == ("photograph",)
    covered = [
        -np.mean(
            [contribution[y + dy : y + dy + 10, x + dx : x + dx + 10].sum() for dy, dx in _phases(result)]
        )
        for y, x in result.places
    ]
    assert spearman(result.canvas_maps[0], np.array(covered)) >= 0.99
    necessity = measure_local(session, me, parameters=LocalParameters(canvases=("grey",), others=0))
    assert necessity.necessity.shape == (1, 49)


def _phases(result: ActivationResult) -> np.ndarray:
    from deepception.properties.activation import activation_placing

    return activation_placing((SIDE, SIDE), result.patch_shape, replace(PLACES, places=7), T, 0).phases


def test_claims_hold_only_beyond_the_controls() -> None:
    other = crop(picture(SIDE, 9), 30, 5, 10, 10)
    # Any patch counts; this one alone, which a choice would have found; this one wherever it is cut.
    for only, beside, holds in ((None, PATCH, False), (PATCH, other, False), (PATCH, PATCH, True)):
        session = observer(only=only)
        controls = controls_on(session)
        rows = []
        for seed in range(6):
            me = subject(SIDE, 100 + seed)
            result = measure_activation(
                session,
                me,
                patch=PATCH,
                random_patch=beside,
                period=T,
                parameters=replace(PLACES, scrambles=1),
                seed=seed,
            )
            rows.append(activation_row(result, [controls]))
        summary = summarise_activation(rows, 0)
        assert summary.headline is not None
        assert summary.headline.holds is holds
        specific = summary.figures["specific_share"]["value"]
        assert specific == 0 if only is None else specific > 0.3
