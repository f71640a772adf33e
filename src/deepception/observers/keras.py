"""The adapter for Keras 3 models, on its torch backend."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, ObserverError
from .batches import in_batches
from .fingerprint import file_sha256
from .layers import Layer
from .onnx_session import first_line
from .options import OpeningOptions
from .preprocessing import Layout, Normaliser, OutputKind
from .protocol import AnswerLevel, RawAnswers
from .resolved import ResolvedObserver
from .settings import ModelFacts, PreprocessingOptions, Settings, bytes_warning, resolve_settings, said
from .shapes import image_axes, scored_classes, shape_text
from .sidecar import read_sidecars

_BACKEND = "torch"
_MEANING: dict[str, OutputKind] = {"softmax": "probabilities", "sigmoid": "probabilities", "linear": "logits"}


class KerasObserver(ResolvedObserver):
    """A Keras 3 model as an observer.

    It is called for inference, on the processor, and its weights are left as they are.

    Attributes:
        settings: The preprocessing, with where each setting came from.
    """

    def __init__(
        self,
        model: Any,
        *,
        options: PreprocessingOptions | None = None,
        threads: int | None = None,
        name: str | None = None,
    ) -> None:
        """Open a model.

        Args:
            model: A ``.keras`` file, or a ``keras.Model``.
            options: What the user says about preprocessing. A model whose first layer is a ``Rescaling``
                takes the pixels as they are unless something else is said.
            threads: Threads of torch, which are those of the whole process; ``None`` leaves them.
            name: Name for people.

        Raises InputError and ObserverError, with one sentence, where it cannot be opened, runs on another
        backend, or is no classifier of images.
        """
        keras = _keras()
        options = options or PreprocessingOptions()
        path = Path(model) if isinstance(model, (str, Path)) else None
        self._model: Any = model if path is None else _load(keras, path)
        self._digest = _state_digest(self._model) if path is None else file_sha256(path)
        if threads is not None:
            import torch

            torch.set_num_threads(threads)
        self._keras = keras
        layers = [options.layer(), *read_sidecars(path, options.preprocessing)]
        if path is not None:
            layers += bytes_warning(layers, self._digest, path)
        own = path.stem if path is not None else str(self._model.name)
        self._name = name or str(said(layers, "name")[0] or own)
        facts, self._fixed_batch = self._facts(layers)
        if _rescales(self._model):
            plain = {"mean": (0.0,) * 3, "std": (1.0,) * 3, "pixel_range": "0..255"}
            layers.append(Layer("the model's Rescaling layer", plain))
        self.settings: Settings = resolve_settings(layers, facts, own)
        self._normaliser = Normaliser(self.settings.preprocessing)

    @property
    def identity(self) -> dict[str, Any]:
        """Adapter, model, preprocessing, output, engine, precision and kind of device."""
        import torch

        return {
            "adapter": "keras",
            "sha256": self._digest,
            "preprocessing": self.settings.preprocessing.identity(),
            "output": self.settings.preprocessing.output,
            "engine": f"keras {self._keras.__version__}, torch {torch.__version__}",
            "precision": "as stored",
            "device": "cpu",
        }

    def answer(self, images: NDArray[np.uint8]) -> RawAnswers:
        """Scores ``[N, K]`` of uint8 ``[N, H, W, 3]`` images, any N.

        Raises ObserverError where the model fails.
        """
        if self._model is None:
            raise ObserverError(f"the observer {self._name} is closed.")
        classes = len(self.labels)

        def call(part: NDArray[np.uint8]) -> NDArray[Any]:
            scores = self._call(self._normaliser(part))
            if scores.shape != (len(part), classes):
                raise ObserverError(
                    f"the model {self._name} answered {list(scores.shape)} for {len(part)} images of "
                    f"{classes} classes."
                )
            return scores

        scores = in_batches(images, self._fixed_batch, classes, call)
        probabilities = self.level is AnswerLevel.PROBABILITIES
        return RawAnswers(
            self.level, scores, resolution=float(np.finfo(scores.dtype).tiny) if probabilities else 0.0
        )

    def close(self) -> None:
        """Release the model."""
        self._model = None

    def _call(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        import torch

        try:
            with torch.inference_mode(), self._keras.device("cpu"), warnings.catch_warnings():
                # It tells of inputs in a list of one, at each call.
                warnings.simplefilter("ignore", UserWarning)
                answer = self._model(batch, training=False)
                if not isinstance(answer, torch.Tensor):
                    raise TypeError(f"it returned a {type(answer).__name__} and no tensor of scores")
                # A copy, in single precision: bfloat16 is no type of numpy's.
                scores = np.array(answer.float().cpu().numpy())
        except Exception as error:
            raise ObserverError(
                f"the Keras model {self._name} failed: {type(error).__name__}: {first_line(error)}."
            ) from error
        return scores.reshape(scores.shape[:2]) if set(scores.shape[2:]) == {1} else scores

    def _facts(self, layers: Sequence[Layer]) -> tuple[ModelFacts, int | None]:
        """What the model says of itself, and its fixed batch; a black image shows what it leaves open."""
        shape = getattr(self._model, "input_shape", None)
        axes = image_axes(shape) if isinstance(shape, tuple) else None
        if isinstance(shape, (list, dict)) or (isinstance(shape, tuple) and axes is None):
            described = shape_text(shape) if isinstance(shape, tuple) else f"{len(shape)} inputs"
            raise ObserverError(
                f"the Keras model {self._name} takes {described} and not one image (batch, height, width, 3)."
            )
        layout: Layout | None = axes.layout if axes else None
        if layout is None:
            last = self._keras.config.image_data_format() == "channels_last"
            layout = said(layers, "layout")[0] or ("NHWC" if last else "NCHW")
        height, width = (axes.height, axes.width) if axes else (None, None)
        batch = axes.batch if axes else None
        sides = (
            height or said(layers, "height")[0] or 224,
            width or said(layers, "width")[0] or 224,
        )
        pixels = (*sides, 3) if layout == "NHWC" else (3, *sides)
        scores = self._call(np.zeros((batch or 2, *pixels), dtype=np.float32))
        classes = scored_classes(scores.shape)
        if classes is None or scores.ndim != 2 or len(scores) != (batch or 2):
            raise ObserverError(
                f"the Keras model {self._name} answered {list(scores.shape)} for {batch or 2} images: "
                "a classifier gives one row of scores for each."
            )
        facts = ModelFacts(classes, height, width, layout, "float32", _meaning(self._model))
        return facts, batch


def open_keras(rest: str, options: OpeningOptions) -> KerasObserver:
    """Open ``keras:PATH``; the factory behind the entry point."""
    return observe_keras(rest, options)


def observe_keras(model: Any, options: OpeningOptions) -> KerasObserver:
    """A Keras model or file as an observer, with the options of ``open_observer``."""
    if options.device != "cpu":
        raise InputError("Keras models run on the cpu here: leave the device out.")
    if options.engine is not None:
        raise InputError(f"there is no engine {options.engine!r} for Keras models: leave it out.")
    if options.weights is not None:
        raise InputError("a Keras model holds its weights: leave --weights out.")
    return KerasObserver(model, options=options.preprocessing, threads=options.threads, name=options.name)


def _keras() -> Any:
    """Keras 3 on torch. A backend is chosen once in a process, when Keras is imported."""
    if "keras" not in sys.modules:
        before = os.environ.get("KERAS_BACKEND")
        os.environ["KERAS_BACKEND"] = _BACKEND
        try:
            import keras
        except ImportError as error:
            raise InputError(
                "Keras models need the packages keras (3) and torch: pip install 'deepception[keras]'."
            ) from error
        finally:
            if before is not None:
                os.environ["KERAS_BACKEND"] = before
    else:
        keras = sys.modules["keras"]
    backend = keras.config.backend() if hasattr(keras, "config") else "tensorflow"
    if backend != _BACKEND:
        raise InputError(
            f"Keras runs on {backend} in this process, and Keras models are opened on torch: set "
            "KERAS_BACKEND=torch before Keras is imported."
        )
    return keras


def _load(keras: Any, path: Path) -> Any:
    """The model in a ``.keras`` file, without running any code that the file holds."""
    if not path.is_file():
        raise InputError(f"there is no model file {path}: check the path.")
    if path.suffix.lower() != ".keras" or not zipfile.is_zipfile(path):
        raise ObserverError(f'{path} is no .keras file: save the model with model.save("NAME.keras").')
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        # Keras raises ValueError, TypeError, KeyError, OSError, BadZipFile and more for damaged files.
        if "safe_mode" in str(error) or "lambda" in str(error).lower():
            raise ObserverError(
                f"{path} holds Python code (a Lambda layer), which could do anything, and is not opened: "
                "replace that layer by an ordinary one, or open the model in Python."
            ) from error
        raise ObserverError(
            f"Keras cannot open {path} ({type(error).__name__}: {first_line(error)}): is it a whole .keras file?"
        ) from error


def _state_digest(model: Any) -> str:
    """SHA-256 of the structure and of all weights of a model that is no file."""
    digest = hashlib.sha256(_structure(model).encode())
    for variable in model.variables:
        values = np.ascontiguousarray(variable.value.detach().cpu().numpy())
        digest.update(f"{values.dtype} {list(values.shape)}\n".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def _structure(model: Any) -> str:
    """The layers and how they are connected, without the names that Keras counts up in every process."""
    kind = f"{type(model).__module__}.{type(model).__qualname__}"
    try:
        config = json.loads(model.to_json())
    except Exception:
        # A model of a class of its own need not tell its configuration.
        return f"{kind} " + " ".join(type(layer).__name__ for layer in model.layers)
    names: dict[str, str] = {}

    def anonymous(value: Any) -> Any:
        if isinstance(value, dict):
            if isinstance(value.get("name"), str):
                names.setdefault(value["name"], f"#{len(names)}")
            skipped = ("build_config", "compile_config", "keras_version", "shared_object_id")
            return {key: anonymous(one) for key, one in value.items() if key not in skipped}
        if isinstance(value, list):
            return [anonymous(one) for one in value]
        return names.get(value, value) if isinstance(value, str) else value

    return f"{kind} {json.dumps(anonymous(config))}"


def _meaning(model: Any) -> OutputKind | None:
    """What the last layer's numbers are, where its activation tells it."""
    last = model
    while getattr(last, "layers", None):
        last = last.layers[-1]
    if type(last).__name__ == "Softmax":
        return "probabilities"
    return _MEANING.get(getattr(getattr(last, "activation", None), "__name__", ""))


def _rescales(model: Any) -> bool:
    """Whether the first layer behind the input is a Rescaling that divides pixels of 0 to 255."""
    kinds = [layer for layer in getattr(model, "layers", []) if type(layer).__name__ != "InputLayer"]
    if not kinds or type(kinds[0]).__name__ != "Rescaling":
        return False
    return float(np.max(np.abs(np.asarray(kinds[0].scale, dtype=np.float64)))) <= 0.02
