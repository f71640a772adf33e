"""One run folder, one process at a time."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from types import TracebackType

from ..errors import RunFolderError
from .files import folder_error

LOCK_NAME = ".lock"


class RunLock:
    """The ownership of a run folder, held from ``with`` to its end.

    The operating system holds the lock for the process and drops it when the process ends, however it ends;
    the file only tells others who the owner is. Entering raises RunFolderError where another process owns it.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._descriptor: int | None = None

    def __enter__(self) -> RunLock:
        try:
            import fcntl
        except ImportError as error:
            raise RunFolderError(
                "Run folders need the file locks of Linux or macOS: on Windows, run deepception inside WSL."
            ) from error
        try:
            descriptor = os.open(self.folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise folder_error(self.folder, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
        except BlockingIOError as error:
            owner = _owner(descriptor)
            os.close(descriptor)
            raise RunFolderError(
                f"'{self.folder}' is in use by {owner}: wait until it ends, stop it, or name another folder."
            ) from error
        except OSError as error:
            os.close(descriptor)
            raise folder_error(self.folder, error) from error
        self._descriptor = descriptor
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)  # closing drops the lock; the file stays, for removing it would race
            self._descriptor = None


def _owner(descriptor: int) -> str:
    """Who wrote the lock file, in words; the owner may be about to write it."""
    try:
        owner = json.loads(os.pread(descriptor, 4096, 0))
        return f"process {owner['pid']} on {owner['host']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
