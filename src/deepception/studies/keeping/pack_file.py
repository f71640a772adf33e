"""A pack: the chunks of many units in one file, record after record, each of which says what it holds."""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ...errors import RunFolderError

SUFFIX = ".pack"
_TITLE = b"deepception pack "
MAGIC = _TITLE + b"1\n"
"""The first bytes of a pack: what it is, and the version of its layout."""

# Before each record: what it is, the unit's hash, the SHA-256 of its JSON, both lengths, and a CRC of all these.
_MARK = b"DPu1"
_FIELDS = struct.Struct("<4s32s32sIQ")
_CRC = struct.Struct("<I")
HEADER = _FIELDS.size + _CRC.size
"""Bytes before the content of a record."""


class DamagedRecord(Exception):
    """A record that cannot be trusted; its text says why."""


@dataclass(frozen=True)
class Found:
    """Where a record lies in its pack.

    Attributes:
        key: Hash of its unit, 32 bytes.
        offset: Of its header, bytes.
        mark: Length of its JSON, bytes.
        arrays: Length of its ``.npz``, bytes.
    """

    key: bytes
    offset: int
    mark: int
    arrays: int

    @property
    def end(self) -> int:
        """Where the next record begins."""
        return self.offset + HEADER + self.mark + self.arrays


class PackWriter:
    """Writes records into a pack that is being made; see ``write_record``.

    Args:
        file: An empty file, open for writing.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = len(MAGIC)
        self.records: list[Found] = []
        file.write(MAGIC)

    def write_record(self, key: bytes, mark: bytes, arrays: bytes) -> Found:
        """Append the chunk of a unit: its hash (32 bytes), its JSON, its ``.npz``."""
        found = Found(key, self.size, len(mark), len(arrays))
        fields = _FIELDS.pack(_MARK, key, hashlib.sha256(mark).digest(), len(mark), len(arrays))
        for part in (fields, _CRC.pack(zlib.crc32(fields)), mark, arrays):
            self._file.write(part)
        self.size = found.end
        self.records.append(found)
        return found

    def finish(self) -> None:
        """Make sure that all of it has reached the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())


def read_record(file: BinaryIO, found: Found, *, arrays: bool = True) -> tuple[bytes, bytes]:
    """The JSON and the ``.npz`` of a record (empty unless ``arrays``); its JSON is that which was written.

    The ``.npz`` is not checked here: its digest is in the JSON. Raises DamagedRecord, and OSError where the disk
    cannot be read.
    """
    mark = read_mark(file, found.key, found.offset, found.mark)
    data = file.read(found.arrays) if arrays else b""
    if arrays and len(data) < found.arrays:
        raise DamagedRecord("its pack is cut short")
    return mark, data


def read_mark(file: BinaryIO, key: bytes, offset: int, length: int) -> bytes:
    """The JSON of the unit ``key`` in the record at ``offset``, as it was written. Raises as ``read_record``."""
    file.seek(offset)
    data = file.read(HEADER + length)
    if len(data) < HEADER + length:
        raise DamagedRecord("its pack is cut short")
    header = _header(data, 0)
    if header is None or header[0] != key or header[2] != length:
        raise DamagedRecord("its place in the pack holds something else")
    mark = data[HEADER:]
    if hashlib.sha256(mark).digest() != header[1]:
        raise DamagedRecord("its record was altered")
    return mark


def scan(path: Path) -> Iterator[Found]:
    """All whole records of a pack, in order, from their headers alone.

    A damaged header is passed over with its record, and a last record that is cut short counts as not there.

    Raises RunFolderError where a newer version wrote the pack, OSError where it cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            title = data[: len(MAGIC)]
            if title.startswith(_TITLE) and title != MAGIC[: len(title)]:
                raise RunFolderError(
                    f"'{path}' was written by a newer version of deepception: update deepception."
                )
            at = len(MAGIC)
            while 0 <= at < size:
                header = _header(data, at)
                if header is None:
                    at = data.find(_MARK, at + 1)
                    continue
                found = Found(header[0], at, header[2], header[3])
                if found.end > size:
                    # Its header is whole: either it is the last, or the disk has lost what followed.
                    return
                yield found
                at = found.end


def _header(data: bytes | mmap.mmap, at: int) -> tuple[bytes, bytes, int, int] | None:
    """Hash, digest of the JSON and both lengths; ``None`` where there is no sound header."""
    if at + HEADER > len(data):
        return None
    mark, key, told, length, arrays = _FIELDS.unpack_from(data, at)
    (crc,) = _CRC.unpack_from(data, at + _FIELDS.size)
    if mark != _MARK or crc != zlib.crc32(data[at : at + _FIELDS.size]):
        return None
    return key, told, length, arrays
