"""Options of the cache of answers, which several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ..sessions import CacheChoice

Command = TypeVar("Command", bound=Callable[..., Any])

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_UNITS |= {f"{unit}I": 2 ** (10 * power) for power, unit in enumerate("KMGT", start=1)}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?(?:e[0-9]+)?)\s*([kmgt]?i?)b?", re.IGNORECASE)


def read_bytes(context: click.Context, option: click.Parameter, value: str | None) -> int | None:
    """A number of bytes, as ``5000000``, ``1e9``, ``2GB`` or ``1.5 GiB``. Raises BadParameter where it is none."""
    if value is None:
        return None
    found = _SIZE.fullmatch(value.strip())
    size = float(found[1]) * _UNITS.get(found[2].upper(), 0) if found else 0
    if not 1 <= size < 2**63:
        raise click.BadParameter(f"{value!r} is no size: give bytes, as in 5000000, 1e9 or 2GB.")
    return int(size)


_CACHE = [
    click.option(
        "--cache",
        "cache_file",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Keep answers in this file and ask for none that is known [default: for an endpoint, a file in the "
        "user's cache folder or the one that DEEPCEPTION_CACHE names; else none].",
    ),
    click.option("--no-cache", is_flag=True, help="Keep no answers, and ask for all of them."),
    click.option(
        "--cache-size",
        metavar="BYTES",
        callback=read_bytes,
        help="How large the file may grow before what was not used for longest is dropped: 1e9 or 2GB, 1MB at "
        "least [default: 2GB].",
    ),
]


def cache_options(command: Command) -> Command:
    """Add the options of the cache to a command."""
    for option in reversed(_CACHE):
        command = option(command)
    return command


def read_cache(given: dict[str, Any]) -> CacheChoice:
    """What the options of ``cache_options`` say, which are taken out of ``given``; nothing is opened yet."""
    from ..sessions import CacheChoice

    path, off, size = (given.pop(name) for name in ("cache_file", "no_cache", "cache_size"))
    if off and (path is not None or size is not None):
        raise click.UsageError("--no-cache and --cache or --cache-size exclude each other.")
    choice = CacheChoice(path, off=off)
    return choice if size is None else CacheChoice(path, size)
