"""The plots: safe, deterministic, self-contained, and nothing written over anything else."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from deepception import plots
from deepception.plots.fields import place_owner
from deepception.plots.palette import hex_rgb, ink_on
from deepception.plots.places import lattice_places
from deepception.plots.scales import span, spread_labels, ticks
from deepception.plots.words import elide, number, plain, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NASTY = "<script>alert('x')</script> & $\\frac{1}{$ ]]> \"é\" 猫\x07\ud800"
SVG = "{http://www.w3.org/2000/svg}"


def _photograph(side: int = 96) -> np.ndarray:
    y, x = np.mgrid[:side, :side] / side
    bands = np.stack([y, x, 0.5 + 0.5 * np.sin(12 * x * y)], axis=-1)
    grain = np.random.default_rng(3).normal(0, 0.01, bands.shape)
    return np.clip(255 * (0.15 + 0.7 * bands + grain), 0, 255).astype(np.uint8)


def _grid(side: int = 96, count: int = 4) -> np.ndarray:
    step = side // count
    return np.array([[r * step, c * step, step, step] for r in range(count) for c in range(count)])


def _cases(text: str = "a name") -> dict[str, Callable[[], Figure]]:
    rng = np.random.default_rng(0)
    photograph, boxes = _photograph(), _grid()
    values = rng.normal(0.4, 1, 16)
    doses = [0, 1, 2, 3, 4, 6, 8]
    draws = rng.normal(0, 1, (6, 7)).cumsum(axis=1)
    share = np.linspace(0, 0.9, 7)
    circle = (np.hypot(*(np.mgrid[:24, :24] - 11.5)) < 10).astype(np.uint8)
    classes = rng.choice([1, -1, 0, 2], 16)
    effect, control = rng.gamma(3, 0.4, 12), rng.gamma(2, 0.3, 12)
    rows = [
        (text, 1.2, 0.9, 1.5, 0.3),
        (f"{text} 2", -0.1, -0.4, 0.2, None),
        ("none", np.nan, np.nan, np.nan, None),
    ]
    return {
        "region_map": lambda: plots.region_map(
            photograph,
            values,
            boxes,
            mark=5,
            significant=values > 0,
            title=text,
            unit=text,
            names=(text, text),
        ),
        "region_map masks": lambda: plots.region_map(
            photograph, values, boxes, masks=[circle] * 16, signed=True, mark=2
        ),
        "region_map bounds": lambda: plots.region_map(
            photograph, values, boxes, mark=5, significant=values > 0, bounded=values > 0.5, signed=True
        ),
        "place_map": lambda: plots.place_map(
            photograph, values, boxes[:, :2], (24, 24), classes=classes, mark=3, title=text
        ),
        "place_map bounds": lambda: plots.place_map(
            photograph, values, boxes[:, :2], (24, 24), classes=classes, bounded=values > 0.5, name=text
        ),
        "place_map lattice": lambda: plots.place_map(
            photograph,
            rng.random((9, 9)),
            None,
            (24, 24),
            signed=False,
            patch=photograph[:24, :24],
            name="places",
        ),
        "dose_curve": lambda: plots.dose_curve(
            doses,
            {text: draws, "scrambles": draws - 1, "one enlarged patch": draws[0], "others": draws - 0.9},
            onset=0.7,
            recognition=(share, share - 0.1, share + 0.1),
            threshold=(3, 2, 5),
            title=text,
        ),
        "psychometric": lambda: plots.psychometric(
            doses,
            share,
            share - 0.1,
            share + 0.1,
            curve=([1, 4, 8], [0.1, 0.5, 0.9]),
            threshold=(4, 3, 5.5),
            title=text,
        ),
        "psychometric without a fit": lambda: plots.psychometric(
            doses, share / 5, share / 6, share / 4, note="threshold > 8", dose_name=text
        ),
        "forest": lambda: plots.forest(rows, title=text, unit=text),
        "forest long": lambda: plots.forest([(f"{text * 4} {i}", i, i - 1, i + 1, i / 2) for i in range(9)]),
        "forest findings": lambda: plots.forest(rows, findings=1, digits=0),
        "success_curve": lambda: plots.success_curve(
            {
                text: ([1, 4, 60], [0.2, 0.5, 0.9]),
                "right before": ([2, 60], [0.4, 0.8]),
                "noise": ([9], [0.1]),
            },
            most=1000,
            band=([0.1, 0.4, 0.8], [0.3, 0.6, 1.0]),
            findings=2,
            title=text,
            unit=text,
        ),
        "success_curve linear": lambda: plots.success_curve(
            {text: ([0.4, 2.0, 4.9], [0.2, 0.5, 0.7])}, most=5, log=False, along=text
        ),
        "effect_vs_control": lambda: plots.effect_vs_control(
            np.append(effect, np.nan), np.append(control, 1.0), names=(text, text), title=text, unit=text
        ),
        "period_spectrum": lambda: plots.period_spectrum(
            np.arange(2, 40),
            1 - 0.8 * (np.arange(2, 40) % 16 == 0),
            chosen=32,
            nested=(16,),
            low=np.full(38, 0.1),
            high=np.full(38, 1.2),
            title=text,
        ),
        "period_spectrum none": lambda: plots.period_spectrum(np.arange(2, 40), np.ones(38)),
        "variance_bars": lambda: plots.variance_bars(
            [0.1, -0.2, np.nan], [0.3, 0.1, 1], [0.2, 0.2, 1], rows=[text, "scramble", "broken"], title=text
        ),
        "distribution": lambda: plots.distribution({text: effect, "control": [*control, np.nan]}, title=text),
        "distribution alone": lambda: plots.distribution(effect, unit=text),
        "shares_bar": lambda: plots.shares_bar(["rising", "falling", text, "flat"], [9, 2, 7, 0], title=text),
        "shares_bar rows": lambda: plots.shares_bar(["activators", text], [[3, 4], [0, 0]], rows=["a", text]),
    }


EMPTY: dict[str, Callable[[], Figure]] = {
    "region_map": lambda: plots.region_map(_photograph(), np.full(16, np.nan), _grid()),
    "region_map no regions": lambda: plots.region_map(_photograph(), [], np.zeros((0, 4))),
    "place_map": lambda: plots.place_map(_photograph(), np.full((3, 3), np.nan), None, (8, 8)),
    "dose_curve": lambda: plots.dose_curve([0, 1, 2], {"a": np.full((2, 3), np.nan)}),
    "dose_curve no curve": lambda: plots.dose_curve([0, 1, 2], {}),
    "psychometric": lambda: plots.psychometric([], [], [], []),
    "forest": lambda: plots.forest([]),
    "forest nan": lambda: plots.forest([("a", np.nan, np.nan, np.nan, None)]),
    "success_curve": lambda: plots.success_curve({}, most=10),
    "success_curve no point": lambda: plots.success_curve({"a": ([], []), "b": ([], [])}, most=10),
    "effect_vs_control": lambda: plots.effect_vs_control([np.nan], [1.0]),
    "period_spectrum": lambda: plots.period_spectrum([2, 3], [np.nan, np.nan]),
    "variance_bars": lambda: plots.variance_bars(0.0, -1.0, 0.0),
    "distribution": lambda: plots.distribution([]),
    "shares_bar": lambda: plots.shares_bar(["a"], [0]),
}

SINGLE: dict[str, Callable[[], Figure]] = {
    "region_map": lambda: plots.region_map(_photograph(), [0.5], [[0, 0, 96, 96]], mark=0),
    "region_map constant": lambda: plots.region_map(_photograph(), np.zeros(16), _grid(), signed=True),
    "place_map": lambda: plots.place_map(_photograph(), [[1.0]], None, (8, 8), classes=[2]),
    "dose_curve": lambda: plots.dose_curve([1], {"a": [[0.4]]}, onset=np.nan),
    "psychometric": lambda: plots.psychometric([1], [0.5], [0.1], [0.9]),
    "forest": lambda: plots.forest([("a", 0.0, 0.0, 0.0, 0.0)]),
    "forest unbounded": lambda: plots.forest([("a", 0.4, 0.1, np.inf, None)]),
    "place_map without image": lambda: plots.place_map(None, [1.0, 2], [[0, 0], [0, 8]], (8, 8)),
    "dose_curve fractions alone": lambda: plots.dose_curve([0, 1], {"a": [1, 2]}, recognition=[0, 1]),
    "success_curve": lambda: plots.success_curve({"a": ([1], [1.0])}, most=1),
    "success_curve none": lambda: plots.success_curve({"a": ([30], [0.0]), "b": ([30], [0.0])}, most=30),
    "success_curve unknown": lambda: plots.success_curve({"a": ([3, 9], [np.nan, 0.5])}, most=9, log=False),
    "effect_vs_control": lambda: plots.effect_vs_control([1.0], [1.0]),
    "period_spectrum": lambda: plots.period_spectrum([2], [0.4], chosen=2),
    "distribution": lambda: plots.distribution([1.0]),
}

EVERY = pytest.mark.parametrize("name", list(_cases()))


def _texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@EVERY
def test_same_arrays_same_bytes(name: str) -> None:
    first, second = _cases()[name](), _cases()[name]()
    assert plots.to_svg(first) == plots.to_svg(second) == plots.to_svg(first)
    assert plots.to_png(first, 50) == plots.to_png(second, 50)


def test_another_process_draws_the_same_bytes() -> None:
    code = (
        "import hashlib, sys; from deepception import plots;"
        "f = plots.forest([('a', 1, 0, 2, .5)], title='t');"
        "sys.stdout.write(hashlib.sha256(plots.to_svg(f).encode()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    here = plots.to_svg(plots.forest([("a", 1, 0, 2, 0.5)], title="t"))
    assert other == hashlib.sha256(here.encode()).hexdigest()


@EVERY
def test_svg_is_self_contained_and_well_formed(name: str) -> None:
    svg = plots.to_svg(_cases(NASTY)[name]())
    root = ElementTree.fromstring(svg)
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "g", "defs", "path", "use", "image", "text", "clipPath", "rect", "pattern"}
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    for element in root.iter():
        for key, value in element.attrib.items():
            assert not key.lower().startswith("on")
            if key.endswith("href"):
                assert re.match(r"#|data:image/(png|jpeg);base64,", value)
                assert not value.startswith("#") or value[1:] in ids
            for target in re.findall(r"url\(([^)]*)\)", value):
                assert target.startswith("#")
                assert target[1:] in ids
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")
    assert svg.startswith("<svg ")
    assert root.get("width") == "100%"
    assert root.get("role") == "img"
    assert root.get("aria-label")


@EVERY
def test_names_stand_as_they_are(name: str) -> None:
    svg = plots.to_svg(_cases(NASTY)[name]())
    assert "<script" not in svg
    assert plots.to_png(_cases(NASTY)[name](), 40).startswith(b"\x89PNG")
    dollars = plots.to_svg(_cases("cost $5 $^2$")[name]())
    if any("cost" in text for text in _texts(dollars)):
        assert any(text.startswith("cost $5 $^2$") for text in _texts(dollars))


def test_a_hostile_title_is_shown_as_text() -> None:
    svg = plots.to_svg(plots.forest([("<b>&amp;", 1, 0, 2, None)], title="<script>$a_b$"))
    assert "<script>$a_b$" in _texts(svg)
    assert "<b>&amp;" in _texts(svg)
    assert "<script>$a_b$" in (ElementTree.fromstring(svg).get("aria-label") or "")


def test_figures_on_one_page_share_no_id() -> None:
    figures = [_cases()["place_map"](), _cases()["region_map masks"](), _cases()["dose_curve"]()]
    sets = [set(re.findall(r'\bid="([^"]+)"', plots.to_svg(figure))) for figure in figures]
    twin = set(re.findall(r'\bid="([^"]+)"', plots.to_svg(figures[0], key="second")))
    assert all(sets)
    assert not sets[0] & sets[1]
    assert not sets[1] & sets[2]
    assert not sets[0] & twin


@pytest.mark.parametrize("text", ["a name", "a_longer_name_of_a_network_224.onnx", "W" * 300])
@EVERY
def test_texts_stay_on_the_sheet_and_apart(name: str, text: str) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = _cases(text)[name]()
    renderer = FigureCanvasAgg(figure).get_renderer()
    texts = list(figure.texts)
    for axes in figure.axes:
        texts += axes.texts
        if axes.axison:
            texts += [*axes.get_xticklabels(), *axes.get_yticklabels()]
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in texts if t.get_text().strip()]
    assert boxes
    size = figure.bbox
    for words, box in boxes:
        assert box.x0 >= size.x0 - 1, words
        assert box.x1 <= size.x1 + 1, words
        assert box.y0 >= size.y0 - 1, words
        assert box.y1 <= size.y1 + 1, words
    for i, (words, box) in enumerate(boxes):
        for other, second in boxes[i + 1 :]:
            wide = min(box.x1, second.x1) - max(box.x0, second.x0)
            high = min(box.y1, second.y1) - max(box.y0, second.y0)
            # Boxes reach from ascender to descender: neighbours in a list may touch by a point or so.
            assert wide <= 2 or high <= 5, f"{words!r} lies over {other!r}"


@pytest.mark.parametrize("name", list(EMPTY))
def test_nothing_to_draw_says_so(name: str) -> None:
    figure = EMPTY[name]()
    assert "no data" in _texts(plots.to_svg(figure))
    assert "no data" in figure.get_label()


@pytest.mark.parametrize("name", list(SINGLE))
@pytest.mark.filterwarnings("error")
def test_one_value_or_a_constant_is_drawn(name: str) -> None:
    svg = plots.to_svg(SINGLE[name]())
    assert "no data" not in svg
    assert "nan" not in svg.lower()


@pytest.mark.filterwarnings("error")
def test_settings_of_the_caller_neither_matter_nor_change() -> None:
    import matplotlib

    expected = plots.to_svg(_cases()["dose_curve"]())
    with matplotlib.rc_context({"font.size": 31, "axes.facecolor": "red", "svg.fonttype": "path"}):
        assert plots.to_svg(_cases()["dose_curve"]()) == expected
        assert matplotlib.rcParams["font.size"] == 31


def test_import_is_light_and_pyplot_is_never_touched() -> None:
    code = (
        "import sys; from deepception import plots; assert 'matplotlib' not in sys.modules;"
        "plots.to_png(plots.distribution([1, 2, 3])); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_notebook_gets_the_svg() -> None:
    figure = plots.distribution([1, 2, 3])
    assert figure._repr_svg_() == plots.to_svg(figure)  # type: ignore[attr-defined]


def test_photographs_are_embedded_small_and_whole() -> None:
    svg = plots.to_svg(plots.region_map(_photograph(224), np.arange(16.0), _grid(224)))
    images = [base64.b64decode(data) for data in re.findall(r"base64,([^\"]+)", svg)]
    sizes = [Image.open(io.BytesIO(data)).size for data in images]
    assert sizes.count((224, 224)) == 2
    assert sum(len(data) for data in images) < 120_000
    shown = np.asarray(Image.open(io.BytesIO(images[0])).convert("RGB"), dtype=float)
    assert np.abs(shown - _photograph(224)).mean() < 3


def test_png_has_the_size_asked_for() -> None:
    with Image.open(io.BytesIO(plots.to_png(plots.distribution([1, 2]), 100))) as picture:
        assert abs(picture.width - 460) <= 1


@given(
    st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), max_size=20),
    st.none() | st.tuples(st.floats(-9, 9), st.floats(-9, 9)),
)
def test_limits_hold_values_and_signed_ones_are_symmetric(
    values: list[float], limits: tuple[float, float] | None
) -> None:
    low, high = plots.fit_limits(values, signed=True, limits=limits)
    assert low == -high < 0
    bottom, top = plots.fit_limits(values, signed=False, limits=limits)
    assert bottom < top
    known = [v for v in values if np.isfinite(v)]
    if limits is None and known:
        assert max(abs(v) for v in known) <= high
        assert bottom <= min(known)
        assert max(known) <= top


def _lightness(rgb: np.ndarray) -> np.ndarray:
    """CIE L*, 0…100."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = linear @ np.array([0.2126, 0.7152, 0.0722])
    return np.where(luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance)


