"""Getting a torch network from a spec without ever unpickling what could run code."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import os
import re
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError, ObserverError
from .fingerprint import file_sha256
from .function import import_object
from .huggingface import layer_from_timm
from .layers import Layer

# Operators that an exported program calls; anything else that its JSON could name is a Python function.
_SAFE_TARGET = re.compile(r"(torch\.ops\.|_operator\.|math\.|torch\.sym_|torch\._sym_)[\w.]+|[\w]+")
# Symbolic sizes are evaluated as Python: only arithmetic, and sympy's constructors, may stand there.
_SAFE_EXPRESSION = re.compile(r"(?!.*__)([\w\s+\-*/%(),<>=&|~]|'\w*'|(?<=\d)\.(?=\d))*")
_CALL = re.compile(r"([A-Za-z_]\w*)\s*\(")
_SAFE_CALLS = frozenset({"floor", "ceiling", "sqrt", "abs", "max", "min"})


@dataclass(frozen=True)
class LoadedNetwork:
    """A network with what its source says of it.

    Attributes:
        network: What is called with the batch.
        source: The part of the identity that tells where it is from, JSON-able.
        layers: Preprocessing that the source knows.
        name: Name for people.
        path: Its file, where it is one.
        batch: The only batch size that it takes, or ``None`` where that is open.
        size: (height, width) that it prescribes, or ``None``.
    """

    network: Any
    source: dict[str, Any]
    name: str
    layers: tuple[Layer, ...] = ()
    path: Path | None = None
    batch: int | None = None
    size: tuple[int, int] | None = None


def load_network(rest: str, weights: Path | None) -> LoadedNetwork:
    """The network behind ``torch:``: a file, ``package.module:factory``, ``timm/NAME``, ``torchvision/NAME``.

    Args:
        rest: What stands behind the scheme.
        weights: File of weights, for all but network files; read with ``weights_only=True``.

    Raises InputError and ObserverError, with one sentence, where that does not give a network.
    """
    path = Path(rest)
    if path.is_file():
        if weights is not None:
            raise InputError(f"{path} holds its own weights: leave the weights file out.")
        return _from_file(path)
    library, slash, name = rest.partition("/")
    if slash and library == "timm":
        return _with_weights(_from_timm(name, weights is None), weights)
    if slash and library == "torchvision":
        return _with_weights(_from_torchvision(name, weights is None), weights)
    if ":" in rest:
        made = import_object(rest, "torch")
        network = made() if callable(made) and not _is_module(made) else made
        if not _is_module(network):
            raise InputError(f"torch:{rest} gives a {type(network).__name__} and no torch.nn.Module.")
        return _with_weights(LoadedNetwork(network, {"factory": rest}, rest.rpartition(":")[2]), weights)
    raise InputError(
        f"there is no file {rest}: give a TorchScript or .pt2 file, package.module:factory, timm/NAME or "
        "torchvision/NAME."
    )


def state_digest(network: Any) -> str:
    """SHA-256 of all parameters and buffers: names, types, shapes and bytes."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        if not isinstance(tensor, torch.Tensor):
            digest.update(f"{name} {tensor!r}\n".encode())
            continue
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {list(values.shape)}\n".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy().data if values.numel() else b"")
    return digest.hexdigest()


def _is_module(value: object) -> bool:
    import torch

    return isinstance(value, torch.nn.Module)


def _from_file(path: Path) -> LoadedNetwork:
    import torch

    kind = _kind(path)
    source = {"sha256": file_sha256(path), "format": kind}
    try:
        with warnings.catch_warnings():
            # TorchScript is on its way out, which the person who owns such a file cannot help here.
            warnings.simplefilter("ignore")
            if kind == "TorchScript":
                return LoadedNetwork(
                    torch.jit.load(str(path), map_location="cpu"), source, path.stem, path=path
                )
            _refuse_code(path)
            with _weights_only():
                program = torch.export.load(str(path))
    except (InputError, ObserverError):
        raise
    except Exception as error:
        # torch raises RuntimeError, AssertionError, UnpicklingError and more for damaged files.
        reason = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".")[:300]
        raise ObserverError(f"torch cannot open {path}: {reason}.") from error
    batch, size = _prescribed(program)
    return LoadedNetwork(program.module(), source, path.stem, path=path, batch=batch, size=size)


def _kind(path: Path) -> str:
    """``"TorchScript"`` or ``"exported program"``; a sentence for everything else."""
    if not zipfile.is_zipfile(path):
        raise ObserverError(
            f"{path} is neither a TorchScript file nor an exported program; pickled networks are not opened "
            "because "
            "they can run any code: save it with torch.export.save or torch.jit.save."
        )
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    parts = {"/".join(name.split("/")[1:]) for name in names}
    if any(name.startswith("models/") for name in parts) or "serialized_exported_program.json" in names:
        return "exported program"
    if "constants.pkl" in parts and any(part.startswith("code/") for part in parts):
        return "TorchScript"
    if "data.pkl" in parts:
        raise ObserverError(
            f"{path} is a pickle of a network or of its weights; a pickled network can run any code and is "
            "not "
            "opened, and weights alone need torch:package.module:factory with --weights."
        )
    raise ObserverError(f"{path} is neither a TorchScript file nor an exported program.")


def _refuse_code(path: Path) -> None:
    """Refuse an exported program with more than operators and weights.

    ``torch.export.load`` would unpickle objects, load native code, call any function that the graph names and
    evaluate its symbolic sizes.
    """
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            inner = name.partition("/")[2]
            if "aotinductor" in inner or "opaque_obj" in name or name.endswith((".so", ".pyd", ".dll")):
                raise ObserverError(
                    f"{path} holds code or pickled objects ({name}) and is not opened: export it anew."
                )
            if name.endswith(".json"):
                _refuse_code_in_graph(archive.read(name), path)


