"""Every error that a user can cause or meet: one clear sentence, and the exit code of the command line."""

from __future__ import annotations

import re

_KIND = re.compile(r"^\w+Error: ")


class DeepceptionError(Exception):
    """Base of all errors of this package; its text is one sentence that says what is wrong and what to do."""

    exit_code: int = 2


class InputError(DeepceptionError):
    """A file, a folder, a value or an option cannot be used."""


class PhotographError(InputError):
    """One photograph cannot be used: alone it ends the command, among many it is one failed unit."""


class ObserverError(DeepceptionError):
    """The observer cannot be opened, or answers nonsense (NaN, wrong number of classes)."""


class BudgetError(DeepceptionError):
    """The query budget does not suffice for what was asked."""


class RunFolderError(DeepceptionError):
    """A run folder cannot be written, is full, is damaged, or holds other settings."""


class UnreachableError(DeepceptionError):
    """The observer cannot be reached, or stopped answering."""

    exit_code = 4


class Cancelled(DeepceptionError):
    """The person interrupted; what was measured is kept."""

    exit_code = 130


def without_kind(text: str) -> str:
    """An error as ledgers keep it, without the name of its class: what is left is the sentence for a person."""
    return _KIND.sub("", text)
