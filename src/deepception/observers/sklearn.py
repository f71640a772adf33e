"""The adapter for scikit-learn classifiers: estimators from Python, and files that skops wrote."""

from __future__ import annotations

import math
import uuid
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, ObserverError
from .fingerprint import file_sha256
from .layers import Layer
from .onnx_session import first_line
from .options import OpeningOptions
from .preprocessing import Normaliser
from .protocol import AnswerLevel, RawAnswers
from .resolved import ResolvedObserver
from .settings import ModelFacts, PreprocessingOptions, Settings, bytes_warning, resolve_settings, said
from .sidecar import read_sidecars

_PICKLES = (".pkl", ".pickle", ".joblib", ".sav")
_SAVE = 'save the estimator with skops.io.dump(estimator, "NAME.skops")'


class SklearnObserver(ResolvedObserver):
    """A fitted scikit-learn classifier as an observer.

    It gets each image as one row of float32 from 0 to 1, ``[N, H·W·3]``, rows of pixels first, then columns,
    then red, green and blue (unless a mean and std are said). ``predict_proba`` gives probabilities; where
    the estimator has none, its labels are all that it tells, or with ``output="logits"`` the values of its
    ``decision_function``, at the user's word.

    Attributes:
        settings: The preprocessing, with where each setting came from.
    """

    def __init__(
        self,
        estimator: Any,
        *,
        options: PreprocessingOptions | None = None,
        threads: int | None = None,
        version: str | None = None,
        name: str | None = None,
    ) -> None:
        """Open a classifier.

        Args:
            estimator: A fitted classifier or pipeline, or a file that ``skops.io.dump`` wrote.
            options: What the user says: the size of the images above all. Where it is left out and the
                number of features is that of a square, it is that square.
            threads: Threads of its linear algebra in one call.
            version: Changes whenever its answers would; needed only where the estimator cannot be hashed.
            name: Name for people.

        Raises InputError and ObserverError, with one sentence, where it cannot be opened, is not fitted, or
        takes images of another size.
        """
        options = options or PreprocessingOptions()
        path = Path(estimator) if isinstance(estimator, (str, Path)) else None
        self._estimator: Any = estimator if path is None else _load(path)
        kind = type(self._estimator).__name__
        layers = [options.layer(), *read_sidecars(path, options.preprocessing)]
        self._name = name or str(said(layers, "name")[0] or (path.stem if path is not None else kind))
        self._threads = threads
        self._source = _source(self._estimator, path, version)
        if path is not None:
            layers += bytes_warning(layers, str(self._source["sha256"]), path)
        classes = _classes(self._estimator, self._name)
        self._classes = classes
        self._asks = self._method(said(layers, "output")[0])
        height, width = _size(
            self._estimator, said(layers, "height")[0], said(layers, "width")[0], self._name
        )
        unit = {"mean": (0.0,) * 3, "std": (1.0,) * 3, "pixel_range": "0..1"}
        layers += [Layer("scikit-learn", {**unit, "labels": _names(classes)})]
        facts = ModelFacts(
            len(classes),
            height,
            width,
            "NHWC",
            "float32",
            "logits" if self._asks == "decision_function" else "probabilities",
        )
        self.settings: Settings = resolve_settings(layers, facts, self._name)
        self._normaliser = Normaliser(self.settings.preprocessing)

    @property
    def level(self) -> AnswerLevel:
        """Probabilities, labels, or logits where these were said."""
        return _LEVELS[self._asks]

    @property
    def identity(self) -> dict[str, Any]:
        """Adapter, estimator, preprocessing, output, engine and kind of device."""
        import sklearn

        return {
            "adapter": "sklearn",
            "estimator": self._source,
            "preprocessing": self.settings.preprocessing.identity(),
            "output": self._asks,
            "engine": f"scikit-learn {sklearn.__version__}",
            "device": "cpu",
        }

    def answer(self, images: NDArray[np.uint8]) -> RawAnswers:
        """Scores ``[N, K]``, or labels ``[N, 1]``, of uint8 ``[N, H, W, 3]`` images, any N.

        Raises ObserverError where the estimator fails.
        """
        if self._estimator is None:
            raise ObserverError(f"the observer {self._name} is closed.")
        n, k = len(images), len(self._classes)
        if n == 0:
            labels = np.empty((0, 1), np.int64) if self.level is AnswerLevel.LABEL else None
            return RawAnswers(self.level, np.empty((0, 0 if labels is not None else k)), labels)
        answer = self._call(self._normaliser(images).reshape(n, -1))
        if self.level is AnswerLevel.LABEL:
            labels = np.searchsorted(self._classes, answer).astype(np.int64).reshape(n, -1)
            return RawAnswers(self.level, np.empty((n, 0)), labels)
        if self._asks == "decision_function" and k == 2 and answer.shape == (n,):
            # Two classes have one value, which is the second's log odds.
            answer = np.stack([np.zeros(n), answer], axis=1)
        if answer.shape != (n, k):
            raise ObserverError(
                f"{self._asks} of {self._name} answered {list(answer.shape)} for {n} images of {k} classes."
            )
        return RawAnswers(self.level, answer, None, _resolution(self._estimator, self._asks))

    @property
    def resolution(self) -> float:
        """The step of probabilities that are shares of votes, 0 for all other answers."""
        step = 0.0 if self.level is AnswerLevel.LABEL else _resolution(self._estimator, self._asks)
        return step if step > np.finfo(np.float64).tiny else 0.0

    def close(self) -> None:
        """Release the estimator."""
        self._estimator = None

    def _call(self, rows: NDArray[np.float32]) -> NDArray[Any]:
        from threadpoolctl import threadpool_limits

        try:
            with warnings.catch_warnings(), threadpool_limits(self._threads):
                # It was perhaps fitted with names of features, and says at each call that these have none.
                warnings.simplefilter("ignore", UserWarning)
                return np.asarray(getattr(self._estimator, self._asks)(rows))
        except Exception as error:
            raise ObserverError(
                f"{self._asks} of {self._name} failed: {type(error).__name__}: {first_line(error)}."
            ) from error

    def _method(self, output: str | None) -> str:
        """What to ask the estimator for: the most that it tells, as its user has it."""
        wanted = ["predict_proba", "predict"] if output is None else [_METHODS[output]]
        for method in wanted:
            if hasattr(self._estimator, method):
                return method
        raise InputError(
            f"{self._name} has no {wanted[0]}, so that it gives no {output}: leave the output out."
        )


