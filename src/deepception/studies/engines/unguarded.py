"""Scripts that start workers while they are imported: a worker imports the script too, and would start its own."""

from __future__ import annotations

import multiprocessing
import os

from ...errors import InputError

UNGUARDED = 83
"""Exit code of a process that was to become a worker and found itself starting workers."""


def end_if_worker_to_be() -> None:
    """End this process, without a word, where it is a worker to be that still imports the script of its driver.

    Its driver reads the exit code and says what is wrong, once; see ``unguarded``.
    """
    # By this multiprocessing itself knows it, which would raise a RuntimeError with a page of text.
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        os._exit(UNGUARDED)


def unguarded() -> InputError:
    """What the driver of such workers says."""
    return InputError(
        "the script starts workers while it is imported, and each worker imports it: put what it does below the "
        "line if __name__ == '__main__':"
    )