def test_signed_colours_are_neutral_at_zero_and_alike_on_both_sides() -> None:
    value = np.linspace(0, 2, 60)
    up, down = (plots.colourise(sign * value, (-2, 2), signed=True) for sign in (1, -1))
    assert np.ptp(up[0]) < 0.03
    assert np.abs(_lightness(up) - _lightness(down)).max() < 7
    assert (np.diff(_lightness(up)) < 0.2).all()
    assert (np.diff(_lightness(down)) < 0.2).all()
    assert up[-1, 0] > up[-1, 2]  # orange above zero
    assert down[-1, 2] > down[-1, 0]  # blue below


def test_magnitudes_grow_lighter() -> None:
    colours = plots.colourise(np.linspace(0, 1, 80), (0, 1), signed=False)
    assert (np.diff(_lightness(colours)) > 0).all()


def test_values_beyond_the_limits_take_the_colour_of_the_end() -> None:
    inside, beyond = (plots.colourise([-v, v], (-1, 1), signed=True) for v in (1.0, 50.0))
    np.testing.assert_array_equal(inside, beyond)


def test_region_field_paints_masks_means_and_gaps() -> None:
    mask = np.array([[255, 0], [255, 255]])
    field = plots.region_field(
        (4, 4), [1.0, 3.0, np.nan], [[0, 0, 2, 2], [1, 0, 2, 2], [0, 2, 2, 2]], [mask, None, None]
    )
    expected = np.full((4, 4), np.nan)
    expected[0, 0] = 1
    expected[1, :2] = 2  # both regions: their mean
    expected[2, :2] = 3
    np.testing.assert_array_equal(field, expected)


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 6), st.integers(2, 6), st.integers(3, 9))
def test_place_cells_lie_at_their_patches(rows: int, cols: int, side: int) -> None:
    frame = (40, 44)
    places = lattice_places((rows, cols), frame, (side, side))
    assert places.min(axis=0).tolist() == [0, 0]
    assert (places.max(axis=0) + side).tolist() == list(frame)
    owner = place_owner(frame, places, (side, side))
    for i, (y, x) in enumerate(places):
        assert owner[y + side // 2, x + side // 2] == i
        own_y, own_x = np.nonzero(owner == i)
        assert y <= own_y.min()
        assert own_y.max() < y + side
        assert x <= own_x.min()
        assert own_x.max() < x + side


def test_place_field_takes_the_nearest_place() -> None:
    field = plots.place_field((8, 12), [1.0, 2.0], [[0, 0], [0, 4]], (8, 8))
    assert set(np.unique(field[~np.isnan(field)])) == {1.0, 2.0}
    assert (field[4, 2:6] == 1).all()
    assert (field[4, 6:10] == 2).all()


def test_overlay_keeps_the_colours_of_the_bar() -> None:
    values = np.linspace(0, 1, 16)
    field = plots.region_field((96, 96), values, _grid())
    shown = plots.overlay(_photograph(), field, signed=False, limits=(0, 1)) / 255
    for value, (y, x, h, w) in zip(values, _grid(), strict=True):
        mean = shown[y : y + h, x : x + w].mean(axis=(0, 1))
        assert np.abs(mean - plots.colourise(value, (0, 1), signed=False)).max() < 0.06


def test_faded_and_missing_regions_turn_pale() -> None:
    field = np.zeros((96, 96))
    field[:48] = 1.0
    field[:, 90:] = np.nan
    faded = np.zeros((96, 96), dtype=bool)
    faded[48:] = True
    shown = plots.overlay(np.full((96, 96, 3), 90, np.uint8), field, signed=False, limits=(0, 1), faded=faded)
    spread = np.ptp(shown.astype(int), axis=-1)
    assert spread[10, 10] > 150
    assert spread[80, 10] < 60
    assert spread[10, 93] < 15


def test_bounds_look_like_no_value() -> None:
    """What was measured is plain, what is a bound is striped, on dark colours as well as on light ones."""
    grey = np.full((96, 96, 3), 128, np.uint8)
    field = np.zeros((96, 96))
    field[:, 48:] = 1.0
    hatched = np.zeros((96, 96), dtype=bool)
    hatched[48:] = True
    shown = plots.overlay(grey, field, signed=True, limits=(-1, 1), hatched=hatched).astype(int)
    for columns in (slice(0, 48), slice(48, 96)):
        measured, bound = shown[:48, columns].reshape(-1, 3), shown[48:, columns].reshape(-1, 3)
        assert len(np.unique(measured, axis=0)) == 1
        assert len(np.unique(bound, axis=0)) == 2
        assert np.ptp(bound.mean(axis=1)) > 60
        assert 0.1 < (bound != measured[0]).any(axis=1).mean() < 0.4


def test_a_map_says_how_many_of_its_values_are_bounds() -> None:
    few = np.arange(16) < 5
    for figure, things in (
        (plots.region_map(_photograph(), np.arange(16.0), _grid(), bounded=few), "regions"),
        (
            plots.place_map(_photograph(), np.arange(16.0), _grid()[:, :2], (24, 24), bounded=few),
            "places",
        ),
    ):
        svg = plots.to_svg(figure)
        assert "hatched: bounds only (5 of 16)" in _texts(svg)
        assert f"map of 16 {things}" in figure.get_label()
        assert "5 of them bounds only" in figure.get_label()
    assert "hatched" not in plots.to_svg(plots.region_map(_photograph(), np.arange(16.0), _grid()))


def test_thumbnails_are_small_deterministic_pngs() -> None:
    first, second = (plots.thumbnail_map(_photograph(), np.arange(16.0), _grid(), size=64) for _ in range(2))
    assert first == second
    with Image.open(io.BytesIO(first)) as picture:
        assert picture.size == (64, 64)
        assert picture.format == "PNG"
    wide = plots.overlay_png(_photograph()[:48], np.zeros((48, 96)), signed=True, size=60)
    with Image.open(io.BytesIO(wide)) as picture:
        assert picture.size == (60, 30)


def test_an_outline_follows_its_mask() -> None:
    def shown(masks: list[np.ndarray] | None) -> bytes:
        return plots.to_png(
            plots.region_map(_photograph(), np.arange(16.0), _grid(), masks=masks, mark=5), 60
        )

    square = [np.ones((24, 24))] * 16
    circle = [(np.hypot(*(np.mgrid[:24, :24] - 11.5)) < 10).astype(float)] * 16
    assert shown(square) != shown(circle)


def test_mismatched_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="3 values"):
        plots.region_map(_photograph(), [1, 2, 3], _grid())
    with pytest.raises(ValueError, match="places"):
        plots.place_map(_photograph(), [1.0, 2.0], [[0, 0]], (8, 8))
    with pytest.raises(ValueError, match="3 flags of bounds"):
        plots.place_map(_photograph(), [1.0, 2.0], [[0, 0], [9, 9]], (8, 8), bounded=[True] * 3)
    with pytest.raises(ValueError, match="lattice"):
        plots.place_map(_photograph(), [1.0, 2.0], None, (8, 8))
    with pytest.raises(ValueError, match="needs its places"):
        plots.place_map(None, [[1.0]], None, (8, 8))
    with pytest.raises(ValueError, match="2 fractions"):
        plots.dose_curve([0, 1], {"a": [1.0, 2.0]}, recognition=[0.5])
    with pytest.raises(ValueError, match="doses"):
        plots.dose_curve([0, 1], {"a": [1.0, 2.0, 3.0]})
    with pytest.raises(ValueError, match="names"):
        plots.shares_bar(["a", "b"], [1])
    with pytest.raises(ValueError, match="over an image"):
        plots.overlay(_photograph(), np.zeros((3, 3)), signed=False)


