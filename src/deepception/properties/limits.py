"""Least numbers of repeats and places without which a measurement has nothing to say."""

from __future__ import annotations

from ..errors import InputError


def at_least(what: str, number: int, least: int) -> None:
    """Raise InputError where a parameter is below the least that its statistics need."""
    if number < least:
        raise InputError(f"too few {what} to measure with ({number}): give {least} or more.")
