"""The process in which OpenVINO runs: ``python -m deepception.observers.openvino_worker``.

It reads one JSON object a line from its input: ``{"open": path, "threads": n, "input": name, "output":
name}``, ``{"map": path}`` (the file through which batches come) and ``{"run": shape, "dtype": name}``. It
answers each with one line, ``{}`` or ``{"error": text}``, and a run with ``{"shape": …, "dtype": …, "bytes":
n}`` and n bytes.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray


class _Engine:
    """One compiled model, asked synchronously."""

    def __init__(self, path: str, threads: int, input_name: str, output_name: str) -> None:
        import openvino

        core = openvino.Core()
        # One stream, single precision: the way in which it agreed with ONNX Runtime; bfloat16 changes
        # answers.
        settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": "1"}
        self._request = core.compile_model(core.read_model(path), "CPU", settings).create_infer_request()
        self._input, self._output = input_name, output_name
        self._batches: NDArray[np.uint8] = np.empty(0, dtype=np.uint8)

    def map(self, path: str) -> None:
        """Use another file for batches."""
        self._batches = np.memmap(path, dtype=np.uint8, mode="r+")

    def run(self, shape: list[int], dtype: str) -> NDArray[Any]:
        """Scores of the batch that lies in the file."""
        kind = np.dtype(dtype)
        size = int(np.prod(shape)) * kind.itemsize
        batch = self._batches[:size].view(kind).reshape(shape)
        self._request.infer({self._input: batch}, share_inputs=True)
        return np.array(self._request.get_tensor(self._output).data)


def main() -> None:
    """Answer until the input ends."""
    # Ctrl-C reaches the whole group; what happens then is decided by the process that asks.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Libraries that print must not write into the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    engine: _Engine | None = None
    for line in sys.stdin.buffer:
        payload = b""
        try:
            request = json.loads(line)
            reply: dict[str, Any] = {}
            if "open" in request:
                engine = _Engine(request["open"], request["threads"], request["input"], request["output"])
            elif engine is None:
                raise RuntimeError("no model is open")
            elif "map" in request:
                engine.map(request["map"])
            else:
                scores = np.ascontiguousarray(engine.run(request["run"], request["dtype"]))
                payload = scores.tobytes()
                reply = {"shape": list(scores.shape), "dtype": scores.dtype.str, "bytes": len(payload)}
        except Exception as error:
            # Whatever it is, the asking process turns it into its sentence.
            reply, payload = {"error": f"{type(error).__name__}: {error}"}, b""
        answers.write(json.dumps(reply).encode() + b"\n" + payload)
        answers.flush()


if __name__ == "__main__":
    main()
