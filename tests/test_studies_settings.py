"""run.json: making a run, joining it, extending it, and refusing another one."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from deepception.errors import RunFolderError
from deepception.studies import (
    ObserverEntry,
    PhotographEntry,
    RunSettings,
    check_usable,
    create_or_join,
    fix_batch_size,
    load_settings,
    open_run,
)

CAT = PhotographEntry(name="cat.jpg", path="/p/cat.jpg", sha256="a" * 64, label=281)
DOG = PhotographEntry(name="dog.jpg", path="/p/dog.jpg", sha256="b" * 64)
NET = ObserverEntry(name="net", spec="onnx:net.onnx", fingerprint="f" * 64, identity={"adapter": "onnx"})


def settings(**fields: Any) -> RunSettings:
    base: dict[str, Any] = {
        "version": "0.1.0",
        "settings": {"patch": {"size": 32, "kinds": ("grey", "noise")}, "quick": True},
        "seed": 1,
        "observers": (NET,),
        "photographs": (CAT,),
        "command": ("deepception", "audit", "net.onnx", "p"),
    }
    return RunSettings(**{**base, **fields})


def test_a_new_run_is_written_and_read_back(tmp_path: Path) -> None:
    made = create_or_join(tmp_path / "a" / "run", settings())
    read = load_settings(tmp_path / "a" / "run")
    assert read.digest == made.digest == settings().digest
    assert read.photographs == (CAT,)
    assert read.observers == (NET,)
    assert read.settings == {"patch": {"size": 32, "kinds": ["grey", "noise"]}, "quick": True}
    assert json.loads((tmp_path / "a" / "run" / "run.json").read_text())["digest"] == made.digest


def test_joining_with_the_same_changes_no_byte(tmp_path: Path) -> None:
    create_or_join(tmp_path, settings())
    before = (tmp_path / "run.json").read_bytes()
    create_or_join(tmp_path, settings(command=("deepception", "again")))
    assert (tmp_path / "run.json").read_bytes() == before


def test_more_photographs_and_observers_extend_the_run(tmp_path: Path) -> None:
    create_or_join(tmp_path, settings())
    second = ObserverEntry(name="other", spec="onnx:o.onnx", fingerprint="e" * 64)
    create_or_join(tmp_path, settings(photographs=(DOG,), observers=(second,), command=("more",)))
    run = load_settings(tmp_path)
    assert run.photographs == (CAT, DOG)
    assert run.observers == (NET, second)
    assert run.command == settings().command
    (extension,) = run.extensions
    assert (extension.command, extension.photographs) == (("more",), ("dog.jpg",))
    assert extension.observers == ("other",)
    assert create_or_join(tmp_path, settings(photographs=(DOG, CAT))).photographs == (CAT, DOG)


def test_two_photographs_of_one_name_get_two_names(tmp_path: Path) -> None:
    create_or_join(tmp_path, settings())
    other = PhotographEntry(name="cat.jpg", path="/q/cat.jpg", sha256="c" * 64)
    run = create_or_join(tmp_path, settings(photographs=(other,)))
    assert [entry.name for entry in run.photographs] == ["cat.jpg", "cat.jpg (cccccccc)"]


def test_the_same_photograph_twice_counts_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    copy = CAT.model_copy(update={"name": "copy.jpg"})
    with caplog.at_level(logging.WARNING):
        assert create_or_join(tmp_path / "a", settings(photographs=(CAT, copy))).photographs == (CAT,)
    assert "counts once" in caplog.text
    with pytest.raises(RunFolderError, match=r"'cat.jpg' and 'copy.jpg' are the same photograph"):
        create_or_join(tmp_path / "b", settings(photographs=(CAT, copy.model_copy(update={"label": 3}))))


def test_other_settings_are_refused_field_by_field(tmp_path: Path) -> None:
    create_or_join(tmp_path, settings(batch_size=16))
    before = (tmp_path / "run.json").read_bytes()
    other = {"patch": {"size": 48, "kinds": ["grey", "noise"]}, "full": True}
    with pytest.raises(RunFolderError) as caught:
        create_or_join(tmp_path, settings(settings=other, seed=2, batch_size=8))
    text = str(caught.value)
    assert "patch.size: 32 there, 48 here" in text
    assert "seed: 1 there, 2 here" in text
    assert "batch_size: 16 there, 8 here" in text
    assert "quick: true there, nothing here" in text
    assert "full: nothing there, true here" in text
    assert "kinds" not in text
    assert "\n" not in text
    assert caught.value.exit_code == 2
    assert (tmp_path / "run.json").read_bytes() == before


def test_a_difference_in_a_long_list_shows_the_entries_that_differ(tmp_path: Path) -> None:
    names = [f"class {number}" for number in range(1000)]
    create_or_join(tmp_path, settings(settings={"labels": names, "pool": [{"name": "a"}]}))
    other = [*names[:2], "x" * 500, *names[3:10], "y", *names[11:999]]
    with pytest.raises(RunFolderError) as caught:
        create_or_join(tmp_path, settings(settings={"labels": other, "pool": [{"name": "b"}]}))
    text = str(caught.value)
    shown = [
        'labels.2: "class 2" there, "xxx',
        'labels.10: "class 10" there, "y" here',
        "nothing here",
        "pool.0.name",
    ]
    assert [text.index(part) for part in shown] == sorted(text.index(part) for part in shown)
    assert len(text) < 600


def test_another_class_for_a_photograph_is_refused(tmp_path: Path) -> None:
    create_or_join(tmp_path, settings())
    with pytest.raises(RunFolderError, match=r"'cat.jpg' as class 281, now it is of no known class"):
        create_or_join(tmp_path, settings(photographs=(CAT.model_copy(update={"label": None}),)))


def test_the_batch_size_is_chosen_once(tmp_path: Path) -> None:
    assert create_or_join(tmp_path, settings()).batch_size is None
    assert fix_batch_size(tmp_path, 16).batch_size == 16
    assert create_or_join(tmp_path, settings()).batch_size == 16
    with pytest.raises(RunFolderError, match="batch_size: 16 there, 32 here"):
        fix_batch_size(tmp_path, 32)
    assert load_settings(tmp_path).extensions == ()


def test_another_version_goes_on_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    create_or_join(tmp_path, settings())
    with caplog.at_level(logging.WARNING):
        create_or_join(tmp_path, settings(version="0.2.0"))
    assert "made by version 0.1.0" in caplog.text


def edited(change: dict[str, Any]) -> Any:
    return lambda text: json.dumps({**json.loads(text), **change}).encode()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda text: text[:50], "cut short"),
        (lambda text: b"", "cut short"),
        (lambda text: b"\xff\xfe\x01", "cut short"),
        (lambda text: b"[]", "no settings"),
        (edited({"seed": "many"}), "seed"),
        (edited({"seed": 7}), "not those that were written"),
        (edited({"settings": {"a": float("nan")}}), "plain JSON"),
        (edited({"photographs": [{"name": "x"}]}), "photographs.0.path"),
    ],
)
def test_a_damaged_run_json_is_a_sentence(tmp_path: Path, damage: Any, reason: str) -> None:
    create_or_join(tmp_path, settings())
    path = tmp_path / "run.json"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RunFolderError, match=rf"run.json in .* is damaged .*{reason}.*restore that file"):
        create_or_join(tmp_path, settings())


def test_a_run_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    create_or_join(tmp_path, settings())
    path = tmp_path / "run.json"
    path.write_bytes(edited({"format": 2, "version": "9.0", "novelty": 1})(path.read_bytes()))
    with pytest.raises(RunFolderError, match=r"newer version of deepception \(9.0\)"):
        load_settings(tmp_path)


def test_somebody_elses_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(RunFolderError, match="is not empty and holds no run"), open_run(tmp_path, settings()):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_an_empty_folder_or_one_with_hidden_files_only_will_do(tmp_path: Path) -> None:
    (tmp_path / ".DS_Store").write_text("")
    with open_run(tmp_path, settings()) as run:
        assert run.settings.photographs == (CAT,)
    with open_run(tmp_path, settings()) as run:
        assert [sitting.ended is None for sitting in run.ledger.sittings()] == [False, True]


@pytest.mark.parametrize("kind", ["file", "below a file", "broken link", "link to itself"])
def test_what_cannot_be_a_folder_is_a_sentence(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "target"
    match kind:
        case "file":
            target.write_text("")
        case "below a file":
            target.write_text("")
            target = target / "run"
        case "broken link":
            target.symlink_to(tmp_path / "nowhere")
        case "link to itself":
            target.symlink_to(target)
    with pytest.raises(RunFolderError, match=r"name a(nother)? folder"), open_run(target, settings()):
        pass


def test_an_unwritable_folder_is_a_sentence(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o555)
    with pytest.raises(RunFolderError, match="permission denied"), open_run(tmp_path / "run", settings()):
        pass


def test_a_folder_that_holds_no_run_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="is not a run folder"):
        load_settings(tmp_path / "nowhere")
    check_usable(tmp_path / "nowhere")


def test_names_that_are_not_unicode_can_be_kept(tmp_path: Path) -> None:
    strange = PhotographEntry(name="\udcff.jpg", path="/p/\udcff.jpg", sha256="d" * 64)
    create_or_join(tmp_path, settings(photographs=(strange,), settings={"pool": ["/p/\udcff.jpg"]}))
    assert load_settings(tmp_path).photographs[0].name == "?.jpg"
    assert load_settings(tmp_path).settings == {"pool": ["/p/\udcff.jpg"]}


# -- several processes ------------------------------------------------------------------------------------


def test_one_who_asks_for_the_same_joins_and_one_who_asks_for_more_is_told(tmp_path: Path) -> None:
    with open_run(tmp_path, settings()) as first:
        assert first.lease.held
        with open_run(tmp_path, settings()) as second:
            assert not second.lease.held
            assert [other.pid for other in second.others] == [os.getpid()]
            assert second.settings.photographs == first.settings.photographs
            assert second.settings.digest == first.settings.digest
        for other, word in (
            (settings(photographs=(DOG,)), "more photographs"),
            (settings(settings={"grid": [9, 9]}), "other settings"),
            (settings(seed=99), "seed"),
        ):
            with (
                pytest.raises(RunFolderError, match=rf"in use by process {os.getpid()} on .*{word}"),
                open_run(tmp_path, other),
            ):
                pass
        with (
            pytest.raises(RunFolderError, match="has a budget"),
            open_run(tmp_path, settings(), alone="has a budget"),
        ):
            pass
    with open_run(tmp_path, settings(photographs=(CAT, DOG))) as later:
        assert later.lease.held
        assert later.settings.photographs == (CAT, DOG)


def test_one_who_stays_keeps_the_run_from_being_changed(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        with open_run(tmp_path, settings()):
            stays = stack.enter_context(open_run(tmp_path, settings()))
        assert not stays.lease.held
        with pytest.raises(RunFolderError, match="in use"), open_run(tmp_path, settings(photographs=(DOG,))):
            pass
        with open_run(tmp_path, settings()) as next_one:
            assert next_one.lease.held, "the lease was free, and nothing had to be changed"
        assert stays.settle(finished=True)
        assert stays.lease.held


def test_the_batch_size_is_chosen_by_the_holder_of_the_lease(tmp_path: Path) -> None:
    asked = settings(batch_size=None)
    with open_run(tmp_path, asked) as first, open_run(tmp_path, asked) as second:
        assert first.batch_size(None) is None, "the holder is to find one"
        waited: list[int] = []

        def found() -> bool:
            waited.append(1)
            if len(waited) == 2:
                fix_batch_size(tmp_path, 24)
            return False

        assert second.batch_size(None, found) == 24
        assert len(waited) == 2
        with pytest.raises(RunFolderError, match="batch_size: 24 there, 8 here"):
            second.batch_size(8)
