"""Two nodes that share no disk, no memory and no processes: both work, and one survives the other."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from two_nodes import two_nodes

pytest.importorskip("ray", reason="Ray is not installed: pip install 'deepception[ray]'")

DRIVER = Path(__file__).with_name("engine_nodes.py")


def test_both_nodes_work_and_one_survives_the_other() -> None:
    with two_nodes() as cluster:
        driver = cluster.head.popen([sys.executable, DRIVER, cluster.address], stdout=subprocess.PIPE)
        assert driver.stdout is not None

        def told() -> Any:
            line = driver.stdout.readline()  # type: ignore[union-attr]
            assert line, "the driver ended"
            return json.loads(line)

        try:
            first = told()
            assert {e["state"] for e in first} == {"done"}
            # Network, mounts, processes and shared memory are apart, and the file reached both.
            for namespace in ("net", "mnt", "pid", "ipc"):
                assert len({e["value"][namespace] for e in first}) == 2
            assert {e["value"]["read"] for e in first} == {"bytes that were shared"}
            assert {e["value"]["hosts_file"] for e in first} == {False}
            mine = told()["head"]
            assert told() == "under way"
            cluster.other.end()
            ended = {e["number"]: e for e in told()}
            states = sorted(e["state"] for e in ended.values())
            assert states == ["done", "done", "done", "lost"]
            assert {e["value"] for e in ended.values() if e["state"] == "done"} == {mine}
            (why,) = (e["why"] for e in ended.values() if e["state"] == "lost")
            assert why in ("its node was lost", "its node cannot be reached")
            assert driver.wait(60) == 0
        finally:
            driver.kill()
            driver.wait()
