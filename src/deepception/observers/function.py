"""The adapter for any Python function from images to answers."""

from __future__ import annotations

import importlib
import sys
import uuid
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DeepceptionError, InputError, ObserverError
from ..stimuli import Frame
from .labels import default_labels
from .options import OpeningOptions
from .preprocessing import check_images, frame_identity
from .protocol import AnswerLevel, RawAnswers, join_answers
from .settings import ModelFacts, Settings, resolve_settings, said
from .sidecar import read_sidecars

Function = Callable[[NDArray[np.uint8]], Any]

# Without a version nobody knows whether a function is still the same in another process.
_tokens: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()


class FunctionObserver:
    """A Python function as an observer.

    The function gets uint8 ``[N, H, W, 3]`` images and returns one of: a float array ``[N, K]`` of logits or
    probabilities; ``(labels, scores)``, each with N rows of k entries, best first, for ``top-k``; N labels
    for ``label``. Labels are indices or names.

    Attributes:
        settings: Where the settings came from, when it was opened from a spec; else ``None``.
    """

    def __init__(
        self,
        function: Function,
        frame: Frame,
        labels: Sequence[str] | None = None,
        *,
        classes: int | None = None,
        level: AnswerLevel | str = AnswerLevel.LOGITS,
        version: str | None = None,
        name: str | None = None,
        resolution: float = 0.0,
        fixed_batch: int | None = None,
        settings: Settings | None = None,
    ) -> None:
        """Wrap a function.

        Args:
            function: See above.
            frame: Size of the images that it takes.
            labels: Names of the K classes; else ``classes`` must be given.
            classes: K.
            level: What it returns.
            version: Changes whenever its answers would; without one the fingerprint, and with it every kept
                answer, is valid in this process only.
            name: Name for people; ``None`` for the function's own.
            resolution: The step to which it rounds probabilities, 0 where it does not.
            fixed_batch: The only number of images that it takes at once.
            settings: For ``open_function``.

        Raises InputError where neither labels nor classes are given, or they differ, or the level is unknown.
        """
        if labels is None and classes is None:
            raise InputError("a function needs labels or the number of its classes: give one of them.")
        self._labels = tuple(labels) if labels is not None else default_labels(classes or 0)
        if classes is not None and len(self._labels) != classes:
            raise InputError(
                f"{len(self._labels)} labels for {classes} classes: give one label for each class."
            )
        if len(self._labels) < 2:
            raise InputError("a classifier has at least two classes.")
        try:
            self._level = AnswerLevel(level)
        except ValueError as error:
            known = ", ".join(kind.value for kind in AnswerLevel)
            raise InputError(f"there is no answer level {level!r}: use one of {known}.") from error
        self._function = function
        self._frame = frame
        self._version = version
        self._name = name or _name_of(function)
        self._resolution = resolution
        self._fixed_batch = fixed_batch
        self._token = None if version is not None else _token(function)
        self.settings = settings

    @property
    def name(self) -> str:
        """The given name, else the function's."""
        return self._name

    @property
    def frame(self) -> Frame:
        """The frame that images must have."""
        return self._frame

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self._labels

    @property
    def level(self) -> AnswerLevel:
        """The given answer level."""
        return self._level

    @property
    def resolution(self) -> float:
        """The step to which the function is said to round probabilities, 0 where it is not."""
        return self._resolution

    @property
    def fixed_batch(self) -> int | None:
        """The given batch size, or ``None``."""
        return self._fixed_batch

    @property
    def identity(self) -> dict[str, Any]:
        """The function's name with its version, or with a token of this process."""
        module = getattr(self._function, "__module__", "")
        identity: dict[str, Any] = {
            "adapter": "python",
            "function": f"{module}:{getattr(self._function, '__qualname__', self._name)}",
            "frame": frame_identity(self._frame),
            "output": self._level.value,
            "resolution": self._resolution,
            "device": "python",
        }
        return identity | ({"process": self._token} if self._version is None else {"version": self._version})

    def answer(self, images: NDArray[np.uint8]) -> RawAnswers:
        """The function's answers to uint8 ``[N, H, W, 3]`` images.

        Raises ObserverError where the function fails or returns another form than its level says; its own
        DeepceptionErrors (an endpoint that cannot be reached) pass through.
        """
        check_images(images, self._frame)
        n = images.shape[0]
        fixed = self._fixed_batch
        if fixed is not None and n % fixed:
            filled = np.concatenate([images, np.repeat(images[-1:], -n % fixed, axis=0)])
            return _rows(self.answer(filled), n)
        if fixed is not None and n > fixed:
            return join_answers([self.answer(images[start : start + fixed]) for start in range(0, n, fixed)])
        try:
            returned = self._function(images)
        except DeepceptionError:
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".")
            raise ObserverError(f"the function {self._name} failed: {reason}.") from error
        try:
            return self._raw(returned, n)
        except (TypeError, ValueError) as error:
            raise ObserverError(
                f"the function {self._name} must return {_WANTED[self._level]} for {n} images, "
                f"not {_describe(returned)}."
            ) from error

    def close(self) -> None:
        """Nothing is held."""

    def _raw(self, returned: Any, n: int) -> RawAnswers:
        """Answers in the form of the protocol. Raises ValueError or TypeError for any other form."""
        if self._level is AnswerLevel.LABEL:
            labels = self._indices(returned).reshape(n, -1)
            if labels.shape[1] != 1:
                raise ValueError("one label for each image")
            return RawAnswers(self._level, np.empty((n, 0), np.float64), labels)
        if self._level is AnswerLevel.TOP_K:
            listed, scores = returned
            array = np.asarray(scores, dtype=np.float64)
            labels = self._indices(listed)
            if array.ndim != 2 or array.shape != labels.shape or array.shape[0] != n:
                raise ValueError("k labels and k scores for each image")
            return RawAnswers(self._level, array, labels, self._resolution)
        array = np.asarray(returned)
        if array.ndim != 2 or array.shape[0] != n or array.dtype.kind not in "fiu":
            raise ValueError("one row of scores for each image")
        return RawAnswers(self._level, array, None, self._resolution)

    def _indices(self, listed: Any) -> NDArray[np.int64]:
        """Indices of labels that are given as indices or as names."""
        array = np.asarray(listed)
        if array.dtype.kind in "iu":
            return array.astype(np.int64)
        if array.dtype.kind not in "UO":
            raise ValueError("labels are indices or names")
        index = {name: number for number, name in enumerate(self._labels)}
        unknown = [name for name in array.ravel().tolist() if name not in index]
        if unknown:
            raise ObserverError(
                f"the function {self._name} answered {unknown[0]!r}, which is not among its labels."
            )
        if len(index) < len(self._labels):
            raise ObserverError(
                f"the function {self._name} answers names, but two of its labels bear the same one."
            )
        return np.array([index[name] for name in array.ravel().tolist()], dtype=np.int64).reshape(array.shape)


