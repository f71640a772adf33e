"""From labels alone: planted regions, places, signs and doses, recovered by thresholds and by nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from deepception.errors import InputError
from deepception.observers import restrict
from deepception.properties import (
    ActivationParameters,
    CumulativeParameters,
    LocalParameters,
    SpatialParameters,
    Subject,
    experiments,
    measure_activation,
    measure_cumulative,
    measure_local,
    measure_local_controls,
    measure_period_rows,
    measure_spatial,
)
from deepception.properties.activation import measure_activation_controls
from deepception.properties.fading import HALVINGS, MOST_QUERIES, SCAN, find_thresholds
from deepception.properties.headline import make_headline
from deepception.properties.showing import tied
from deepception.properties.spatial import measure_spatial_controls
from deepception.properties.summaries import local_row, summarise_local
from deepception.sessions import Session
from deepception.statistics import spearman
from deepception.stimuli import Jitter, Patch, Stimuli, crop, grid
from known import GREY, Known, subject

SIDE = 56
ME = subject(SIDE)
PIXELS = ME.pixels.astype(np.float64) - GREY
STILL = Jitter(0.0, 0.0)
# What thresholds are known to: the last halving, and the rounding of faint pictures to 8 bits.
STEP = 100 / (SCAN - 1) / 2**HALVINGS
CLOSE = STEP + 0.5


class OnlyLabels(Session):
    """A session with an observer that tells labels; whoever reads anything but the first answer fails."""

    def ask(self, *arguments: Any, **options: Any) -> Any:
        answers = super().ask(*arguments, **options)

        class Sealed:
            top = answers.top[:, :1]

            def __getattr__(self, name: str) -> Any:
                raise AssertionError(f"{name} was read from an observer that tells labels only")

        return Sealed()


def labels(evidence: Callable[[np.ndarray], np.ndarray], least: float = 0.4) -> OnlyLabels:
    """An observer that says class 0 where the evidence is at least so much, and else class 1."""

    def logits(images: np.ndarray) -> np.ndarray:
        return np.stack([evidence(images) - least, np.zeros(len(images))], axis=1)

    return OnlyLabels(restrict(Known(logits, SIDE, 2), "label"), batch_size=64)


def linear(weights: np.ndarray, least: float = 0.4) -> OnlyLabels:
    """Evidence is a weighted sum over the pixels, [H, W, 3], scaled to 1 for the whole photograph."""
    scaled = weights / (PIXELS * weights).sum()
    return labels(lambda images: np.tensordot(images.astype(np.float64) - GREY, scaled, 3), least)


def threshold(evidence: np.ndarray | float, whole: float = 1.0, least: float = 0.4) -> np.ndarray:
    """Where evidence + opacity · (whole − evidence) reaches ``least``, in points."""
    return np.asarray(100 * (least - np.asarray(evidence)) / (whole - np.asarray(evidence)))


def planted_regions() -> tuple[np.ndarray, np.ndarray]:
    """Weights [H, W, 3] and the evidence [49] of each region: most speak for the class, some against it."""
    share = np.random.default_rng(3).permutation(np.linspace(-0.02, 0.06, 49))
    share /= share.sum()
    weights = np.zeros_like(PIXELS)
    for value, (y, x, h, w) in zip(share, grid((SIDE, SIDE), 7).boxes.tolist(), strict=True):
        own = PIXELS[y : y + h, x : x + w]
        weights[y : y + h, x : x + w] = value * own / (own**2).sum()
    return weights, share


def test_planted_regions_are_recovered() -> None:
    weights, share = planted_regions()
    parameters = LocalParameters(canvases=("grey",), jitter=STILL)
    asking = linear(weights)
    result = measure_local(asking, ME, parameters=parameters)
    assert result.by_opacity
    np.testing.assert_allclose(result.map, 40 - threshold(share), atol=CLOSE)
    # A region that stays covered takes its evidence away at every opacity.
    np.testing.assert_allclose(result.necessity_map, 40 / (1 - share) - 40, atol=CLOSE)
    assert spearman(result.map, share) > 0.99
    assert spearman(result.necessity_map, share) > 0.99
    assert result.best.index == int(share.argmax())
    assert result.queries == asking.queries
    figures = result.summary()
    assert figures["scale"] == "points of opacity"
    assert figures["measurable"]
    assert figures["recognised_alone_top1"] == figures["recognition_rate"] == 0
    assert figures["recognised_alone_top5"] is None
    assert figures["bounded_share"] == 0
    assert figures["not_monotone_share"] == 0
    assert np.isnan(result.log10_p).all()


def test_regions_are_recovered_from_canvases_of_all_kinds() -> None:
    weights, share = planted_regions()
    result = measure_local(linear(weights), ME, parameters=LocalParameters(others=0))
    assert spearman(result.canvas_maps[0], share) > 0.97
    assert spearman(result.necessity[2], share) > 0.9


def by_place(values: np.ndarray) -> np.ndarray:
    """Weights [H, W, 3] under which a bright patch has the values [4, 4] of the quarter where it lies."""
    weights = np.kron(values, np.ones((SIDE // 4, SIDE // 4)))[..., None] * np.ones(3)
    # What the photograph itself says stays positive, whatever the field.
    return 0.6 * weights / (72 * 64 * 3) + 2.0 * PIXELS / (PIXELS**2).sum()


BRIGHT = Patch(np.full((8, 8, 3), GREY + 72, dtype=np.uint8))
FIELD = np.random.default_rng(8).permutation(np.linspace(-0.5, 0.5, 16)).reshape(4, 4)


def evidence_at(weights: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    scaled = weights / (PIXELS * weights).sum()
    return np.array([72 * scaled[a : a + 8, b : b + 8].sum() for a, b in zip(y, x, strict=True)])


def test_planted_places_are_recovered() -> None:
    weights = by_place(FIELD)
    asking = linear(weights)
    parameters = SpatialParameters(phases=4, canvases=("grey",), scrambles=0)
    result = measure_spatial(asking, ME, patch=BRIGHT, period=12, parameters=parameters)
    y = result.places[:, None, 0] + result.phases[None, :, 0]
    x = result.places[:, None, 1] + result.phases[None, :, 1]
    planted = 40 - threshold(evidence_at(weights, y.ravel(), x.ravel())).reshape(y.shape)
    np.testing.assert_allclose(result.delta[0], planted, atol=CLOSE)
    assert int(result.map.argmax()) == int(planted.mean(axis=1).argmax())
    assert np.isnan(result.log10_p_range)
    assert result.queries <= MOST_QUERIES * (16 * 4 + 1)


def test_planted_signs_are_recovered() -> None:
    weights = by_place(FIELD)
    parameters = ActivationParameters(
        places=4, canvases=("grey",), margin=1.0, random_region=False, control_patches=0, jitter=STILL
    )
    result = measure_activation(linear(weights), ME, patch=BRIGHT, period=12, parameters=parameters)
    truth = np.array([40 - threshold(evidence_at(weights, [y], [x]))[0] for y, x in result.places])
    assert (result.classes[0][truth > 6] == 1).mean() > 0.7
    assert (result.classes[0][truth < -6] == -1).mean() > 0.7
    assert not (result.classes[0][truth > 6] == -1).any()
    assert result.shows
    assert result.summary()["recognition_rate"] == 0


def test_planted_doses_are_recovered() -> None:
    weights = by_place(np.full((4, 4), 0.04))
    parameters = CumulativeParameters(canvases=("grey",), doses=(1, 2, 4, 8), crops=False, enlarged=False)
    result = measure_cumulative(linear(weights), ME, patch=BRIGHT, parameters=parameters)
    assert result.shape == "rising"
    assert result.slope > 1
    assert result.summary()["slope_unit"] == "points of opacity per doubling"


def test_a_dose_that_is_recognised_by_itself_is_a_bound_and_has_a_recognition_rate() -> None:
    weights = by_place(np.full((4, 4), 0.3))
    parameters = CumulativeParameters(canvases=("grey",), doses=(1, 2, 4, 8), crops=False, enlarged=False)
    result = measure_cumulative(linear(weights), ME, patch=BRIGHT, parameters=parameters)
    recognised = result.recognised.mean(axis=(0, 1))
    assert recognised[0] == 0
    assert recognised[-1] == 1
    assert result.summary()["recognition_rate"] == pytest.approx(result.recognised.mean())
    assert result.summary()["bounded_share"] == pytest.approx(result.recognised.mean())
    assert result.summary()["values_touch_limit"]


def test_what_needs_none_of_the_photograph_is_a_bound() -> None:
    weights, share = planted_regions()
    least = float(np.sort(share)[-2:].mean())  # one region is enough
    parameters = LocalParameters(canvases=("grey",), jitter=STILL)
    result = measure_local(linear(weights, least), ME, parameters=parameters)
    assert result.censored == pytest.approx(1 / 49)
    assert result.summary()["recognised_alone_top1"] == pytest.approx(1 / 49)
    assert result.summary()["range_touches_limit"]
    assert int(result.map.argmax()) == int(share.argmax())


def test_what_no_opacity_changes_is_a_bound() -> None:
    """Where the covered region is needed, no opacity of the others is enough: a bound of 100 points."""
    weights, share = planted_regions()
    least = float(1 - np.sort(share)[-2:].mean())
    result = measure_local(
        linear(weights, least), ME, parameters=LocalParameters(canvases=("grey",), jitter=STILL)
    )
    needed = int(share.argmax())
    assert result.necessity_map[needed] == pytest.approx(100 - 100 * least, abs=CLOSE)
    assert result.necessity_map[needed] == result.necessity_map.max()


def test_a_photograph_that_is_answered_wrong_costs_one_query_and_tells_nothing() -> None:
    asking = linear(np.ones_like(PIXELS) * PIXELS, least=1.5)
    result = measure_spatial(asking, ME, patch=BRIGHT, parameters=SpatialParameters(canvases=("grey",)))
    assert result.never
    assert result.queries == asking.queries == 1
    assert result.recognition_rate == 0


def test_a_scan_that_turns_is_flagged() -> None:
    """The class comes at a fifth of the opacity, goes at a half and comes again at the end."""
    template = PIXELS / (PIXELS**2).sum()

    def evidence(images: np.ndarray) -> np.ndarray:
        faded = np.tensordot(images.astype(np.float64) - GREY, template, 3)
        return np.where((faded > 0.5) & (faded < 0.9), 0.0, faded)

    asking = labels(evidence, least=0.2)
    canvas = np.full((1, SIDE, SIDE, 3), GREY, dtype=np.uint8)
    found = find_thresholds(asking, Stimuli.plain(canvas), ME.pixels, 0)
    assert found.turning.all()
    assert found.opacity[0] == pytest.approx(0.2, abs=0.01)
    assert not found.never.any()
    assert asking.queries <= MOST_QUERIES


def test_the_period_has_rows_from_labels() -> None:
    rows = measure_period_rows(linear(by_place(FIELD)), ME).rows
    assert np.isfinite(rows).all()
    assert (np.ptp(rows, axis=1) > STEP).all()


def test_shared_controls_need_scores() -> None:
    asking = linear(PIXELS)
    others = [subject(SIDE, 1, label=1)]
    for refused in (
        lambda: measure_local_controls(asking, others),
        lambda: measure_spatial_controls(asking, others, patch_shape=(8, 8)),
        lambda: measure_activation_controls(asking, others, "grey", patch_shape=(8, 8)),
    ):
        with pytest.raises(InputError, match="answers with a label only"):
            refused()
    assert asking.transmissions == 0


@pytest.mark.parametrize("name", ["local", "spatial", "activation", "cumulative"])
@pytest.mark.parametrize("setting", ["quick", "standard", "full"])
def test_settings_for_labels_show_nothing_that_labels_cannot_tell(name: str, setting: str) -> None:
    experiment = experiments()[name]
    parameters = experiment.for_setting(setting, labels_only=True)
    pool = [Subject(np.zeros((0, 0, 3), dtype=np.uint8), i, f"{i}", f"{i:064x}") for i in range(6)]
    assert not experiment.controls(parameters, pool, (SIDE, SIDE))
    assert parameters.others == 0
    assert experiment.cost(parameters, (224, 224), True, labels_only=True) == MOST_QUERIES * experiment.price(
        parameters, (224, 224), True
    )


def test_a_setting_costs_no_more_than_it_says() -> None:
    weights, _ = planted_regions()
    for name in ("local",):
        experiment = experiments()[name]
        parameters = experiment.for_setting("quick", labels_only=True)
        result = measure_local(linear(weights), ME, parameters=parameters)
        price = experiment.cost(parameters, (SIDE, SIDE), False, labels_only=True)
        assert 0.8 * price < result.queries <= price


def test_headlines_are_in_points_and_leave_out_what_cannot_be_measured() -> None:
    rows = []
    for seed in range(7):
        me = subject(SIDE, seed)
        pixels = me.pixels.astype(np.float64) - GREY
        weight = np.zeros((SIDE, SIDE, 1))
        weight[: 8 * (seed + 1), :16] = 1.0
        weights = pixels * weight / (pixels**2 * weight).sum()
        asking = labels(
            lambda images, w=weights: np.tensordot(images.astype(np.float64) - GREY, w, 3),
            least=2.0 if seed == 6 else 0.4,
        )
        result = measure_local(asking, me, parameters=LocalParameters(canvases=("grey",), repeats=2))
        rows.append(local_row(result, []))
    summary = summarise_local(rows, 1)
    assert summary.headline is not None
    assert summary.headline.unit == "points of opacity"
    assert summary.headline.value.n == 6
    assert summary.headline.holds is not None
    assert len(summary.rows) == 7
    assert summary.rows[-1]["range"] is None
    assert any("1 of 7 photographs" in sentence for sentence in summary.open_questions)
    nothing = summarise_local(rows[-1:], 1)
    assert nothing.headline is None
    assert nothing.open_questions


@pytest.mark.parametrize(
    ("unit", "said", "unsaid"),
    [
        ("decades of odds", "--knowledge label", "no opacity"),
        ("points of opacity", "no opacity that was shown changes the label", "--knowledge"),
        ("points of opacity per doubling", "thresholds are only bounds", "--knowledge"),
    ],
)
def test_who_asks_for_labels_is_not_sent_to_labels(unit: str, said: str, unsaid: str) -> None:
    effect = np.arange(1.0, 9.0)
    coarse = np.array([0.5] * 3 + [0.0] * 5)
    reason = make_headline(
        "local", "range", effect, {"scrambles": effect / 2}, queries=1, unit=unit, bounded=coarse
    ).reason
    assert "on 3 of 8 photographs more than 5 % of the" in reason
    assert said in reason
    assert unsaid not in reason


def test_a_patch_can_be_found_from_labels() -> None:
    weights, share = planted_regions()
    asking = linear(weights)
    result = measure_spatial(
        asking, ME, parameters=SpatialParameters(places=2, phases=2, canvases=("grey",), scrambles=0)
    )
    y, x, h, w = grid((SIDE, SIDE), 7).boxes[int(share.argmax())].tolist()
    assert result.patch_source.endswith(crop(ME.pixels, y, x, h, w).source)


def test_bounds_of_lists_rank_nothing() -> None:
    """Where class 0 is never listed its bounds move with the other classes: they say nothing about it."""
    weights = np.random.default_rng(2).normal(size=(SIDE * SIDE * 3, 5)) / 2000
    bias = np.array([-4.0, 0, 0, 0, 0])

    def logits(images: np.ndarray) -> np.ndarray:
        return (images.reshape(len(images), -1).astype(np.float64) - GREY) @ weights + bias

    observer = Known(logits, SIDE, 5)
    parameters = LocalParameters(canvases=("grey",), others=4)
    with (
        Session(observer, batch_size=64) as full,
        Session(restrict(observer, "top-2"), batch_size=64) as less,
    ):
        told = measure_local(full, ME, 0, parameters=parameters)
        result = measure_local(less, ME, 0, parameters=parameters)
    assert np.ptp(told.map) > 0
    assert result.censored == 1
    assert (result.map == result.map[0]).all()
    assert result.bound_regions.all()
    assert not told.bound_regions.any()
    assert (result.bounds["alone"], told.bounds["alone"]) == (1, 0)
    assert result.ties == len(result.boxes) - 1
    assert told.ties == 0
    assert result.summary()["bound_places"] == len(result.boxes)
    # Ties rank nothing: no correlation is told, where full knowledge tells one.
    assert np.isnan(result.correlation)
    assert np.isfinite(told.correlation)
    assert result.summary()["recognised_alone_top1"] == 0
    assert result.summary()["recognised_alone_top5"] is None


def test_what_is_above_every_bound_keeps_its_value() -> None:
    values = np.array([[0.5, 1.0], [-2.0, 3.0], [-1.0, 2.0], [-3.0, 0.0]])
    censored = np.array([[False, False], [True, False], [True, False], [False, False]])
    made, bound = tied(values, censored)
    assert made[:, 0].tolist() == [0.5, -1.0, -1.0, -1.0]
    assert bound[:, 0].tolist() == [False, True, True, True]
    assert np.array_equal(made[:, 1], values[:, 1])
    assert not bound[:, 1].any()
