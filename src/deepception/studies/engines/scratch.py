"""Private folders of workers: each is held by a lock, so that what a killed worker leaves is found and removed."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from pathlib import Path
from typing import IO

_NAME = "deepception-worker-"
_LOCK = ".lock"


class Scratch:
    """A new folder among the temporary files; it is this process's until it is removed or the process ends."""

    def __init__(self) -> None:
        # It gets its name only with the lock: nobody else is to take it for a dead worker's before.
        made = Path(tempfile.mkdtemp(prefix=".deepception-new-"))
        self._lock: IO[bytes] = (made / _LOCK).open("wb")
        _lock(self._lock)
        self.path = made.with_name(made.name.replace(".deepception-new-", _NAME))
        if sys.platform == "win32":
            self.path = made  # an open file holds its folder's name there
        else:
            made.rename(self.path)

    def remove(self) -> None:
        """Remove it with all that is in it; what cannot be removed is left to the system."""
        if sys.platform == "win32":
            self._lock.close()
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def sweep() -> None:
    """Remove the folders of workers of this machine that are no more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_NAME}*"):
        # Other people's folders cannot be opened, and those of living workers are locked. One without a lock was
        # left in the midst of its removal: a folder has its lock before it has its name.
        with contextlib.suppress(OSError), contextlib.ExitStack() as opened:
            with contextlib.suppress(FileNotFoundError):
                _lock(opened.enter_context((folder / _LOCK).open("rb+")))
            shutil.rmtree(folder, ignore_errors=True)


def _lock(file: IO[bytes]) -> None:
    """Lock a file as long as it is open; raises OSError where another process holds it, or locks are unknown."""
    if sys.platform == "win32":
        return
    import fcntl

    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