_WANTED = {
    AnswerLevel.LOGITS: "a float array [N, K] of logits",
    AnswerLevel.PROBABILITIES: "a float array [N, K] of probabilities",
    AnswerLevel.TOP_K: "(labels, scores), each [N, k],",
    AnswerLevel.LABEL: "one label each",
}


def open_function(rest: str, options: OpeningOptions) -> FunctionObserver:
    """Open ``python:PKG.MOD:FUNC``; the factory behind the entry point.

    The current folder is searched too, as ``python -m`` does. An observer that bears the name is taken as it
    is.
    """
    function = import_object(rest, "python")
    if isinstance(function, FunctionObserver):
        if options.version is not None:
            raise InputError(f"python:{rest} is an observer already: give its version where it is made.")
        return function
    if not callable(function):
        raise InputError(f"python:{rest} is a {type(function).__name__} and no function.")
    return observe_function(function, options)


def observe_function(function: Function, options: OpeningOptions) -> FunctionObserver:
    """A function with what was said about it; what was not is read off its answer to two grey images.

    Raises InputError where top-k or label answers come without labels, ObserverError where it fails.
    """
    layers = [options.preprocessing.layer(), *read_sidecars(None, options.preprocessing.preprocessing)]
    height, width = said(layers, "height")[0] or 224, said(layers, "width")[0] or 224
    name = options.name or _name_of(function)
    level = options.level or said(layers, "output")[0]
    labels = said(layers, "labels")[0]
    classes = len(labels) if labels is not None else said(layers, "classes")[0]
    if level is None or classes is None:
        level, classes = _look(function, (height, width), level, classes, name)
    output: Any = level if level in ("logits", "probabilities") else None
    settings = resolve_settings(layers, ModelFacts(classes, dtype="uint8", output=output), name)
    return FunctionObserver(
        function,
        settings.preprocessing.frame,
        settings.labels,
        level=level,
        version=options.version,
        name=name,
        settings=settings,
    )


