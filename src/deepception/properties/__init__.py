"""The four properties: one file a property, a frozen parameter dataclass and one function to a result."""

from __future__ import annotations

from .activation import ActivationParameters, measure_activation
from .activation_result import ActivationControls, ActivationResult
from .cumulative import CumulativeParameters, measure_cumulative
from .cumulative_result import CumulativeResult
from .experiment import (
    Beforehand,
    Context,
    ControlTask,
    Experiment,
    Learning,
    PropertySummary,
    experiments,
    with_needs,
)
from .headline import Headline
from .local import LocalParameters, measure_local, measure_local_controls
from .local_result import LocalControls, LocalResult
from .period import PeriodParameters, PeriodRows, judge_period, measure_period_rows
from .result import Result
from .spatial import SpatialParameters, measure_spatial, measure_spatial_controls
from .spatial_result import SpatialControls, SpatialResult
from .subject import Subject, open_subject

__all__ = [
    "ActivationControls",
    "ActivationParameters",
    "ActivationResult",
    "Beforehand",
    "Context",
    "ControlTask",
    "CumulativeParameters",
    "CumulativeResult",
    "Experiment",
    "Headline",
    "Learning",
    "LocalControls",
    "LocalParameters",
    "LocalResult",
    "PeriodParameters",
    "PeriodRows",
    "PropertySummary",
    "Result",
    "SpatialControls",
    "SpatialParameters",
    "SpatialResult",
    "Subject",
    "experiments",
    "judge_period",
    "measure_activation",
    "measure_cumulative",
    "measure_local",
    "measure_local_controls",
    "measure_period_rows",
    "measure_spatial",
    "measure_spatial_controls",
    "open_subject",
    "with_needs",
]
