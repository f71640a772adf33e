"""The file of a pattern: arrays and a few facts in one ``.npz``, of which nothing is ever unpickled or run."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

FORMAT = "deepception-pattern-1"
_MAX_BYTES = 256 * 2**20
_FACTS = "about"


def pack(arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> bytes:
    """The bytes of a pattern file; equal contents give equal bytes. ``facts`` are JSON-able."""
    text = json.dumps({"format": FORMAT, **facts}, sort_keys=True)
    content: dict[str, Any] = {**arrays, _FACTS: np.frombuffer(text.encode(), dtype=np.uint8)}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **content)
    return buffer.getvalue()


def unpack(data: bytes, name: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Arrays and facts of a pattern file.

    Raises:
        InputError: ``name`` is no such file, or one of another version.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > _MAX_BYTES:
            raise InputError(f"{name} unpacks to {size} bytes, more than a pattern has: it is none of ours.")
        with np.load(io.BytesIO(data), allow_pickle=False) as members:
            arrays = {key: members[key] for key in members.files}
        facts = json.loads(arrays.pop(_FACTS).tobytes().decode())
        written = facts.pop("format")
    except InputError:
        raise
    except Exception as error:  # zipfile, numpy and json raise almost anything on damaged files
        raise InputError(f"{name} is no pattern file: give one that this package has written.") from error
    if written != FORMAT:
        raise InputError(f"{name} is a {written} and not a {FORMAT}: learn it again with this version.")
    return arrays, facts


def as_path(given: str | os.PathLike[str]) -> Path:
    """The path that was given; InputError for what is none."""
    if not isinstance(given, (str, os.PathLike)):
        raise InputError(f"{given!r} is no path: give the name of a pattern file (.npz).")
    return Path(given)


def write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; InputError where it cannot be written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}): choose another place."
        ) from error


def read(path: Path) -> bytes:
    """The bytes of a file; InputError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"{path} cannot be read ({reason}): check the path of the pattern.") from error
