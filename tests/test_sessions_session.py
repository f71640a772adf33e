"""Sessions: batches, budget, cache, cancellation, overlap; the same bits however the asking went."""

from __future__ import annotations

import signal
import threading
import tracemalloc

import numpy as np
import pytest

from deepception.errors import BudgetError, Cancelled, InputError, ObserverError, UnreachableError
from deepception.observers import AnswerLevel, RawAnswers
from deepception.sessions import PROBE_PURPOSE, AnswerCache, Session
from deepception.stimuli import Frame, Patch, Stimuli, render


class Linear:
    """Logits are a fixed random linear map of the pixels; it remembers the batches that it was sent."""

    name = "linear"
    level = AnswerLevel.LOGITS

    def __init__(self, classes: int = 12, side: int = 8, fixed_batch: int | None = None) -> None:
        self.frame = Frame(side, side)
        self.labels = tuple(f"class {c}" for c in range(classes))
        self.fixed_batch = fixed_batch
        self.identity = {"adapter": "linear", "classes": classes}
        self.weights = np.random.default_rng(5).normal(0, 0.01, (side * side * 3, classes)).astype(np.float32)
        self.sent: list[np.ndarray] = []

    def answer(self, images: np.ndarray) -> RawAnswers:
        self.sent.append(images.copy())
        # Deliberately dependent on the batch, as engines are allowed to be: a batch cut otherwise would show.
        scores = images.reshape(len(images), -1).astype(np.float32) @ self.weights
        return RawAnswers(
            self.level, scores + np.float32(1e-3) * len(images) + np.arange(len(images))[:, None]
        )

    def close(self) -> None:
        pass


def shifts(count: int, side: int = 8) -> Stimuli:
    """``count`` different stimuli: one patch in one place, brighter and brighter."""
    rng = np.random.default_rng(3)
    backgrounds = rng.integers(0, 200, (2, side, side, 3), dtype=np.uint8)
    patch = Patch(rng.integers(0, 100, (3, 3, 3), dtype=np.uint8))
    number = np.arange(count)
    return Stimuli.single(
        backgrounds,
        [patch],
        background=number % 2,
        patch=0,
        y=number % (side - 2),
        x=number // 7 % (side - 2),
        brightness=number % 100,
    )


def numbers(session: Session) -> tuple[int, int, int]:
    return session.queries, session.transmissions, session.cached


def test_batches_are_whole_and_filled_with_their_first_row():
    observer = Linear()
    stimuli = shifts(21)
    session = Session(observer, batch_size=8)
    answers = session.ask(stimuli, purpose="spatial")
    assert [len(batch) for batch in observer.sent] == [8, 8, 8]
    assert np.array_equal(np.concatenate(observer.sent)[:21], render(stimuli, 0, 21))
    assert (observer.sent[2][5:] == observer.sent[2][0]).all()
    assert len(answers) == 21
    assert answers.log_odds.shape == (21, 12)
    assert numbers(session) == (21, 21, 0)
    assert session.ledger["spatial"].queries == 21
    assert session.ledger.total.transmissions == 21
    assert session.ledger.columns()["purpose"] == ["spatial"]


def test_stream_and_ask_agree_and_images_may_be_given_as_they_are():
    stimuli = shifts(21)
    whole = Session(Linear(), batch_size=8).ask(stimuli, [3, 1])
    parts = list(Session(Linear(), batch_size=8).stream(stimuli, [3, 1]))
    assert [rows for rows, _ in parts] == [slice(0, 8), slice(8, 16), slice(16, 21)]
    for rows, part in parts:
        assert part.same_as(whole.select(rows))
    assert Session(Linear(), batch_size=8).ask_images(render(stimuli, 0, 21), [3, 1]).same_as(whole)


