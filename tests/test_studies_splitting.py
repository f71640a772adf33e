"""Which photographs are learned on and which measured, and how files about photographs are called."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepception.errors import InputError
from deepception.studies.planning.measuring import PlannedPhotograph, file_names
from deepception.studies.settings import PhotographEntry
from deepception.studies.splitting import BY_CLASS, BY_PHOTOGRAPH, GIVEN, split


def entry(number: int, label: int | None) -> PhotographEntry:
    return PhotographEntry(
        name=f"{number}.png", path=f"/p/{number}.png", sha256=f"{number:064x}", label=label
    )


@given(st.lists(st.one_of(st.none(), st.integers(0, 6)), min_size=2, max_size=40), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_no_photograph_is_on_both_sides(labels: list[int | None], seed: int) -> None:
    entries = [entry(i, label) for i, label in enumerate(labels)]
    found = split(entries, None, seed)
    ours, theirs = ({p.sha256 for p in side} for side in (found.learning, found.measured))
    assert not ours & theirs
    assert ours | theirs == {p.sha256 for p in entries}
    assert min(len(ours), len(theirs)) >= len(entries) // 4
    if found.rule == BY_CLASS:
        classes = [{p.label for p in side} - {None} for side in (found.learning, found.measured)]
        assert not classes[0] & classes[1]
    else:
        assert found.rule == BY_PHOTOGRAPH
        assert abs(len(ours) - len(theirs)) <= 1


def test_the_split_depends_on_seed_and_photographs_alone() -> None:
    entries = [entry(i, i % 10) for i in range(40)]
    found = split(entries, None, 0)
    assert found.rule == BY_CLASS
    assert len(found.learning) == len(found.measured) == 20
    assert set(split(entries[::-1], None, 0).learning) == set(found.learning)
    assert set(split(entries, None, 1).learning) != set(found.learning)


@pytest.mark.parametrize("labels", [[3] * 10, [0] * 9 + [1]])
def test_classes_that_cannot_be_kept_apart(labels: list[int]) -> None:
    found = split([entry(i, label) for i, label in enumerate(labels)], None, 0)
    assert found.rule == BY_PHOTOGRAPH
    assert len(found.learning) == len(found.measured) == 5


def test_what_is_learned_on_is_never_measured() -> None:
    entries = [entry(i, i) for i in range(6)]
    found = split(entries, [*entries[:2], entry(9, 9), entry(9, 9)], 0)
    assert found.rule == GIVEN
    assert [p.name for p in found.learning] == ["0.png", "1.png", "9.png"]
    assert [p.name for p in found.measured] == ["2.png", "3.png", "4.png", "5.png"]
    with pytest.raises(InputError, match="no photograph is left to be measured"):
        split(entries, entries, 0)
    with pytest.raises(InputError, match="no photograph is left to be measured"):
        split(entries[:1], None, 0)


def test_files_about_photographs_have_safe_names() -> None:
    names = ["a/b.jpg", "a b.jpg", "a_b.png", "../../x.png", "CON.png", ".jpg", "x" * 300 + ".png", "ü.png"]
    planned = [PlannedPhotograph(name, name, f"{i:08x}" * 8, None) for i, name in enumerate(names)]
    found = list(file_names(planned).values())
    assert len({name.casefold() for name in found}) == len(names)
    assert found[0] == "a_b"
    assert all(0 < len(name) < 120 and not set(name) & set("/\\ :") for name in found)
    assert not any(name.startswith(".") or name.casefold() == "con" for name in found)
