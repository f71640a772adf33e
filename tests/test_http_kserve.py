"""A model server that others wrote: KServe, in an environment of its own, gives the answers of its file."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import call, chunks, save_photographs
from deepception.observers import open_observer
from deepception.observers.inspecting import probe_images
from deepception.sessions import raw_answers

VARIABLE = "DEEPCEPTION_KSERVE_PYTHON"
DATA = Path(str(resources.files("deepception") / "data" / "default"))
SIDECAR = DATA / "efficientnet_lite0.json"
_PLAIN = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture(scope="module")
def kserve() -> Iterator[str]:
    """The address of EfficientNet-Lite0 behind KServe."""
    python = os.environ.get(VARIABLE)
    if not python or not Path(python).exists():
        pytest.skip(f"{VARIABLE} names no python with kserve: `make test` makes one")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [python, Path(__file__).with_name("kserve_server.py"), DATA / "efficientnet_lite0.onnx", str(port)],
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            try:
                _PLAIN.open(f"http://127.0.0.1:{port}/v2/models/network", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                assert process.poll() is None, "KServe did not start"
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v2/models/network"
    finally:
        process.terminate()
        process.wait(timeout=30)


def without_units(value: Any) -> Any:
    """Results without the hashes of units, of which the fingerprint is a part."""
    if isinstance(value, dict):
        return {key: without_units(entry) for key, entry in value.items() if key != "unit"}
    return [without_units(entry) for entry in value] if isinstance(value, list) else value


@pytest.mark.parametrize("protocol", ["v2", "v2-json"])
def test_the_answers_are_the_files_own_bit_for_bit(kserve: str, protocol: str) -> None:
    shown = probe_images((224, 224), 8)
    local = open_observer("default", threads=1)
    remote = open_observer(kserve, protocol=protocol, preprocessing=SIDECAR, concurrency=2)
    alone = np.concatenate([local.answer(image[None]).scores for image in shown])
    assert np.array_equal(raw_answers(remote, shown).scores, alone)
    assert remote.identity["tensors"][3] == ("json" if protocol == "v2-json" else "binary")


@pytest.mark.slow
def test_an_audit_finds_the_same(kserve: str, tmp_path: Path) -> None:
    photographs = save_photographs(tmp_path / "photographs", 1)
    options = ("--quick", "--no-cache")
    far = call(
        *("audit", kserve, photographs, "--out", tmp_path / "far", "--preprocessing", SIDECAR, *options),
        *("--concurrency", 4),
        page=False,
    )
    near = call(
        *("audit", "default", photographs, "--out", tmp_path / "near", "--threads", "1", "--batch-size", "1"),
        *options,
        page=False,
    )
    assert far.code == near.code == 0, (far, near)
    found: list[dict[str, Any]] = [
        json.loads((tmp_path / name / "results.json").read_text(encoding="utf-8")) for name in ("far", "near")
    ]
    assert without_units(found[0]["properties"]) == without_units(found[1]["properties"])
    assert without_units(found[0]["photographs"]) == without_units(found[1]["photographs"])
    assert sorted(chunks(tmp_path / "far").values()) == sorted(chunks(tmp_path / "near").values())
