from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from deepception.errors import InputError
from deepception.observers import check_agreement, imagenet_labels, read_labels, resolve_label

NAMES = ("tench", "great white shark", "crane", "tiger_cat", "crane", "Border collie, sheepdog")


@pytest.mark.parametrize(
    ("said", "index"),
    [
        (1, 1),
        (np.int64(3), 3),
        ("1", 1),
        ("great white shark", 1),
        ("Great_White  Shark", 1),
        ("greatwhiteshark", 1),
        ("TIGER CAT", 3),
        ("sheepdog", 5),
        ("border collie, sheepdog", 5),
    ],
)
def test_a_label_is_found_by_index_or_name(said: str | int, index: int) -> None:
    assert resolve_label(said, NAMES) == index


def test_a_name_of_two_classes_is_refused_with_both_indices() -> None:
    with pytest.raises(InputError, match="2 and 4"):
        resolve_label("Crane", NAMES)


def test_imagenet_bears_crane_and_maillot_twice() -> None:
    labels = imagenet_labels()
    assert len(labels) == 1000
    with pytest.raises(InputError, match="134 and 517"):
        resolve_label("crane", labels)
    with pytest.raises(InputError, match="638 and 639"):
        resolve_label("maillot", labels)
    assert imagenet_labels(1001)[:2] == ("background", "tench")


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("tigercet", "did you mean 'tiger_cat'"),
        ("zzzz", "0 to 5"),
        (6, "not among the 6 classes"),
        (-1, "not among the 6 classes"),
        ("-1", "not among the 6 classes"),
        ("", "not among the 6 classes"),
        (True, "neither"),
    ],
)
def test_an_unknown_label_is_refused(said: str | int, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        resolve_label(said, NAMES)


def test_a_number_that_is_another_class_s_name_is_refused() -> None:
    assert resolve_label("1", ("0", "1", "2")) == 1
    with pytest.raises(InputError, match="0 and 2"):
        resolve_label("0", ("2", "1", "0"))


@pytest.mark.parametrize("name", ["Crane", "6", "no class of these", "", "CRANE"])
def test_a_name_that_agrees_with_its_index_or_says_nothing(name: str) -> None:
    names = ("tench, Tinca tinca", "a", "crane", "b", "c", "d", "crane, lifting machine")
    assert check_agreement(6, name, names) == 6


def test_an_index_that_leaves_out_the_background_is_known_by_its_name() -> None:
    names = imagenet_labels(1001)
    assert check_agreement(12, "house_finch", names) == 13
    assert check_agreement(13, "house_finch", names) == 13
    assert check_agreement(7, "no class of these", names) == 7
    with pytest.raises(InputError, match=r"11 is .*'house_finch', is class 13"):
        check_agreement(11, "house_finch", names)
    # Two neighbours bear this name, so that the index may count either way.
    with pytest.raises(InputError, match="may or may not count the background"):
        check_agreement(639, "maillot", names)
    assert check_agreement(638, "maillot", names) == 639


@pytest.mark.parametrize(
    ("index", "name", "wrong"), [(1, "tench", "0"), (3, "crane", "2 or 6"), (3, "5", "5")]
)
def test_a_name_that_contradicts_its_index_is_refused(index: int, name: str, wrong: str) -> None:
    names = ("tench, Tinca tinca", "a", "crane", "b", "c", "d", "crane, lifting machine")
    with pytest.raises(InputError, match=f"{index} is {names[index]!r}.*{name!r}, is class {wrong}:"):
        check_agreement(index, name, names)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "tench\ngreat white shark\n<script>\n"),
        ("a.json", json.dumps(["tench", "great white shark", "<script>"])),
        ("b.json", json.dumps({"2": "<script>", "0": "tench", "1": "great white shark"})),
        ("c.json", json.dumps({"tench": 0, "great white shark": 1, "<script>": 2})),
    ],
)
def test_labels_are_read_from_every_form(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    assert read_labels(file) == ("tench", "great white shark", "<script>")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a\n\nb\n", "empty lines"),
        ("", "one class name a line"),
        ('{"0": "a", "2": "b"}', "every index from 0 to 1"),
        ('["a", ""]', "without a name"),
        ('["a"', "not valid JSON"),
        ("[]", "list of class names"),
    ],
)
def test_a_bad_labels_file_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "labels.txt"
    file.write_text(text)
    with pytest.raises(InputError, match=sentence):
        read_labels(file)


def test_a_missing_labels_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.txt"):
        read_labels(tmp_path / "nothing.txt")
