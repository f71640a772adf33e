"""Observers: one file an adapter, one protocol; images in, raw scores and their answer level out."""

from .answers import check_answers
from .fingerprint import fingerprint
from .function import FunctionObserver
from .inspecting import ObserverReport, best_classes, inspect
from .knowledge import RestrictedObserver, read_knowledge, restrict
from .labels import check_agreement, default_labels, imagenet_labels, read_labels, resolve_label
from .onnx import OnnxObserver
from .opening import DEFAULT_SPEC, open_observer, schemes
from .options import OpeningOptions
from .preprocessing import Normaliser, Preprocessing
from .protocol import AnswerLevel, Observer, RawAnswers
from .remote import Limits, RemoteObserver, TransientError, answer_plainly, is_remote
from .settings import PreprocessingOptions, Settings
from .torch import TorchObserver

__all__ = [
    "DEFAULT_SPEC",
    "AnswerLevel",
    "FunctionObserver",
    "Limits",
    "Normaliser",
    "Observer",
    "ObserverReport",
    "OnnxObserver",
    "OpeningOptions",
    "Preprocessing",
    "PreprocessingOptions",
    "RawAnswers",
    "RemoteObserver",
    "RestrictedObserver",
    "Settings",
    "TorchObserver",
    "TransientError",
    "answer_plainly",
    "best_classes",
    "check_agreement",
    "check_answers",
    "default_labels",
    "fingerprint",
    "imagenet_labels",
    "inspect",
    "is_remote",
    "open_observer",
    "read_knowledge",
    "read_labels",
    "resolve_label",
    "restrict",
    "schemes",
]