def test_nothing_asked_is_nothing_answered():
    session = Session(Linear(), batch_size=8)
    answers = session.ask(Stimuli.plain(np.zeros((0, 8, 8, 3), dtype=np.uint8)), [2])
    assert answers.log_odds.shape == (0, 1)
    assert answers.top.shape == (0, 5)
    assert numbers(session) == (0, 0, 0)


def test_programmer_errors_are_refused():
    session = Session(Linear(), batch_size=8)
    with pytest.raises(ValueError, match="classes run from 0 to 11"):
        session.ask(shifts(3), [12])
    with pytest.raises(ValueError, match="frame"):
        session.ask(shifts(3, side=9))


def test_a_fixed_batch_is_respected():
    observer = Linear(fixed_batch=1)
    session = Session(observer)
    session.ask(shifts(3))
    assert session.batch_size == 1
    assert [len(batch) for batch in observer.sent] == [1, 1, 1]
    with pytest.raises(InputError, match="batches of 1 only"):
        Session(observer, batch_size=4)
    with pytest.raises(InputError, match="1 or more"):
        Session(Linear(), batch_size=0)


def test_the_batch_size_is_found_once_and_its_probe_is_paid_for():
    observer = Linear()
    session = Session(observer)
    size = session.batch_size
    assert size in (8, 16, 32)
    probes = sum(map(len, observer.sent))
    assert 24 <= probes <= 64
    assert numbers(session) == (0, probes, 0)
    assert session.ledger[PROBE_PURPOSE].transmissions == probes
    session.ask(shifts(3))
    assert len(observer.sent[-1]) == size
    session.batch_size = size
    with pytest.raises(ValueError, match="already fixed"):
        session.batch_size = size + 1


def test_a_budget_is_not_spent_on_a_probe():
    observer = Linear()
    session = Session(observer, budget=20)
    session.ask(shifts(20))
    assert numbers(session) == (20, 20, 0)
    assert [len(batch) for batch in observer.sent] == [16, 16]
    assert session.remaining == 0


def test_the_budget_ends_before_the_batch_that_exceeds_it():
    observer = Linear()
    session = Session(observer, budget=20, batch_size=8)
    with pytest.raises(BudgetError, match=r"20 images.* 0 were sent and 21 more.*raise it by 1 "):
        session.ask(shifts(21))
    assert observer.sent == []
    seen: list[int] = []
    with pytest.raises(BudgetError, match=r"16 were sent and 5 more are needed for search"):
        seen.extend(rows.stop for rows, _ in session.stream(shifts(21), purpose="search"))
    assert seen == [8, 16]
    assert numbers(session) == (16, 16, 0)
    session.ask(shifts(4))
    assert numbers(session) == (20, 20, 0)


def test_a_failing_observer_costs_transmissions_and_no_queries():
    class Broken(Linear):
        def answer(self, images):
            if len(self.sent) == 1:
                raise UnreachableError("gone")
            return super().answer(images)

    session = Session(Broken(), batch_size=4)
    with pytest.raises(UnreachableError):
        session.ask(shifts(12))
    assert numbers(session) == (4, 8, 0)


def test_nonsense_is_refused():
    class Nonsense(Linear):
        def answer(self, images):
            raw = super().answer(images)
            raw.scores[1] = np.nan
            return raw

    session = Session(Nonsense(), batch_size=4)
    with pytest.raises(ObserverError):
        session.ask(shifts(4))
    assert numbers(session) == (0, 4, 0)


def test_a_cache_changes_counters_and_no_bit():
    stimuli = shifts(30)
    plain = Session(Linear(), batch_size=8).ask(stimuli, [0, 5])
    cache = AnswerCache()
    observer = Linear()
    session = Session(observer, batch_size=8, cache=cache)
    session.ask(Stimuli.plain(render(stimuli, 0, 11)), [4])  # one batch and three rows of the next
    assert session.ask(stimuli, [0, 5]).same_as(plain)
    assert numbers(session) == (30, 30, 11)
    assert len(observer.sent) == 2 + 3, "a batch that is cached as a whole is not sent"
    again = Session(Linear(), batch_size=8, cache=cache, budget=0)
    assert again.ask(stimuli, [0, 5]).same_as(plain)
    assert numbers(again) == (0, 0, 30)
    assert again.observer.sent == []


