from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deepception.deceive import Area, Bound, Found, Linf, Shown, Targeted, Untargeted, measure_controls
from deepception.deceive.controls import BRIGHTER, UNSPENT, Case, brighter, controls_price, square_of
from deepception.deceive.moving import moved, shifted
from deepception.sessions import Session
from known import Known, from_decades, picture

SIDE = 24
CLEAN = picture(SIDE, 1)
OTHERS = [picture(SIDE, 2), picture(SIDE, 3)]
Images = NDArray[np.uint8]


class Kept:
    """An observer that keeps what it is shown, and answers class 1 to what `weak` says, else class 0."""

    def __init__(self, weak: Callable[[Images], NDArray[np.bool_]] | None = None) -> None:
        self.images: list[Images] = []
        self.weak = weak

    def __call__(self, images: Images) -> NDArray[np.float64]:
        self.images += [image.copy() for image in images]
        deceived = np.zeros(len(images), bool) if self.weak is None else self.weak(images)
        return from_decades(np.where(deceived, -1.0, 1.0))

    def session(self) -> Session:
        return Session(Known(self, SIDE, 5), batch_size=8)


def patch_found() -> Found:
    """A striped mask of 20 pixels with coloured content."""
    mask = np.zeros((SIDE, SIDE), bool)
    mask[2:6, 3:13:2] = True
    stimulus = CLEAN.copy()
    stimulus[mask] = np.arange(60, dtype=np.uint8).reshape(20, 3) * 4
    return Found(stimulus, mask, Shown(True, -1.0, 1), "search", 4)


def veil_found(levels: int = 10) -> Found:
    delta = np.where(np.indices((SIDE, SIDE)).sum(axis=0) % 2, levels, -levels)[..., None]
    stimulus = np.clip(CLEAN.astype(int) + delta, 0, 255).astype(np.uint8)
    return Found(stimulus, None, Shown(True, -1.0, 1), "dictionary 1", 1)


def case(kept: Kept, bound: Bound, queries: int = 7, **given: Any) -> Case:
    given = {"goal": Untargeted(0), "seed": 3, **given}
    return Case(kept.session(), CLEAN, "a" * 64, bound=bound, queries=queries, **given)


def by_name(kept: Kept, made: dict[str, dict[str, Any]]) -> dict[str, list[Images]]:
    left = iter(kept.images)
    return {name: [next(left) for _ in range(control["queries"])] for name, control in made.items()}


def test_fills_change_what_is_under_the_mask_and_nothing_else() -> None:
    kept, found = Kept(), patch_found()
    assert found.mask is not None
    made = measure_controls(case(kept, Area(20 / SIDE**2), crops_from=OTHERS), found)
    shown = by_name(kept, made)
    for name in ("grey fill", "mean colour fill", "scramble", "crops of other classes"):
        for image in shown[name]:
            assert np.array_equal(image[~found.mask], CLEAN[~found.mask]), name
    assert (shown["grey fill"][0][found.mask] == 128).all()
    mean = np.rint(CLEAN.reshape(-1, 3).mean(axis=0))
    assert (shown["mean colour fill"][0][found.mask] == mean).all()
    before, after = found.stimulus[found.mask], shown["scramble"][0][found.mask]
    assert not np.array_equal(before, after)
    assert sorted(map(tuple, before.tolist())) == sorted(map(tuple, after.tolist()))
    for image, other in zip(shown["crops of other classes"], OTHERS, strict=True):
        assert np.array_equal(image[found.mask], other[found.mask])
    assert np.array_equal(shown["clean shifted"][0], shifted(CLEAN))
    assert np.array_equal(shown["clean brighter"][0], brighter(CLEAN))


def test_matched_controls_spend_the_whole_area_and_every_query() -> None:
    kept, limit = Kept(), 50
    made = measure_controls(case(kept, Area(limit / SIDE**2), queries=7), patch_found())
    shown = by_name(kept, made)
    for name in ("random patch", "grey patch", "random pixels"):
        assert made[name] == {"reached": False, "first": None, "queries": 7}
        for image in shown[name]:
            changed = (image != CLEAN).any(axis=2)
            assert changed.sum() <= limit
            assert changed.sum() >= limit - 3, "noise seldom hits the pixel's own colour"
            if name != "random pixels":
                rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
                height, width = square_of(limit, (SIDE, SIDE))
                assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (height, width)
        places = {image.tobytes() for image in shown[name]}
        assert len(places) >= 6, f"{name} is drawn anew for each query"
    assert (shown["grey patch"][0][(shown["grey patch"][0] != CLEAN).any(axis=2)] == 128).all()