def test_shares_are_those_of_the_counts() -> None:
    texts = _texts(plots.to_svg(plots.shares_bar(["rising", "flat"], [15, 5])))
    assert {"rising", "flat", "15 · 75 %", "5 · 25 %", "20 photographs"} <= set(texts)
    texts = _texts(plots.to_svg(plots.variance_bars(0.3, 0.1, -0.5)))
    assert {"75 %", "25 %"} <= set(texts)


def test_only_fractions_with_bounds_have_whiskers() -> None:
    fractions = ([0.0, 0.2, 0.5], [np.nan, 0.1, 0.3], [np.nan, 0.4, 0.7])
    figure = plots.dose_curve([0, 1, 2], {"a": [0.0, 1.0, 2.0]}, recognition=fractions)
    whiskers = [line for axes in figure.axes for lines in axes.collections for line in lines.get_segments()]
    ends = sorted(tuple(np.round(line[:, 1], 6)) for line in whiskers)
    assert ends == [(0.1, 0.4), (0.3, 0.7)]


def test_pairs_are_counted_and_missing_ones_said() -> None:
    texts = _texts(plots.to_svg(plots.effect_vs_control([2, 3, 1, np.nan], [1, 1, 2, 0])))
    assert "2 of 3 photographs above their control" in texts
    assert "1 not measured" in texts
    assert texts.count("median") == 2
    assert {"2.00", "1.00"} <= set(texts)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6))