def test_the_cache_tells_observers_apart():
    cache = AnswerCache()
    Session(Linear(), batch_size=8, cache=cache).ask(shifts(8))
    other = Session(Linear(classes=5), batch_size=8, cache=cache)
    other.ask(shifts(8))
    assert numbers(other) == (8, 8, 0)


@pytest.mark.parametrize("stop_after", [1, 2, 4])
def test_cancelling_and_asking_again_changes_no_bit(stop_after):
    stimuli = shifts(37)
    undisturbed = Session(Linear(), batch_size=8).ask(stimuli)
    cache, cancel = AnswerCache(), threading.Event()
    observer = Linear()

    def progress(step):
        if step.done >= 8 * stop_after:
            cancel.set()

    session = Session(observer, batch_size=8, cache=cache, progress=progress, cancel=cancel)
    with pytest.raises(Cancelled, match="Interrupted; what was finished is kept"):
        session.ask(stimuli)
    assert len(observer.sent) == stop_after
    cancel.clear()
    session.progress = None
    assert session.ask(stimuli).same_as(undisturbed)
    assert numbers(session) == (37, 37, 8 * stop_after)


def test_an_asking_that_was_cancelled_in_its_last_batch_is_finished():
    cancel = threading.Event()
    session = Session(Linear(), batch_size=8, cancel=cancel, progress=lambda step: cancel.set())
    assert len(session.ask(shifts(8))) == 8
    with pytest.raises(Cancelled):
        session.ask(shifts(8))
    assert numbers(session) == (8, 8, 0)


