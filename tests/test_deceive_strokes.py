"""Strokes: cut from masks, painted, replaced; never a pixel more than the limit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepception.deceive.contents import CONTENTS, paint
from deepception.deceive.stencils import draw_stencil
from deepception.deceive.strokes import Strokes, from_mask, no_strokes, stroke_length
from known import picture

shapes = st.tuples(st.integers(16, 64), st.integers(16, 64))


def photograph(shape: tuple[int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.ascontiguousarray(picture(64)[: shape[0], : shape[1]])


class TestFromMask:
    @settings(max_examples=80, deadline=None)
    @given(st.integers(0, 2**32 - 1), shapes, st.floats(0.01, 0.6))
    def test_strokes_are_the_mask_cut_up(self, seed: int, shape: tuple[int, int], share: float) -> None:
        rng = np.random.default_rng(seed)
        mask = rng.random(shape) < share
        strokes = from_mask(mask, 7)
        assert (strokes.mask == mask).all()
        assert strokes.area == mask.sum() == (strokes.rows[:, 2] * strokes.rows[:, 3]).sum()
        assert (strokes.rows[:, 2:4].min(axis=1) == 1).all()
        assert strokes.rows[:, 2:4].max(initial=0) <= stroke_length(shape)

    def test_a_line_stays_a_line(self) -> None:
        mask = np.zeros((224, 224), bool)
        mask[10, 5:45] = True
        mask[20:60, 100] = True
        rows = from_mask(mask, 8).rows.tolist()
        assert rows == [
            [10, 5, 1, 12, 8], [10, 17, 1, 12, 8], [10, 29, 1, 12, 8], [10, 41, 1, 4, 8],
            [20, 100, 12, 1, 8], [32, 100, 12, 1, 8], [44, 100, 12, 1, 8], [56, 100, 4, 1, 8],
        ]  # fmt: skip

    def test_a_stencil_in_strokes_looks_the_same(self) -> None:
        rng, clean = np.random.default_rng(0), picture(64)
        for _ in range(30):
            stencil = draw_stencil(rng, 0.1)
            strokes = from_mask(stencil.mask((64, 64), 400), CONTENTS.index(stencil.content))
            assert (strokes.put(clean) == stencil.put(clean, 400)).all()

    def test_nothing_is_nothing(self) -> None:
        strokes = from_mask(np.zeros((20, 30), bool), 0)
        assert (len(strokes), strokes.area) == (0, 0)
        clean = photograph((20, 30))
        assert (strokes.put(clean) == clean).all()


class TestPainting:
    def test_the_later_stroke_is_seen_and_overlap_counts_once(self) -> None:
        rows = np.array([[2, 2, 1, 4, 7], [0, 3, 5, 2, 4], [4, 4, 1, 3, 9]])
        strokes, clean = Strokes(rows, (8, 9)), photograph((8, 9))
        expected = clean.copy()
        for y, x, height, width, code in rows.tolist():
            expected[y : y + height, x : x + width] = paint(code, clean[y : y + height, x : x + width])
        assert (strokes.put(clean) == expected).all()
        assert strokes.area == 4 + 10 + 3 - 3

    def test_only_some(self) -> None:
        strokes = Strokes(np.array([[0, 0, 1, 2, 7], [3, 3, 1, 2, 7]]), (6, 6))
        assert strokes.only(np.array([False, True])).rows.tolist() == [[3, 3, 1, 2, 7]]


class TestReplacing:
    @settings(max_examples=80, deadline=None)
    @given(st.integers(0, 2**32 - 1), shapes, st.floats(0.001, 0.5), st.floats(0.001, 1.0))
    def test_the_union_never_exceeds_the_limit(
        self, seed: int, shape: tuple[int, int], fraction: float, share: float
    ) -> None:
        rng = np.random.default_rng(seed)
        limit = max(1, int(fraction * shape[0] * shape[1]))
        strokes = no_strokes(shape).filled(rng, limit)
        for _ in range(5):
            strokes = strokes.replaced(rng, share, limit)
            assert 1 <= strokes.area <= limit
            y, x, height, width, _ = strokes.rows.T
            assert min(y.min(), x.min()) >= 0
            assert (y + height).max() <= shape[0]
            assert (x + width).max() <= shape[1]

    @pytest.mark.parametrize("fraction", [0.02, 0.05, 0.1])
    def test_nearly_all_of_the_limit_is_used(self, fraction: float) -> None:
        limit = int(fraction * 224 * 224)
        strokes = no_strokes((224, 224)).filled(np.random.default_rng(0), limit)
        assert strokes.area > 0.99 * limit

    def test_a_share_is_replaced_and_the_rest_stays(self) -> None:
        rng = np.random.default_rng(0)
        before = no_strokes((64, 64)).filled(rng, 400)
        after = before.replaced(rng, 0.1, 400)
        old = {tuple(row) for row in before.rows.tolist()}
        stayed = sum(tuple(row) in old for row in after.rows.tolist())
        assert stayed == len(before) - round(0.1 * len(before))

    def test_at_least_one_is_replaced(self) -> None:
        rng = np.random.default_rng(0)
        before = no_strokes((64, 64)).filled(rng, 100)
        assert not np.array_equal(before.rows, before.replaced(rng, 1e-6, 100).rows)

    @pytest.mark.parametrize("limit", [1, 2, 3])
    def test_a_limit_below_one_stroke(self, limit: int) -> None:
        strokes = no_strokes((224, 224)).filled(np.random.default_rng(0), limit)
        assert strokes.area == limit
        assert len(strokes) == 1

    def test_the_same_seed_gives_the_same(self) -> None:
        one, other = (
            no_strokes((48, 48)).filled(rng, 99).replaced(rng, 0.3, 99).rows
            for rng in (np.random.default_rng(4), np.random.default_rng(4))
        )
        assert np.array_equal(one, other)

    def test_strokes_scale_with_the_frame(self) -> None:
        assert [stroke_length((side, 2 * side)) for side in (16, 32, 176, 224, 448)] == [1, 2, 9, 12, 24]
