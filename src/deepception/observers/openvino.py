"""OpenVINO as a second engine for ONNX files: in its own process, synchronous, and trusted only after a test.

With several streams and asynchronous requests it has been seen to answer wrongly and to crash (heap
corruption). So it runs where its crash loses nothing, one request at a time, and only after it has agreed
with ONNX Runtime.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, ObserverError, UnreachableError
from .inspecting import probe_images
from .preprocessing import Normaliser, Preprocessing

# Log-probabilities may differ by this much between the engines.
_AGREEMENT = 1e-3
_PROBES = 8


class OpenVinoSession:
    """A model in a process of its own; asked like an ONNX Runtime session."""

    def __init__(self, path: Path, threads: int, input_name: str, output_name: str) -> None:
        """Start the process and compile the model.

        Raises InputError where OpenVINO is not installed, ObserverError where it refuses the model.
        """
        try:
            self.version = version("openvino")
        except PackageNotFoundError as error:
            raise InputError(
                "the engine openvino is not installed: pip install 'deepception[openvino]'."
            ) from error
        self._path = path
        self._batches: NDArray[np.uint8] = np.empty(0, dtype=np.uint8)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in sys.path if part)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "deepception.observers.openvino_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        try:
            opening = {
                "open": str(path.resolve()),
                "threads": threads,
                "input": input_name,
                "output": output_name,
            }
            self._ask(opening)
        except BaseException:
            self.close()
            raise

    @property
    def process_id(self) -> int:
        """Number of the process."""
        return self._process.pid

    def run(self, outputs: list[str], feeds: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Scores of one batch; the names are those given at the start.

        Raises UnreachableError where the process ended, ObserverError where OpenVINO refuses the batch.
        """
        del outputs
        (batch,) = feeds.values()
        if self._batches.size < batch.nbytes:
            self._map(batch.nbytes)
        # A plain copy into shared memory: about 1 % of a small network's time.
        shared = self._batches[: batch.nbytes].view(batch.dtype).reshape(batch.shape)
        np.copyto(shared, batch)
        return [self._ask({"run": list(batch.shape), "dtype": batch.dtype.str})]

    def close(self) -> None:
        """End the process; calling it twice is fine."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._batches = np.empty(0, dtype=np.uint8)

    def __del__(self) -> None:
        process = getattr(self, "_process", None)
        if process is not None and process.poll() is None:
            self.close()

    def _map(self, size: int) -> None:
        """Let batches pass through memory that both processes see: a file, in memory where there is such a place.

        Its name is gone as soon as both have it open, so that nothing stays behind however they end (where the
        system forbids that, as Windows does, it stays among the temporary files).
        """
        folder = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        handle, name = tempfile.mkstemp(prefix="deepception-", dir=folder)
        try:
            os.ftruncate(handle, size)
            self._batches = np.memmap(name, dtype=np.uint8, mode="r+")
            self._ask({"map": name})
        finally:
            os.close(handle)
            with contextlib.suppress(PermissionError):
                os.unlink(name)

    def _ask(self, request: dict[str, Any]) -> NDArray[Any]:
        """One request and its answer."""
        process = self._process
        if process.stdin is None or process.stdout is None or process.stdin.closed:
            raise UnreachableError(
                f"the process of OpenVINO for {self._path.name} has ended: open the model again."
            )
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
            reply = json.loads(line) if line else None
            payload = process.stdout.read(reply.get("bytes", 0)) if reply else b""
        except (OSError, ValueError) as error:
            raise self._ended() from error
        if reply is None or len(payload) < reply.get("bytes", 0):
            raise self._ended()
        if "error" in reply:
            reason = str(reply["error"]).strip().splitlines()[0].rstrip(".")[:300]
            raise ObserverError(
                f"OpenVINO failed on {self._path.name}: {reason}; use the engine onnxruntime."
            )
        if "bytes" not in reply:
            return np.empty(0)
        return np.frombuffer(payload, dtype=reply["dtype"]).reshape(reply["shape"])

    def _ended(self) -> UnreachableError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1)
        return UnreachableError(
            f"the process of OpenVINO for {self._path.name} ended (code {self._process.returncode}): "
            "what was measured is kept; go on with the engine onnxruntime."
        )


def check_agreement(
    challenger: OpenVinoSession,
    reference: Any,
    preprocessing: Preprocessing,
    names: tuple[str, str],
    fixed_batch: int | None,
    path: Path,
) -> None:
    """Compare both engines on smooth noise and on black and white noise, twice.

    Args:
        challenger: OpenVINO.
        reference: A session of ONNX Runtime.
        preprocessing: Of the model; ``output`` tells how scores become log-probabilities.
        names: Of the input and of the output.
        fixed_batch: The batch size that the model prescribes, or ``None``.
        path: The model's file.

    Raises ObserverError where a log-probability differs by more than 1e-3, or a top-1.
    """
    normaliser = Normaliser(preprocessing)
    height, width = preprocessing.frame.shape
    hard = (
        np.random.default_rng(7).integers(0, 2, size=(_PROBES // 2, height, width, 3), dtype=np.uint8) * 255
    )
    probes = np.concatenate([probe_images((height, width), _PROBES // 2), hard.astype(np.uint8)])
    size = fixed_batch or len(probes)
    probes = np.concatenate([probes, np.repeat(probes[-1:], -len(probes) % size, axis=0)])
    for _ in range(2):
        for start in range(0, len(probes), size):
            feeds = {names[0]: normaliser(probes[start : start + size])}
            wanted = _log_probabilities(reference.run([names[1]], feeds)[0], size, preprocessing)
            got = _log_probabilities(challenger.run([names[1]], feeds)[0], size, preprocessing)
            difference = float(np.abs(wanted - got).max()) if np.isfinite(got).all() else float("inf")
            if difference > _AGREEMENT or (wanted.argmax(axis=1) != got.argmax(axis=1)).any():
                raise ObserverError(
                    f"OpenVINO's answers for {path.name} differ from ONNX Runtime's (log-probabilities by "
                    f"{difference:.2g}): use the engine onnxruntime."
                )


def _log_probabilities(scores: NDArray[Any], n: int, preprocessing: Preprocessing) -> NDArray[np.float64]:
    """Logarithms of probabilities, float64 ``[n, K]``; probabilities below one in a million count as that."""
    table = np.asarray(scores, dtype=np.float64).reshape(n, -1)
    if preprocessing.output == "probabilities":
        return np.log(np.maximum(table, 1e-6))
    table = table - table.max(axis=1, keepdims=True)
    logs: NDArray[np.float64] = table - np.log(np.exp(table).sum(axis=1, keepdims=True))
    return logs