@pytest.fixture
def _listening():
    """A shell that starts a job in the background has it ignore Ctrl-C: listen to it again."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_listening")
def test_ctrl_c_keeps_the_batch_in_flight():
    class Pressed(Linear):
        def answer(self, images):
            if len(self.sent) == 1:
                signal.raise_signal(signal.SIGINT)
            return super().answer(images)

    session = Session(Pressed(), batch_size=4)
    kept: list[int] = []
    with pytest.raises(Cancelled, match="Interrupted; what was finished is kept"):
        kept.extend(rows.stop for rows, _ in session.stream(shifts(12)))
    assert kept == [4, 8]
    assert numbers(session) == (8, 8, 0)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert len(session.ask(shifts(12))) == 12, "the session goes on when asked again"


@pytest.mark.usefixtures("_listening")
def test_ctrl_c_is_not_lost_where_the_stream_is_left():
    class Pressed(Linear):
        def answer(self, images):
            signal.raise_signal(signal.SIGINT)
            return super().answer(images)

    session = Session(Pressed(), batch_size=4)
    for _ in session.stream(shifts(12)):
        break
    with pytest.raises(Cancelled):
        session.ask(shifts(4))


@pytest.mark.usefixtures("_listening")
def test_ctrl_c_twice_stops_at_once():
    class Hung(Linear):
        def answer(self, images):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("the second one raises")

    with pytest.raises(KeyboardInterrupt):
        Session(Hung(), batch_size=4).ask(shifts(12))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_somebody_elses_handler_is_left_alone():
    pressed = []

    class Pressed(Linear):
        def answer(self, images):
            signal.raise_signal(signal.SIGINT)
            return super().answer(images)

    before = signal.signal(signal.SIGINT, lambda *_: pressed.append(1))
    try:
        Session(Pressed(), batch_size=4).ask(shifts(8))
    finally:
        signal.signal(signal.SIGINT, before)
    assert pressed == [1, 1]


def test_the_next_batch_is_rendered_while_the_observer_works(monkeypatch):
    from deepception.sessions import prefetch

    rendered = [threading.Event() for _ in range(4)]

    def watched(stimuli, start, stop, *, out):
        render(stimuli, start, stop, out=out)
        rendered[start // 4].set()

    monkeypatch.setattr(prefetch, "render", watched)

    class Patient(Linear):
        def answer(self, images):
            following = len(self.sent) + 1
            if following < 4:  # would wait for ever if the next batch were rendered only after this answer
                assert rendered[following].wait(timeout=20)
            return super().answer(images)

    observer = Patient()
    stimuli = shifts(16)
    Session(observer, batch_size=4).ask(stimuli)
    assert np.array_equal(np.concatenate(observer.sent), render(stimuli, 0, 16))


def test_an_error_in_the_background_arrives(monkeypatch):
    from deepception.sessions import prefetch

    def failing(stimuli, start, stop, *, out):
        if start:
            raise MemoryError("no room")
        render(stimuli, start, stop, out=out)

    monkeypatch.setattr(prefetch, "render", failing)
    session = Session(Linear(), batch_size=4)
    with pytest.raises(MemoryError, match="no room"):
        session.ask(shifts(12))
    assert numbers(session) == (4, 4, 0)


def test_two_streams_of_one_session_do_not_share_buffers():
    stimuli = shifts(16)
    whole = Session(Linear(), batch_size=4).ask(stimuli)
    session = Session(Linear(), batch_size=4)
    for (rows, one), (_, two) in zip(session.stream(stimuli), session.stream(stimuli), strict=True):
        assert one.same_as(whole.select(rows))
        assert two.same_as(one)


def test_an_observer_on_a_device_gets_the_same_images_as_tensors(monkeypatch):
    torch = pytest.importorskip("torch")
    from deepception.sessions import on_device, session

    class Accelerated(Linear):
        device = torch.device("cpu")

        def answer_tensor(self, images):
            assert images.device == self.device
            return self.answer(images.numpy())

    assert on_device.on_device(Accelerated()) is None, "on the processor, arrays are quicker"
    stimuli = shifts(21)
    there, here = Accelerated(), Linear()
    expected = Session(here, batch_size=8).ask(stimuli)
    monkeypatch.setattr(session, "on_device", lambda observer: observer)
    answers = Session(there, batch_size=8).ask(stimuli)
    assert answers.same_as(expected)
    assert np.array_equal(np.stack(there.sent), np.stack(here.sent))
    cached = Session(there, batch_size=8, cache=AnswerCache())
    assert cached.ask(stimuli).same_as(answers)


def test_memory_does_not_grow_with_the_number_of_stimuli():
    class Forgetful(Linear):
        def answer(self, images):
            raw = super().answer(images)
            self.sent.clear()
            return raw

    session = Session(Forgetful(), batch_size=32)

    def peak(count: int) -> int:
        stimuli = shifts(count)
        tracemalloc.start()
        for _ in session.stream(stimuli, [0]):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(64)
    # 12,800 images are 2.5 MB; a few hundred kB is what Python's own free lists may come to.
    assert peak(12_800) < peak(640) + 500_000


def test_progress_reports_every_batch():
    steps = []
    session = Session(Linear(), batch_size=8, progress=steps.append)
    session.ask(shifts(21), purpose="local")
    assert [(s.purpose, s.rows, s.done, s.total) for s in steps] == [
        ("local", 8, 8, 21),
        ("local", 8, 16, 21),
        ("local", 5, 21, 21),
    ]
    assert steps[-1].queries == 21


def test_label_observers_are_asked_too():
    class Labels(Linear):
        level = AnswerLevel.LABEL

        def answer(self, images):
            best = super().answer(images).scores.argmax(axis=1)
            return RawAnswers(self.level, np.empty((len(images), 0), dtype=np.float32), best[:, None])

    session = Session(Labels(), batch_size=8, cache=AnswerCache())
    first = session.ask(shifts(11), [2])
    assert first.top.shape == (11, 1)
    assert session.ask(shifts(11), [2]).same_as(first)
    assert session.cached == 11
