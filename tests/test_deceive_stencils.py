"""Stencils: textures that never cover a pixel more than they may, in any frame."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepception.deceive.contents import CONTENTS, CONTRAST, INVERSE, draw_contents, paint, paint_each
from deepception.deceive.stencils import KINDS, Stencil, draw_stencil
from deepception.errors import InputError
from known import picture


def stencil(kind: str = "rows", **changes: object) -> Stencil:
    values = {
        "kind": kind,
        "thickness": 1,
        "pitch": 4.0,
        "phase": [0.0, 0.0],
        "dash": 4,
        "centre": [0.5, 0.5],
        "aspect": 1.0,
        "content": "contrast",
    }
    return Stencil.from_json(values | changes)


class TestMask:
    @settings(max_examples=150, deadline=None)
    @given(
        st.integers(0, 2**32 - 1),
        st.floats(0.001, 1.0),
        st.integers(16, 64),
        st.integers(16, 64),
        st.integers(0, 4096),
    )
    def test_it_is_exactly_the_limit_or_all_that_the_texture_has(
        self, seed: int, fraction: float, height: int, width: int, limit: int
    ) -> None:
        drawn = draw_stencil(np.random.default_rng(seed), fraction)
        everything = int(drawn.mask((height, width), height * width).sum())
        assert int(drawn.mask((height, width), limit).sum()) == min(limit, everything)

    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 2**32 - 1), st.integers(1, 400))
    def test_a_larger_area_holds_the_smaller_one_but_for_its_rim(self, seed: int, limit: int) -> None:
        drawn = draw_stencil(np.random.default_rng(seed), 0.1)
        small, large = drawn.mask((40, 56), limit), drawn.mask((40, 56), 4 * limit + 120)
        assert (small & ~large).sum() == 0

    def test_textures_look_as_they_are_called(self) -> None:
        shape, all_ = (24, 24), 24 * 24
        rows = stencil("rows").mask(shape, all_)
        assert rows[::4].all()
        assert rows.sum() == 6 * 24
        assert (stencil("columns").mask(shape, all_) == rows.T).all()
        dots, grid = stencil("dots").mask(shape, all_), stencil("grid").mask(shape, all_)
        assert (dots == (rows & rows.T)).all()
        assert (grid == (rows | rows.T)).all()
        dashes = stencil("dashes down").mask(shape, all_)
        assert (stencil("dashes across").mask(shape, all_) == dashes.T).all()
        assert not (dashes & ~rows.T).any()
        assert dashes.sum() == pytest.approx(rows.sum() / 2, rel=0.1)
        assert (dashes[:, 0] != dashes[:, 4]).sum() == 12  # half a dash from line to line

    def test_thickness_pitch_and_phase(self) -> None:
        drawn = stencil("rows", thickness=2, pitch=5.0, phase=[1.0, 0.0]).mask((20, 20), 400)
        assert np.flatnonzero(drawn[:, 0]).tolist() == [0, 4, 5, 9, 10, 14, 15, 19]

    def test_the_window_lies_where_it_should(self) -> None:
        y, x = np.nonzero(stencil("dots", pitch=2.0, centre=[0.25, 0.75], aspect=2.0).mask((80, 80), 200))
        assert y.mean() == pytest.approx(20, abs=2)
        assert x.mean() == pytest.approx(60, abs=2)
        assert np.ptp(y) == pytest.approx(2 * np.ptp(x), rel=0.15)

    @pytest.mark.parametrize("kind", KINDS)
    def test_duty_is_what_a_large_frame_shows(self, kind: str) -> None:
        one = stencil(kind, thickness=2, pitch=7.5, dash=5)
        assert one.mask((300, 300), 90_000).mean() == pytest.approx(one.duty, rel=0.05)

    def test_masks_cannot_be_changed(self) -> None:
        with pytest.raises(ValueError, match="read-only"):
            stencil().mask((16, 16), 10)[0, 0] = True


class TestContent:
    def test_contrast_is_as_far_as_can_be_in_brightness(self) -> None:
        clean = np.array([[[255, 130, 0], [250, 100, 90]]], np.uint8)  # means 128.3 and 146.7
        assert paint(CONTRAST, clean).tolist() == [[[0, 0, 0], [0, 0, 0]]]
        assert paint(CONTRAST, clean // 2).tolist() == [[[255, 255, 255], [255, 255, 255]]]

    def test_inverse_is_as_far_as_can_be_in_each_channel(self) -> None:
        clean = np.array([[[255, 127, 128]]], np.uint8)
        assert paint(INVERSE, clean).tolist() == [[[0, 255, 0]]]

    @pytest.mark.parametrize(
        ("name", "colour"),
        [("black", (0, 0, 0)), ("red", (255, 0, 0)), ("cyan", (0, 255, 255)), ("yellow", (255, 255, 0))],
    )
    def test_corners_are_the_colours_of_their_names(self, name: str, colour: tuple[int, int, int]) -> None:
        assert tuple(paint(CONTENTS.index(name), picture(4))[1, 2].tolist()) == colour

    def test_each_pixel_its_own(self) -> None:
        clean = picture(16).reshape(-1, 3)
        codes = np.arange(len(clean)) % len(CONTENTS)
        shown = paint_each(codes, clean)
        for code in range(len(CONTENTS)):
            assert (shown[codes == code] == paint(code, clean)[codes == code]).all()

    def test_every_content_is_drawn(self) -> None:
        codes = draw_contents(np.random.default_rng(0), 2000)
        assert set(codes.tolist()) == set(range(len(CONTENTS)))
        assert (codes == CONTRAST).mean() == pytest.approx(0.3, abs=0.04)

    def test_only_the_mask_is_painted(self) -> None:
        clean = picture(32)
        one = stencil("grid", content="magenta")
        shown, mask = one.put(clean, 100), one.mask((32, 32), 100)
        assert (shown[~mask] == clean[~mask]).all()
        assert (shown[mask] == (255, 0, 255)).all()
        assert (one.paint(clean) == (255, 0, 255)).all()


class TestFamily:
    def test_the_same_seed_draws_the_same(self) -> None:
        first, second = (
            [draw_stencil(rng, 0.05) for _ in range(20)]
            for rng in (np.random.default_rng(5), np.random.default_rng(5))
        )
        assert first == second

    @pytest.mark.parametrize("fraction", [0.01, 0.05, 0.2, 0.9])
    def test_most_of_the_area_is_used(self, fraction: float) -> None:
        rng = np.random.default_rng(1)
        limit = int(min(fraction, 0.5) * 224 * 224)
        used = [draw_stencil(rng, fraction).mask((224, 224), limit).sum() / limit for _ in range(40)]
        assert min(used) > 0.55
        assert np.mean(used) > 0.8

    def test_every_kind_is_drawn(self) -> None:
        rng = np.random.default_rng(2)
        assert {draw_stencil(rng, 0.02).kind for _ in range(200)} == set(KINDS)

    def test_json_and_back_is_the_same(self) -> None:
        rng = np.random.default_rng(3)
        for _ in range(20):
            drawn = draw_stencil(rng, 0.05)
            assert Stencil.from_json(json.loads(json.dumps(drawn.to_json()))) == drawn

    @pytest.mark.parametrize(
        "change",
        [
            {"kind": "stars"},
            {"content": "plaid"},
            {"pitch": "wide"},
            {"pitch": 0.5},
            {"thickness": 0},
            {"phase": [1.0]},
            {"centre": None},
            {"aspect": 0.0},
            {"dash": 0},
            {"pitch": float("nan")},
            {"centre": [float("inf"), 0.5]},
        ],
    )
    def test_what_is_no_stencil_is_refused(self, change: dict[str, object]) -> None:
        with pytest.raises(InputError):
            stencil(**change)  # type: ignore[arg-type]
