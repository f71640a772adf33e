"""The patch search finds planted weaknesses within a stated number of queries, and never exceeds what it may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepception.deceive.bounds import Area, Linf
from deepception.deceive.builtin import builtin_dictionary
from deepception.deceive.dictionary import Dictionary
from deepception.deceive.found import Found
from deepception.deceive.goals import Goal, Targeted, Untargeted
from deepception.deceive.patch_search import KEPT, PRUNING, search_patch
from deepception.deceive.stencils import draw_stencil
from deepception.deceive.trials import Trials
from deepception.errors import InputError
from deepception.observers import AnswerLevel, FunctionObserver, RawAnswers
from deepception.sessions import Answers, Session
from deepception.stimuli import Frame
from known import Known, ask, picture

SIDE = 48
NONE = Dictionary(())
Images = np.ndarray[Any, Any]


def search(
    session: Session,
    *,
    clean: Images | None = None,
    goal: Goal | None = None,
    area: float = 0.05,
    queries: int = 300,
    dictionary: Dictionary = NONE,
    seed: int = 0,
    prune: bool = False,
) -> tuple[Found, Trials]:
    clean = picture(session.observer.frame.height) if clean is None else clean
    trials = Trials(session, clean, goal or Untargeted(0), Area(area), queries)
    found = search_patch(trials, dictionary=dictionary, rng=np.random.default_rng(seed), prune=prune)
    return found, trials


def two(evidence: Callable[[Images], Images]) -> Callable[[Images], Images]:
    """Logits [N, 3]: class 1 wins where the evidence is above 1."""
    return lambda images: np.stack(
        [np.ones(len(images)), evidence(images), np.full(len(images), -3.0)], axis=1
    )


def changed(images: Images) -> Images:
    return (images != picture(images.shape[1])).any(axis=3)


def corner(images: Images) -> Images:
    """Triggered by what differs in a corner of 12 x 12 pixels: 30 pixels of the 144 suffice."""
    return np.asarray(changed(images)[:, :12, :12].sum(axis=(1, 2)) / 30)


def disc(images: Images) -> Images:
    """Blind outside a disc of radius 10: 60 changed pixels of its 317 suffice."""
    y, x = np.ogrid[:SIDE, :SIDE]
    inside = (y - 30) ** 2 + (x - 14) ** 2 <= 100
    return np.asarray((changed(images) & inside).sum(axis=(1, 2)) / 60)


def dose(images: Images) -> Images:
    """Sums evidence: pure magenta pixels, wherever they are; 40 suffice."""
    return np.asarray((images == (255, 0, 255)).all(axis=3).sum(axis=(1, 2)) / 40)


class TestPlanted:
    @pytest.mark.parametrize(("weakness", "queries"), [(corner, 600), (disc, 500), (dose, 700)])
    def test_a_planted_weakness_is_found(self, weakness: Callable[[Images], Images], queries: int) -> None:
        for seed in range(3):
            found, trials = search(ask(two(weakness), SIDE, 3), queries=queries, seed=seed)
            assert found.shown.reached, seed
            assert found.shown.top1 == 1
            assert found.source == "search"
            assert trials.first == trials.spent <= queries

    def test_a_chosen_target_is_found(self) -> None:
        def logits(images: Images) -> Images:
            strength = dose(images)
            return np.stack([np.ones(len(images)), 1.1 * corner(images), strength], axis=1)

        found, _ = search(ask(logits, SIDE, 3), goal=Targeted(2), queries=400)
        assert found.shown.reached
        assert found.shown.top1 == 2

    def test_the_search_beats_drawing_at_random(self) -> None:
        # With one fresh drawing a query nothing is gained: the corner needs 4 times its share of the strokes.
        rng = np.random.default_rng(0)
        session = ask(two(corner), SIDE, 3)
        drawn = [
            search(session, queries=1, seed=int(rng.integers(2**32)))[0].shown.reached for _ in range(200)
        ]
        assert not any(drawn)

    def test_the_true_label_is_no_deception(self) -> None:
        found, trials = search(ask(two(dose), SIDE, 3), goal=Untargeted(clean=0, label=1), queries=60)
        assert not found.shown.reached
        assert trials.spent == 60


class TestDictionary:
    def entries(self, count: int) -> Dictionary:
        rng = np.random.default_rng(1)
        return Dictionary(tuple(draw_stencil(rng, 0.05) for _ in range(count)))

    def test_it_is_tried_in_order_and_stops_at_a_success(self) -> None:
        entries, clean = self.entries(6), picture(SIDE)
        shown: list[Images] = []
        wanted = entries.stencils[3].put(clean, Area(0.05).limit((SIDE, SIDE)))

        def function(images: Images) -> Images:
            shown.extend(images.copy())
            return np.asarray((images == wanted).all(axis=(1, 2, 3)).astype(float)[:, None] * [0.0, 9.0, 0.0])

        found, trials = search(ask(function, SIDE, 3, batch_size=1), dictionary=entries)
        assert trials.spent == trials.first == len(shown) == 4
        assert found.source == "dictionary 4"
        assert (found.stimulus == wanted).all()
        for stencil, image in zip(entries.stencils, shown, strict=False):
            assert (image == stencil.put(clean, Area(0.05).limit((SIDE, SIDE)))).all()

    def test_the_search_starts_from_its_best(self) -> None:
        entries = self.entries(12)
        session = ask(two(lambda images: disc(images) * 0.6), SIDE, 3)
        _, alone = search(session, dictionary=entries, queries=12)
        best, _ = search(session, dictionary=entries, queries=13)
        assert alone.spent == 12
        assert best.source in {"search", *(f"dictionary {n}" for n in range(1, 13))}
        after, _ = search(session, dictionary=entries, queries=60)
        assert after.shown.loss <= best.shown.loss

    def test_the_built_in_one_opens_the_search(self) -> None:
        found, trials = search(ask(two(dose), SIDE, 3), dictionary=builtin_dictionary(0.05), queries=10)
        assert found.source.startswith("dictionary")
        assert trials.spent <= 10


class Labels:
    """Answers with labels: there is no score to be read."""

    name, level, fixed_batch = "labels only", AnswerLevel.LABEL, None
    labels = ("a", "b", "c")
    frame = Frame(SIDE, SIDE)
    identity: dict[str, Any] = {"adapter": "labels only"}  # noqa: RUF012

    def __init__(self, evidence: Callable[[Images], Images]) -> None:
        self._evidence = evidence

    def answer(self, images: Images) -> RawAnswers:
        return RawAnswers(
            self.level, np.empty((len(images), 0)), (self._evidence(images) > 1).astype(int)[:, None]
        )

    def close(self) -> None:
        pass


class TestLabelsOnly:
    def test_drawing_finds_what_is_not_rare(self) -> None:
        found, trials = search(Session(Labels(dose)), queries=200)
        assert found.shown.reached
        assert found.source == "draw"
        assert not trials.scored

    def test_scores_are_never_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class TopOnly:
            def __init__(self, answers: Answers) -> None:
                self.top, self.level = answers.top, answers.level

        ask_images = Session.ask_images
        monkeypatch.setattr(Session, "ask_images", lambda *a, **b: TopOnly(ask_images(*a, **b)))
        found, _ = search(Session(Labels(dose)), queries=50, dictionary=builtin_dictionary(0.05), prune=True)
        assert found.shown.loss in (0.0, 1.0)

    def test_all_of_the_dictionary_is_tried(self) -> None:
        long = builtin_dictionary(0.05)
        found, trials = search(
            Session(Labels(lambda images: np.zeros(len(images)))), queries=200, dictionary=long
        )
        assert not found.shown.reached
        assert trials.spent == 200
        assert found.source == "draw"
        only, _ = search(Session(Labels(lambda images: np.zeros(len(images)))), queries=60, dictionary=long)
        assert only.source == "dictionary 60"


class TestPruning:
    def test_it_leaves_what_is_needed(self) -> None:
        session = ask(two(dose), SIDE, 3)
        whole, before = search(session, area=0.2, queries=400, seed=1)
        pruned, after = search(session, area=0.2, queries=400, seed=1, prune=True)
        assert whole.mask is not None
        assert pruned.mask is not None
        assert pruned.shown.reached
        assert pruned.mask.sum() < 0.9 * whole.mask.sum()
        assert pruned.copies < whole.copies
        assert after.first == before.first
        assert after.spent <= before.spent + PRUNING

    def test_only_what_stands_a_move_is_taken(self) -> None:
        def parted(images: Images) -> Images:
            """Triggered by extremes in even columns more than in odd ones: moved to the left it is the reverse."""
            extreme = ((images == 0) | (images == 255)).all(axis=3).sum(axis=1)
            return np.asarray((extreme[:, ::2].sum(axis=1) - extreme[:, 1::2].sum(axis=1)) / 8)

        for seed in range(3):
            whole, before = search(ask(two(parted), SIDE, 3), area=0.2, seed=seed)
            pruned, after = search(ask(two(parted), SIDE, 3), area=0.2, seed=seed, prune=True)
            assert whole.shown.reached
            assert before.spent < after.spent <= before.spent + PRUNING
            assert np.array_equal(pruned.stimulus, whole.stimulus)

    def test_queries_are_left_for_the_judgement(self) -> None:
        session = ask(two(dose), SIDE, 3)
        first = search(session, area=0.2, queries=400, seed=1)[1].first
        assert first is not None
        # The search itself depends on the queries it has: a success by the dictionary does not.
        always = ask(lambda images: np.tile([0.0, 1.0, 0.0], (len(images), 1)), SIDE, 3)
        for queries in range(1, 25):
            found, trials = search(always, queries=queries, prune=True)
            assert found.shown.reached
            assert trials.spent <= max(1, queries - KEPT)

    def test_a_failure_is_not_pruned(self) -> None:
        never = ask(lambda images: np.tile([1.0, 0.0, 0.0], (len(images), 1)), SIDE, 3)
        found, trials = search(never, queries=30, prune=True)
        assert (found.shown.reached, trials.spent) == (False, 30)

    def test_what_is_found_is_what_was_shown_last_as_reached(self) -> None:
        session = ask(two(dose), SIDE, 3)
        found, _ = search(session, area=0.2, queries=400, prune=True)
        again = session.ask_images(found.stimulus[None], np.array([0]), batch_size=1)
        assert again.top[0, 0] == found.shown.top1
        assert again.log_odds[0, 0] == found.shown.loss


class TestBudgets:
    @settings(max_examples=40, deadline=None)
    @given(
        st.floats(0.001, 0.6),
        st.integers(16, 64),
        st.integers(16, 64),
        st.integers(1, 40),
        st.integers(0, 2**32 - 1),
        st.sampled_from(["logits", "label"]),
        st.booleans(),
    )
    def test_not_a_query_and_not_a_pixel_too_many(
        self, fraction: float, height: int, width: int, queries: int, seed: int, level: str, builtin: bool
    ) -> None:
        clean = np.ascontiguousarray(picture(64)[:height, :width])
        bound = Area(fraction)
        limit = bound.limit((height, width))
        sent: list[int] = []
        moved: set[int] = set()

        class Watched(Trials):
            def watch(self, pixels: Images) -> Answers:
                moved.add(len(sent))
                return super().watch(pixels)

        def function(images: Images) -> Images:
            sent.extend(int((image != clean).any(axis=2).sum()) for image in images)
            heat = images[:, : height // 2].mean(axis=(1, 2, 3)) - clean[: height // 2].mean()
            scores = np.stack([np.full(len(images), 12.0), np.abs(heat)], axis=1)
            return scores if level == "logits" else scores.argmax(axis=1)

        observer = FunctionObserver(function, Frame(height, width), classes=2, level=level)
        trials = Watched(Session(observer, batch_size=1), clean, Untargeted(0), bound, queries)
        dictionary = builtin_dictionary(fraction) if builtin else NONE
        rng = np.random.default_rng(seed)
        if limit < 1:
            with pytest.raises(InputError, match="pixel"):
                search_patch(trials, dictionary=dictionary, rng=rng, prune=True)
            assert sent == []
            return
        found = search_patch(trials, dictionary=dictionary, rng=rng, prune=True)
        assert found.mask is not None
        assert len(sent) == trials.spent <= queries
        assert max(used for number, used in enumerate(sent) if number not in moved) <= limit
        assert int(found.mask.sum()) <= limit
        assert not ((found.stimulus != clean).any(axis=2) & ~found.mask).any()
        assert found.copies >= 1
        assert found.shown.reached or trials.spent == queries

    def test_a_limit_of_a_few_pixels_works(self) -> None:
        def few(images: Images) -> Images:
            return np.asarray((images == 255).all(axis=3).sum(axis=(1, 2)) / 3)

        found, trials = search(ask(two(few), 32, 3), area=0.01, queries=300)  # 10 pixels
        assert found.shown.reached
        assert trials.spent < 300

    def test_no_query_and_no_area_are_faults_of_the_caller(self) -> None:
        session = ask(two(dose), SIDE, 3)
        with pytest.raises(ValueError, match="query"):
            search(session, queries=0)
        trials = Trials(session, picture(SIDE), Untargeted(0), Linf(10 / 255), 5)
        with pytest.raises(ValueError, match="area"):
            search_patch(trials, dictionary=NONE, rng=np.random.default_rng(0), prune=False)


@pytest.mark.parametrize("prune", [False, True])
def test_the_same_seed_finds_the_same_bits(prune: bool) -> None:
    first, second = (
        search(ask(two(disc), SIDE, 3), seed=5, dictionary=builtin_dictionary(0.05), prune=prune)[0]
        for _ in range(2)
    )
    assert first.stimulus.tobytes() == second.stimulus.tobytes()
    assert (first.shown, first.source, first.copies) == (second.shown, second.source, second.copies)
    other = search(ask(two(disc), SIDE, 3), seed=6, prune=prune)[0]
    assert other.stimulus.tobytes() != first.stimulus.tobytes()


def test_known_observers_count_what_they_are_shown() -> None:
    session = ask(two(corner), SIDE, 3, batch_size=1)
    _, trials = search(session, queries=57)
    assert isinstance(session.observer, Known)
    assert session.observer.shown == trials.spent <= 57
