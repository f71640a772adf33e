"""What holds for all four properties: the same answers again, their price, their form, their errors."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import deepception as dc
from deepception.errors import BudgetError, InputError
from deepception.observers import FunctionObserver
from deepception.properties import (
    ActivationParameters,
    Context,
    CumulativeParameters,
    LocalParameters,
    Result,
    SpatialParameters,
    Subject,
    experiments,
    measure_activation,
    measure_cumulative,
    measure_local,
    measure_local_controls,
    measure_period_rows,
    measure_spatial,
    measure_spatial_controls,
)
from deepception.properties.activation import measure_activation_controls
from deepception.properties.period import PeriodParameters, period_price
from deepception.sessions import Session
from deepception.stimuli import Frame, crop
from known import Known, picture, subject

FOUR = ("local", "spatial", "activation", "cumulative")
SIDE, CLASSES, PERIOD = 56, 12, 4
WEIGHTS = np.random.default_rng(0).normal(size=(CLASSES, 4, 4, 3)) / 12
ME = subject(SIDE, 1)
PATCH = crop(ME.pixels, 8, 16, 8, 8)
POOL = [subject(SIDE, s, label=1 + s % 3) for s in range(20, 26)]


def logits(images: np.ndarray) -> np.ndarray:
    """A smooth model: bent mean colours of a 4×4 grid, in whole numbers until the end, so bit for bit."""
    sums = images.reshape(len(images), 4, SIDE // 4, 4, SIDE // 4, 3).sum(axis=(2, 4), dtype=np.int64)
    bent = np.tanh((sums / (SIDE // 4) ** 2 - 128) / 20)
    # One image at a time, as a sum over a batch may round otherwise.
    return np.stack([(WEIGHTS * b).sum(axis=(1, 2, 3)) * 8 for b in bent])


def session(batch_size: int = 16, budget: int | None = None) -> Session:
    return Session(Known(logits, SIDE, CLASSES), batch_size=batch_size, budget=budget)


def local(asking: Session, seed: int = 0) -> Result:
    return measure_local(
        asking, ME, parameters=LocalParameters(canvases=("grey", "noise"), others=5), seed=seed
    )


def spatial(asking: Session, seed: int = 0) -> Result:
    parameters = SpatialParameters(places=3, canvases=("grey", "noise"), others=5, crops=2)
    return measure_spatial(
        asking,
        ME,
        patch=PATCH,
        random_patch=PATCH,
        period=PERIOD,
        parameters=parameters,
        crops_from=POOL,
        seed=seed,
    )


def activation(asking: Session, seed: int = 0) -> Result:
    parameters = ActivationParameters(places=3, others=5, scrambles=1, crops=1)
    return measure_activation(
        asking,
        ME,
        patch=PATCH,
        period=PERIOD,
        parameters=parameters,
        crops_from=POOL,
        background=POOL[0],
        seed=seed,
    )


def cumulative(asking: Session, seed: int = 0) -> Result:
    order = np.array([(y, x) for y in range(0, 40, 8) for x in (0, 24, 40)], dtype=np.int32)
    parameters = CumulativeParameters(doses=(1, 2, 4, 8), others=5)
    return measure_cumulative(
        asking, ME, patch=PATCH, ordered_places=order, parameters=parameters, background=POOL[0], seed=seed
    )


def period_rows(asking: Session, seed: int = 0) -> Result:
    return measure_period_rows(asking, ME, seed=seed)


def local_controls(asking: Session, seed: int = 0) -> Result:
    return measure_local_controls(asking, POOL[:2], seed=seed)


def spatial_controls(asking: Session, seed: int = 0) -> Result:
    return measure_spatial_controls(asking, POOL[:2], period=PERIOD, patch_shape=(8, 8), seed=seed)


def activation_controls(asking: Session, seed: int = 0) -> Result:
    parameters = ActivationParameters(places=3, control_patches=7)
    return measure_activation_controls(
        asking, POOL, "noise", period=PERIOD, patch_shape=(8, 8), parameters=parameters, seed=seed
    )


Measurement = Callable[..., Result]
PROPERTIES: tuple[Measurement, ...] = (local, spatial, activation, cumulative)
ALL: tuple[Measurement, ...] = (
    *PROPERTIES,
    period_rows,
    local_controls,
    spatial_controls,
    activation_controls,
)


def same(a: Result, b: Result) -> bool:
    arrays = all(
        np.array_equal(v, b.arrays()[k], equal_nan=v.dtype.kind == "f") for k, v in a.arrays().items()
    )
    return arrays and a.record() == b.record()


@pytest.mark.parametrize("measure", ALL)
def test_the_same_seed_gives_the_same_bits_whatever_the_batch(measure: Measurement) -> None:
    first = measure(session())
    assert same(first, measure(session()))
    assert same(first, measure(session(batch_size=7)))
    assert not same(first, measure(session(), seed=1))
    assert json.dumps(first.to_json()) == json.dumps(measure(session(batch_size=1)).to_json())


@pytest.mark.parametrize("measure", ALL)
def test_queries_are_counted_exactly(measure: Measurement) -> None:
    asking = session()
    first = measure(asking)
    assert first.queries == asking.queries > 0
    second = measure(asking)
    assert second.queries == first.queries
    assert asking.queries == 2 * first.queries


@pytest.mark.parametrize("measure", ALL)
def test_results_survive_being_stored(measure: Measurement) -> None:
    result = measure(session())
    record = json.loads(json.dumps(result.record(), allow_nan=False))
    arrays = {k: v.copy() for k, v in result.arrays().items()}
    again = type(result).from_parts(arrays, record)
    assert same(result, again)
    assert again.to_json() == result.to_json()
    as_json = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert set(as_json["arrays"]) == set(arrays) == set(result.axes)
    for name, described in as_json["arrays"].items():
        assert len(described["axes"]) == arrays[name].ndim, name


@pytest.mark.parametrize("measure", ALL)
def test_observers_are_compared_on_the_same_stimuli(measure: Measurement) -> None:
    """What is shown depends on seed and photograph, not on who answers."""
    shown: list[list[bytes]] = []
    for scale in (1.0, -3.0):
        seen: list[bytes] = []

        def watch(images: np.ndarray, scale: float = scale, seen: list[bytes] = seen) -> np.ndarray:
            seen.extend(image.tobytes() for image in images)
            return scale * logits(images)

        measure(Session(Known(watch, SIDE, CLASSES, name=str(scale)), batch_size=1))
        shown.append(seen)
    assert shown[0] == shown[1]


@pytest.mark.parametrize("measure", PROPERTIES)
def test_summaries_are_plain_and_finite(measure: Measurement) -> None:
    figures = json.loads(json.dumps(measure(session()).to_json()["summary"], allow_nan=False))
    assert figures
    assert all(isinstance(name, str) for name in figures)


@pytest.mark.parametrize("measure", PROPERTIES)
def test_every_property_draws_itself(measure: Measurement) -> None:
    result = measure(session())
    figure = result.plot(ME.pixels) if measure is not cumulative else result.plot()  # type: ignore[attr-defined]
    assert figure.axes
    import matplotlib.pyplot as plt

    plt.close(figure)


# --- price -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", ["quick", "standard", "full"])
def test_the_price_is_what_it_costs(setting: str) -> None:
    """Exact for the local property; the others may find fewer places, and never cost more."""
    asking = session(batch_size=64)
    earlier: dict[str, Result] = {}
    for name in FOUR:
        experiment = experiments()[name]
        parameters = experiment.for_setting(setting)
        context = Context(earlier=dict(earlier), period=PERIOD, pool=POOL, background=POOL[0])
        before = asking.queries
        result = experiment.measure(asking, ME, parameters, context)
        spent = asking.queries - before
        price = experiment.price(parameters, (SIDE, SIDE), True)
        assert result.queries == spent
        assert spent == price if experiment.exact_price(parameters) else spent <= price
        # Bounds are near: no more than a tenth above what was spent.
        assert price <= 1.1 * spent
        earlier[name] = result
        for task in experiment.controls(parameters, POOL, (SIDE, SIDE))[:2]:
            before = asking.queries
            behind = None if task.background is None else POOL[task.background]
            task.measure(asking, [POOL[i] for i in task.sources], behind, PERIOD, 0)
            assert asking.queries - before <= task.price <= 1.1 * (asking.queries - before)


def test_settings_cost_about_what_they_say() -> None:
    """METHODS §8: quick about 600 queries a photograph, standard about 4,000, the same for every network."""
    four = [experiments()[name] for name in FOUR]
    for shape in ((224, 224), (176, 176), (260, 260)):
        total = {
            setting: sum(e.price(e.for_setting(setting), shape, True) for e in four)
            for setting in ("quick", "standard", "full")
        }
        assert 450 <= total["quick"] <= 750
        assert 3_400 <= total["standard"] <= 4_600
        assert total["full"] > total["standard"]


def test_the_price_of_the_period_is_exact() -> None:
    asking = session()
    assert measure_period_rows(asking, ME).queries == period_price(PeriodParameters(), (SIDE, SIDE))


def test_superpixels_cost_no_more_than_said() -> None:
    experiment = experiments()["local"]
    parameters = replace(experiment.for_setting("standard"), regions="superpixels")
    smooth = Subject(picture(SIDE, 3, cells=7), 0, "smooth", "0" * 64)
    result = experiment.measure(session(64), smooth, parameters, Context())
    assert result.queries <= experiment.price(parameters, (SIDE, SIDE), True)
    assert not experiment.exact_price(parameters)


# --- who may be asked, and for what ----------------------------------------------------------------------------


@pytest.mark.parametrize("measure", [*PROPERTIES])
def test_label_only_observers_are_measured_by_thresholds(
    measure: Measurement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ME", replace(ME, label=int(logits(ME.pixels[None]).argmax())))
    observer = FunctionObserver(
        lambda images: logits(images).argmax(axis=1), Frame(SIDE, SIDE), classes=CLASSES, level="label"
    )
    one, other = (measure(Session(observer, batch_size=size)) for size in (16, 64))
    assert one.queries > 1
    assert one.record()["scale"] == "points of opacity"
    assert not one.record()["never"]
    assert same(one, other)
    stored = json.loads(json.dumps(one.to_json(), allow_nan=False))
    assert "decades" not in json.dumps(stored)


def test_a_budget_too_small_spends_nothing() -> None:
    for measure in PROPERTIES:
        asking = session(budget=100)
        with pytest.raises(BudgetError, match="does not suffice"):
            measure(asking)
        assert asking.queries == 0


def test_classes_are_given_by_index_by_name_or_not_at_all() -> None:
    parameters = LocalParameters(canvases=("grey",), repeats=2, scrambles=0, others=3)
    photo = picture(SIDE, 1)
    by_index = measure_local(session(), photo, 5, parameters=parameters)
    by_name = measure_local(session(), photo, "Class_5", parameters=parameters)
    assert by_index.label == 5
    assert same(by_index, by_name)
    top = int(logits(photo[None]).argmax())
    by_top = measure_local(session(), photo, parameters=parameters)
    assert by_top.label == by_top.clean_top == top
    # The clean answer is one query more.
    assert by_top.queries == by_index.queries + 1
    with pytest.raises(InputError, match="not among the 12 classes"):
        measure_local(session(), photo, "unicorn", parameters=parameters)
    with pytest.raises(InputError):
        measure_local(session(), photo, CLASSES, parameters=parameters)
    # A subject has a class already; another one can be asked for.
    assert measure_local(session(), ME, 3, parameters=parameters).label == 3
    assert measure_local(session(), ME, parameters=parameters).label == ME.label


def test_few_classes_are_enough() -> None:
    two = Session(Known(lambda images: logits(images)[:, :2], SIDE, 2), batch_size=16)
    for measure in PROPERTIES:
        figures = measure(two).summary()
        assert figures


def test_rounded_probabilities_are_flagged() -> None:
    def rounded(images: np.ndarray) -> np.ndarray:
        p = np.exp(logits(images) * 3)
        return np.round(p / p.sum(axis=1, keepdims=True), 2)

    observer = FunctionObserver(
        rounded, Frame(SIDE, SIDE), classes=CLASSES, level="probabilities", version="1", resolution=0.01
    )
    asking = Session(observer, batch_size=16)
    figures = measure_local(asking, ME, 11, parameters=LocalParameters(others=3))
    assert 0 < figures.censored <= 1
    assert figures.summary()["range_touches_limit"]
    assert not measure_local(session(), ME, 11, parameters=LocalParameters(others=3)).censored


def test_stimuli_differ_between_photographs_and_seeds() -> None:
    a, b = local(session()), local(session(), seed=1)
    assert not np.array_equal(a.arrays()["empty"], b.arrays()["empty"])  # noise is redrawn


def test_the_embedded_network_answers() -> None:
    """One real network, through the public names."""
    with dc.Session(dc.open_observer("default"), batch_size=16) as asking:
        photo = np.asarray(picture(224, 0, cells=4))
        result = dc.measure_local(
            asking, photo, parameters=LocalParameters(canvases=("grey",), repeats=2, scrambles=0, others=10)
        )
        assert result.queries == asking.queries == 1 + 1 + 1 + 49 * 3
        assert np.isfinite(result.sufficiency).all()
        assert result.summary()["range"] > 0
        rows = measure_period_rows(asking, photo, 0, parameters=PeriodParameters(patch=1 / 2))
        assert rows.rows.shape == (2, 113)


@pytest.mark.parametrize(
    ("measure", "parameters"),
    [
        (measure_local, LocalParameters(canvases=("grey",), repeats=1)),
        (measure_local, LocalParameters(canvases=())),
        (measure_spatial, SpatialParameters(places=1)),
        (measure_spatial, SpatialParameters(phases=1)),
        (measure_spatial, SpatialParameters(canvases=())),
        (measure_activation, ActivationParameters(repeats=1)),
        (measure_cumulative, CumulativeParameters(draws=2)),
        (measure_cumulative, CumulativeParameters(doses=(1, 2))),
    ],
)
def test_settings_that_cannot_be_judged_are_refused(measure: Measurement, parameters: object) -> None:
    asking = session()
    options = {} if measure is measure_local else {"patch": PATCH}
    with pytest.raises(InputError, match=r"give [123] or more|doses"):
        measure(asking, ME, parameters=parameters, **options)
    assert asking.queries == 0
