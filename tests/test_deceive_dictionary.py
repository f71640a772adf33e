"""Dictionaries: learned in a stated number of queries, ordered by what each stencil adds, kept in a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepception.deceive.bounds import Area
from deepception.deceive.builtin import builtin_dictionary
from deepception.deceive.dictionary import (
    Dictionary,
    cover_order,
    load_dictionary,
    ordered,
    show_stencils,
)
from deepception.deceive.goals import Goal, Untargeted
from deepception.deceive.stencils import draw_stencil
from deepception.errors import InputError
from deepception.observers import FunctionObserver
from deepception.sessions import Session
from deepception.stimuli import Frame

SIDE = 32
Images = np.ndarray[Any, Any]


def black_lines(images: Images) -> Images:
    """Class 1 where more than a few pixels are black, else class 0."""
    return np.asarray(((images == 0).all(axis=3).sum(axis=(1, 2)) > 20).astype(np.int64))


def session(function: Any = black_lines) -> Session:
    return Session(
        FunctionObserver(function, Frame(SIDE, SIDE), classes=3, level="label", version="1"), batch_size=8
    )


def grey(count: int) -> Images:
    return np.stack([np.full((SIDE, SIDE, 3), 90 + 10 * n, np.uint8) for n in range(count)])


def goals(count: int) -> list[Goal]:
    return [Untargeted(0)] * count


class TestLearning:
    def test_what_deceives_comes_first(self) -> None:
        rng = np.random.default_rng(0)
        shown = [draw_stencil(rng, 0.05) for _ in range(100)]
        asked = session()
        reached = show_stencils(asked, grey(4), goals(4), Area(0.05), shown)
        assert asked.queries == 400
        learned = ordered(shown, reached, {"queries": 400}, 20)
        again = show_stencils(session(), grey(4), goals(4), Area(0.05), learned.stencils).sum(axis=1)
        assert again[0] == 4
        assert again[0] >= again[-1]
        assert learned.learned == {"queries": 400, "shown": 100, "deceived": 1.0}
        assert len(learned) == 20
        assert len(ordered(shown[:7], reached[:7], {})) == 7

    def test_goals_are_each_photographs_own(self) -> None:
        stencils = [draw_stencil(np.random.default_rng(0), 0.05)]
        asked = session(lambda images: np.full(len(images), 2))
        reached = show_stencils(
            asked, grey(3), [Untargeted(0), Untargeted(2), Untargeted(0, 2)], Area(0.05), stencils
        )
        assert reached.tolist() == [[True, False, False]]


class TestOrder:
    def test_what_is_covered_weighs_less(self) -> None:
        reached = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 0, 0], [0, 0, 0, 1, 1]], bool)
        assert cover_order(reached, 3) == [0, 2, 1]

    def test_it_goes_on_when_all_are_covered(self) -> None:
        reached = np.array([[1, 1, 1, 1], [0, 0, 0, 0], [0, 1, 1, 1]], bool)
        assert cover_order(reached, 3) == [0, 2, 1]
        assert cover_order(reached, 2) == [0, 2]

    def test_weights_decide(self) -> None:
        reached = np.array([[1, 1, 0], [0, 0, 1]], bool)
        weights = np.array([1.0, 1.0, 5.0])
        assert cover_order(reached, 2, weights) == [1, 0]
        assert weights.tolist() == [1.0, 1.0, 5.0]


class TestFiles:
    def test_written_and_read_is_the_same(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        made = Dictionary(tuple(draw_stencil(rng, 0.05) for _ in range(5)), {"queries": 12, "observer": "ℓ"})
        made.save(tmp_path / "made.json")
        read = load_dictionary(tmp_path / "made.json")
        assert read.stencils == made.stencils
        assert read.learned == made.learned

    @pytest.mark.parametrize(
        "text",
        ["", "[]", "{}", '{"schema": 1}', '{"schema": 2, "stencils": []}', '{"schema": 1, "stencils": [{}]}',
         '{"schema": 1, "stencils": [3]}', '{"schema": 1, "stencils": [], "learned": 3}'],
    )  # fmt: skip
    def test_what_is_no_dictionary_is_refused(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "bad.json").write_text(text, encoding="utf-8")
        with pytest.raises(InputError):
            load_dictionary(tmp_path / "bad.json")

    def test_a_file_of_other_bytes_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "bad.json").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(InputError):
            load_dictionary(tmp_path / "bad.json")

    def test_a_missing_file_and_folder_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="cannot be read"):
            load_dictionary(tmp_path / "none.json")
        with pytest.raises(InputError, match="cannot be written"):
            Dictionary(()).save(tmp_path / "none" / "made.json")

    def test_the_built_in_one_is_for_the_nearest_area(self) -> None:
        two, five = builtin_dictionary(0.02), builtin_dictionary(0.05)
        assert two is not five
        assert builtin_dictionary(0.045) is five
        assert builtin_dictionary(0.0001) is two
        assert len(five) >= 30
        json.dumps(five.to_json())
