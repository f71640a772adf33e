"""One small convolutional network, the same for every engine: its weights come from a seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from onnx import TensorProto, helper

import onnx_models

SIDE = 32
CLASSES = 10
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
# (channels in, channels out, stride) of the 3 × 3 convolutions, without padding.
LAYERS = ((3, 8, 2), (8, 16, 2), (16, 16, 1))


def weights() -> dict[str, np.ndarray]:
    """Float32: ``w0`` to ``w2`` [out, in, 3, 3] and their biases ``b0`` …, ``dense`` [in, K] and ``bias``."""
    rng = np.random.default_rng(11)
    made = {}
    for number, (before, after, _) in enumerate(LAYERS):
        spread = np.sqrt(2 / (9 * before))
        made[f"w{number}"] = rng.normal(scale=spread, size=(after, before, 3, 3))
        made[f"b{number}"] = rng.normal(scale=0.1, size=after)
    made["dense"] = rng.normal(scale=2.0, size=(LAYERS[-1][1], CLASSES))
    made["bias"] = rng.normal(scale=0.1, size=CLASSES)
    return {name: values.astype(np.float32) for name, values in made.items()}


def logits(images: np.ndarray) -> np.ndarray:
    """The network in numpy, float64: uint8 ``[N, 32, 32, 3]`` to ``[N, 10]``."""
    w = {name: values.astype(np.float64) for name, values in weights().items()}
    x = (images / 255 - MEAN) / STD
    for number, (_, _, stride) in enumerate(LAYERS):
        windows = sliding_window_view(x, (3, 3), axis=(1, 2))[:, ::stride, ::stride]
        x = np.maximum(np.einsum("nyxcij,ocij->nyxo", windows, w[f"w{number}"]) + w[f"b{number}"], 0)
    return x.mean(axis=(1, 2)) @ w["dense"] + w["bias"]


def save_onnx(path: Path) -> Path:
    nodes, last = [], "image"
    for number, (_, _, stride) in enumerate(LAYERS):
        names = [last, f"w{number}", f"b{number}"]
        nodes.append(helper.make_node("Conv", names, [f"c{number}"], strides=[stride, stride]))
        nodes.append(helper.make_node("Relu", [f"c{number}"], [f"r{number}"]))
        last = f"r{number}"
    nodes.append(helper.make_node("ReduceMean", [last], ["pooled"], axes=[2, 3], keepdims=0))
    nodes.append(helper.make_node("Gemm", ["pooled", "dense", "bias"], ["scores"]))
    image = ("image", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])
    scores = ("scores", TensorProto.FLOAT, ["n", CLASSES])
    return onnx_models.save_model(path, nodes, [image], [scores], weights())


def make_torch() -> Any:
    import torch

    layers: list[Any] = []
    for before, after, stride in LAYERS:
        layers += [torch.nn.Conv2d(before, after, 3, stride=stride), torch.nn.ReLU()]
    layers += [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(LAYERS[-1][1], CLASSES)]
    network = torch.nn.Sequential(*layers)
    w = weights()
    convolutions = [layer for layer in layers if isinstance(layer, torch.nn.Conv2d)]
    with torch.no_grad():
        for number, layer in enumerate(convolutions):
            layer.weight.copy_(torch.from_numpy(w[f"w{number}"]))
            layer.bias.copy_(torch.from_numpy(w[f"b{number}"]))
        layers[-1].weight.copy_(torch.from_numpy(w["dense"].T))
        layers[-1].bias.copy_(torch.from_numpy(w["bias"]))
    return network


def make_keras() -> Any:
    import keras

    layers: list[Any] = [keras.Input((SIDE, SIDE, 3))]
    layers += [
        keras.layers.Conv2D(after, 3, strides=stride, activation="relu", data_format="channels_last")
        for _, after, stride in LAYERS
    ]
    layers += [
        keras.layers.GlobalAveragePooling2D(data_format="channels_last"),
        keras.layers.Dense(CLASSES),
    ]
    model = keras.Sequential(layers)
    w = weights()
    for number in range(len(LAYERS)):
        model.layers[number].set_weights([w[f"w{number}"].transpose(2, 3, 1, 0), w[f"b{number}"]])
    model.layers[-1].set_weights([w["dense"], w["bias"]])
    return model
