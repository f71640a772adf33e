"""The adapter for ONNX files, on ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import DeepceptionError, InputError, ObserverError
from .batches import in_batches
from .onnx_file import hash_onnx_file, read_onnx_file
from .onnx_session import default_threads, find_image_input, find_scores, first_line, open_session
from .preprocessing import Normaliser, OutputKind
from .protocol import AnswerLevel, RawAnswers
from .resolved import ResolvedObserver
from .settings import ModelFacts, PreprocessingOptions, Settings, bytes_warning, resolve_settings, said
from .sidecar import read_sidecars

if TYPE_CHECKING:
    from .options import OpeningOptions

Engine = Literal["onnxruntime", "openvino"]

# What the numbers mean that an operator makes, where that is certain. The logarithm of a softmax is a logit;
# a sigmoid makes probabilities, which then fail the test that they sum to one.
_MEANING: dict[str, OutputKind] = {
    **dict.fromkeys(("Softmax", "Sigmoid", "HardSigmoid"), "probabilities"),
    **dict.fromkeys(("Gemm", "MatMul", "Conv", "LogSoftmax", "GlobalAveragePool", "AveragePool"), "logits"),
    **dict.fromkeys(("Add", "Sub", "ReduceMean"), "logits"),
}


class OnnxObserver(ResolvedObserver):
    """A classifier in an ONNX file.

    Attributes:
        settings: The preprocessing, with where each setting came from.
        threads: Threads that the engine uses.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        options: PreprocessingOptions | None = None,
        threads: int | None = None,
        device: str = "cpu",
        engine: Engine = "onnxruntime",
        name: str | None = None,
    ) -> None:
        """Open the file and understand it.

        Args:
            path: The ONNX file; its external data, if any, lies beside it.
            options: What the user says about preprocessing.
            threads: Threads of one call, at least 1; ``None`` for all processors of this process.
            device: ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
            engine: ``"onnxruntime"``, or ``"openvino"`` (processor only), which is used only if it agrees
                with ONNX Runtime on a probe batch.
            name: Name for people; ``None`` for that in the sidecar, else the file's stem.

        Raises InputError and ObserverError, with one sentence, for everything that can be wrong with the
        file.
        """
        if engine not in ("onnxruntime", "openvino"):
            raise InputError(f"there is no engine {engine!r} for ONNX files: use onnxruntime or openvino.")
        if engine == "openvino" and device != "cpu":
            raise InputError("the engine openvino runs on the cpu only: leave the device out.")
        self._path = Path(path)
        self._device = device
        self.threads = threads or default_threads()
        options = options or PreprocessingOptions()
        self._session: Any = open_session(self._path, device, threads)
        contents = read_onnx_file(self._path)
        self._digest = hash_onnx_file(self._path, contents.external)
        layers = [options.layer(), *read_sidecars(self._path, options.preprocessing)]
        self._image = find_image_input(self._session, said(layers, "input_name")[0], self._path)
        labels = said(layers, "labels")[0]
        self._output, classes, self._fixed_batch = find_scores(
            self._session,
            self._image,
            said(layers, "output_name")[0],
            len(labels) if labels else None,
            self._path,
        )
        operator = contents.last_operators.get(self._output, "")
        facts = ModelFacts(
            classes,
            self._image.height,
            self._image.width,
            self._image.layout,
            self._image.dtype,
            _MEANING.get(operator),
        )
        self.settings: Settings = resolve_settings(
            [*layers, *([] if contents.external else bytes_warning(layers, self._digest, self._path))],
            facts,
            self._path.name,
        )
        self._normaliser = Normaliser(self.settings.preprocessing)
        self._name = name or str(said(layers, "name")[0] or self._path.stem)
        self._engine: Engine = "onnxruntime"
        self._engine_version = _version("onnxruntime")
        self._closed = False
        if engine == "openvino":
            self._use_openvino()

    @property
    def identity(self) -> dict[str, Any]:
        """Adapter, model bytes, preprocessing, output, engine, precision and kind of device."""
        return {
            "adapter": "onnx",
            "sha256": self._digest,
            "preprocessing": self.settings.preprocessing.identity(),
            "output": [self._output, self.settings.preprocessing.output],
            "engine": f"{self._engine} {self._engine_version}",
            "precision": "as stored, computed in float32" if self._engine == "openvino" else "as stored",
            "device": self._device.split(":")[0],
        }

    def answer(self, images: NDArray[np.uint8]) -> RawAnswers:
        """Scores ``[N, K]`` of uint8 ``[N, H, W, 3]`` images, any N.

        Raises ObserverError where the engine fails, UnreachableError where OpenVINO's process ended.
        """
        if self._closed:
            raise ObserverError(f"the observer {self._name} is closed.")

        def call(part: NDArray[np.uint8]) -> NDArray[Any]:
            return self._scores(self._normaliser(part))

        scores = in_batches(images, self._fixed_batch, len(self.labels), call)
        return RawAnswers(self.level, scores, resolution=_resolution(self.level, scores.dtype))

    def close(self) -> None:
        """Release the engine."""
        self._closed = True
        closing = getattr(self._session, "close", None)
        if closing is not None:
            closing()
        self._session = None

    def _scores(self, batch: NDArray[Any]) -> NDArray[Any]:
        """One call of the engine."""
        try:
            scores: NDArray[Any] = self._session.run([self._output], {self._image.name: batch})[0]
        except DeepceptionError:
            raise
        except Exception as error:
            raise ObserverError(
                f"{self._engine} failed on {self._path.name}: {first_line(error)}."
            ) from error
        classes = len(self.labels)
        if scores.size != batch.shape[0] * classes:
            raise ObserverError(
                f"the model {self._path.name} answered {list(scores.shape)} for {batch.shape[0]} images "
                f"of {classes} classes; if it takes one image at a time, export it with batch size 1."
            )
        return scores.reshape(batch.shape[0], classes)

    def _use_openvino(self) -> None:
        """Replace the session by OpenVINO's, once its answers agree."""
        from .openvino import OpenVinoSession, check_agreement

        names = (self._image.name, self._output)
        challenger = OpenVinoSession(self._path, self.threads, *names)
        try:
            check_agreement(
                challenger, self._session, self.settings.preprocessing, names, self._fixed_batch, self._path
            )
        except BaseException:
            challenger.close()
            raise
        self._session = challenger
        self._engine, self._engine_version = "openvino", challenger.version


def open_onnx(rest: str, options: OpeningOptions) -> OnnxObserver:
    """Open ``onnx:PATH``; the factory behind the entry point."""
    engine = options.engine or "onnxruntime"
    if engine not in ("onnxruntime", "openvino"):
        raise InputError(f"there is no engine {engine!r} for ONNX files: use onnxruntime or openvino.")
    if options.weights is not None:
        raise InputError("an ONNX file holds its weights: leave --weights out.")
    chosen: Engine = "openvino" if engine == "openvino" else "onnxruntime"
    return OnnxObserver(
        rest,
        options=options.preprocessing,
        threads=options.threads,
        device=options.device,
        engine=chosen,
        name=options.name,
    )


def _resolution(level: AnswerLevel, dtype: np.dtype[Any]) -> float:
    """Below this, a probability of that type is no longer told from zero."""
    if level is not AnswerLevel.PROBABILITIES:
        return 0.0
    return float(np.finfo(dtype).smallest_subnormal if dtype == np.float16 else np.finfo(dtype).tiny)


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    for name in (package, f"{package}-gpu"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "unknown"
