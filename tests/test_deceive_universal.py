"""Universal patterns: tiles stay within bounds, the race finds what is planted, learning goes on in stages."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepception.deceive.bounds import Area, Bound, Linf
from deepception.deceive.learning import FEWEST, Learned, learn_stage, worth
from deepception.deceive.parameters import DeceptionParameters
from deepception.deceive.race import FINALISTS, STAGES, TOGETHER, Parents, Race
from deepception.deceive.textures import Texture
from deepception.deceive.tiles import VeilTiles, repeated, tiles_within
from deepception.errors import InputError
from deepception.properties.subject import Subject
from deepception.sessions import Session
from deepception.stimuli import Frame
from known import ask, picture

SIDE = 32
Images = np.ndarray[Any, Any]

bounds = st.one_of(st.floats(0.01, 1.0).map(Area), st.integers(1, 255).map(lambda levels: Linf(levels / 255)))


@given(
    bound=bounds,
    height=st.integers(16, 40),
    width=st.integers(16, 40),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_a_tile_and_its_changes_stay_within_the_bound(
    bound: Bound, height: int, width: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    family, frame = tiles_within(bound), Frame(height, width)
    clean = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    tile = family.draw(rng)
    for _ in range(4):
        tile = family.mutate(rng, family.from_json(json.loads(json.dumps(family.to_json(tile)))))
        pattern = family.pattern(tile, frame)
        shown = pattern.apply_to(clean)
        assert pattern.used <= bound.limit((height, width))
        assert bound.used(clean, shown) <= bound.limit((height, width))


def test_a_veil_uses_all_that_it_may() -> None:
    tile = VeilTiles(Linf(10 / 255)).draw(np.random.default_rng(0))
    pattern = VeilTiles(Linf(10 / 255)).pattern(tile, Frame(20, 20))
    assert set(np.unique(pattern.values)) <= {-10, 10}


def test_a_tile_of_another_kind_is_refused() -> None:
    veils, patches = tiles_within(Linf(10 / 255)), tiles_within(Area(0.1))
    texture = veils.to_json(veils.draw(np.random.default_rng(0)))
    codes = patches.to_json(patches.draw(np.random.default_rng(0)))
    for family, values in (
        (patches, texture),
        (veils, codes),
        (veils, {**texture, "side": 0}),
        (veils, {**texture, "signs": [1, 1, 0]}),
        (veils, {**texture, "rings": float("nan")}),
        (veils, {**texture, "bends": [[1, 1, 1.0, 0.0, 3]]}),
        (patches, {**codes, "codes": codes["codes"][1:]}),
        (patches, {**codes, "codes": [99] * len(codes["codes"])}),
    ):
        with pytest.raises(InputError, match="damaged or of another kind"):
            family.from_json(values)


class TestRace:
    """A texture is worth how nearly its tile is a planted one's; photographs add noise."""

    planted = np.kron(np.random.default_rng(5).choice((-1, 1), (2, 2, 3)), np.ones((16, 16, 1)))

    def agreement(self, texture: Texture) -> float:
        return float((repeated(texture.tile(), (32, 32)) == self.planted).mean())

    def run(self, queries: int, seed: int = 0) -> tuple[Parents[Texture], Race[Texture], list[int]]:
        rng = np.random.default_rng(seed)
        noise = rng.normal(0, 0.05, 100)
        asked: list[int] = []

        def show(texture: Texture, chosen: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            asked.append(len(chosen))
            return self.agreement(texture) + noise[chosen]

        parents: Parents[Texture] = Parents()
        race = Race(VeilTiles(Linf(0.1)), show, 100, queries, rng)
        race.screen(parents)
        assert len(parents.tiles) == FINALISTS
        return parents, race, asked

    def test_changes_find_what_drawing_does_not(self) -> None:
        parents, race, asked = self.run(1_500)
        race.left = 8_000
        drawn = max(self.agreement(texture) for texture in parents.tiles)
        race.settle(parents)
        race.change(parents)
        found = self.agreement(parents.best())
        assert drawn < 0.75
        assert found > drawn + 0.1
        assert sum(asked) <= 9_500

    def test_no_showing_beyond_the_last(self) -> None:
        for queries in (1, 5, 64, 300, 1_000):
            rng = np.random.default_rng(queries)
            asked: list[int] = []

            def show(
                texture: Texture,
                chosen: np.ndarray[Any, Any],
                asked: list[int] = asked,
                rng: np.random.Generator = rng,
            ) -> np.ndarray[Any, Any]:
                asked.append(len(chosen))
                return np.asarray(rng.random(len(chosen)))

            race = Race(VeilTiles(Linf(0.1)), show, 20, queries, np.random.default_rng(queries))
            parents: Parents[Texture] = Parents()
            for stage in (0, TOGETHER, TOGETHER + 1):
                race.run(parents, stage)
            assert sum(asked) + race.left == queries

    def test_the_same_seed_gives_the_same_textures(self) -> None:
        first, second = self.run(800)[0], self.run(800)[0]
        assert first.tiles == second.tiles


def subjects(count: int) -> list[Subject]:
    made = []
    for i in range(count):
        pixels = np.clip(picture(SIDE).astype(int) + i - count // 2, 0, 255).astype(np.uint8)
        made.append(Subject(pixels, 0, f"{i}.png", f"{i:064x}"))
    return made


def striped(images: Images) -> Images:
    """Class 1 wins where two of four columns are 4 grey levels lighter, against the others, than they are."""
    values = images.astype(float) - picture(SIDE)
    light = np.arange(SIDE) // 2 % 2 == 0
    step = values[:, :, light].mean(axis=(1, 2, 3)) - values[:, :, ~light].mean(axis=(1, 2, 3))
    return np.stack([np.ones(len(images)), step / 4], axis=1)


def learn(session: Session, parameters: DeceptionParameters, count: int = 12, seed: int = 0) -> list[Learned]:
    learned: list[Learned] = []
    for stage in range(STAGES):
        earlier = learned[-1] if learned else None
        if earlier is not None:  # as it is after it was stored
            earlier = Learned.from_parts(earlier.arrays(), earlier.record())
        learned.append(learn_stage(session, subjects(count), [0] * count, parameters, earlier, stage, seed))
    return learned


class TestLearning:
    @pytest.mark.parametrize("bound", [{"linf": "10/255"}, {"area": 0.2}])
    def test_a_planted_weakness_is_learned_and_works_on_others(self, bound: dict[str, Any]) -> None:
        session = ask(striped, SIDE, 2)
        parameters = DeceptionParameters(**bound, universal=True, learn_queries=4_000)
        learned = learn(session, parameters)
        pattern = learned[-1].pattern(parameters.bound, session.observer.frame)
        assert learned[-1].finished
        assert pattern is not None
        assert session.queries == learned[-1].spent <= 4_000
        others = [s.pixels for s in subjects(40)[::-1]]
        tops = session.ask_images(np.stack([pattern.apply_to(p) for p in others])).top[:, 0]
        assert (tops == 1).mean() >= 0.9
        assert pattern.about["queries"] == learned[-1].spent

    def test_a_dictionary_is_learned(self) -> None:
        session = ask(striped, SIDE, 2)
        parameters = DeceptionParameters(area=0.1, learn_queries=2_000)
        dictionary = learn(session, parameters)[-1].dictionary()
        assert dictionary is not None
        assert len(dictionary) == 30
        assert dictionary.learned["queries"] == session.queries <= 2_000
        assert dictionary.learned["deceived"] == 1.0

    def test_stages_give_the_same_bits_again(self) -> None:
        parameters = DeceptionParameters(linf="10/255", universal=True, learn_queries=1_600)
        first, second = (learn(ask(striped, SIDE, 2), parameters)[-1] for _ in range(2))
        assert np.array_equal(first.payload, second.payload)

    def test_too_few_photographs_are_refused(self) -> None:
        parameters = DeceptionParameters(universal=True, learn_queries=1_000)
        with pytest.raises(InputError, match=f"give {FEWEST} or more"):
            learn(ask(striped, SIDE, 2), parameters, count=FEWEST - 1)

    def test_too_few_queries_are_refused(self) -> None:
        with pytest.raises(InputError, match="too few for 12 photographs"):
            learn(ask(striped, SIDE, 2), DeceptionParameters(learn_queries=50))


def test_worth_tells_near_from_far_and_labels_apart() -> None:
    decades = np.array([-3.0, -0.2, 0.5, 4.0, 8.0]) * np.log(10)
    values = worth(decades, scored=True)
    assert (np.diff(values) < 0).all()
    assert values[1] == pytest.approx(0.5, abs=0.02)
    assert worth(np.array([0.0, 1.0]), scored=False).tolist() == [1.0, 0.0]
