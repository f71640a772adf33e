"""Opening an observer from a spec: a path, ``scheme:rest``, a network, or a function."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Protocol, cast

from ..errors import InputError, ObserverError
from .options import OpeningOptions, opening_options
from .protocol import Observer

ENTRY_POINTS = "deepception.observers"
DEFAULT_SPEC = "default"

_SCHEME_OF_SUFFIX = {
    ".onnx": "onnx",
    ".pt": "torch",
    ".pth": "torch",
    ".pt2": "torch",
    ".torchscript": "torch",
    ".ts": "torch",
    ".tflite": "litert",
    ".keras": "keras",
    ".skops": "sklearn",
    # Pickles are refused there, with a sentence that says what to do.
    ".pkl": "sklearn",
    ".pickle": "sklearn",
    ".joblib": "sklearn",
}


# Behind these stands a file, or what else a network is named by.
_OF_FILES = frozenset({"onnx", "torch", "litert", "keras", "sklearn"})

# What these schemes open is known by its bytes; a version beside them would say nothing.
_KNOWN_BY_BYTES = frozenset({DEFAULT_SPEC, "onnx", "torch", "litert", "keras"})


class ObserverFactory(Protocol):
    """What an entry point of the group ``deepception.observers`` holds."""

    def __call__(self, rest: str, options: OpeningOptions) -> Observer:
        """Open what stands behind the scheme's colon."""


def open_observer(spec: object, **options: Any) -> Observer:
    """Open a classifier as an observer.

    Args:
        spec: A path, whose extension tells the scheme; ``"scheme:rest"``; ``"default"`` for the embedded
            network; a ``torch.nn.Module``, a ``keras.Model`` or a fitted scikit-learn estimator; a function
            from images, uint8 ``[N, H, W, 3]``, to scores; or an observer, which is returned as it is.
        options: See OpeningOptions and PreprocessingOptions: ``device``, ``threads``, ``engine``, ``labels``,
            ``mean``, ``std``, ``size`` and so on; for endpoints ``protocol``, ``headers`` and the names of Limits.

    Schemes are the entry points of the group ``deepception.observers`` of all installed packages, this one's
    own among them; so the package must be installed (``pip install -e .`` in a checkout).

    Raises InputError for a spec or an option that means nothing, and what the scheme raises.
    """
    if isinstance(spec, (str, Path)):
        return _open_text(spec, opening_options(options))
    # On torch, every Keras model is a torch module too.
    if _is_keras_model(spec):
        from .keras import observe_keras

        opened = opening_options(options)
        _refuse_version("keras", f"a {type(spec).__name__}", opened)
        return observe_keras(spec, opened)
    if _is_sklearn_estimator(spec):
        from .sklearn import observe_sklearn

        return observe_sklearn(spec, opening_options(options))
    if _is_torch_module(spec):
        from .torch import observe_module

        opened = opening_options(options)
        _refuse_version("torch", f"a {type(spec).__name__}", opened)
        return observe_module(spec, opened)
    if isinstance(spec, Observer):
        if options:
            raise InputError("an observer is open already: it takes no further options.")
        return spec
    if callable(spec):
        from .function import observe_function

        return observe_function(spec, opening_options(options))
    raise InputError(
        f"a {type(spec).__name__} is no classifier: give a path, scheme:…, a torch module or a function."
    )


def schemes() -> tuple[str, ...]:
    """Names of the known schemes, sorted."""
    from importlib import metadata  # takes longer than the rest of this package

    return tuple(sorted({point.name for point in metadata.entry_points(group=ENTRY_POINTS)}))


def open_default(rest: str, options: OpeningOptions) -> Observer:
    """Open the network that the package carries; the factory of the scheme ``default``."""
    from importlib import resources

    from .onnx import open_onnx

    if rest:
        raise InputError(f"the embedded network is called default, without {rest!r} behind it.")
    model = resources.files("deepception") / "data" / "default" / "efficientnet_lite0.onnx"
    with resources.as_file(model) as path:
        return open_onnx(str(path), options)


