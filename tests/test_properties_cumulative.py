from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from deepception.errors import InputError
from deepception.properties import CumulativeParameters, CumulativeResult, measure_cumulative
from deepception.properties.cumulative import possible_doses, spaced_places
from deepception.properties.summaries import cumulative_row, summarise_cumulative
from deepception.sessions import Session
from deepception.stimuli import Patch, crop
from known import GREY, ask, count_copies, from_decades, picture, plant, subject, uniform

SIDE = 56
PATCH = crop(picture(SIDE, 9), 3, 5, 8, 8)
ONE = CumulativeParameters(canvases=("grey",))
Curve = Callable[[np.ndarray], np.ndarray]
CURVES: dict[str, Curve] = {
    "rising": lambda n: 0.3 * np.log2(n),
    "falling": lambda n: -0.2 * np.log2(n),
    "peaked": lambda n: 0.8 - 0.4 * np.abs(np.log2(n) - 2),
    "flat": lambda n: 0.4 + 0.0 * n,
}


def doses_of(curve: Curve, *, noise: float = 0.05, onset: float = 0.5) -> Session:
    """Counts the exact copies of the patch, on any canvas; a little is added that depends on the arrangement."""

    def decades(images: np.ndarray) -> np.ndarray:
        n = count_copies(images, PATCH.pixels)
        told = onset + curve(np.maximum(n, 1)) + noise * (2 * uniform(images) - 1)
        return -1 + np.where(n > 0, told, 0.0)

    return plant(decades, SIDE)


def by_area(curve: Curve) -> Session:
    """Counts the pixels that are not canvas: whatever they show."""

    def decades(images: np.ndarray) -> np.ndarray:
        n = (images != GREY).any(axis=3).sum(axis=(1, 2)) / 64
        return np.where(n > 0.5, curve(np.maximum(n, 1)), 0.0) + 0.02 * (2 * uniform(images) - 1)

    return plant(decades, SIDE)


def measured(session: Session, **options: object) -> CumulativeResult:
    return measure_cumulative(session, subject(SIDE), **{"patch": PATCH, **options})


@pytest.mark.parametrize("name", CURVES)
def test_planted_dose_curves_are_recovered(name: str) -> None:
    result = measured(doses_of(CURVES[name]))
    doses = np.array([1, 2, 3, 4, 6, 8, 12, 16])
    assert np.array_equal(result.doses, doses)
    planted = 0.5 + CURVES[name](doses)
    assert result.copies.shape == (3, 4, 8)
    np.testing.assert_allclose(result.copies, np.broadcast_to(planted, (3, 4, 8)), atol=0.051)
    np.testing.assert_allclose(result.copies.mean(axis=(0, 1)), planted, atol=0.03)
    assert result.shape == name
    assert [s.shape for s in result.shapes] == [name] * 3
    np.testing.assert_allclose(result.onset, planted[0], atol=0.05)
    x = np.log2(doses) - np.log2(doses).mean()
    assert result.slope == pytest.approx(planted @ x / (x @ x), abs=0.02)
    # Scrambles, crops and an enlarged patch hold no copy.
    for control in ("scrambles", "different crops"):
        assert result.control_slopes()[control] == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(result.enlarged[..., 0], planted[0], atol=0.051)
    np.testing.assert_allclose(result.enlarged[..., 1:], 0, atol=1e-9)
    rising, falling = result.trends
    # What rises to four copies and then falls to sixteen falls on the whole.
    assert (rising < 0.01) == (name == "rising")
    assert (falling < 0.01) == (name in ("falling", "peaked"))


def test_without_noise_the_curve_is_exact() -> None:
    result = measured(doses_of(CURVES["rising"], noise=0.0), parameters=ONE)
    np.testing.assert_allclose(result.slopes, 0.3, atol=1e-9)
    assert result.shape == "rising"
    flat = measured(doses_of(CURVES["flat"], noise=0.0), parameters=ONE)
    assert flat.slope == pytest.approx(0, abs=1e-12)
    assert flat.shape == "flat"


def rows_of(session: Session, beside: Patch = PATCH) -> list[dict[str, object]]:
    options = {"patch": PATCH, "random_patch": beside, "parameters": ONE}
    return [
        cumulative_row(measure_cumulative(session, subject(SIDE, 50 + s), seed=s, **options), [])
        for s in range(6)
    ]


def test_repetition_holds_where_copies_count_and_not_where_area_does() -> None:
    copies = summarise_cumulative(rows_of(doses_of(CURVES["rising"])), 0).headline
    assert copies is not None
    assert copies.holds
    assert copies.difference is not None
    assert copies.difference.value == pytest.approx(0.3, abs=0.08)
    # A patch that alone does it, and was chosen for it, proves nothing.
    other = crop(picture(SIDE, 9), 30, 5, 8, 8)
    chosen = summarise_cumulative(rows_of(doses_of(CURVES["rising"]), other), 0).headline
    assert chosen is not None
    assert chosen.holds is False
    area = summarise_cumulative(rows_of(by_area(CURVES["rising"])), 0)
    assert area.headline is not None
    assert area.headline.holds is False
    assert area.headline.value.value == pytest.approx(0.3, abs=0.05)
    for interval in area.headline.controls.values():
        assert interval.value == pytest.approx(0.3, abs=0.05) or interval.value < 0
    assert area.figures["shapes"]["rising"]["count"] == 6


