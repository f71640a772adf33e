"""Progress as lines and as a bar."""

from __future__ import annotations

import io

import numpy as np
import pytest

from deepception.sessions import Ledger, RichProgress, Step, duration


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def steps(count: int, total: int, purpose: str = "spatial") -> list[Step]:
    done = np.minimum(np.arange(1, count + 1) * 10, total)
    return [Step(purpose, 10, int(d), total, int(d), int(d), 0) for d in done]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7620, "2 h 07 min"),
        (-1, "0 s"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_plain_lines_are_rare_and_say_what_is_left():
    clock, out = Clock(), io.StringIO()
    with RichProgress(total=200, text="cat.jpg", stream=out, every=5, clock=clock) as progress:
        for step in steps(10, 100):
            clock.now += 1
            progress(step)
        assert out.getvalue().splitlines() == [
            "cat.jpg: 50 of 200 stimuli, 15 s left",
            "cat.jpg: 100 of 200 stimuli, 10 s left",
        ]
        progress.say("dog.jpg")
        progress.expect(150)
        clock.now += 1
        progress.advance(50)
    assert out.getvalue().splitlines()[-1] == "dog.jpg: 150 of 150 stimuli, 11 s"


def test_without_a_total_every_asking_is_its_own_job():
    clock, out = Clock(), io.StringIO()
    with RichProgress(stream=out, every=0, clock=clock) as progress:
        for purpose in ("local", "spatial"):
            for step in steps(2, 20, purpose):
                clock.now += 2
                progress(step)
    lines = out.getvalue().splitlines()
    assert lines[:2] == ["local: 10 of 20 stimuli, 0 s left", "local: 20 of 20 stimuli, 2 s"]
    assert lines[2] == "spatial: 10 of 20 stimuli, 0 s left"


def test_what_was_answered_before_the_total_was_known_counts():
    clock, out = Clock(), io.StringIO()
    with RichProgress(stream=out, every=60, clock=clock) as progress:
        for purpose in ("clean", "clean again"):
            progress(Step(purpose, 1, 1, 1, 1, 1, 0))
        progress.expect(22)
        clock.now += 60
        progress(steps(1, 20)[0])
    assert out.getvalue().splitlines()[0] == "clean again: 12 of 22 stimuli, 50 s left"


def test_nothing_done_prints_nothing():
    out = io.StringIO()
    with RichProgress(total=10, stream=out):
        pass
    assert out.getvalue() == ""


def test_a_terminal_gets_a_bar_and_brackets_stay_text(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    with RichProgress(total=20, text="[red]odd[/name].jpg", stream=out) as progress:
        for step in steps(2, 20):
            progress(step)
    assert "[red]odd[/name].jpg" in out.getvalue()
    assert "20/20" in out.getvalue()


def test_a_ledger_adds_up():
    ledger = Ledger()
    ledger["local"].queries += 3
    ledger["spatial"].queries += 4
    ledger["local"].observer_seconds += 0.5
    assert ledger.total.queries == 7
    assert len(ledger) == 2
    assert ledger.columns() == {
        "purpose": ["local", "spatial"],
        "queries": [3, 4],
        "transmissions": [0, 0],
        "cached": [0, 0],
        "observer_seconds": [0.5, 0.0],
        "render_seconds": [0.0, 0.0],
    }
    assert Ledger().total.queries == 0