def test_labels_are_moved_apart_in_their_order(positions: list[float]) -> None:
    placed = np.array(spread_labels(positions, 12, 0, 100))
    order = np.argsort(positions, kind="stable")
    assert (np.diff(placed[order]) >= 12 - 0.5).all()


@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e4))
def test_ticks_are_inside_and_distinct(low: float, wide: float) -> None:
    values, labels = ticks(low, low + wide)
    assert len(labels) == len(set(labels)) == len(values)
    assert all(low - 1e-6 * wide <= v <= low + wide * (1 + 1e-6) for v in values)


def test_span_holds_everything_finite() -> None:
    low, high = span([1.0, np.nan, np.inf, 3.0], include=(0.0,))
    assert low < 0 < 3 < high
    assert span([np.nan]) == (0.0, 1.0)
    low, high = span([2.0, 2.0])
    assert low < 2 < high


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=80), st.floats(20, 200))
def test_elided_text_fits_and_is_plain(text: str, room: float) -> None:
    short = elide(text, room)
    assert text_width(short) <= room
    assert "\n" not in short
    ElementTree.fromstring(f"<a>{plain(text).replace('&', '').replace('<', '')}</a>")


def test_numbers_are_written_for_people() -> None:
    assert number(-0.5) == "−0.50"
    assert number(-0.001) == "0.00"
    assert number(12.34) == "12.3"
    assert number(1234.5) == "1234"
    assert number(float("nan")) == "–"
    assert number(float("-inf")) == "−∞"
    assert number(3e-7) == "3.0e−07"