def test_copies_are_added_in_order_of_the_map() -> None:
    """Copies count by where they are: the best places first rise fast, the worst first slowly."""
    weight = np.linspace(1, 0, 16)
    grid = np.array([(y, x) for y in range(0, 32, 8) for x in range(0, 32, 8)], dtype=np.int32)

    def decades(images: np.ndarray) -> np.ndarray:
        here = [(images[:, y : y + 8, x : x + 8] != GREY).any(axis=(1, 2, 3)) for y, x in grid]
        return np.stack(here, axis=1) @ weight

    for canvases in (("grey",), ("grey", "noise")):
        parameters = replace(ONE, canvases=canvases, scrambles=False, crops=False, enlarged=False)
        result = measured(plant(decades, SIDE), ordered_places=grid, parameters=parameters)
        total = np.cumsum(weight)[result.doses - 1]
        np.testing.assert_allclose(result.best_first, total, atol=1e-9)
        np.testing.assert_allclose(result.worst_first, np.cumsum(weight[::-1])[result.doses - 1], atol=1e-9)
    assert not measured(plant(decades, SIDE), parameters=parameters).best_first.size


def test_order_on_noise_is_read_over_its_own_empty_draw() -> None:
    """The draws of a noise canvas differ: each showing is set against the one it lies on."""

    def decades(images: np.ndarray) -> np.ndarray:
        return images[:, -16:].astype(np.float64).mean(axis=(1, 2, 3)) + count_copies(images, PATCH.pixels)

    session = plant(decades, SIDE)
    grid = np.array([(0, 0), (0, 8), (0, 16), (0, 24)], dtype=np.int32)
    parameters = replace(ONE, canvases=("noise",), doses=(1, 2, 4), crops=False, enlarged=False)
    noise = measured(session, ordered_places=grid, parameters=parameters)
    assert np.ptp(noise.empty) > 0.5
    np.testing.assert_allclose(noise.best_first, [1, 2, 4], atol=1e-9)
    np.testing.assert_allclose(noise.worst_first, [1, 2, 4], atol=1e-9)


def test_places_in_order_do_not_overlap() -> None:
    places = np.array([(0, 0), (0, 4), (0, 8), (8, 3), (20, 20)], dtype=np.int32)
    values = np.array([1.0, 3.0, 2.0, 0.0, 2.5])
    assert spaced_places(places, values, (8, 8)).tolist() == [[0, 4], [20, 20], [8, 3]]


def test_patches_too_large_to_repeat_are_refused() -> None:
    for size in (20, 30, SIDE, SIDE + 4):
        patch = Patch(np.zeros((size, size, 3), dtype=np.uint8))
        with pytest.raises(InputError, match="smaller patch"):
            measured(doses_of(CURVES["flat"]), patch=patch)
    assert possible_doses((224, 224), (32, 32), (1, 2, 3, 4, 6, 8, 12, 16)) == (1, 2, 3, 4, 6, 8, 12, 16)
    assert possible_doses((224, 224), (48, 48), (1, 2, 3, 4, 6, 8, 12, 16)) == (1, 2, 3, 4, 6, 8)


# --- recognition -----------------------------------------------------------------------------------------------


def recognising(threshold: float, slope: float) -> Session:
    """The top-1 is the class with a planted probability for n copies, decided by the arrangement."""

    def logits(images: np.ndarray) -> np.ndarray:
        n = count_copies(images, PATCH.pixels)
        with np.errstate(divide="ignore"):
            p = 1 / (1 + np.exp(-slope * (np.log2(n) - np.log2(threshold))))
        return from_decades(np.where((n > 0) & (uniform(images) < p), 1.0, -3.0))

    return ask(logits, SIDE)


def inside(threshold: float, slope: float, runs: range) -> list[bool]:
    found = []
    bare = CumulativeParameters(draws=8, scrambles=False, crops=False, enlarged=False, others=0)
    session = recognising(threshold, slope)
    for seed in runs:
        result = measured(session, parameters=bare, seed=seed).threshold
        found.append(result.fit is not None and result.fit.threshold.contains(threshold))
    return found


def test_a_planted_threshold_is_recovered() -> None:
    assert sum(inside(4.0, 2.5, range(8))) >= 6


@pytest.mark.slow
@pytest.mark.parametrize(("threshold", "slope"), [(4.0, 2.5), (2.5, 1.5)])
def test_planted_thresholds_lie_inside_their_intervals(threshold: float, slope: float) -> None:
    share = np.mean(inside(threshold, slope, range(200)))
    assert 0.90 <= share <= 0.99


def test_no_threshold_where_recognition_does_not_cross() -> None:
    never = measured(doses_of(lambda n: -3 + 0 * n), parameters=ONE)
    assert never.threshold.kind == "> N"
    assert never.summary()["threshold"].text == "> 16"
    always = measured(doses_of(lambda n: 3 + 0 * n), parameters=ONE)
    assert always.threshold.kind == "< 1"


def test_the_guess_rate_weighs_the_canvases_alike() -> None:
    """Recognised on empty noise alone: on one of three canvases, whatever its number of draws."""

    def decades(images: np.ndarray) -> np.ndarray:
        return np.where(images[:, :8].std(axis=(1, 2, 3)) > 50, 2.0, -2.0)

    result = measured(plant(decades, SIDE))
    assert result.empty_recognised.shape == (3, 4)
    assert result.summary()["recognised_empty"] == pytest.approx(1 / 3)