def import_object(spec: str, scheme: str) -> Any:
    """The object ``PKG.MOD:NAME``, with the current folder on the search path.

    Raises InputError where the spec has another form, or module or name do not exist.
    """
    module_name, colon, attribute = spec.partition(":")
    if not colon or not module_name or not attribute:
        raise InputError(f"{scheme}:{spec} must have the form {scheme}:package.module:name.")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise InputError(f"{scheme}:{spec}: there is no module {error.name!r} to import.") from error
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".")
        raise InputError(f"{scheme}:{spec}: importing {module_name} failed: {reason}.") from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise InputError(f"{scheme}:{spec}: the module {module_name} has no {attribute!r}.")
        found = getattr(found, part)
    return found


def _look(
    function: Function, shape: tuple[int, int], level: str | None, classes: int | None, name: str
) -> tuple[str, int]:
    """Level and number of classes from one call."""
    try:
        returned = function(np.full((2, *shape, 3), 128, dtype=np.uint8))
    except DeepceptionError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".")
        raise ObserverError(f"the function {name} failed on two grey images: {reason}.") from error
    if isinstance(returned, tuple) and len(returned) == 2:
        found = "top-k"
    else:
        array = np.asarray(returned)
        if array.ndim == 2 and array.shape[0] == 2 and array.shape[1] > 1 and array.dtype.kind in "fiu":
            sums_to_one = array.min() >= 0 and bool(
                np.all(np.abs(array.sum(axis=1, dtype=np.float64) - 1) < 1e-3)
            )
            found = "probabilities" if sums_to_one else "logits"
            classes = classes if classes is not None else array.shape[1]
        elif array.size == 2:
            found = "label"
        else:
            raise ObserverError(
                f"the function {name} returned {_describe(returned)} for two images: "
                "return scores [N, K], (labels, scores) or N labels."
            )
    if classes is None:
        told = "labels alone" if found == "label" else "its best classes"
        raise InputError(
            f"the function {name} answers with {told}, which does not tell how many classes there are: "
            "give the labels of all (labels= in Python, --labels FILE on the command line)."
        )
    return level or found, classes


def _token(function: Function) -> str:
    """One token for a function object in this process."""
    try:
        return _tokens.setdefault(function, uuid.uuid4().hex)
    except TypeError:
        # Neither hashable nor weakly referable: then each observer has its own.
        return uuid.uuid4().hex


def _name_of(function: Function) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _describe(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return f"{type(value).__name__} {list(shape)}" if shape is not None else type(value).__name__


def _rows(raw: RawAnswers, n: int) -> RawAnswers:
    return RawAnswers(
        raw.level, raw.scores[:n], None if raw.labels is None else raw.labels[:n], raw.resolution
    )
