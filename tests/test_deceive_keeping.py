"""What was found is kept: patterns for other photographs, and one sentence for whatever cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deepception as dc
from deepception.deceive.bounds import rounded_down
from deepception.deceive.origin import built_in
from deepception.deceive.parameters import DeceptionParameters
from deepception.errors import DeepceptionError, InputError
from deepception.properties import Subject
from deepception.sessions import Session
from deepception.stimuli import Frame
from known import picture, plant

SIDE = 32
NAN = float("nan")


def weak(images: np.ndarray) -> np.ndarray:
    """Decades of class 0, which fall with every extreme pixel."""
    extreme = ((images == 0) | (images == 255)).all(axis=3).sum(axis=(1, 2))
    return np.asarray(1.0 - extreme / 15)


def bright(images: np.ndarray) -> np.ndarray:
    """Decades of class 0, which fall with what changes from pixel to pixel."""
    return np.asarray(3.0 - np.abs(np.diff(images.astype(float), axis=2)).mean(axis=(1, 2, 3)))


def session(decades: Callable[[np.ndarray], np.ndarray] = weak) -> Session:
    return plant(decades, SIDE)


@pytest.mark.parametrize("bound", [{"area": 0.1}, {"area": 0.02}, {"linf": "10/255"}, {"linf": 1.0}])
@pytest.mark.parametrize("queries", [1, 40])
def test_the_pattern_of_a_deception_gives_it_again(bound: dict[str, Any], queries: int) -> None:
    clean = picture(SIDE, 3)
    for decades in (weak, bright, lambda images: np.full(len(images), 2.0)):
        made = dc.deceive(session(decades), clean, 0, queries=queries, **bound)
        pattern = made.pattern
        assert pattern is not None
        assert np.array_equal(dc.apply(made, clean), made.stimulus)
        assert np.array_equal(dc.apply(pattern, clean), made.stimulus)
        assert pattern.used >= made.used
        assert pattern.about["queries"] == made.attack_queries


@pytest.mark.parametrize("bound", [{"area": 0.1}, {"linf": "10/255"}])
@pytest.mark.parametrize("shape", [(20, 28), (70, 40)])
def test_it_keeps_to_its_bound_on_another_frame(bound: dict[str, Any], shape: tuple[int, int]) -> None:
    made = dc.deceive(session(), picture(SIDE, 3), 0, queries=20, **bound)
    assert made.pattern is not None
    other = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    shown = dc.apply(made, other, Frame(*shape))
    limit = made.pattern.bound.limit(shape)
    assert 0 < made.pattern.bound.used(dc.apply(made, other, as_is=True), other) <= limit
    assert shown.shape == other.shape


def test_a_file_of_it_is_a_pattern_like_any_other(tmp_path: Path) -> None:
    made = dc.deceive(session(), picture(SIDE, 3), 0, queries=20)
    assert made.pattern is not None
    made.pattern.save(tmp_path / "mine.npz")
    other = picture(SIDE, 8)
    assert np.array_equal(dc.apply(tmp_path / "mine.npz", other), dc.apply(made, other))


def test_what_was_not_searched_has_no_pattern() -> None:
    (left,) = dc.deceive_all(session(), [picture(SIDE, 3)], 0, target=0, queries=5).deceptions
    assert left.pattern is None
    with pytest.raises(InputError, match="nothing was searched"):
        dc.apply(left, picture(SIDE, 4))


def test_a_fooling_image_keeps_its_patches() -> None:
    bank = dc.make_bank([Subject(picture(SIDE, 1), 0, "a", "0" * 64)], (SIDE, SIDE))
    made = dc.fool(session(), 1, bank, queries=30)
    assert len(made.pieces) == len(made.patches)
    cut = {patch.pixels.tobytes() for patch in bank.patches}
    assert all(piece.tobytes() in cut for piece in made.pieces)


# --- what cannot be used ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        *({"queries": wrong} for wrong in (1.5, 0, -1, NAN, "5", None, True, [3])),
        *({"area": wrong} for wrong in ("5%", -1, NAN, 2, 0, [1], True, 1e-9)),
        *({"linf": wrong} for wrong in ("x", NAN, -1, 0, 300, [1], "1/0", "1e999", True, {}, "1/2/3")),
        *({"target": wrong} for wrong in (1.5, -1, 99, "no such class", [1])),
        *({"dictionary": wrong} for wrong in (5, "missing.json", [1])),
        *({"label": wrong} for wrong in (1.5, "no such class", -1, [2])),
        *({"crops_from": wrong, "controls": True} for wrong in (5, [1])),
        *({"image": wrong} for wrong in (5, None, [1], "missing.jpg", np.zeros((3, 3)))),
    ],
)
def test_what_cannot_be_searched_is_one_sentence(given: dict[str, Any]) -> None:
    asked = session()
    with pytest.raises(DeepceptionError) as caught:
        dc.deceive(asked, **{"image": picture(SIDE), "label": 0, "queries": 3, **given})
    assert str(caught.value).count("\n") == 0 or "image" in given
    assert asked.queries == 0 or {"target", "dictionary", "crops_from"} & given.keys()


@pytest.mark.parametrize("queries", [1.5, 0, 1, -3, "a", NAN, None, 63])
def test_too_few_learning_queries_name_the_least(queries: Any) -> None:
    asked, images = session(), [picture(SIDE, i) for i in range(8)]
    words = "64 or more" if isinstance(queries, int) else "must be a whole number"
    for learn in (dc.learn_universal, dc.learn_dictionary):
        with pytest.raises(InputError, match=words):
            learn(asked, images, 0, queries=queries)
    assert asked.queries == 0


@pytest.mark.parametrize("images", ["photo.jpg", Path("photo.jpg"), 5, None])
def test_one_photograph_is_no_list(images: Any) -> None:
    for call in (dc.deceive_all, dc.learn_universal, dc.learn_dictionary):
        with pytest.raises(InputError, match="no list of photographs"):
            call(session(), images, 0)


def test_what_cannot_be_applied_or_saved_is_one_sentence(tmp_path: Path) -> None:
    made = dc.deceive(session(), picture(SIDE, 3), 0, queries=20)
    for wrong in (5, None, [1], b"a", np.zeros(3), Frame(3, 3)):
        with pytest.raises(InputError, match="is no pattern"):
            dc.apply(wrong, picture(SIDE))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no frame"):
        dc.apply(made, picture(SIDE), (32, 32))  # type: ignore[arg-type]
    for name in ("x.jpg", "x.JPEG", "x.npz"):
        with pytest.raises(InputError, match=r"is no PNG.*name it x\.png"):
            made.save(tmp_path / name)
    for wrong in (5, None):
        with pytest.raises(InputError, match="no path"):
            made.save(wrong)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_what_cannot_fool_is_one_sentence() -> None:
    bank = dc.make_bank([], (SIDE, SIDE))
    for wrong in (
        {"queries": 1.5},
        {"queries": 1},
        {"threshold": "a"},
        {"threshold": NAN},
        {"threshold": None},
    ):
        with pytest.raises(InputError):
            dc.fool(session(), 1, bank, **{"queries": 5, **wrong})
    with pytest.raises(InputError, match="no bank"):
        dc.fool(session(), 1, 5)  # type: ignore[arg-type]
    for subjects in (5, [5]):
        with pytest.raises(InputError, match="list of what open_subject returns"):
            dc.make_bank(subjects, (SIDE, SIDE))  # type: ignore[arg-type]


# --- levels, and what comes with the package ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("linf", "told"),
    [
        ("0.0392", "0.0392 allows 9 grey levels; for 10 write 10/255."),
        (0.006, "0.006 allows 1 grey level; for 2 write 2/255."),
        ("10/255", None),
        (10 / 255, None),
        (1, None),
        (None, None),
    ],
)
def test_a_bound_between_two_levels(linf: Any, told: str | None) -> None:
    assert rounded_down(linf) == told


def test_what_this_package_has_learned_is_told_with_its_queries() -> None:
    patches = built_in(DeceptionParameters(area=0.05), {})
    assert patches is not None
    assert patches["kind"] == "dictionary"
    assert patches["queries"] == sum(part["queries"] for part in patches["parts"]) > 1_000
    own = dc.open_observer("default").identity
    for parameters in (DeceptionParameters(area=0.05), DeceptionParameters(linf="10/255", universal=True)):
        every, others = built_in(parameters, {}), built_in(parameters, own)
        assert every is not None
        assert others is not None
        assert others["left_out"] > every["left_out"] == 0
        assert others["queries"] < every["queries"]
        assert "efficientnet_lite0" in every["observers"]
        assert "efficientnet_lite0" not in others["observers"]
        assert all(part["queries"] > 0 for part in every["parts"])
        assert every["photographs"] >= 40
    assert built_in(DeceptionParameters(area=0.1, universal=True), own) is None
    assert built_in(DeceptionParameters(linf="10/255", applied="0" * 64), own) is None


def test_the_methods_page_states_what_the_package_was_learned_with() -> None:
    page = (Path(__file__).resolve().parents[1] / "docs" / "methods.md").read_text(encoding="utf-8")
    for parameters in (DeceptionParameters(area=0.05), DeceptionParameters(linf="10/255")):
        known = built_in(parameters, {})
        assert known is not None
        assert f"{known['queries']:,} queries" in page
        assert f"{known['photographs']} photographs" in page
