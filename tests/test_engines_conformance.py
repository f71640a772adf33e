"""What every engine does, each of them: orders in, endings out, whatever becomes of the workers."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deepception.errors import BudgetError, DeepceptionError, InputError, ObserverError, PhotographError
from deepception.studies.engines import Engine, open_engine
from engine_benches import (
    RAY_ENVIRONMENT,
    RAY_ENVIRONMENT_OF_OTHERS,
    Refuses,
    ask,
    collect,
    make_desk,
    make_none,
)

TESTS = Path(__file__).resolve().parent


@pytest.fixture(scope="module", params=["local", "ray"])
def kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of an engine that is installed; Ray is started once, and not by the engine."""
    name: str = request.param
    if name == "ray":
        if importlib.util.find_spec("ray") is None:
            pytest.skip("Ray is not installed: pip install 'deepception[ray]'")
        with pytest.MonkeyPatch.context() as patch:
            for variable, value in RAY_ENVIRONMENT.items():
                patch.setenv(variable, value)
            import ray

            ray.init(address="local", num_cpus=8, include_dashboard=False, log_to_driver=False)
            yield name
            assert ray.is_initialized(), "an engine shut a Ray down that it had not started"
            ray.shutdown()
    else:
        yield name


@pytest.fixture(scope="module")
def address(kind: str) -> str:
    """How another process reaches the same Ray; empty for other engines."""
    if kind != "ray":
        return ""
    import ray

    return str(ray.get_runtime_context().gcs_address)


@pytest.fixture(scope="module")
def opened(kind: str) -> Iterator[Engine]:
    """An engine with two workers; whatever a test does to them, the next one finds two."""
    with open_engine(kind, make_desk, workers=2) as engine:
        yield engine


@pytest.fixture
def engine(opened: Engine) -> Iterator[Engine]:
    yield opened
    assert opened.room == 4


def lines(diary: Path, number: int, engine: Engine | None = None, timeout: float = 60.0) -> list[list[str]]:
    """The diary, as soon as it has so many lines; the engine, of which no order may end, goes on meanwhile."""
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        found = [line.split() for line in diary.read_text().splitlines()] if diary.exists() else []
        if len(found) >= number:
            return found
        assert engine is None or engine.wait(0.0) == []
        time.sleep(0.02)
    raise AssertionError(f"{number} lines were awaited, there are {found}")


def gone(pid: int, timeout: float = 20.0) -> bool:
    """Whether a process ends in time; one that nobody has waited for counts as ended."""
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        try:
            ended = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
            # What a process holds (files, locks) is held until the last of its threads has ended.
            if ended and len(list(Path(f"/proc/{pid}/task").iterdir())) <= 1:
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


def test_what_goes_in_comes_out(engine: Engine) -> None:
    sent, ended = 0, []
    while len(ended) < 30:
        while engine.room and sent < 30:
            sent += 1
            engine.submit(sent, ("echo", {"n": sent}))
        ended += engine.wait(10.0)
    assert sorted(e.number for e in ended) == list(range(1, 31))
    assert all(e.state == "done" and e.value == {"n": e.number} and e.error is None for e in ended)
    assert all(0 <= e.seconds < 5 for e in ended)
    assert engine.wait(0.1) == []


def test_there_is_room_for_one_under_way_and_one_waiting(engine: Engine, tmp_path: Path) -> None:
    assert engine.workers == 2
    for number in range(4):
        assert engine.room == 4 - number
        engine.submit(number, ("linger", 0.3, str(tmp_path / "diary"), "x"))
    with pytest.raises(ValueError, match="no room for order 9"):
        engine.submit(9, ("echo", 1))
    ended = collect(engine, 4)
    assert {e.state for e in ended} == {"done"}
    assert len({e.worker for e in ended}) == 2


