"""The adapter for TFLite files, float and quantised, on LiteRT."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, ObserverError
from .batches import in_batches
from .layers import Layer
from .litert_file import LitertFile, read_litert_file
from .litert_model import LitertModel
from .preprocessing import InputType, Normaliser
from .protocol import AnswerLevel, RawAnswers
from .resolved import ResolvedObserver
from .settings import ModelFacts, PreprocessingOptions, Settings, bytes_warning, resolve_settings, said
from .sidecar import read_sidecars

if TYPE_CHECKING:
    from .options import OpeningOptions

# Ranges of real numbers which a quantised input that takes the pixels as they are stands for.
_PLAIN_SPANS = ((0.0, 255.0), (0.0, 1.0), (-1.0, 1.0))


class LitertObserver(ResolvedObserver):
    """A classifier in a TFLite file.

    A quantised input gets the pixels as they are (int8 less 128), unless a mean and std are said: then the
    normalised pixels are rounded as the input says. Quantised scores are turned back into real ones, and
    those of probabilities bear their resolution.

    Attributes:
        settings: The preprocessing, with where each setting came from.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        options: PreprocessingOptions | None = None,
        threads: int | None = None,
        name: str | None = None,
    ) -> None:
        """Open the file and understand it.

        Args:
            path: The TFLite file.
            options: What the user says about preprocessing.
            threads: Threads of one call, at least 1; ``None`` for all processors of this process.
            name: Name for people; ``None`` for that in the sidecar, else the file's stem.

        Raises InputError and ObserverError, with one sentence, for everything that can be wrong with the
        file.
        """
        self._path = Path(path)
        options = options or PreprocessingOptions()
        layers = [options.layer(), *read_sidecars(self._path, options.preprocessing)]
        labels = said(layers, "labels")[0]
        model = LitertModel(
            self._path,
            threads=threads,
            size=(said(layers, "height")[0] or 224, said(layers, "width")[0] or 224),
            input_name=said(layers, "input_name")[0],
            output_name=said(layers, "output_name")[0],
            labels=len(labels) if labels else None,
        )
        self._model: LitertModel | None = model
        contents = read_litert_file(self._path)
        self._digest = contents.digest
        layers += self._inside(layers, contents, model)
        normalised = said(layers, "mean")[0] is not None or said(layers, "std")[0] is not None
        self._rounds = model.image.quantised and normalised
        self.settings: Settings = resolve_settings(
            layers,
            ModelFacts(
                model.classes,
                model.axes.height,
                model.axes.width,
                model.axes.layout or "NHWC",
                _input_type(model, self._rounds),
                contents.meanings.get(model.scores.index),
            ),
            self._path.name,
        )
        self._normaliser = Normaliser(self.settings.preprocessing)
        self._scores, self._fixed_batch = model.scores, model.fixed_batch
        self._resolution, self._ceiling = self._steps()
        self._name = name or str(said(layers, "name")[0] or self._path.stem)

    @property
    def resolution(self) -> float:
        """The step of quantised probabilities, 0 for all other scores."""
        return self._resolution if self._scores.quantised else 0.0

    @property
    def identity(self) -> dict[str, Any]:
        """Adapter, model bytes, preprocessing, output, engine, precision and kind of device."""
        from importlib.metadata import version

        return {
            "adapter": "litert",
            "sha256": self._digest,
            "preprocessing": self.settings.preprocessing.identity(),
            "output": [self._scores.name, self.settings.preprocessing.output],
            "engine": f"ai-edge-litert {version('ai-edge-litert')}",
            "precision": "as stored",
            "device": "cpu",
        }

    def answer(self, images: NDArray[np.uint8]) -> RawAnswers:
        """Scores ``[N, K]`` of uint8 ``[N, H, W, 3]`` images, any N.

        Raises ObserverError where LiteRT fails.
        """
        model = self._model
        if model is None:
            raise ObserverError(f"the observer {self._name} is closed.")

        def call(part: NDArray[np.uint8]) -> NDArray[Any]:
            return model.scores.real(model.run(self._stored(model, part)))

        scores = in_batches(images, self._fixed_batch, len(self.labels), call)
        return RawAnswers(self.level, scores, None, self._resolution, self._ceiling)

    def close(self) -> None:
        """Release the interpreter."""
        if self._model is not None:
            self._model.close()
        self._model = None

    def _stored(self, model: LitertModel, images: NDArray[np.uint8]) -> NDArray[Any]:
        """The batch as the input holds it."""
        batch = self._normaliser(images)
        if self._rounds:
            return model.image.stored(batch)
        if model.image.dtype == np.int8:
            # Adding 128 without carry: 0 becomes -128, and 255 becomes 127.
            shifted: NDArray[Any] = np.bitwise_xor(batch, np.uint8(128)).view(np.int8)
            return shifted
        return batch

    def _steps(self) -> tuple[float, float]:
        """The step to which probabilities are rounded, and the greatest one that can be told."""
        if self.level is not AnswerLevel.PROBABILITIES:
            return 0.0, 1.0
        if not self._scores.quantised:
            return float(np.finfo(self._scores.dtype).tiny), 1.0
        return self._scores.scale, min(1.0, self._scores.span[1])

    def _inside(self, layers: Sequence[Layer], contents: LitertFile, model: LitertModel) -> list[Layer]:
        """What the file itself says, and what must be said about it."""
        found = bytes_warning(layers, contents.digest, self._path)
        values: dict[str, Any] = {"labels": contents.labels(model.classes)}
        plain = model.image.dtype.kind != "f" and (not model.image.quantised or _is_plain(model.image.span))
        if contents.normalisation is not None and not plain:
            values["mean"], values["std"] = contents.normalisation
            values["pixel_range"] = "0..255"
        found.append(Layer(f"inside {self._path.name}", values))
        if model.image.quantised and not plain and said([*layers, *found], "mean")[0] is None:
            low, high = model.image.span
            found.append(
                Layer(
                    "model",
                    {},
                    (
                        f"the quantised input of {self._path.name} stands for {low:.3g} to {high:.3g}, which is "
                        "no usual range of pixels: they are passed as they are; give mean and std if that is "
                        "wrong.",
                    ),
                )
            )
        return found


def open_litert(rest: str, options: OpeningOptions) -> LitertObserver:
    """Open ``litert:PATH``; the factory behind the entry point."""
    if options.device != "cpu":
        raise InputError("TFLite files run on the cpu here: leave the device out.")
    if options.engine is not None:
        raise InputError(f"there is no engine {options.engine!r} for TFLite files: leave it out.")
    if options.weights is not None:
        raise InputError("a TFLite file holds its weights: leave --weights out.")
    return LitertObserver(rest, options=options.preprocessing, threads=options.threads, name=options.name)


def _input_type(model: LitertModel, rounds: bool) -> InputType:
    """What the pixels become before the input's own whole numbers are made of them."""
    if model.image.dtype == np.float16:
        return "float16"
    return "float32" if rounds or model.image.dtype == np.float32 else "uint8"


def _is_plain(span: tuple[float, float]) -> bool:
    """Whether a range of real numbers is one of the usual ranges of pixels, within two steps of 255."""
    return any(
        max(abs(span[0] - low), abs(span[1] - high)) <= 2.5 / 255 * (high - low) for low, high in _PLAIN_SPANS
    )
