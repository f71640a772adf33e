"""IMAGES: files, folders, globs and CSVs, their labels, and every way in which they can be wrong."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepception.errors import InputError
from deepception.studies import PhotographRef, find_photographs
from deepception.studies.inputs import photograph_suffixes
from deepception.studies.walking import natural


def make(folder: Path, *files: str) -> Path:
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not opened here")
    return folder


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def names(found: list[PhotographRef]) -> list[str]:
    return [photograph.name for photograph in found]


def labels(found: list[PhotographRef]) -> dict[str, int | str | None]:
    return {photograph.name: photograph.label for photograph in found}


# -- what is found ----------------------------------------------------------------------------------------


def test_a_folder_gives_its_photographs_in_natural_order(tmp_path: Path) -> None:
    make(
        tmp_path, "cat10.jpg", "cat2.JPG", "Cat1.png", "notes.txt", "sub/b.webp", "sub/deep/a.tiff", "a/z.bmp"
    )
    make(tmp_path, ".hidden.jpg", ".git/x.jpg", "sub/._a.jpg", "report.pdf", "data.h5", "film.mpg", "noext")
    assert names(find_photographs([tmp_path])) == [
        "Cat1.png",
        "cat2.JPG",
        "cat10.jpg",
        "a/z.bmp",
        "sub/b.webp",
        "sub/deep/a.tiff",
    ]


def test_a_file_is_taken_whatever_its_suffix(tmp_path: Path) -> None:
    make(tmp_path, "photo", "text.jpg")
    found = find_photographs([tmp_path / "photo", str(tmp_path / "text.jpg")])
    assert names(found) == ["photo", "text.jpg"]
    assert found[0].path == tmp_path / "photo"
    assert names(find_photographs(tmp_path / "photo")) == ["photo"]


def test_names_are_unique_and_relative_to_what_all_share(tmp_path: Path) -> None:
    make(tmp_path, "one/x.jpg", "two/x.jpg", "two/sub/x.jpg")
    assert names(find_photographs([tmp_path / "two", tmp_path / "one"])) == [
        "two/x.jpg",
        "two/sub/x.jpg",
        "one/x.jpg",
    ]


def test_each_photograph_is_found_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "link.jpg").symlink_to("a.jpg")
    monkeypatch.chdir(tmp_path)
    found = find_photographs(["b.jpg", ".", "./b.jpg", str(tmp_path / "*.jpg"), "../" + tmp_path.name])
    assert names(found) == ["b.jpg", "a.jpg"]


def test_loops_of_links_are_survived(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "sub/b.jpg", "sub/deep/c.jpg")
    for place, target in [("sub/up", ".."), ("sub/deep/top", "../.."), ("sub/self", "."), ("again", "sub")]:
        (tmp_path / place).symlink_to(target, target_is_directory=True)
    (tmp_path / "eternal").symlink_to("eternal")
    for images in (tmp_path, tmp_path / "**" / "*.jpg", tmp_path / "sub" / "up"):
        assert len(find_photographs([images])) == 3


def test_a_link_that_leads_nowhere_is_kept_for_its_turn(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "eternal.png").symlink_to("eternal.png")
    assert names(find_photographs([tmp_path])) == ["eternal.png", "gone.jpg"]


def test_pipes_and_folders_with_an_image_suffix_are_no_photographs(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    make(tmp_path, "folder.jpg/inside.png")
    assert names(find_photographs([tmp_path])) == ["inside.png"]
    with pytest.raises(InputError, match="neither a file nor a folder"):
        find_photographs([tmp_path / "pipe.jpg"])


def test_globs(tmp_path: Path) -> None:
    make(
        tmp_path,
        "a1.jpg",
        "a10.jpg",
        "a2.jpg",
        "b.png",
        "a.txt",
        "sub/a3.jpg",
        "sub/deep/a4.jpg",
        ".x/a5.jpg",
    )
    assert names(find_photographs([str(tmp_path / "a*")])) == ["a1.jpg", "a2.jpg", "a10.jpg"]
    assert names(find_photographs([str(tmp_path / "?.png")])) == ["b.png"]
    assert len(find_photographs([str(tmp_path / "*")])) == 6
    assert len(find_photographs([str(tmp_path / "**" / "*.jpg")])) == 5
    assert len(find_photographs([str(tmp_path / "**")])) == 6
    assert names(find_photographs([str(tmp_path / "**" / "deep" / "a[0-9].jpg")])) == ["a4.jpg"]


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path: Path) -> None:
    make(tmp_path, "a[1].jpg", "a1.jpg")
    assert names(find_photographs([str(tmp_path / "a[1].jpg")])) == ["a[1].jpg"]


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        ([], "No photographs were named"),
        (["nowhere.jpg"], "There is no file or folder 'nowhere.jpg'"),
        (["*.gif"], r"No photograph matches '\*\.gif'"),
        (["empty"], "The folder 'empty' holds no photographs"),
        (["hidden"], "The folder 'hidden' holds no photographs"),
        (["none/**/*.jpg"], "No photograph matches"),
        (["e*/**/*.jpg"], "too intricate"),
    ],
)
def test_where_nothing_is_found_a_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: list[str], sentence: str
) -> None:
    (tmp_path / "empty" / "sub").mkdir(parents=True)
    make(tmp_path, "hidden/.a.jpg", "hidden/readme.txt", "a.jpg")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=sentence) as caught:
        find_photographs(images)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_read_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a.jpg")

    def refuse(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match="cannot be read \\(permission denied\\)"):
        find_photographs([tmp_path])


def test_pillow_knows_the_suffixes() -> None:
    assert {".jpg", ".jpeg", ".png", ".webp", ".tif", ".bmp", ".gif"} <= photograph_suffixes()
    assert photograph_suffixes().isdisjoint({".pdf", ".mpg", ".h5", ".eps", ".csv", ".txt"})


@given(st.lists(st.text(st.sampled_from("aB1029٣²_")), max_size=6))
def test_natural_order_is_an_order_for_any_names(texts: list[str]) -> None:
    ordered = sorted((Path(text) for text in texts), key=natural)
    backwards = list(reversed(ordered))
    assert sorted(backwards, key=natural) == ordered


# -- labels -----------------------------------------------------------------------------------------------


def test_labels_csv_in_a_folder_is_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make(tmp_path, "a.jpg", "b.jpg", "c.jpg", "sub/d.jpg")
    write(
        tmp_path / "labels.csv",
        "file,index,wnid,name\na.jpg,0,n01440764,tench\nb.jpg,,,crane\nsub/d.jpg,7,,\n",
    )
    with caplog.at_level(logging.WARNING):
        found = find_photographs([tmp_path])
    assert labels(found) == {"a.jpg": 0, "b.jpg": "crane", "c.jpg": None, "sub/d.jpg": 7}
    assert "1 of 4 photographs have no row in their labels.csv" in caplog.text
    for images in (
        [str(tmp_path / "*.jpg")],
        [tmp_path / "a.jpg", tmp_path / "b.jpg", tmp_path / "c.jpg"],
        [str(tmp_path / "*")],
        [str(tmp_path / "**" / "*.jpg")],
        [tmp_path / "labels.csv", tmp_path],
    ):
        assert (
            labels(find_photographs(images)).items() >= {"a.jpg": 0, "b.jpg": "crane", "c.jpg": None}.items()
        )


def test_the_nearest_labels_csv_counts(tmp_path: Path) -> None:
    make(tmp_path, "top/a.jpg", "top/sub/b.jpg", "top/sub/deep/c.jpg")
    write(tmp_path / "labels.csv", "file,index\ntop/a.jpg,1\n")
    write(tmp_path / "top" / "labels.csv", "file,index\na.jpg,2\nsub/b.jpg,3\n")
    write(tmp_path / "top" / "sub" / "labels.csv", "file,index\nb.jpg,4\ndeep/c.jpg,5\n")
    assert labels(find_photographs([tmp_path / "top"])) == {"a.jpg": 2, "sub/b.jpg": 4, "sub/deep/c.jpg": 5}


def test_one_label_for_all(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make(tmp_path, "a.jpg", "b.jpg")
    write(tmp_path / "labels.csv", "file,index\na.jpg,1\n")
    with caplog.at_level(logging.WARNING):
        assert labels(find_photographs([tmp_path], label="tabby cat")) == {
            "a.jpg": "tabby cat",
            "b.jpg": "tabby cat",
        }
    assert labels(find_photographs([tmp_path], label=0)) == {"a.jpg": 0, "b.jpg": 0}
    assert caplog.text == ""


def test_a_csv_names_its_photographs_relative_to_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "lists/x.jpg", "pictures/y.jpg")
    absolute = tmp_path / "pictures" / "y.jpg"
    table = write(
        tmp_path / "lists" / "mine.CSV",
        f'\ufeffLabel , FILE\r\n"great white shark",x.jpg\r\n,"{absolute}"\r\n3,missing.jpg\r\n',
    )
    monkeypatch.chdir("/")
    found = find_photographs([table])
    assert labels(found) == {
        "lists/x.jpg": "great white shark",
        "pictures/y.jpg": None,
        "lists/missing.jpg": "3",
    }
    assert found[0].path == tmp_path / "lists" / "x.jpg"


def test_a_csv_without_classes_will_do(tmp_path: Path) -> None:
    make(tmp_path, "x.jpg")
    assert labels(find_photographs([write(tmp_path / "l.csv", "file\nx.jpg\n")])) == {"x.jpg": None}


def test_a_class_said_once_is_known_and_said_twice_must_agree(tmp_path: Path) -> None:
    make(tmp_path, "x.jpg")
    first = write(tmp_path / "1.csv", "file,index\nx.jpg,1\n")
    second = write(tmp_path / "2.csv", "file,index\n./x.jpg,2\n")
    assert labels(find_photographs([tmp_path, first, tmp_path / "x.jpg"])) == {"x.jpg": 1}
    with pytest.raises(InputError, match="two classes, 1 and 2"):
        find_photographs([first, second])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no column 'file'"),
        (b"name,index\nx.jpg,1\n", "no column 'file'"),
        (b"file,index\n", "names no photographs"),
        (b"file,index\nx.jpg,-1\n", "index '-1' in line 2"),
        (b"file,index\nx.jpg,1.0\n", "index '1.0' in line 2"),
        (b"file,index\ny.jpg,1\nx.jpg,cat\n", "index 'cat' in line 3"),
        ("file,index\nx.jpg,²\n".encode(), "index '²' in line 2"),
        (b"file,index\n,1\n", "names no file in line 2"),
        (b"file,index\nx.jpg,1\nx.jpg,2\n", "another class in line 3"),
        (b"file,label\nx.jpg,caf\xe9\n", "not a text file in UTF-8"),
        (b'file,label\nx.jpg,"open\n', "not a CSV"),
        (b"file,label\nx.jpg," + b"a" * 200_000 + b"\n", "not a CSV"),
    ],
)
def test_a_csv_that_cannot_be_used_is_a_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    make(tmp_path, "x.jpg")
    (tmp_path / "labels.csv").write_bytes(content)
    for images in (tmp_path / "labels.csv", tmp_path):
        with pytest.raises(InputError, match=sentence) as caught:
            find_photographs([images])
        assert "labels.csv" in str(caught.value)


def test_a_row_with_too_few_or_too_many_cells(tmp_path: Path) -> None:
    table = write(tmp_path / "l.csv", "index,file,label\n1\n")
    with pytest.raises(InputError, match="names no file in line 2"):
        find_photographs([table])
    write(table, "file,label\nx.jpg\ny.jpg,a,b\n")
    assert labels(find_photographs([table])) == {"x.jpg": None, "y.jpg": "a"}


def test_names_that_are_not_unicode_stay_apart(tmp_path: Path) -> None:
    for name in (b"\xff.jpg", b"\xfe.jpg"):
        try:
            Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(b"")
        except OSError:
            pytest.skip("this file system only takes names in UTF-8")
    found = find_photographs([tmp_path])
    assert names(found) == ["?.jpg", "?.jpg (2)"]
    assert len({photograph.path for photograph in found}) == 2


def test_the_five_hundred(shared_data: Path) -> None:
    found = find_photographs([shared_data / "photos"])
    assert len(found) == 500
    assert (found[1].name, found[1].label) == ("0002_n01484850.jpg", 2)
    assert all(photograph.label == int(photograph.name[:4]) for photograph in found)
