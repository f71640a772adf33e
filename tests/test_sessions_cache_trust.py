"""A cache to be trusted: damage, full disks, other versions and other people's files spoil no measurement."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import stat
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import environment
from deepception.errors import InputError
from deepception.observers import AnswerLevel, FunctionObserver, RawAnswers
from deepception.sessions import AnswerCache, CacheChoice, Session, chosen_cache, default_cache
from deepception.sessions.cache import LEAST_BYTES
from deepception.stimuli import Frame

WHO = "a1" * 32


def digest(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()


def keep(cache: AnswerCache, numbers: range) -> None:
    scores = np.array(numbers, dtype=np.float32)[:, None] + np.zeros(10, np.float32)
    raw = RawAnswers(AnswerLevel.LOGITS, scores)
    cache.keep(WHO, [digest(n) for n in numbers], raw, range(len(numbers)))


def kept(cache: AnswerCache, numbers: range) -> list[int]:
    found = cache.find(WHO, [digest(n) for n in numbers])
    assert all(answer.scores[0, 0] == numbers[row] for row, answer in found.items())
    return [numbers[row] for row in found]


def filled(path: Path, count: int = 500) -> Path:
    with AnswerCache(path) as cache:
        keep(cache, range(count))
    return path


def spoil_pages(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[16384 : 3 * 16384] = b"\x7f" * (2 * 16384)
    path.write_bytes(bytes(content))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20_000])


def spoil_header(path: Path) -> None:
    path.write_bytes(b"\x00" * 16 + path.read_bytes()[16:])


def spoil_format(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[44:48] = b"\x00\x00\x00\x63"  # which SQLite answers as an error of no kind
    path.write_bytes(bytes(content))


def overwrite(path: Path) -> None:
    path.write_text("a novel " * 1000)


@pytest.mark.parametrize("damage", [spoil_pages, cut, spoil_header, spoil_format, overwrite])
def test_a_damaged_cache_is_set_aside_and_begun_anew(
    tmp_path: Path, damage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    path = filled(tmp_path / "answers.sqlite")
    damage(path)
    spoilt = path.read_bytes()
    with caplog.at_level(logging.WARNING), AnswerCache(path) as cache:
        assert kept(cache, range(10)) == []
        keep(cache, range(10))
    assert "was damaged" in caplog.text
    (aside,) = tmp_path.glob("answers.sqlite.damaged-*")
    assert aside.read_bytes() == spoilt
    caplog.clear()
    with AnswerCache(path) as cache:
        assert kept(cache, range(20)) == list(range(10))
    assert caplog.text == ""


def test_an_answer_that_was_altered_is_unknown(tmp_path: Path) -> None:
    path = filled(tmp_path / "answers.sqlite", 3)
    with closing(sqlite3.connect(path)) as base, base:
        (scores,) = base.execute("SELECT scores FROM answers WHERE digest = ?", (digest(1),)).fetchone()
        altered = bytes([scores[0] ^ 1]) + scores[1:]
        base.execute("UPDATE answers SET scores = ? WHERE digest = ?", (altered, digest(1)))
        base.execute("UPDATE answers SET level = 'probabilities' WHERE digest = ?", (digest(2),))
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",), "SQLite itself does not see it"
    with AnswerCache(path) as cache:
        assert kept(cache, range(3)) == [0]


def test_another_database_is_refused_and_left(tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(other)) as base:
        base.execute("CREATE TABLE answers (novel TEXT)")
    content = other.read_bytes()
    with pytest.raises(InputError, match=r"other\.sqlite"):
        AnswerCache(other)
    assert other.read_bytes() == content
    assert list(tmp_path.iterdir()) == [other]


READING = """
import logging, os, sys
from test_sessions_cache_trust import keep, kept
from deepception.sessions import AnswerCache
logging.basicConfig(format="%(message)s")
if os.geteuid() == 0:  # whoever may do everything is not stopped by permissions, so somebody else reads
    os.setgroups([])
    os.setegid(65534)
    os.seteuid(65534)
with AnswerCache(sys.argv[1]) as cache:
    known = kept(cache, range(20))
    keep(cache, range(10, 20))
    assert known == kept(cache, range(20)) == list(range(10)), known