def test_a_control_ends_at_its_first_success() -> None:
    kept = Kept(lambda images: (images == 128).all(axis=3).sum(axis=(1, 2)) >= 20)
    made = measure_controls(case(kept, Area(20 / SIDE**2)), patch_found())
    assert made["grey fill"] == {"reached": True, "first": 1, "queries": 1}
    assert made["grey patch"] == {"reached": True, "first": 1, "queries": 1}
    assert made["random patch"]["queries"] == 7


def test_controls_of_a_veil_stay_within_its_levels() -> None:
    kept, levels = Kept(), 10
    made = measure_controls(case(kept, Linf(levels / 255), queries=12), veil_found(levels))
    shown = by_name(kept, made)
    assert list(made) == ["scramble", "random noise", "uniform shift", *UNSPENT]
    for name in ("scramble", "random noise", "uniform shift"):
        for image in shown[name]:
            assert np.abs(image.astype(int) - CLEAN).max() <= levels, name
    # The photograph has room on both sides: what is added is told exactly.
    added = [image.astype(int) - CLEAN for image in shown["uniform shift"]]
    assert all((a == a[0, 0]).all() for a in added)
    assert len({tuple(a[0, 0]) for a in added[:8]}) == 8
    assert all((np.abs(a[0, 0]) == levels).all() for a in added[:8])
    noise = shown["random noise"][0].astype(int) - CLEAN
    assert set(np.unique(noise)) == {-levels, levels}
    assert abs(noise.mean()) < 2


def test_the_clean_photograph_is_moved_and_brightened() -> None:
    assert np.array_equal(shifted(CLEAN)[:, 1:], CLEAN[:, :-1])
    assert np.array_equal(shifted(CLEAN)[:, 0], CLEAN[:, 0])
    assert np.array_equal(moved(CLEAN, -2, 0)[:-2], CLEAN[2:])
    assert np.array_equal(moved(CLEAN, -2, 0)[-2:], CLEAN[[-1, -1]])
    assert np.array_equal(moved(moved(CLEAN, 1, -1), -1, 1)[1:-1, 1:-1], CLEAN[1:-1, 1:-1])
    assert (brighter(CLEAN).astype(int) - CLEAN == BRIGHTER).all()
    assert brighter(np.full((1, 1, 3), 253, np.uint8)).max() == 255


@pytest.mark.parametrize("bound", [Area(0.1), Linf(8 / 255)])
@pytest.mark.parametrize("targeted", [False, True])
def test_the_price_is_what_failures_cost(bound: Bound, targeted: bool) -> None:
    kept = Kept()
    goal = Targeted(3) if targeted else Untargeted(0)
    found = patch_found() if isinstance(bound, Area) else veil_found(8)
    made = measure_controls(case(kept, bound, goal=goal, crops_from=OTHERS), found)
    spent = sum(control["queries"] for control in made.values())
    assert spent == len(kept.images) == controls_price(bound, 7, len(OTHERS), targeted=targeted)


def test_crops_that_show_the_target_stand_apart() -> None:
    kept, found = Kept(), patch_found()
    assert found.mask is not None
    given = {"goal": Targeted(1), "crops_from": OTHERS[:1], "containing": OTHERS[1:]}
    made = measure_controls(case(kept, Area(20 / SIDE**2), **given), found)
    shown = by_name(kept, made)
    assert list(made)[3:5] == ["crops of other classes", "contains t"]
    assert np.array_equal(shown["crops of other classes"][0][found.mask], OTHERS[0][found.mask])
    assert np.array_equal(shown["contains t"][0][found.mask], OTHERS[1][found.mask])
    assert len(kept.images) == controls_price(Area(20 / SIDE**2), 7, 2, targeted=True)


def test_chance_has_a_thousand_queries_at_most_where_there_is_a_target() -> None:
    assert case(Kept(), Area(0.1), queries=5_000, goal=Targeted(3)).matched_queries == 1_000
    assert case(Kept(), Area(0.1), queries=5_000).matched_queries == 5_000


def test_observers_are_shown_the_same_controls() -> None:
    first, second = Kept(), Kept(lambda images: images[:, 0, 0, 0] > 300)
    for kept in (first, second):
        measure_controls(case(kept, Area(0.1)), patch_found())
    assert all(np.array_equal(a, b) for a, b in zip(first.images, second.images, strict=True))


@pytest.mark.parametrize(
    ("limit", "shape"), [(1, (24, 24)), (51, (24, 24)), (300, (16, 64)), (1024, (16, 64)), (40, (64, 4))]
)
def test_the_square_fits_and_uses_the_area(limit: int, shape: tuple[int, int]) -> None:
    height, width = square_of(limit, shape)
    assert height <= shape[0]
    assert width <= shape[1]
    assert 0.75 * limit <= height * width <= limit
