"""Photographs behind addresses, read through fsspec."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from command_line import save_photographs
from deepception.errors import InputError
from deepception.studies.inputs import find_photographs
from deepception.studies.study.fetching import read_address

fsspec = pytest.importorskip("fsspec", reason="addresses are read through fsspec")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Any]:
    """A file system in memory with a folder of photographs and their classes."""
    system = fsspec.filesystem("memory")
    save_photographs(tmp_path / "photos", 3)
    for i, path in enumerate(sorted((tmp_path / "photos").iterdir())):
        system.pipe_file(f"/val/{'ab'[i % 2]}/{path.name}", path.read_bytes())
    names = sorted(name.removeprefix("/val/") for name in system.find("/val"))
    table = "file,index\n" + "".join(f"{name},{i}\n" for i, name in enumerate(names))
    system.pipe_file("/val/labels.csv", table.encode())
    system.pipe_file("/val/notes.txt", b"no photograph")
    yield system
    system.rm("/val", recursive=True)


def test_a_folder_is_brought_with_its_classes(store: Any, tmp_path: Path) -> None:
    kept = read_address("memory://val", tmp_path / "kept")
    found = find_photographs(kept)
    assert sorted(photograph.label for photograph in found) == [0, 1, 2]
    assert not list(kept.rglob("notes.txt"))
    for photograph in found:
        assert photograph.path.read_bytes() == store.cat_file(f"/val/{photograph.name}")


def test_what_is_there_is_not_brought_again(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = read_address("memory://val", tmp_path)
    brought: list[str] = []
    original = type(store).cat_file

    def counted(self: Any, path: str, *given: Any, **options: Any) -> Any:
        brought.append(path)
        return original(self, path, *given, **options)

    monkeypatch.setattr(type(store), "cat_file", counted)
    (gone,) = first.rglob("*1.*")
    gone.unlink()
    assert read_address("memory://val", tmp_path) == first
    assert [path.rpartition("/")[2] for path in brought] == [gone.name]


def test_globs_and_single_files(store: Any, tmp_path: Path) -> None:
    (some,) = {
        photograph.path.parent.name
        for photograph in find_photographs(read_address("memory://val/b/*", tmp_path))
    }
    assert some != "a"
    name = store.find("/val/b")[0]
    single = read_address(f"memory:/{name}", tmp_path)
    assert single.is_file()
    assert single.read_bytes() == store.cat_file(name)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("memory://nowhere", "holds no photograph"),
        ("nonsense://val", "nonsense"),
        ("file:///nowhere/at/all", "holds no photograph"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, address: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_address(address, tmp_path)
