"""Processes of this machine: what tells one from all others, and whether it is still there."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
from pathlib import Path
from typing import Any


@functools.cache
def _machine() -> str:
    """What a process number is unique in: this boot of this computer, and the namespace that numbers processes.

    Empty where the system does not tell: a host's name alone may be that of several containers.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def here() -> dict[str, Any]:
    """Process number, host and machine of this process."""
    return {"pid": os.getpid(), "host": socket.gethostname(), "machine": _machine()}


def this_process() -> str:
    """What tells this process from a later one of the same number; empty where the system does not tell."""
    return _started(os.getpid()) or ""


def is_alive(pid: int, machine: str, process: str) -> bool | None:
    """Whether a process is alive; ``None`` where that cannot be known, it being another machine's."""
    if not machine or machine != _machine() or not process:
        return None
    return _started(pid) == process


def _started(pid: int) -> str | None:
    """When a process started, in ticks since the boot; ``None`` where there is none, or only its remains."""
    with contextlib.suppress(OSError, IndexError):
        # The name, which is in brackets, may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return None if fields[0] in ("Z", "X") else fields[19]
    return None
