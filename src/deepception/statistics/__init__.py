"""Intervals, tests, decompositions and fits: plain arrays in, arrays and small frozen results out."""

from __future__ import annotations

from .crossfit import CrossFit, cross_fitted_best, spread
from .descriptive import decades, gini, regress_out, residual_rank_correlation, spearman
from .doses import DoseShape, dose_shape, slope_log2
from .hypothesis_tests import benjamini_hochberg, holm, mcnemar_exact, page_trend, sign_flip, sign_test
from .intervals import Interval, bca, paired_median, wilson
from .margins import (
    ACTIVATOR,
    INHIBITOR,
    NEUTRAL,
    UNDECIDED,
    MarginTests,
    classify_places,
    margin_tests,
    max_t_bands,
    specific_places,
)
from .period import PeriodFit, find_period
from .psychometric import PsychometricFit, Threshold, fit_psychometric, threshold
from .survival import SurvivalMedian, kaplan_meier_median, order_statistic_median
from .variance import TwoWay, spatial_range, two_way

__all__ = [
    "ACTIVATOR",
    "INHIBITOR",
    "NEUTRAL",
    "UNDECIDED",
    "CrossFit",
    "DoseShape",
    "Interval",
    "MarginTests",
    "PeriodFit",
    "PsychometricFit",
    "SurvivalMedian",
    "Threshold",
    "TwoWay",
    "bca",
    "benjamini_hochberg",
    "classify_places",
    "cross_fitted_best",
    "decades",
    "dose_shape",
    "find_period",
    "fit_psychometric",
    "gini",
    "holm",
    "kaplan_meier_median",
    "margin_tests",
    "max_t_bands",
    "mcnemar_exact",
    "order_statistic_median",
    "page_trend",
    "paired_median",
    "regress_out",
    "residual_rank_correlation",
    "sign_flip",
    "sign_test",
    "slope_log2",
    "spatial_range",
    "spearman",
    "specific_places",
    "spread",
    "threshold",
    "two_way",
    "wilson",
]