@contextlib.contextmanager
def _weights_only() -> Iterator[None]:
    """Throw the switch of torch that makes every ``torch.load`` refuse objects, whatever its caller asks."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _refuse_code_in_graph(content: bytes, path: Path) -> None:
    try:
        graph = json.loads(content)
    except ValueError as error:
        raise ObserverError(f"{path} is damaged: its graph is not JSON.") from error
    for key, value in _strings(graph):
        operator = key != "target" or _SAFE_TARGET.fullmatch(value)
        if not operator or (key == "expr_str" and not _is_arithmetic(value)):
            raise ObserverError(f"{path} calls {value[:80]!r}, which is no operator, and is not opened.")
        if key == "path_name" and value.startswith("opaque"):
            raise ObserverError(f"{path} holds pickled objects and is not opened: export it anew.")


def _is_arithmetic(expression: str) -> bool:
    """Whether a symbolic size calls nothing but sympy's classes, which begin with a capital, and rounding."""
    calls = _CALL.findall(expression)
    return bool(_SAFE_EXPRESSION.fullmatch(expression)) and all(
        call in _SAFE_CALLS or call[0].isupper() for call in calls
    )


def _strings(content: Any) -> Iterator[tuple[str, str]]:
    """All pairs of a key and a string in nested JSON."""
    stack = [content]
    while stack:
        here = stack.pop()
        if isinstance(here, dict):
            for key, value in here.items():
                if isinstance(value, str):
                    yield key, value
                else:
                    stack.append(value)
        elif isinstance(here, list):
            stack.extend(here)


def _prescribed(program: Any) -> tuple[int | None, tuple[int, int] | None]:
    """Batch size and frame that an exported program was specialised to."""
    users = set(program.graph_signature.user_inputs)
    for node in program.graph.nodes:
        if node.op == "placeholder" and node.name in users:
            value = node.meta.get("val")
            shape = list(getattr(value, "shape", []))
            if len(shape) != 4:
                return None, None
            sides = shape[2:] if shape[1] == 3 else shape[1:3]
            fixed = all(isinstance(side, int) for side in sides)
            return (shape[0] if isinstance(shape[0], int) else None), (
                (sides[0], sides[1]) if fixed else None
            )
    return None, None


def _with_weights(loaded: LoadedNetwork, weights: Path | None) -> LoadedNetwork:
    """The network with the weights of a file; the identity covers all weights, wherever they came from."""
    if weights is not None:
        _load_weights(loaded.network, weights)
    network = type(loaded.network)
    source = {
        **loaded.source,
        "class": f"{network.__module__}.{network.__qualname__}",
        "state": state_digest(loaded.network),
    }
    return LoadedNetwork(loaded.network, source, loaded.name, loaded.layers)


def _load_weights(network: Any, path: Path) -> None:
    import torch

    if not path.is_file():
        raise InputError(f"there is no weights file {path}: check the path.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ObserverError(
            f"{path} holds more than weights, or is damaged, and is not unpickled: save state_dict() with "
            "torch.save."
        ) from error
    for key in ("state_dict", "model", "model_state_dict"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
            break
    if not isinstance(state, dict):
        raise ObserverError(f"{path} holds a {type(state).__name__} and no state_dict of weights.")
    # torch.nn.DataParallel writes its own name before each.
    state = {str(name).removeprefix("module."): value for name, value in state.items()}
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300].rstrip(".")
        raise ObserverError(f"the weights in {path} do not fit the network: {reason}.") from error


def _library(name: str, model: str) -> Any:
    """The package timm or torchvision."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(f"torch:{name}/{model} needs the package {name}: pip install {name}.") from error
    except Exception as error:
        # One built for another torch fails with a RuntimeError about its operators.
        reason = str(error).splitlines()[0].rstrip(".")[:200]
        raise ObserverError(f"the installed {name} does not work with this torch: {reason}.") from error


def _from_timm(name: str, pretrained: bool) -> LoadedNetwork:
    timm = _library("timm", name)
    try:
        network = timm.create_model(name, pretrained=pretrained)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".")[:300]
        raise ObserverError(f"timm cannot make {name}: {reason}.") from error
    config = timm.data.resolve_model_data_config(network)
    layer = layer_from_timm(config, f"timm {timm.__version__}")
    values = {**layer.values, "output": "logits"}
    if pretrained:
        # Weights of the user's own may know a thousand other classes.
        values["label_order"] = "ImageNet-1k"
    return LoadedNetwork(network, {"timm": name}, name, (Layer(layer.origin, values),))


def _from_torchvision(name: str, pretrained: bool) -> LoadedNetwork:
    torchvision = _library("torchvision", name)
    try:
        chosen = torchvision.models.get_model_weights(name).DEFAULT
        network = torchvision.models.get_model(name, weights=chosen if pretrained else None)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".")[:300]
        raise ObserverError(f"torchvision cannot make {name}: {reason}.") from error
    transforms = chosen.transforms()
    side, resize = int(transforms.crop_size[0]), int(transforms.resize_size[0])
    values: dict[str, Any] = {
        "height": side,
        "width": side,
        "crop_fraction": side / max(resize, side),
        "interpolation": str(transforms.interpolation.value),
        "mean": tuple(transforms.mean),
        "std": tuple(transforms.std),
        "pixel_range": "0..1",
        "output": "logits",
    }
    if pretrained:
        values["labels"] = tuple(chosen.meta["categories"])
    layer = Layer(f"torchvision {torchvision.__version__}", values)
    return LoadedNetwork(network, {"torchvision": name}, name, (layer,))
