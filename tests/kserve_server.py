"""KServe's model server with one ONNX file, on loopback.

``python kserve_server.py MODEL.onnx PORT`` serves ``/v2/models/network``. It is run with the python of an
environment that has kserve and onnxruntime; not that of the tests, for kserve pins what they do not.
"""

from __future__ import annotations

import sys

import onnxruntime
import uvicorn
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer


class Network(Model):
    """One ONNX classifier, one image a request, on one processor."""

    def __init__(self, path: str) -> None:
        super().__init__("network")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.ready = True

    async def get_input_types(self) -> list[dict]:
        node = self.session.get_inputs()[0]
        return [{"name": node.name, "datatype": "FP32", "shape": _sides(node.shape)}]

    async def get_output_types(self) -> list[dict]:
        node = self.session.get_outputs()[0]
        return [{"name": node.name, "datatype": "FP32", "shape": _sides(node.shape)}]

    def predict(self, payload: InferRequest, headers: dict | None = None, **more: object) -> InferResponse:
        node = self.session.get_outputs()[0]
        scores = self.session.run(
            [node.name], {self.session.get_inputs()[0].name: payload.inputs[0].as_numpy()}
        )[0]
        output = InferOutput(name=node.name, shape=list(scores.shape), datatype="FP32")
        output.set_data_from_numpy(scores, binary_data=True)
        return InferResponse(
            response_id=payload.id,
            model_name=self.name,
            infer_outputs=[output],
            use_binary_outputs=True,
            requested_outputs=payload.request_outputs,
        )


class Loopback(uvicorn.Config):
    """KServe listens on all addresses and has no setting for it; the tests open nothing to others."""

    def __init__(self, app: object, **options: object) -> None:
        super().__init__(app, **{**options, "host": "127.0.0.1"})


def _sides(shape: list) -> list[int]:
    return [side if isinstance(side, int) else -1 for side in shape]


if __name__ == "__main__":
    uvicorn.Config = Loopback
    server = ModelServer(http_port=int(sys.argv[2]), workers=1, enable_grpc=False, enable_docs_url=False)
    server.start([Network(sys.argv[1])])
