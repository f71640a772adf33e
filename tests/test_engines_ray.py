"""The engine ``ray``, what is its own: starting Ray here, sharing bytes once, a cluster without room."""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deepception.errors import DeepceptionError, InputError
from deepception.studies.engines.ray import RayEngine
from engine_benches import RAY_ENVIRONMENT, ask, collect, make_desk

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'deepception[ray]'")


def test_nobody_at_the_address_is_told_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for form in (address, f"ray://{address}"):
            with pytest.raises(InputError, match=f"no Ray cluster answers at {form} .*refused"):
                RayEngine(make_desk, address=form)


@pytest.fixture(scope="module")
def opened() -> Iterator[RayEngine]:
    """An engine that starts Ray itself, with more workers than there may be processors."""
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in RAY_ENVIRONMENT.items():
            patch.setenv(variable, value)
        with RayEngine(make_desk, workers=4, cpus=1) as engine:
            assert ray.is_initialized()
            yield engine
    assert not ray.is_initialized(), "the Ray that the engine started is left"


def test_workers_may_be_more_than_processors(opened: RayEngine, tmp_path: Path) -> None:
    for number in range(8):
        opened.submit(number, ("linger", 1.0, str(tmp_path / "diary"), "x"))
    ended = collect(opened, 8, 60.0)
    assert {e.state for e in ended} == {"done"}
    about = ask(opened, "about").value
    assert about["threads"] == 1
    assert not about["sees_disk"]


def test_bytes_are_put_once_while_anybody_holds_them(opened: RayEngine, tmp_path: Path) -> None:
    one, same = tmp_path / "photo.jpg", tmp_path / "b" / "photo.jpg"
    same.parent.mkdir()
    one.write_bytes(b"bytes")
    same.write_bytes(b"bytes")
    held = opened.share(one)
    assert opened.share(same).reference is held.reference
    assert len(opened._goods) == 1
    del held
    gc.collect()
    assert len(opened._goods) == 0
    held = opened.share(one)
    assert ask(opened, "read", held).value[0][1:] == ("photo.jpg", b"bytes")


def test_another_ray_is_not_mixed_up_with_this_one(opened: RayEngine) -> None:
    with pytest.raises(InputError, match=r"is connected to the Ray at .* already"):
        RayEngine(make_desk, address="192.0.2.1:6379")


def test_a_cluster_without_room_is_told(opened: RayEngine) -> None:
    with pytest.raises(InputError, match="no room for a worker now"):
        RayEngine(make_desk, cpus=1000)
    with RayEngine(make_desk, workers=1, cpus=1000, patience=0.5) as engine:
        engine.submit(1, ("echo", 1))
        with pytest.raises(
            DeepceptionError, match=r"no room for any worker .* needs 1000 CPU .* has \d+ CPU"
        ):
            collect(engine, 1)
    assert ask(opened, "echo", 1).value == 1


def test_an_order_that_cannot_be_sent_fails_alone(opened: RayEngine) -> None:
    ending = ask(opened, "echo", (n for n in range(3)))
    assert ending.state == "failed"
    assert "pickle" in str(ending.error)
    assert ask(opened, "echo", 2).value == 2
