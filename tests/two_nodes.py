"""Two Ray nodes on this machine that share neither network, processes, temporary files nor shared memory.

Each is a set of Linux namespaces; a pair of virtual network cards connects them. Nothing outside of them is
changed, and whatever runs in them ends with their first process.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine_benches import RAY_ENVIRONMENT_OF_OTHERS

ROOT = Path(__file__).resolve().parents[1]
_HOSTS = ("10.77.0.1", "10.77.0.2")
_CARD = "10.77.0.3"
_PORT = 6379
_TOOLS = ("ip", "mount", "nsenter", "unshare")

# Run as the first process of a node: private /tmp and /dev/shm, with the interpreter and the project still there.
_FIRST = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
for kept in "$@"; do
  mkdir -p "/mnt/${kept#/tmp/}"
  mount --bind "$kept" "/mnt/${kept#/tmp/}"
done
mount --rbind /mnt /tmp
mount -t tmpfs tmpfs /dev/shm
ip link set lo up
echo ready
exec sleep infinity
"""

# So that a lost node is noticed within seconds.
_WATCHFUL = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
}


class Refused(Exception):
    """The system does not let us make namespaces."""


@dataclass
class Node:
    """A node: the process that holds its namespaces."""

    host: str
    holder: subprocess.Popen[str]

    @property
    def first(self) -> int:
        """Its first process, as it is numbered outside."""
        children = Path(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children").read_text().split()
        return int(children[0])

    def popen(self, command: Sequence[object], **options: object) -> subprocess.Popen[str]:
        """Start a process in it."""
        inside = ["nsenter", "-t", str(self.first), "-n", "-m", "-p", "-i", "--", *map(str, command)]
        environment = {**os.environ, **_WATCHFUL, **RAY_ENVIRONMENT_OF_OTHERS}
        return subprocess.Popen(
            inside, text=True, env=environment, stdin=subprocess.DEVNULL, cwd="/", **options
        )  # type: ignore[call-overload, no-any-return]

    def end(self) -> None:
        """Pull the plug."""
        self.holder.kill()  # its child is killed with it, and with that all others
        self.holder.wait()


@dataclass
class TwoNodes:
    """A cluster: the head, on which a driver runs, and the other node, which may be lost."""

    head: Node
    other: Node

    @property
    def address(self) -> str:
        """Where a driver on the head finds it."""
        return f"{self.head.host}:{_PORT}"


@contextlib.contextmanager
def two_nodes(cpus: int = 1) -> Iterator[TwoNodes]:
    """Start them, with so many processors each; skips the test, saying why, where that cannot be done."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("two nodes on one machine need Linux and root")
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"two nodes on one machine need {', '.join(missing)}")
    with contextlib.ExitStack() as stack:
        try:
            nodes = [_node(host, stack) for host in _HOSTS]
            _connect(*nodes)
        except Refused as refusal:
            pytest.skip(f"two nodes on one machine: the system refuses namespaces ({refusal})")
        for i, node in enumerate(nodes):
            _start_ray(node, i == 0, cpus)
        yield TwoNodes(*nodes)


def _node(host: str, stack: contextlib.ExitStack) -> Node:
    kept = {sys.prefix, sys.base_prefix, str(ROOT)}
    kept = {path for path in kept if path.startswith("/tmp/")}
    holder = subprocess.Popen(
        [
            "unshare",
            "-n",
            "-m",
            "-p",
            "-i",
            "-f",
            "--mount-proc",
            "--kill-child",
            "sh",
            "-c",
            _FIRST,
            "sh",
            *kept,
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stderr is not None
    if holder.stdout.readline() != "ready\n":
        raise Refused(holder.stderr.read().strip())
    node = Node(host, holder)
    stack.callback(node.end)
    return node


def _connect(one: Node, other: Node) -> None:
    _do(
        one,
        "ip",
        "link",
        "add",
        "veth0",
        "type",
        "veth",
        "peer",
        "name",
        "veth0",
        "netns",
        str(other.first),
        outside=True,
    )
    # The head keeps its address when the cable goes: it is not that of the card.
    _do(one, "ip", "address", "add", f"{one.host}/32", "dev", "lo")
    for node, address in ((one, _CARD), (other, other.host)):
        _do(node, "ip", "address", "add", f"{address}/24", "dev", "veth0")
        _do(node, "ip", "link", "set", "veth0", "up")


def _do(node: Node, *command: str, outside: bool = False) -> None:
    """Run a command in a node; ``outside``: in its network only, where processes have the machine's numbers."""
    entered = ["nsenter", "-t", str(node.first), "-n", *(() if outside else ("-m",)), "--", *command]
    done = subprocess.run(entered, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise Refused(done.stderr.strip())


def _start_ray(node: Node, head: bool, cpus: int) -> None:
    where = (
        ["--head", f"--port={_PORT}", "--include-dashboard=false"]
        if head
        else [f"--address={_HOSTS[0]}:{_PORT}"]
    )
    options = [f"--num-cpus={cpus}", f"--node-ip-address={node.host}", "--disable-usage-stats"]
    options += ["--object-store-memory=100000000"]
    ray = [sys.executable, "-m", "ray.scripts.scripts", "start", *where, *options]
    for attempt in range(3):
        started = node.popen(ray, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said, _ = started.communicate(timeout=90)
        if started.returncode == 0:
            return
        time.sleep(1 + attempt)
    raise AssertionError(said)
