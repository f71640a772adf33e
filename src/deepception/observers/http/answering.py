"""Reading answers: JSON that is bounded and plain, and rows of scores."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..remote import TransientError
from .client import Reply


def nonsense(message: str) -> TransientError:
    """An answer that means nothing: another try may bring a better one."""
    return TransientError("bad answer", message, nonsense=True)


def read_json(reply: Reply, body: bytes | None = None) -> Any:
    """The JSON of an answer; raises TransientError where it is none."""
    text = reply.body if body is None else body
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
        what = (
            "a web page" if "html" in kind or text[:64].lstrip().lower().startswith(b"<") else "no whole JSON"
        )
        raise nonsense(f"the answer is {what}") from error


def row_of(values: Any, what: str = "scores") -> NDArray[np.float64]:
    """One row of numbers, float64 ``[1, K]``, from a list, flat or nested in lists of one.

    Raises TransientError for anything else, a list with text or null in it among them.
    """
    while isinstance(values, list) and len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    if not isinstance(values, list) or not values:
        raise nonsense(f"the {what} are no list of numbers")
    if not all(type(value) in (int, float) for value in values):
        raise nonsense(f"the {what} are not all numbers")
    return np.asarray(values, dtype=np.float64)[None]
