"""Photographs behind addresses (s3://, gs://, hf://, https://, …), fetched through fsspec and kept."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from ...errors import InputError
from ..files import make_folder, write_atomically
from ..inputs import photograph_suffixes

_TABLES = (".csv",)


def is_address(text: str) -> bool:
    """Whether a text is an address rather than a path."""
    return "://" in text


def read_address(address: str, folder: Path) -> Path:
    """Bring the photographs behind an address, and the tables beside them, into a folder; what is there stays.

    Args:
        address: A file, a folder or a glob, as fsspec understands it.
        folder: Where they are kept, in a folder of their own for each address.

    Returns:
        What to read in its place: the file, or the folder.

    Raises:
        InputError: fsspec, or what it needs for such an address, is not installed; nothing is there; or it
            cannot be read.
        RunFolderError: The disk is full or cannot be written.
    """
    try:
        import fsspec
    except ImportError as error:
        raise InputError(
            f"{address} needs fsspec: pip install 'deepception[remote-files]', or give files."
        ) from error
    try:
        system, root = fsspec.core.url_to_fs(address)
        found = _listed(system, root)
    except ImportError as error:
        raise InputError(
            f"{address} cannot be opened ({error}): install what it names, or give files."
        ) from error
    except Exception as error:
        raise _unreadable(address, error) from error
    if not found:
        raise InputError(f"{address} holds no photograph: check the address.")
    kept = folder / hashlib.sha256(address.encode()).hexdigest()[:12]
    start = _shared_folder(found)
    for remote in found:
        local = kept / remote[len(start) :].lstrip("/")
        if local.exists():
            continue
        make_folder(local.parent)
        try:
            content = system.cat_file(remote)
        except Exception as error:
            raise _unreadable(remote, error) from error
        write_atomically(local, content)
    only = found[0] if len(found) == 1 and found[0] == root else None
    return kept if only is None else kept / only[len(start) :].lstrip("/")


def _listed(system: Any, root: str) -> list[str]:
    """The files behind an address that may be photographs or tell their classes, sorted."""
    if any(c in root for c in "*?["):
        names = [name for name in system.glob(root) if not system.isdir(name)]
    elif system.isdir(root):
        names = system.find(root)
    else:
        return [root] if system.exists(root) else []
    wanted = photograph_suffixes() | set(_TABLES)
    return sorted(name for name in names if Path(name).suffix.lower() in wanted)


def _shared_folder(names: list[str]) -> str:
    folders = [name.rpartition("/")[0] for name in names]
    shared = folders[0]
    for other in folders[1:]:
        while shared and not (other == shared or other.startswith(f"{shared}/")):
            shared = shared.rpartition("/")[0]
    return shared


def _unreadable(address: str, error: Exception) -> InputError:
    text = str(error).strip().splitlines()
    return InputError(
        f"{address} cannot be read ({type(error).__name__}{f': {text[0]}' if text else ''}): check the address "
        "and your access to it."
    )