def test_ink_reads_on_every_category() -> None:
    assert ink_on(hex_rgb("#000000")) == "#ffffff"
    assert ink_on(hex_rgb("#ffffff")) != "#ffffff"
    assert plots.colour_of("Activators", 3) == plots.colour_of("activator", 0)
    assert len({plots.colour_of(f"kind {i}", i) for i in range(6)}) == 6


def _line(figure: Figure, index: int) -> tuple[list[float], list[float]]:
    """The points of a curve; the first curve is drawn last."""
    line = figure.axes[0].get_lines()[-1 - index]
    return list(line.get_xdata()), list(line.get_ydata())


def test_a_success_curve_begins_at_nothing_and_ends_at_the_budget() -> None:
    curves = {"found": ([1, 10], [0.25, 0.5]), "noise": ([100], [0.0])}
    figure = plots.success_curve(curves, most=1000)
    assert _line(figure, 0) == ([0, 0, 1, 3], [0, 0.25, 0.5, 0.5])
    assert _line(figure, 1) == ([0, 2, 3], [0, 0, 0])
    assert all(line.get_drawstyle() == "steps-post" for line in figure.axes[0].get_lines())
    assert {"found 50 %", "noise 0 %"} <= set(_texts(plots.to_svg(figure)))
    linear = plots.success_curve({"found": ([2.5], [0.75])}, most=5, log=False)
    assert _line(linear, 0) == ([0, 2.5, 5], [0, 0.75, 0.75])


def test_a_success_curve_needs_a_share_for_every_place() -> None:
    with pytest.raises(ValueError, match="found: 2 places, but 1 shares"):
        plots.success_curve({"found": ([1, 2], [0.5])}, most=9)