def test_errors_keep_class_and_text(engine: Engine) -> None:
    for kind in (BudgetError, PhotographError, InputError, DeepceptionError):
        ending = ask(engine, "fail", kind.__name__, "one sentence.")
        assert ending.state == "failed"
        assert type(ending.error) is kind
        assert str(ending.error) == "one sentence."
    for name in ("ValueError", "SystemExit"):
        error = ask(engine, "fail", name, "some words").error
        assert type(error) is ObserverError
        assert name in str(error)
        assert "some words" in str(error)
    error = ask(engine, "fail_strangely").error
    assert type(error) is InputError
    assert str(error) == "a stranger's words"


def test_what_cannot_be_pickled_fails_alone(engine: Engine) -> None:
    ending = ask(engine, "unspeakable")
    assert (ending.state, type(ending.error)) == ("failed", ObserverError)
    assert ask(engine, "echo", 1).value == 1


def test_megabytes_pass_both_ways_at_once(engine: Engine) -> None:
    bodies = {number: bytes([number]) * 6_000_000 for number in range(4)}
    for number, body in bodies.items():
        engine.submit(number, ("echo", body))
    ended = collect(engine, 4)
    assert all(e.value == bodies[e.number] for e in ended)


def test_a_killed_worker_costs_what_it_was_doing(engine: Engine, tmp_path: Path) -> None:
    before = {ask(engine, "about").worker for _ in range(2)}
    for number in range(4):
        engine.submit(number, ("linger", 1.5, str(tmp_path / "diary"), f"{number}"))
    begun = lines(tmp_path / "diary", 2, engine)
    victim, pid = int(begun[0][0]), int(begun[0][1])
    os.kill(pid, signal.SIGKILL)
    ended = {e.number: e for e in collect(engine, 4)}
    assert ended.pop(victim).state == "lost"
    assert all(e.state == "done" and e.value == f"{n}" for n, e in ended.items())
    # What waited at the dead worker was begun once, by another.
    words = [word for word, _ in lines(tmp_path / "diary", 4)]
    assert sorted(words) == ["0", "1", "2", "3"]
    # The replacement has a number that nobody had before.
    for number in range(4):
        engine.submit(number, ("linger", 0.5, str(tmp_path / "more"), "x"))
    after = {e.worker for e in collect(engine, 4)}
    assert len(after) == 2
    assert max(after) > max(before)


def test_nothing_waits_where_others_are_idle(engine: Engine, tmp_path: Path) -> None:
    engine.submit(1, ("linger", 2.5, str(tmp_path / "diary"), "long"))
    for number in (2, 3, 4):
        engine.submit(number, ("linger", 0.1, str(tmp_path / "diary"), "short"))
    ended = collect(engine, 4)
    assert [e.number for e in ended][-1] == 1
    assert [e.state for e in ended] == ["done"] * 4
    assert len(lines(tmp_path / "diary", 4)) == 4


def test_what_a_worker_died_of_is_told(engine: Engine, kind: str) -> None:
    ending = ask(engine, "die", int(signal.SIGKILL))
    assert (ending.state, ending.value, ending.error) == ("lost", None, None)
    assert ("signal 9" in ending.why and "out of memory" in ending.why) if kind == "local" else ending.why
    ending = ask(engine, "swell")
    assert (ending.state, ending.why) == ("lost", "out of memory")
    assert ask(engine, "echo", 1).worker > ending.worker


def test_files_reach_the_workers(engine: Engine, kind: str, tmp_path: Path) -> None:
    one, other = tmp_path / "a" / "photo.jpg", tmp_path / "b" / "photo.jpg"
    for path, content in ((one, b"one" * 1000), (other, b"other")):
        path.parent.mkdir()
        path.write_bytes(content)
    goods = [engine.share(path) for path in (one, other)]
    assert [good.name for good in goods] == ["photo.jpg"] * 2
    assert engine.share(one) == goods[0]
    found = ask(engine, "read", *goods).value
    assert [content for _, _, content in found] == [b"one" * 1000, b"other"]
    assert [name for _, name, _ in found] == ["photo.jpg"] * 2
    assert engine.sees_disk is (kind == "local")
    if engine.sees_disk:
        assert [path for path, _, _ in found] == [str(one), str(other)]
    else:
        one.unlink()  # what was shared is not the driver's disk
        assert ask(engine, "read_again", goods[0]).value == b"one" * 1000
    with pytest.raises(InputError, match=r"nothing\.jpg cannot be read"):
        engine.share(tmp_path / "nothing.jpg")


