"""The engine ``ray`` against a Ray whose every answer the test gives, in the order that it wants to try."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from deepception.studies.engines import ray as room
from deepception.studies.engines.protocol import Ending
from deepception.studies.engines.ray import RayEngine
from deepception.studies.engines.telling import Said
from engine_benches import make_desk


class _Call:
    """A method of an actor: calling it leaves a call that nobody has answered yet."""

    def __init__(self, ray: ScriptedRay, worker: int, method: str) -> None:
        self._ray, self._worker, self._method = ray, worker, method

    def options(self, **_: Any) -> _Call:
        return self

    def remote(self, *arguments: Any) -> str:
        what = arguments[1][0] if self._method == "do" else ""
        return self._ray.called(f"{self._worker} {self._method} {what}".strip())


class ScriptedRay:
    """As much of Ray as the engine uses: an answer is there from when the test says it."""

    exceptions = SimpleNamespace(
        RayError=type("RayError", (Exception,), {}),
        RayActorError=type("RayActorError", (Exception,), {}),
        ObjectLostError=type("ObjectLostError", (Exception,), {}),
        OutOfMemoryError=type("OutOfMemoryError", (Exception,), {}),
        NodeDiedError=type("NodeDiedError", (Exception,), {}),
    )

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.answers: dict[str, Any] = {}
        self.workers = 0
        self.order: list[str] = []

    def called(self, name: str) -> str:
        self.calls.append(name)
        return f"{name} #{self.calls.count(name)}"

    def put(self, value: Any) -> Any:
        return value

    def remote(self, **_: Any) -> Any:
        return lambda _: SimpleNamespace(remote=self._hire)

    def _hire(self) -> Any:
        self.workers += 1
        worker = self.workers
        self.answers |= {f"{worker} here #1": 1, f"{worker} start #1": None}
        return SimpleNamespace(
            **{n: _Call(self, worker, n) for n in ("here", "start", "do", "give_back", "close")}
        )

    def wait(
        self, calls: list[str], num_returns: int = 1, timeout: float = 0.0
    ) -> tuple[list[str], list[str]]:
        there = [call for call in calls if call in self.answers]
        there.sort(key=lambda call: self.order.index(call) if call in self.order else len(self.order))
        ready = there[:num_returns]
        return ready, [call for call in calls if call not in ready]

    def get(self, call: str) -> Any:
        return self.answers[call]

    def kill(self, actor: Any, no_restart: bool) -> None:
        pass


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> ScriptedRay:
    scripted = ScriptedRay()
    monkeypatch.setattr(room, "_imported", lambda: scripted)
    monkeypatch.setattr(room, "_connect", lambda *_: False)
    return scripted


@pytest.fixture
def engine(ray: ScriptedRay) -> Iterator[RayEngine]:
    """Two workers; the first holds the orders a and c, and is asked for c, for the other has nothing to do."""
    with RayEngine(make_desk, workers=2) as engine:
        assert engine.wait(0.0) == []
        for number, body in enumerate("abc", 1):
            engine.submit(number, body)
        ray.answers["2 do b #1"] = _done("b")
        assert _values(engine.wait(0.0)) == ["b"]
        assert ray.calls[-1] == "1 give_back"
        yield engine
        assert engine.room == 4


def _done(value: str) -> Said:
    return Said("done", value=pickle.dumps(value))


def _values(endings: list[Ending]) -> list[Any]:
    return [ending.value for ending in endings]


def test_what_was_given_back_goes_to_who_is_idle(ray: ScriptedRay, engine: RayEngine) -> None:
    ray.answers["1 give_back #1"] = True
    assert engine.wait(0.0) == []
    assert ray.calls[-1] == "2 do c"
    ray.answers |= {"2 do c #1": _done("c"), "1 do a #1": _done("a"), "1 do c #1": None}
    assert sorted(_values(engine.wait(0.0))) == ["a", "c"]


def test_what_was_begun_meanwhile_is_done_where_it_is(ray: ScriptedRay, engine: RayEngine) -> None:
    ray.answers |= {"1 do a #1": _done("a"), "1 give_back #1": False, "1 do c #1": _done("c")}
    assert _values(engine.wait(0.0)) == ["a", "c"]
    assert "2 do c" not in ray.calls


def test_a_later_order_is_not_taken_for_the_one_given_back(ray: ScriptedRay, engine: RayEngine) -> None:
    engine.submit(4, "d")
    engine.submit(5, "e")
    ray.answers["1 do a #1"] = _done("a")
    assert _values(engine.wait(0.0)) == ["a"]
    engine.submit(6, "f")
    assert ray.calls[-1] == "1 do f"
    # Only now the answer to what was asked while c was the last that the worker had been given.
    ray.answers["1 give_back #1"] = True
    assert engine.wait(0.0) == []
    ray.answers |= {"1 do c #1": None, "1 do f #1": _done("f")}
    ray.answers |= {"2 do d #1": _done("d"), "2 do e #1": _done("e")}
    ended = _values(engine.wait(0.0))
    ray.answers |= {f"{worker} do c #{n}": _done("c") for worker, n in ((1, 2), (2, 1))}
    for _ in range(5):
        ended += _values(engine.wait(0.0))
    assert sorted(ended) == ["c", "d", "e", "f"]


@pytest.mark.parametrize(
    "order",
    [
        ["2 do d #1", "1 give_back #1", "1 do c #1"],
        ["2 do d #1", "1 do c #1", "1 give_back #1"],
        ["1 give_back #1"],
    ],
)
def test_given_back_twice_over_at_once_is_given_back_once(
    ray: ScriptedRay, engine: RayEngine, order: list[str]
) -> None:
    ray.answers["1 do a #1"] = _done("a")
    assert _values(engine.wait(0.0)) == ["a"]
    # The worker has come to c by now: that it gives it back and that it passed it over are told together, as is
    # what the other one did.
    engine.submit(4, "d")
    ray.order = order
    ray.answers |= {"2 do d #1": _done("d"), "1 give_back #1": True, "1 do c #1": None}
    ray.answers |= {"2 do c #1": _done("c"), "1 do c #2": _done("c")}
    ended: list[Any] = []
    for _ in range(5):
        ended += _values(engine.wait(0.0))
    assert sorted(ended) == ["c", "d"]
