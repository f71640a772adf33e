"""Writing into a run folder: whole files or nothing, and one sentence for whatever the disk answers."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..errors import RunFolderError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def folder_error(folder: Path, error: OSError) -> RunFolderError:
    """Say in one sentence what the disk answered when something in ``folder`` was to be written or read."""
    if error.errno in _FULL:
        return RunFolderError(
            f"The disk of '{folder}' is full: free some space and run the same command again "
            "(what was measured so far is kept)."
        )
    reason = (error.strerror or str(error)).lower()
    if error.errno in _FORBIDDEN:
        return RunFolderError(
            f"'{folder}' cannot be used ({reason}): change its permissions or name another folder."
        )
    return RunFolderError(f"'{folder}' cannot be used as a run folder ({reason}): name another folder.")


def make_folder(folder: Path) -> None:
    """Make a folder and its parents where they are missing; raises RunFolderError where it cannot."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise folder_error(folder, error) from error


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that, whenever the process or the machine dies, the old one or the new one is whole.

    The bytes go to a hidden temporary file beside it, reach the disk, and take the name in one step. Raises
    RunFolderError where the disk is full or cannot be written; no temporary file is left then.
    """
    write_in_order({path: data})


def write_in_order(contents: Mapping[Path, bytes]) -> None:
    """Write files of one folder as ``write_atomically`` does; they take their names in the order given.

    When this returns all are on the disk, which is waited for once for all of them: each wait takes milliseconds.
    """
    (folder,) = {path.parent for path in contents}
    # Several processes, of several machines with equal numbers too, may write the same file.
    mark = f"{os.getpid()}-{secrets.token_hex(4)}"
    temporaries = {path: path.with_name(f".{path.name}.{mark}.tmp") for path in contents}
    try:
        with contextlib.ExitStack() as stack:
            files = []
            for path, data in contents.items():
                file = stack.enter_context(temporaries[path].open("wb"))
                file.write(data)
                file.flush()
                files.append(file)
            _reach_disk([file.fileno() for file in files])
        for path, temporary in temporaries.items():
            os.replace(temporary, path)
        sync_folder(folder)
    except OSError as error:
        raise folder_error(folder, error) from error
    finally:
        # A leftover is only litter, which `sweep` removes: it must not hide the error that is on its way.
        for temporary in temporaries.values():
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def _reach_disk(descriptors: Sequence[int]) -> None:
    """Wait until what was written to files is on the disk; for all of them together."""
    if len(descriptors) == 1:
        os.fsync(descriptors[0])
        return
    with ThreadPoolExecutor(len(descriptors)) as pool:
        list(pool.map(os.fsync, descriptors))


def sweep(folder: Path) -> None:
    """Remove what killed processes left half written in a run folder; only where nobody else is at work."""
    try:
        for pattern in (".*.tmp", "*/.*.tmp", "chunks/*/.*.tmp"):
            for leftover in folder.glob(pattern):
                leftover.unlink(missing_ok=True)
    except OSError as error:
        raise folder_error(folder, error) from error


def sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, which on POSIX needs the folder itself to be synchronised."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network disks cannot synchronise a folder
            raise
    finally:
        os.close(descriptor)