"""


@pytest.mark.skipif(sys.platform == "win32", reason="other permissions")
@pytest.mark.parametrize("also_folder", [False, True])
def test_a_cache_that_can_only_be_read_is_read(also_folder: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = filled(folder / "answers.sqlite", 10)
        path.chmod(0o444)
        folder.chmod(0o555 if also_folder else 0o777)
        try:
            done = subprocess.run(
                [sys.executable, "-c", READING, str(path)],
                env=environment(Path(__file__).parent),
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            folder.chmod(0o700)
            path.chmod(0o600)
        assert done.returncode == 0, done.stderr
        (said,) = done.stderr.splitlines()
        assert said.startswith(f"The answer cache {path} cannot be written (")
        assert said.endswith("): what it knows is used, and nothing is kept.")
        with AnswerCache(path) as cache:
            assert kept(cache, range(20)) == list(range(10))


def test_answers_of_an_earlier_version_are_forgotten(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "answers.sqlite"
    with closing(sqlite3.connect(path)) as base:
        base.executescript("CREATE TABLE answers (fingerprint BLOB, digest BLOB); PRAGMA user_version = 1;")
    with caplog.at_level(logging.WARNING), AnswerCache(path) as cache:
        keep(cache, range(3))
        assert kept(cache, range(3)) == [0, 1, 2]
    assert "earlier version" in caplog.text


def test_a_smaller_bound_gives_the_disk_room_back(tmp_path: Path) -> None:
    path = filled(tmp_path / "answers.sqlite", 20_000)
    assert path.stat().st_size > 4 * LEAST_BYTES
    with AnswerCache(path, max_bytes=LEAST_BYTES) as cache:
        assert cache.size <= LEAST_BYTES
        assert kept(cache, range(19_990, 20_000)) == list(range(19_990, 20_000))
    assert path.stat().st_size <= LEAST_BYTES


def observer() -> FunctionObserver:
    weights = np.random.default_rng(0).normal(size=(192, 4)) / 255
    return FunctionObserver(
        lambda images: images.reshape(len(images), -1) @ weights, Frame(8, 8), classes=4, version="1"
    )


def test_on_a_full_disk_the_measurement_goes_on_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images = np.random.default_rng(1).integers(0, 256, (300, 8, 8, 3), dtype=np.uint8)
    plain = Session(observer(), batch_size=10).ask_images(images)
    with caplog.at_level(logging.WARNING), AnswerCache(tmp_path / "answers.sqlite") as cache:
        cache._base.execute("PRAGMA max_page_count = 5")
        session = Session(observer(), batch_size=10, cache=cache)
        assert session.ask_images(images).same_as(plain)
        assert session.queries == 300
        known = len(cache)
        assert 0 < known < 300, "what was kept before is sound, and used"
        assert session.ask_images(images).same_as(plain)
        assert session.cached == known
    (warning,) = caplog.messages
    assert "cannot be written any more" in warning
    with AnswerCache(tmp_path / "answers.sqlite") as later:
        assert len(later) == known


def test_a_cache_that_cannot_be_read_any_more_is_done_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), AnswerCache(tmp_path / "answers.sqlite") as cache:
        keep(cache, range(3))
        cache._base.execute("DROP TABLE answers")
        for _ in range(2):
            assert kept(cache, range(3)) == []
            keep(cache, range(3))
        assert (len(cache), cache.size) == (0, 0)
    (warning,) = caplog.messages
    assert "goes on without" in warning


def test_the_count_of_what_a_measurement_needs_does_not_depend_on_the_cache() -> None:
    images = np.random.default_rng(1).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    with AnswerCache() as cache:
        for known in (0, 20):
            session = Session(observer(), batch_size=8, cache=cache)
            session.ask_images(images)
            assert (session.answered, session.cached) == (20, known)
            assert session.queries == session.transmissions == 20 - known


# -- which cache ------------------------------------------------------------------------------------------


class Far:
    """What makes an observer one of an endpoint."""

    identity: dict[str, Any] = {"adapter": "far"}  # noqa: RUF012
    name = "far"

    async def exchange(self, encoded: Any) -> RawAnswers:
        raise NotImplementedError


def test_the_default_is_on_for_endpoints_and_off_for_local_engines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPCEPTION_CACHE", str(tmp_path / "a" / "b" / "mine.sqlite"))
    far: Any = Far()
    assert chosen_cache(observer(), CacheChoice()) is None
    assert not (tmp_path / "a").exists()
    cache = chosen_cache(far, CacheChoice(max_bytes=7_000_000))
    assert cache is not None
    assert (cache.path, cache.max_bytes) == (tmp_path / "a" / "b" / "mine.sqlite", 7_000_000)
    cache.close()
    assert chosen_cache(far, CacheChoice(off=True)) is None
    named = chosen_cache(observer(), CacheChoice(tmp_path / "named.sqlite"))
    assert named is not None
    named.close()


def test_a_default_that_cannot_be_used_is_a_warning_and_a_named_file_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DEEPCEPTION_CACHE", str(tmp_path / "file" / "answers.sqlite"))
    with caplog.at_level(logging.WARNING):
        assert default_cache() is None
    (warning,) = caplog.messages
    assert warning.startswith("The answer cache ")
    assert warning.endswith("cannot be used: unable to open database file. So no answers are kept.")
    caplog.clear()
    monkeypatch.setenv("DEEPCEPTION_CACHE", str(tmp_path / "file" / "folder" / "answers.sqlite"))
    with caplog.at_level(logging.WARNING):
        assert default_cache() is None
    assert caplog.messages == [
        "The folder of the answer cache cannot be made (not a directory), so no answers are kept."
    ]
    with pytest.raises(InputError, match="too small"):
        CacheChoice(max_bytes=999_999)
    with pytest.raises(InputError, match="cannot be used"):
        chosen_cache(observer(), CacheChoice(tmp_path / "file" / "answers.sqlite"))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other folders")
def test_the_users_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEEPCEPTION_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    cache = default_cache()
    assert cache is not None
    cache.close()
    assert cache.path == tmp_path / "caches" / "deepception" / "answers.sqlite"
    assert stat.S_IMODE(cache.path.parent.stat().st_mode) == 0o700


def test_who_is_known_in_this_process_only_is_not_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fleeting = FunctionObserver(lambda images: np.zeros((len(images), 4)), Frame(8, 8), classes=4)
    with caplog.at_level(logging.WARNING):
        assert chosen_cache(fleeting, CacheChoice(tmp_path / "answers.sqlite")) is None
    assert "needs a version" in caplog.text
    assert not (tmp_path / "answers.sqlite").exists()
