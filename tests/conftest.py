from __future__ import annotations

import shutil
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import call, chunks, results, save_photographs, save_placed_observer


@pytest.fixture(scope="session", autouse=True)
def _heeded_interrupt() -> None:
    """What a shell starts in the background ignores Ctrl-C, and so would its children: here it counts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _nobodys_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for the default cache: no test reads or writes that of the person who runs the tests."""
    folder = tmp_path_factory.mktemp("caches")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEEPCEPTION_CACHE", str(folder / "answers.sqlite"))
        yield folder


@pytest.fixture(autouse=True)
def _own_cache(_nobodys_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a default cache of its own, made where it is used."""
    monkeypatch.setenv("DEEPCEPTION_CACHE", str(_nobodys_cache / uuid.uuid4().hex / "answers.sqlite"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of networks and photographs for development, where there is one beside the checkout."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not (folder / "models" / "models.json").is_file():
        pytest.skip("the shared networks and photographs are not here")
    return folder


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an observer and good photographs, which no test changes. Some modules have another lab."""
    folder = tmp_path_factory.mktemp("lab")
    save_placed_observer(folder / "good.onnx")
    save_photographs(folder / "photos", 2)
    return folder


@pytest.fixture(scope="session")
def finished(lab: Path) -> Path:
    """A finished run of the good photographs."""
    done = call("audit", lab / "good.onnx", lab / "photos", "--quick", "--out", lab / "finished", page=False)
    assert done.code == 0, done
    return lab / "finished"


@pytest.fixture
def kept(finished: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of the finished run; whatever a test does to it, what was measured must still be there."""
    folder = tmp_path / "kept"
    shutil.copytree(finished, folder)
    yield folder
    before, after = chunks(finished), chunks(folder)
    assert before.items() <= after.items()
    measured = {p["name"]: p for p in results(folder)["photographs"]}
    assert all(measured[p["name"]] == p for p in results(finished)["photographs"])
