"""What comes with the package: stencils and veils of other classifiers, without those of the one at hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from deepception.deceive.builtin import (
    Shelf,
    Witness,
    _shelves,
    builtin_dictionary,
    shelves_from_json,
    shelves_to_json,
)
from deepception.deceive.stencils import draw_stencil
from deepception.deceive.texture_changes import draw_texture
from deepception.deceive.veil_bank import (
    BankedVeil,
    bank_to_json,
    banked_veils,
    builtin_veils,
    veils_from_json,
)
from deepception.errors import InputError
from deepception.observers import FunctionObserver, open_observer
from deepception.stimuli import Frame


class Bytes(FunctionObserver):
    """An observer whose bytes have a known SHA-256."""

    def __init__(self, sha256: str) -> None:
        super().__init__(lambda images: np.zeros((len(images), 2)), Frame(32, 32), classes=2, version="1")
        self._sha256 = sha256

    @property
    def identity(self) -> dict[str, str]:
        return {"sha256": self._sha256}


def test_the_dictionary_leaves_out_what_the_observer_itself_answered() -> None:
    witnesses = _shelves()[0.05].witnesses
    assert len(witnesses) >= 4
    everyone = builtin_dictionary(0.05)
    without = builtin_dictionary(0.05, Bytes(witnesses[0].models[0]))
    assert everyone.learned["observers"] == [w.observer for w in witnesses]
    assert without.learned["observers"] == [w.observer for w in witnesses[1:]]
    assert set(without.stencils) == set(everyone.stencils)
    assert without.stencils != everyone.stencils
    assert builtin_dictionary(0.05, Bytes("0" * 64)) is everyone


def test_the_embedded_network_is_known_in_both_of_its_files() -> None:
    without = builtin_dictionary(0.05, open_observer("default"))
    assert len(without.learned["observers"]) == len(_shelves()[0.05].witnesses) - 1
    assert "efficientnet_lite0" not in without.learned["observers"]


def test_the_first_stencils_deceive_more_than_the_last() -> None:
    for area, shelf in _shelves().items():
        reached = np.concatenate([w.reached for w in shelf.witnesses], axis=1)
        rates = dict(zip(shelf.stencils, reached.mean(axis=1), strict=True))
        order = builtin_dictionary(area).stencils
        assert np.mean([rates[s] for s in order[:10]]) > 1.2 * np.mean([rates[s] for s in order[-100:]])


def test_shelves_are_read_as_they_were_written() -> None:
    rng = np.random.default_rng(0)
    stencils = tuple(draw_stencil(rng, 0.05) for _ in range(5))
    witness = Witness(("ab", "cd"), "name", 35, rng.random((5, 7)) < 0.5)
    read = shelves_from_json(json.loads(json.dumps(shelves_to_json({0.05: Shelf(stencils, (witness,))}))))
    assert read[0.05].stencils == stencils
    assert read[0.05].witnesses[0][:3] == (("ab", "cd"), "name", 35)
    assert np.array_equal(read[0.05].witnesses[0].reached, witness.reached)


def test_the_veils_leave_out_those_of_the_observer() -> None:
    veils = banked_veils()
    assert len(builtin_veils()) == len(veils) >= 1
    for veil in veils:
        left = builtin_veils(Bytes(veil.models[0]))
        assert len(left) == sum(veil.models[0] not in v.models for v in veils)
        assert set(np.unique(veil.texture.tile())) == {-1, 1}
        assert len(veil.models) >= len(veil.observers) >= 1


def test_a_bank_is_read_as_it_was_written() -> None:
    veil = BankedVeil(draw_texture(np.random.default_rng(1)), ("ab", "cd"), ("name", "other"))
    assert veils_from_json(json.loads(json.dumps(bank_to_json([veil])))) == (veil,)


@pytest.mark.parametrize(
    "values", [{}, [], {"schema": 99}, {"schema": 2, "veils": [{"texture": {"side": 8}}]}]
)
def test_other_files_are_refused(values: object) -> None:
    with pytest.raises(InputError, match="no bank of veils"):
        veils_from_json(values)
    with pytest.raises(InputError, match="no built-in dictionary"):
        shelves_from_json(values)
