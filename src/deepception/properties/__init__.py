"""The four properties: one file a property, a frozen parameter dataclass and one function to a result."""

from __future__ import annotations

from .activation import ActivationControls, ActivationParameters, ActivationResult, measure_activation
from .cumulative import CumulativeParameters, CumulativeResult, measure_cumulative
from .experiment import Context, ControlTask, Experiment, PropertySummary, experiments, with_needs
from .headline import Headline
from .local import LocalControls, LocalParameters, LocalResult, measure_local, measure_local_controls
from .period import PeriodParameters, PeriodRows, judge_period, measure_period_rows
from .result import Result
from .spatial import (
    SpatialControls,
    SpatialParameters,
    SpatialResult,
    measure_spatial,
    measure_spatial_controls,
)
from .subject import Subject, open_subject

__all__ = [
    "ActivationControls",
    "ActivationParameters",
    "ActivationResult",
    "Context",
    "ControlTask",
    "CumulativeParameters",
    "CumulativeResult",
    "Experiment",
    "Headline",
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