def test_an_interrupt_is_the_drivers_business(engine: Engine, tmp_path: Path) -> None:
    for number in range(2):
        engine.submit(number, ("linger", 1.0, str(tmp_path / "diary"), f"{number}"))
    for _, pid in lines(tmp_path / "diary", 2, engine):
        os.kill(int(pid), signal.SIGINT)
    assert [e.state for e in collect(engine, 2)] == ["done", "done"]


@pytest.mark.parametrize(
    ("maker", "error", "text"),
    [
        (Refuses("InputError", "there is no such model."), InputError, "^there is no such model.$"),
        (Refuses("ValueError", "some words"), ObserverError, "ValueError: some words"),
    ],
)
def test_what_a_maker_raises_is_raised_here(
    kind: str, maker: Any, error: type[DeepceptionError], text: str
) -> None:
    with open_engine(kind, maker, workers=1) as engine:
        engine.submit(1, ("echo", 1))
        for _ in range(2):
            with pytest.raises(error, match=text) as caught:
                collect(engine, 1)
            assert type(caught.value) is error


def test_workers_that_only_die_end_the_study(kind: str) -> None:
    with open_engine(kind, make_none, workers=1, most_losses=2) as engine:
        engine.submit(1, ("echo", 1))
        with pytest.raises(
            DeepceptionError, match=r"2 workers of the .* engine died one after the other before"
        ):
            collect(engine, 1)


def test_orders_that_only_kill_end_the_study(kind: str) -> None:
    with open_engine(kind, make_desk, workers=1, most_losses=2) as engine:
        for number in range(2):
            engine.submit(number, ("die", int(signal.SIGKILL)))
        assert [e.state for e in collect(engine, 2)] == ["lost", "lost"]
        with pytest.raises(
            DeepceptionError, match=r"2 workers .* were lost one after the other, and no order"
        ):
            engine.wait(10.0)


def test_closing_ends_everything(kind: str, tmp_path: Path) -> None:
    engine = open_engine(kind, make_desk, workers=2)
    about = [ask(engine, "about").value]
    engine.submit(1, ("linger", 60.0, str(tmp_path / "diary"), "x"))
    busy = int(lines(tmp_path / "diary", 1, engine)[0][1])
    engine.close()
    engine.close()
    assert gone(busy)
    assert gone(about[0]["pid"])
    with pytest.raises(ValueError, match="closed"):
        engine.wait(0.0)
    with pytest.raises(ValueError, match="closed"):
        engine.submit(1, ("echo", 1))
    # The next engine removes what was left by those that were ended by force.
    open_engine(kind, make_desk, workers=1).close()
    assert not Path(about[0]["scratch"]).exists()


def test_a_killed_driver_leaves_nobody(kind: str, address: str, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    driver = started(kind, address, diary)
    try:
        pids = [int(pid) for _, pid in lines(diary, 2)]
    finally:
        driver.kill()
        driver.wait()
    assert all(gone(pid) for pid in pids)


def test_ctrl_c_in_a_terminal_reaches_no_worker(kind: str, address: str, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    driver = started(kind, address, diary, "3.0")
    try:
        assert driver.wait(60) == 0
    finally:
        driver.kill()
        driver.wait()
    noted = [word for word, _ in lines(diary, 6)]
    assert sorted(noted) == ["done", "done", "heeded", "heeded", "order1", "order2"]


def started(kind: str, address: str, diary: Path, on_interrupt: str = "") -> subprocess.Popen[bytes]:
    """A driver in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", TESTS / "engine_benches.py", kind, address, diary, on_interrupt],
        start_new_session=True,
        env={**os.environ, **RAY_ENVIRONMENT_OF_OTHERS},
    )