_METHODS = {"probabilities": "predict_proba", "logits": "decision_function"}
_LEVELS = {
    "predict_proba": AnswerLevel.PROBABILITIES,
    "decision_function": AnswerLevel.LOGITS,
    "predict": AnswerLevel.LABEL,
}


def open_sklearn(rest: str, options: OpeningOptions) -> SklearnObserver:
    """Open ``sklearn:PATH``; the factory behind the entry point."""
    if options.version is not None:
        raise InputError(f"a version is for Python objects, but {rest} is known by its bytes: leave it out.")
    return observe_sklearn(rest, options)


def observe_sklearn(estimator: Any, options: OpeningOptions) -> SklearnObserver:
    """A scikit-learn estimator or file as an observer, with the options of ``open_observer``."""
    if options.device != "cpu":
        raise InputError("scikit-learn classifiers run on the cpu: leave the device out.")
    if options.engine is not None:
        raise InputError(f"there is no engine {options.engine!r} for scikit-learn: leave it out.")
    if options.weights is not None:
        raise InputError("a scikit-learn classifier holds all that it learned: leave --weights out.")
    return SklearnObserver(
        estimator,
        options=options.preprocessing,
        threads=options.threads,
        version=options.version,
        name=options.name,
    )


def _load(path: Path) -> Any:
    """The estimator in a file of skops, of known types alone; a pickle is never opened."""
    if not path.is_file():
        raise InputError(f"there is no model file {path}: check the path.")
    if path.suffix.lower() in _PICKLES or not zipfile.is_zipfile(path):
        what = "is a pickle" if path.suffix.lower() in _PICKLES else "is no file of skops"
        raise ObserverError(f"{path} {what}; pickles can run any code and are not opened: {_SAVE}.")
    try:
        from skops import io
    except ImportError as error:
        raise InputError(
            "scikit-learn files need the packages scikit-learn and skops: pip install 'deepception[sklearn]'."
        ) from error
    try:
        strange = io.get_untrusted_types(file=path)
        if not strange:
            return io.load(path, trusted=[])
    except Exception as error:
        # skops raises KeyError, TypeError, ImportError, BadZipFile and more for damaged or foreign files.
        raise ObserverError(
            f"skops cannot open {path} ({type(error).__name__}: {first_line(error)}): is it a whole file of skops?"
        ) from error
    raise ObserverError(
        f"{path} holds types that skops does not know to be harmless, and is not opened: "
        f"{', '.join(map(str, strange))}; open it in Python and give the estimator to deepception."
    )


