"""Headers of a person's own: secrets come from the environment, and are told to nobody but the endpoint."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...errors import InputError

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SENSITIVE = re.compile(r"auth|cookie|key|token|secret|passw|credential|signature", re.IGNORECASE)


@dataclass(frozen=True)
class Headers:
    """Headers as they are sent, and as they may be told.

    Attributes:
        sent: Name to value; never written anywhere, and no part of ``repr``.
        told: The headers without variables, which may choose the model: a part of the observer's identity.
        secret: Whether any value came from the environment.
    """

    sent: Mapping[str, str] = field(default_factory=dict, repr=False)
    told: Mapping[str, str] = field(default_factory=dict)
    secret: bool = False


def read_headers(lines: Sequence[str]) -> Headers:
    """Headers from lines ``Name: value``, in which ``${VARIABLE}`` stands for what the environment holds.

    Raises:
        InputError: A line has another form, a variable is not set, or a value that looks like a credential is
            written out, where it would be kept in the run.
    """
    return expand([_split(line) for line in lines])


def expand(pairs: Sequence[tuple[str, str]]) -> Headers:
    """As ``read_headers``, for names and values."""
    sent: dict[str, str] = {}
    told: dict[str, str] = {}
    for name, value in pairs:
        if not _NAME.fullmatch(name):
            raise InputError("a header's name has letters, digits and hyphens only: write 'Name: value'.")
        variables = _VARIABLE.findall(value)
        if not variables:
            if _SENSITIVE.search(name):
                raise InputError(
                    f"the header {name} looks like a credential, which would be written into the run: put it into "
                    f"an environment variable and write '{name}: ${{VARIABLE}}'."
                )
            told[name] = value
        sent[name] = _VARIABLE.sub(lambda found, name=name: _value(found[1], name), value)  # type: ignore[misc]
        if not sent[name].isascii() or not sent[name].isprintable():
            raise InputError(f"the value of the header {name} must be one line of ASCII text.")
    return Headers(sent, told, len(told) < len(sent))


def _split(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise InputError("a header is written 'Name: value', for example 'Authorization: Bearer ${TOKEN}'.")
    return name.strip(), value.strip()


def _value(variable: str, header: str) -> str:
    if not variable or variable not in os.environ:
        raise InputError(
            f"the header {header} needs the environment variable {variable!r}, which is not set: export it first."
        )
    return os.environ[variable].strip()
