"""Files that workers need: known by their bytes."""

from __future__ import annotations

from pathlib import Path

from ...errors import InputError
from ...observers.fingerprint import file_sha256
from .protocol import Good


def described(path: Path) -> Good:
    """A file as it is now, not yet brought anywhere. Raises InputError where it cannot be read."""
    path = path.absolute()
    try:
        return Good(str(path), file_sha256(path), path.name)
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> InputError:
    """What is said of a file that the workers need and the driver cannot read."""
    reason = (error.strerror or str(error)).lower()
    return InputError(f"{path} cannot be read for the workers ({reason}).")