def _source(estimator: Any, path: Path | None, version: str | None) -> dict[str, Any]:
    """What tells this estimator from others: the file's bytes, or a hash of all that it holds."""
    if path is not None:
        return {"sha256": file_sha256(path)}
    kind = {"class": f"{type(estimator).__module__}.{type(estimator).__qualname__}"}
    if version is not None:
        return {**kind, "version": version}
    import joblib

    try:
        return {**kind, "state": joblib.hash(estimator)}
    except Exception:
        # What cannot be pickled cannot be hashed: its answers are valid in this process only.
        return {**kind, "process": uuid.uuid4().hex}


def _classes(estimator: Any, name: str) -> NDArray[Any]:
    """The classes of a fitted classifier, sorted as scikit-learn keeps them."""
    classes = getattr(estimator, "classes_", None)
    if classes is None:
        raise ObserverError(f"{name} is no fitted classifier (it has no classes_): fit it first.")
    if isinstance(classes, list) or np.ndim(classes) != 1 or len(classes) < 2:
        raise ObserverError(f"{name} is no classifier of one label among two or more: use one that is.")
    return np.asarray(classes)


def _names(classes: NDArray[Any]) -> tuple[str, ...] | None:
    """Names of classes; numbers from 0 on are no names."""
    if classes.dtype.kind in "iub" and np.array_equal(classes, np.arange(len(classes))):
        return None
    return tuple(str(one) for one in classes.tolist())


def _size(estimator: Any, height: int | None, width: int | None, name: str) -> tuple[int | None, int | None]:
    """(height, width) of the images, which must give as many numbers as the estimator takes."""
    features = getattr(estimator, "n_features_in_", None)
    if features is None:
        return height, width
    if height is None or width is None:
        side = math.isqrt(int(features) // 3)
        if 3 * side * side == features:
            return side, side
        raise InputError(
            f"{name} takes {features} numbers, which are no square image of 3 channels: give the size."
        )
    if height * width * 3 != features:
        raise InputError(
            f"images of {height}x{width} give {height * width * 3} numbers, but {name} takes {features}: "
            "give the size that it was fitted with."
        )
    return height, width


def _resolution(estimator: Any, method: str) -> float:
    """The step of probabilities that are shares of votes; the least normal number for others."""
    if method != "predict_proba":
        return 0.0
    steps = getattr(estimator, "steps", None)
    last = steps[-1][1] if steps else estimator
    kind = type(last).__name__
    if kind == "KNeighborsClassifier" and last.weights == "uniform":
        return 1.0 / int(last.n_neighbors)
    if kind in ("RandomForestClassifier", "ExtraTreesClassifier"):
        return 1.0 / len(last.estimators_)
    return float(np.finfo(np.float64).tiny)