def _open_text(spec: str | Path, options: OpeningOptions) -> Observer:
    text = str(spec)
    if not text:
        raise InputError(f"no model was named: give a file, or one of {_listing()}.")
    if text == DEFAULT_SPEC:
        _refuse_version(text, text, options)
        return _factory(text)("", options)
    scheme, colon, rest = text.partition(":")
    # One letter before a colon is a drive, and a file or its folder may have a colon in its name.
    if isinstance(spec, Path) or not colon or len(scheme) == 1 or "/" in scheme or Path(text).exists():
        suffix = Path(text).suffix.lower()
        if suffix not in _SCHEME_OF_SUFFIX:
            if not Path(text).exists():
                raise InputError(f"there is no model {text}: give a file, or one of {_listing()}.")
            if Path(text).is_dir():
                raise InputError(f"{text} is a folder: name the model file in it.")
            raise InputError(_unknown_kind(text, suffix))
        scheme, rest = _SCHEME_OF_SUFFIX[suffix], text
    factory = _factory(scheme)
    if scheme in _OF_FILES and not rest.strip():
        what = "a file or the name of a network" if scheme == "torch" else "a file"
        raise InputError(f"nothing stands behind {scheme}:, where {what} is named: write {scheme}:FILE.")
    _refuse_version(scheme, text, options)
    return factory(rest, options)


def _unknown_kind(text: str, suffix: str) -> str:
    """What to do with a file whose name tells no scheme."""
    if suffix in (".h5", ".hdf5"):
        return (
            f"{text} is of a kind that is not read: open it in Keras 3 and save it with "
            'model.save("NAME.keras").'
        )
    if suffix == ".pb":
        return (
            f"{text} is of a kind that is not read: make an ONNX or TFLite file or an endpoint (TensorFlow "
            "Serving) of its model."
        )
    return (
        f"the kind of the model {text} is not known by its name: write its scheme before it, litert:{text} or "
        f"onnx:{text} for example."
    )


def _refuse_version(scheme: str, text: str, options: OpeningOptions) -> None:
    if options.version is not None and scheme in _KNOWN_BY_BYTES:
        raise InputError(
            f"a version is for Python functions, but {text} is known by its bytes: leave it out."
        )
    if options.level is not None and scheme in _KNOWN_BY_BYTES:
        raise InputError(
            f"a level is for Python functions and TorchServe, but what {text} answers with is known: to use less "
            "of it, give the knowledge; to say what its scores are, the output."
        )
    if options.for_endpoints() and scheme in _KNOWN_BY_BYTES:
        names = options.for_endpoints()
        concern, them = ("concerns", "it") if len(names) == 1 else ("concern", "them")
        raise InputError(
            f"{text} is no endpoint, and {', '.join(names)} {concern} endpoints only: leave {them} out."
        )


def _factory(scheme: str) -> ObserverFactory:
    from importlib import metadata

    points = list(metadata.entry_points(group=ENTRY_POINTS, name=scheme))
    if not points:
        raise InputError(f"the scheme {scheme!r} is not known; known here: {_listing()}.")
    if len({point.value for point in points}) > 1:
        values = " and ".join(sorted({point.value for point in points}))
        raise ObserverError(f"two installed packages offer the scheme {scheme!r}: {values}; remove one.")
    try:
        return cast("ObserverFactory", points[0].load())
    except (ImportError, AttributeError) as error:
        raise ObserverError(
            f"the scheme {scheme!r} cannot be loaded from {points[0].value}: {error}."
        ) from error


def _listing() -> str:
    return ", ".join(name if name == DEFAULT_SPEC else f"{name}:" for name in schemes())


def _is_keras_model(spec: object) -> bool:
    """Whether it is a Keras 3 model; whoever holds one has imported Keras already."""
    kind = getattr(sys.modules.get("keras"), "Model", None)
    return isinstance(kind, type) and isinstance(spec, kind)


def _is_sklearn_estimator(spec: object) -> bool:
    """Whether it is an estimator; whoever holds one has imported scikit-learn already."""
    base = sys.modules.get("sklearn.base")
    return base is not None and isinstance(spec, base.BaseEstimator)


def _is_torch_module(spec: object) -> bool:
    """Whether it is a torch network; whoever holds one has imported torch already."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(spec, torch.nn.Module)
