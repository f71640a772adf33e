"""Least numbers of repeats and places without which a measurement has nothing to say."""

from __future__ import annotations

import operator
from typing import Any

from ..errors import InputError


def at_least(what: str, number: Any, least: int) -> None:
    """Raise InputError where a parameter is no whole number, or below the least that its statistics need."""
    whole(what, number)
    if number < least:
        raise InputError(f"too few {what} to measure with ({number}): give {least} or more.")


def whole(what: str, number: Any) -> None:
    """Raise InputError where a parameter is no whole number."""
    try:
        if isinstance(number, bool):
            raise TypeError(number)
        operator.index(number)
    except TypeError as error:
        raise InputError(f"{what} must be a whole number, not {number!r}.") from error
